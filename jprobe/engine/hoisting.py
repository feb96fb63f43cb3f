"""A traced function in three parts: what never varies, what a network decides, and the rest, is each computed once."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
from jax.extend import core

from jprobe.engine.dependence import reached, variables
from jprobe.engine.memory import nbytes, peak_bytes
from jprobe.engine.program import Program, Rule, bind, evaluate


class Hoisted(NamedTuple):
    """A program in three parts.

    Attributes:
        fixed: arrays that ``after`` reads and that depend on no argument: closed over, or computed from such.
        before: ``before(consts, *args) -> own`` runs what depends on arguments, but on none that varies; a list.
        after: ``after(fixed, own, args, rule=bind)`` gives the program's result; for ``rule`` see
            :func:`jprobe.engine.program.evaluate`.
        rest: the code of ``after``: its constants are ``fixed``, its arguments ``own`` and then the leaves of ``args``.
        owned: how many arrays ``own`` has.
        peak: bytes that ``after`` needs at once, see :func:`jprobe.engine.memory.peak_bytes`.
        held: bytes of ``own``.
    """

    fixed: list[Any]
    before: Callable[..., list[Any]]
    after: Callable[..., Any]
    rest: core.Jaxpr
    owned: int
    peak: int
    held: int


def hoist(program: Program, varying: Sequence[bool]) -> Hoisted:
    """Part the equations of a program by whether they depend on inputs, and on inputs that vary.

    Args:
        program: from :func:`jprobe.engine.program.capture`.
        varying: whether each input (leaf of its arguments) varies.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jprobe.engine.program import capture
        >>> parts = hoist(capture(lambda x, y: jnp.sin(x).sum() * y, 1.0, 1.0), [False, True])
        >>> own = parts.before([], 0.0, 5.0)
        >>> len(own), parts.after(parts.fixed, own, (0.0, 5.0)).item()
        (1, 0.0)
    """
    jaxpr = program.jaxpr
    argued, moving = reached(jaxpr, [True] * len(jaxpr.invars)), reached(jaxpr, varying)
    late = [eqn for eqn in jaxpr.eqns if not moving.isdisjoint(variables(eqn.invars))]
    early = [eqn for eqn in jaxpr.eqns if moving.isdisjoint(variables(eqn.invars))]
    never = [eqn for eqn in early if argued.isdisjoint(variables(eqn.invars))]
    soon = [eqn for eqn in early if not argued.isdisjoint(variables(eqn.invars))]
    read = dict.fromkeys(variables([*(atom for eqn in late for atom in eqn.invars), *jaxpr.outvars]))
    made = {var for eqn in early for var in eqn.outvars} | set(jaxpr.constvars)
    kept = [var for var in read if var in made and var not in argued]
    own = [var for var in read if var in made and var in argued]

    about = jaxpr.debug_info.with_unknown_names()
    constant = core.Jaxpr(jaxpr.constvars, [], kept, never, jaxpr.effects, debug_info=about)
    first = core.Jaxpr(jaxpr.constvars, jaxpr.invars, own, [*never, *soon], jaxpr.effects, debug_info=about)
    rest = core.Jaxpr(kept, [*own, *jaxpr.invars], jaxpr.outvars, late, jaxpr.effects, debug_info=about)

    def before(consts: list[Any], *args: Any) -> list[Any]:
        return evaluate(first, consts, jax.tree.leaves(args))

    def after(fixed: list[Any], own: list[Any], args: Any, rule: Rule = bind) -> Any:
        out = evaluate(rest, fixed, [*own, *jax.tree.leaves(args)], rule)
        return jax.tree.unflatten(jax.tree.structure(program.shape), out)

    fixed = evaluate(constant, program.consts, [])
    held = sum(nbytes(var.aval) for var in own)
    return Hoisted(fixed, before, after, rest, len(own), peak_bytes(jaxpr, varying), held)
