"""A traced function in three parts: what never varies, what a network decides, and the rest, is each computed once."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from jax.extend import core

from jprobe.programs.dependence import reached, variables
from jprobe.programs.holding import nbytes, peak_bytes
from jprobe.programs.program import Program, evaluate


class Hoisted(NamedTuple):
    """A program in three parts.

    Attributes:
        fixed: arrays that ``rest`` reads and that depend on no argument: closed over, or computed from such.
        first: code that gives what depends on arguments, but on none that varies, of the program's own constants.
        rest: code that gives the program's results; its constants are ``fixed``, its arguments what ``first`` gives and
            then the program's.
        owned: how many arrays ``first`` gives.
        peak: bytes that ``rest`` needs at once, see :func:`jprobe.programs.holding.peak_bytes`.
        held: bytes that ``first`` gives.
    """

    fixed: list[Any]
    first: core.Jaxpr
    rest: core.Jaxpr
    owned: int
    peak: int
    held: int


def hoist(program: Program, varying: Sequence[bool]) -> Hoisted:
    """Part the equations of a program by whether they depend on inputs, and on inputs that vary.

    Args:
        program: from :func:`jprobe.programs.program.capture`.
        varying: whether each input (leaf of its arguments) varies.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jprobe.programs.program import capture
        >>> from jprobe.programs.program import evaluate
        >>> parts = hoist(capture(lambda x, y: jnp.sin(x).sum() * y, 1.0, 1.0), [False, True])
        >>> own = evaluate(parts.first, [], [0.0, 5.0])
        >>> len(own), evaluate(parts.rest, parts.fixed, [*own, 0.0, 5.0])[0].item()
        (1, 0.0)
    """
    jaxpr = program.jaxpr
    argued, moving = reached(jaxpr, [True] * len(jaxpr.invars)), reached(jaxpr, varying)
    # What is only spread out is not worth keeping: a bias, beside every example, would be as large as all outputs.
    late = [
        eqn
        for eqn in jaxpr.eqns
        if not moving.isdisjoint(variables(eqn.invars)) or eqn.primitive.name == "broadcast_in_dim"
    ]
    early = [eqn for eqn in jaxpr.eqns if moving.isdisjoint(variables(eqn.invars))]
    never = [eqn for eqn in early if argued.isdisjoint(variables(eqn.invars))]
    soon = [eqn for eqn in early if not argued.isdisjoint(variables(eqn.invars))]
    read = dict.fromkeys(variables([*(atom for eqn in late for atom in eqn.invars), *jaxpr.outvars]))
    again = {var for eqn in late for var in eqn.outvars}
    made = ({var for eqn in early for var in eqn.outvars} | set(jaxpr.constvars)) - again
    kept = [var for var in read if var in made and var not in argued]
    own = [var for var in read if var in made and var in argued]

    about = jaxpr.debug_info.with_unknown_names()
    constant = core.Jaxpr(jaxpr.constvars, [], kept, never, jaxpr.effects, debug_info=about)
    first = core.Jaxpr(jaxpr.constvars, jaxpr.invars, own, [*never, *soon], jaxpr.effects, debug_info=about)
    rest = core.Jaxpr(kept, [*own, *jaxpr.invars], jaxpr.outvars, late, jaxpr.effects, debug_info=about)

    fixed = evaluate(constant, program.consts, [])
    held = sum(nbytes(var.aval) for var in own)
    return Hoisted(fixed, first, rest, len(own), peak_bytes(jaxpr, varying), held)
