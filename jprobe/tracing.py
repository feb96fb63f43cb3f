"""A function after its one trace, and what its jaxpr tells: who depends on what, and how much memory it needs."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import jax
from jax.extend import core


class Traced(NamedTuple):
    """A traced function, the arrays it closes over apart from its code so that they are passed, not compiled in.

    Attributes:
        jaxpr: the code.
        consts: the arrays, a list.
        shape: pytree of the shapes and dtypes it returns.
    """

    jaxpr: core.Jaxpr
    consts: list[Any]
    shape: Any

    def __call__(self, consts: list[Any], *args: Any) -> Any:
        """Run on ``consts`` in the place of the arrays closed over, and arguments of the traced structure."""
        out = core.jaxpr_as_fun(core.ClosedJaxpr(self.jaxpr, consts))(*jax.tree.leaves(args))
        return jax.tree.unflatten(jax.tree.structure(self.shape), out)


def trace(fn: Callable[..., Any], *args: Any) -> Traced:
    """Trace ``fn`` once on arguments of these shapes (arrays, or ``jax.ShapeDtypeStruct``)."""
    closed, shape = jax.make_jaxpr(fn, return_shape=True)(*args)
    return Traced(closed.jaxpr, closed.consts, shape)


class Split(NamedTuple):
    """A traced function in two: what does not depend on some inputs, and the rest.

    Attributes:
        before: ``before(consts, *args) -> values`` runs what does not depend on the varying inputs; a list.
        after: ``after(consts, values, *args)`` gives the function's result.
        inputs_matter: for each of the values, whether it depends on ``args`` at all, or on consts alone.
        peak: bytes that ``after`` needs at once, see :func:`peak_bytes`.
        held: bytes of those values that depend on ``args``.
    """

    before: Callable[..., list[Any]]
    after: Callable[..., Any]
    inputs_matter: list[bool]
    peak: int
    held: int


def split(traced: Traced, varying: Sequence[bool]) -> Split:
    """Part the equations of a function by whether they depend on the inputs that vary.

    Args:
        traced: the function.
        varying: whether each input (leaf of its arguments) varies.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> parts = split(trace(lambda x, y: jnp.sin(x).sum() * y, 1.0, 1.0), [False, True])
        >>> values = parts.before([], 0.0, 5.0)
        >>> len(values), parts.after([], values, 0.0, 5.0).item()
        (1, 0.0)
    """
    jaxpr = traced.jaxpr
    reached = _reached(jaxpr, varying)
    late = [eqn for eqn in jaxpr.eqns if not reached.isdisjoint(_variables(eqn.invars))]
    early = [eqn for eqn in jaxpr.eqns if reached.isdisjoint(_variables(eqn.invars))]
    made = {var for eqn in early for var in eqn.outvars}
    read = dict.fromkeys(_variables([*(atom for eqn in late for atom in eqn.invars), *jaxpr.outvars]))
    kept = [var for var in read if var in made]
    own = _reached(jaxpr, [True] * len(jaxpr.invars))

    about = jaxpr.debug_info.with_unknown_names()
    first = core.Jaxpr(jaxpr.constvars, jaxpr.invars, kept, early, jaxpr.effects, debug_info=about)
    second = core.Jaxpr(jaxpr.constvars, [*kept, *jaxpr.invars], jaxpr.outvars, late, jaxpr.effects, debug_info=about)

    def before(consts: list[Any], *args: Any) -> list[Any]:
        return list(core.jaxpr_as_fun(core.ClosedJaxpr(first, consts))(*jax.tree.leaves(args)))

    def after(consts: list[Any], hoisted: list[Any], *args: Any) -> Any:
        out = core.jaxpr_as_fun(core.ClosedJaxpr(second, consts))(*hoisted, *jax.tree.leaves(args))
        return jax.tree.unflatten(jax.tree.structure(traced.shape), out)

    held = sum(_bytes(var.aval) for var in kept if var in own)
    return Split(before, after, [var in own for var in kept], peak_bytes(jaxpr, varying), held)


def _reached(jaxpr: core.Jaxpr, inputs: Sequence[bool]) -> set[Any]:
    """Variables that may depend on the chosen inputs."""
    reached = {var for var, chosen in zip(jaxpr.invars, inputs, strict=True) if chosen}
    for eqn in jaxpr.eqns:
        if not reached.isdisjoint(_variables(eqn.invars)):
            reached.update(eqn.outvars)
    return reached


def dependents(jaxpr: core.Jaxpr, inputs: Sequence[bool]) -> list[bool]:
    """Which results may depend on the chosen inputs.

    An equation with a body of its own (a call, a scan) is taken whole: all it returns depends on all it reads.

    Args:
        jaxpr: from ``jax.make_jaxpr(fn)(*args).jaxpr``.
        inputs: whether each input is chosen.

    Returns:
        A bool for each result.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> dependents(jax.make_jaxpr(lambda x, y: (x + y, y * 2, x))(1.0, 1.0).jaxpr, [True, False])
        [True, False, True]
    """
    reached = _reached(jaxpr, inputs)
    return [not isinstance(var, core.Literal) and var in reached for var in jaxpr.outvars]


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
    last_use = {var: n for n, eqn in enumerate(jaxpr.eqns) for var in _variables(eqn.invars)}
    last_use.update(dict.fromkeys(_variables(jaxpr.outvars), len(jaxpr.eqns)))
    varying = _reached(jaxpr, [True] * len(jaxpr.invars) if inputs is None else inputs)
    alive: dict[Any, int] = {}
    peak = 0
    for n, eqn in enumerate(jaxpr.eqns):
        if varying.isdisjoint(eqn.outvars):
            continue
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
