"""A traced function in two parts: what does not depend on what varies is computed once."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
from jax.extend import core

from jprobe.engine.dependence import reached, variables
from jprobe.engine.memory import nbytes, peak_bytes
from jprobe.engine.program import Program


class Hoisted(NamedTuple):
    """A program in two parts.

    Attributes:
        before: ``before(consts, *args) -> values`` runs what does not depend on the varying inputs; a list.
        after: ``after(consts, values, *args)`` gives the program's result.
        own: for each of the values, whether it depends on ``args`` at all, or on consts alone.
        peak: bytes that ``after`` needs at once, see :func:`jprobe.engine.memory.peak_bytes`.
        held: bytes of those values that depend on ``args``.
    """

    before: Callable[..., list[Any]]
    after: Callable[..., Any]
    own: list[bool]
    peak: int
    held: int


def hoist(program: Program, varying: Sequence[bool]) -> Hoisted:
    """Part the equations of a program by whether they depend on the inputs that vary.

    Args:
        program: from :func:`jprobe.engine.program.capture`.
        varying: whether each input (leaf of its arguments) varies.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jprobe.engine.program import capture
        >>> parts = hoist(capture(lambda x, y: jnp.sin(x).sum() * y, 1.0, 1.0), [False, True])
        >>> values = parts.before([], 0.0, 5.0)
        >>> len(values), parts.after([], values, 0.0, 5.0).item()
        (1, 0.0)
    """
    jaxpr = program.jaxpr
    moving = reached(jaxpr, varying)
    late = [eqn for eqn in jaxpr.eqns if not moving.isdisjoint(variables(eqn.invars))]
    early = [eqn for eqn in jaxpr.eqns if moving.isdisjoint(variables(eqn.invars))]
    made = {var for eqn in early for var in eqn.outvars}
    read = dict.fromkeys(variables([*(atom for eqn in late for atom in eqn.invars), *jaxpr.outvars]))
    kept = [var for var in read if var in made]
    own = reached(jaxpr, [True] * len(jaxpr.invars))

    about = jaxpr.debug_info.with_unknown_names()
    first = core.Jaxpr(jaxpr.constvars, jaxpr.invars, kept, early, jaxpr.effects, debug_info=about)
    second = core.Jaxpr(jaxpr.constvars, [*kept, *jaxpr.invars], jaxpr.outvars, late, jaxpr.effects, debug_info=about)

    def before(consts: list[Any], *args: Any) -> list[Any]:
        return list(core.jaxpr_as_fun(core.ClosedJaxpr(first, consts))(*jax.tree.leaves(args)))

    def after(consts: list[Any], values: list[Any], *args: Any) -> Any:
        out = core.jaxpr_as_fun(core.ClosedJaxpr(second, consts))(*values, *jax.tree.leaves(args))
        return jax.tree.unflatten(jax.tree.structure(program.shape), out)

    held = sum(nbytes(var.aval) for var in kept if var in own)
    return Hoisted(before, after, [var in own for var in kept], peak_bytes(jaxpr, varying), held)
