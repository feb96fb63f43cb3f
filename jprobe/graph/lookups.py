"""Where whole numbers become vectors: the table lookups of a network that reads tokens."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend import core, source_info_util

from jprobe.graph.linear_context import refused

Lookup = Callable[[Any, jax.Array], jax.Array]

_OPENED = ("jit", "pjit", "closed_call", "remat2", "checkpoint", "custom_vjp_call")
_LOOPS = ("scan", "while", "cond")
_LOOKUPS = ("gather", "dynamic_slice")


def replay(closed: core.ClosedJaxpr, values: Sequence[Any], tokens: Sequence[bool], looked_up: Lookup) -> list[Any]:
    """Run a jaxpr, and let a function have what each lookup by tokens finds.

    A derivative written by hand for the way back alone (``jax.custom_vjp``) is left out: it is the code of the function
    that is run.

    Args:
        closed: the jaxpr.
        values: of its arguments.
        tokens: of each argument, whether it holds tokens, or whole numbers made of them.
        looked_up: (equation, what it found in a table of floats) -> what to go on with.

    Returns:
        Its results.

    Raises:
        UnsupportedDerivativeError: a lookup by tokens inside a loop.

    Example:
        >>> table = jnp.array([1.0, 2.0, 4.0])
        >>> closed = jax.make_jaxpr(lambda ids: table[ids].sum())(jnp.array([0, 2]))
        >>> float(replay(closed, [jnp.array([0, 2])], [True], lambda eqn, found: 10 * found)[0])
        50.0
    """
    return [value for value, _ in _run(closed, list(zip(values, tokens, strict=True)), looked_up)]


def _run(closed: core.ClosedJaxpr, values: Sequence[tuple[Any, bool]], looked_up: Lookup) -> list[tuple[Any, bool]]:
    jaxpr = closed.jaxpr
    found = dict(zip(jaxpr.constvars, ((c, False) for c in closed.consts), strict=True))
    found |= zip(jaxpr.invars, values, strict=True)

    def read(atom: Any) -> tuple[Any, bool]:
        return (atom.val, False) if isinstance(atom, core.Literal) else found[atom]

    for eqn in jaxpr.eqns:
        stack = source_info_util.current_name_stack() + eqn.source_info.name_stack
        with source_info_util.user_context(eqn.source_info.traceback, name_stack=stack), eqn.ctx.manager:
            made = _equation(eqn, [read(atom) for atom in eqn.invars], looked_up)
        found |= zip(eqn.outvars, made, strict=True)
    return [read(atom) for atom in jaxpr.outvars]


def _equation(eqn: Any, inputs: list[tuple[Any, bool]], looked_up: Lookup) -> list[tuple[Any, bool]]:
    name, reads_tokens = eqn.primitive.name, any(tokens for _, tokens in inputs)
    bodies = list(_bodies(eqn))
    by_hand = name == "custom_vjp_call" or any(_contains(body, "custom_vjp_call") for body in bodies)
    if name in _OPENED and (reads_tokens or by_hand):
        return _run(bodies[0], inputs, looked_up)
    if name in _LOOPS and reads_tokens and any(_contains(body, *_LOOKUPS) for body in bodies):
        raise refused(eqn, "looks up tokens inside a loop or a branch: look them up before it")
    arrays = [value for value, _ in inputs]
    if name == "scan" and by_hand:
        made = _scan(eqn, arrays, looked_up)
    else:
        out = eqn.primitive.bind(*arrays, **eqn.primitive.get_bind_params(eqn.params))
        made = out if eqn.primitive.multiple_results else [out]
    whole = [not jnp.issubdtype(variable.aval.dtype, jnp.floating) for variable in eqn.outvars]
    if name in _LOOKUPS and reads_tokens and not inputs[0][1] and not whole[0]:
        return [(looked_up(eqn, made[0]), False)]
    return [(value, reads_tokens and is_whole) for value, is_whole in zip(made, whole, strict=True)]


def _scan(eqn: Any, values: Sequence[Any], looked_up: Lookup) -> list[Any]:
    """The same loop over a body without derivatives by hand."""
    consts, carried = eqn.params["num_consts"], eqn.params["num_carry"]

    def step(carry: Sequence[Any], over: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        inputs = [(value, False) for value in (*values[:consts], *carry, *over)]
        out = [value for value, _ in _run(eqn.params["jaxpr"], inputs, looked_up)]
        return out[:carried], out[carried:]

    start, over = list(values[consts:][:carried]), list(values[consts + carried :])
    end, each = lax.scan(step, start, over, eqn.params["length"], eqn.params["reverse"])
    return [*end, *each]


def _bodies(eqn: Any) -> Iterator[core.ClosedJaxpr]:
    for value in eqn.params.values():
        for body in value if isinstance(value, tuple) else (value,):
            if isinstance(body, core.ClosedJaxpr):
                yield body
            elif isinstance(body, core.Jaxpr):
                yield core.ClosedJaxpr(body, ())


def _contains(closed: core.ClosedJaxpr, *names: str) -> bool:
    return any(
        eqn.primitive.name in names or any(_contains(body, *names) for body in _bodies(eqn))
        for eqn in closed.jaxpr.eqns
    )
