"""Which results of a traced function depend on which of its arguments."""

from collections.abc import Iterable, Sequence
from typing import Any

from jax.extend import core


def variables(atoms: Iterable[Any]) -> list[Any]:
    """The variables among what an equation reads; the others are literal numbers."""
    return [atom for atom in atoms if not isinstance(atom, core.Literal)]


def reached(jaxpr: core.Jaxpr, inputs: Sequence[bool]) -> set[Any]:
    """Variables that may depend on the chosen inputs.

    An equation with a body of its own (a call, a scan) is taken whole: all it returns depends on all it reads.

    Args:
        jaxpr: from ``jax.make_jaxpr(fn)(*args).jaxpr``.
        inputs: whether each input (leaf of the arguments) is chosen.
    """
    found = {var for var, chosen in zip(jaxpr.invars, inputs, strict=True) if chosen}
    for eqn in jaxpr.eqns:
        if not found.isdisjoint(variables(eqn.invars)):
            found.update(eqn.outvars)
    return found


def dependents(jaxpr: core.Jaxpr, inputs: Sequence[bool]) -> list[bool]:
    """Whether each result may depend on the chosen inputs; see :func:`reached`.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> dependents(jax.make_jaxpr(lambda x, y: (x + y, y * 2, x))(1.0, 1.0).jaxpr, [True, False])
        [True, False, True]
    """
    found = reached(jaxpr, inputs)
    return [not isinstance(var, core.Literal) and var in found for var in jaxpr.outvars]


def replaced(jaxpr: core.Jaxpr, first: int) -> list[bool]:
    """Whether each result is anything else than the input in its place, passed on; results begin at input ``first``.

    Example:
        >>> import jax
        >>> replaced(jax.make_jaxpr(lambda key, a, b: (a, -b))(0, 1.0, 1.0).jaxpr, 1)
        [False, True]
    """
    passed = jaxpr.invars[first : first + len(jaxpr.outvars)]
    return [out is not into for out, into in zip(jaxpr.outvars, passed, strict=True)]
