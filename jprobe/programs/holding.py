"""How many bytes a traced function holds at once."""

import math
from collections.abc import Sequence
from typing import Any

from jax.extend import core

from jprobe.programs.dependence import reached, variables


def peak_bytes(jaxpr: core.Jaxpr, inputs: Sequence[bool] | None = None) -> int:
    """Largest sum of the sizes of intermediate values that are alive together.

    Only values computed from the chosen inputs count: inputs, constants and what follows from others alone are
    there once, however often the function is batched. A value lives from the equation that makes it to the
    last that reads it; an equation with a body of its own (a call, a scan) adds its body's peak. This is what
    a straightforward executor needs; a compiler that fuses needs less.

    Args:
        jaxpr: from ``jax.make_jaxpr(fn)(*args).jaxpr``.
        inputs: whether each input is chosen. Default: all are.

    Returns:
        Bytes.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> peak_bytes(jax.make_jaxpr(lambda x: jnp.sin(jnp.cos(x)).sum())(jnp.ones(1000)).jaxpr)
        8000
    """
    last_use = {var: n for n, eqn in enumerate(jaxpr.eqns) for var in variables(eqn.invars)}
    last_use.update(dict.fromkeys(variables(jaxpr.outvars), len(jaxpr.eqns)))
    varying = reached(jaxpr, [True] * len(jaxpr.invars) if inputs is None else inputs)
    alive: dict[Any, int] = {}
    peak = 0
    for n, eqn in enumerate(jaxpr.eqns):
        if varying.isdisjoint(eqn.outvars):
            continue
        alive.update({var: nbytes(var.aval) for var in eqn.outvars})
        inner = max((peak_bytes(body) for body in core.jaxprs_in_params(eqn.params)), default=0)
        peak = max(peak, sum(alive.values()) + inner)
        alive = {var: size for var, size in alive.items() if last_use.get(var, -1) > n}
    return peak


def nbytes(array: Any) -> int:
    """Bytes of an array, given the array or anything with its shape and dtype."""
    if not hasattr(array, "shape"):
        return 0
    # Random keys have a dtype that NumPy does not know; they are small.
    return math.prod(array.shape) * getattr(array.dtype, "itemsize", 8)
