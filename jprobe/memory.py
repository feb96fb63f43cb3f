"""How much memory a traced function needs at once, read off its jaxpr."""

import math
from collections.abc import Iterable
from typing import Any

from jax.extend import core


def peak_bytes(jaxpr: core.Jaxpr) -> int:
    """Largest sum of the sizes of intermediate values that are alive together.

    Only values computed from the inputs count: inputs, constants and what follows from constants alone are
    there once, however often the function is batched. A value lives from the equation that makes it to the
    last that reads it; an equation with a body of its own (a call, a scan) adds its body's peak. This is what
    a straightforward executor needs; a compiler that fuses needs less.

    Args:
        jaxpr: from ``jax.make_jaxpr(fn)(*args).jaxpr``.

    Returns:
        Bytes.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> peak_bytes(jax.make_jaxpr(lambda x: jnp.sin(jnp.cos(x)).sum())(jnp.ones(1000)).jaxpr)
        8000
    """
    last_use = {var: n for n, eqn in enumerate(jaxpr.eqns) for var in _variables(eqn.invars)}
    last_use.update(dict.fromkeys(_variables(jaxpr.outvars), len(jaxpr.eqns)))
    varying = set(jaxpr.invars)
    alive: dict[Any, int] = {}
    peak = 0
    for n, eqn in enumerate(jaxpr.eqns):
        if varying.isdisjoint(_variables(eqn.invars)):
            continue
        varying.update(eqn.outvars)
        alive.update({var: _bytes(var.aval) for var in eqn.outvars})
        inner = max((peak_bytes(body) for body in core.jaxprs_in_params(eqn.params)), default=0)
        peak = max(peak, sum(alive.values()) + inner)
        alive = {var: size for var, size in alive.items() if last_use.get(var, -1) > n}
    return peak


def _variables(atoms: Iterable[Any]) -> list[Any]:
    return [atom for atom in atoms if not isinstance(atom, core.Literal)]


def _bytes(aval: Any) -> int:
    if not hasattr(aval, "shape"):
        return 0
    # Random keys have a dtype that NumPy does not know; they are small.
    return math.prod(aval.shape) * getattr(aval.dtype, "itemsize", 8)
