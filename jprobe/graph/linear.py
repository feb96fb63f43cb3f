"""A walk through the jaxpr of a derivative: numbers are computed, what is linear in the change of the input is taped."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from jax.extend import core

from jprobe.graph.context import body_of, operation_of
from jprobe.graph.linear_context import located, refused
from jprobe.graph.linear_rules import LINEAR
from jprobe.graph.operators import Place, Reshape
from jprobe.graph.operators.movement import sliced
from jprobe.graph.rewriting import too_long, written_out
from jprobe.graph.tape import Tangent, Tape
from jprobe.graph.views import Known

# The key of numbers that depend on the input: activations and derivatives, which are nobody's weights.
OF_INPUT = object()

Found = Known | Tangent


def walk(closed: core.ClosedJaxpr, inputs: Sequence[Found], tape: Tape) -> list[Found]:
    """Interpret a jaxpr that is linear in those of its inputs that are tangents.

    Args:
        closed: the jaxpr.
        inputs: of each argument, its numbers or the tangent that it is.
        tape: where the linear steps are written.

    Returns:
        Of each result, its numbers or the tangent that it is.

    Raises:
        UnsupportedDerivativeError: a linear operation without a rule.
    """
    jaxpr = closed.jaxpr
    uses = Counter(v for atoms in (*(e.invars for e in jaxpr.eqns), jaxpr.outvars) for v in atoms if _is_variable(v))
    found: dict[Any, Found] = dict(zip(jaxpr.constvars, (_constant(c) for c in closed.consts), strict=True))
    found |= zip(jaxpr.invars, inputs, strict=True)

    def read(atom: Any) -> Found:
        if not _is_variable(atom):
            return Known(atom.val, key=("literal", str(atom)))
        uses[atom] -= 1
        return found[atom] if uses[atom] else found.pop(atom)  # a network's activations are many: none is kept for long

    for eqn in jaxpr.eqns:
        values = [read(atom) for atom in eqn.invars]
        found |= {v: value for v, value in zip(eqn.outvars, _equation(eqn, values, tape), strict=True) if uses[v]}
    return [read(atom) for atom in jaxpr.outvars]


def _is_variable(atom: Any) -> bool:
    return not isinstance(atom, core.Literal)


def _constant(value: Any) -> Known:
    return Known(value, key=("const", id(value)))


def _equation(eqn: Any, values: list[Found], tape: Tape) -> list[Found]:
    name = eqn.primitive.name
    known = [value for value in values if isinstance(value, Known)]
    if len(known) == len(values) and not name.startswith("custom_"):
        return list(_evaluated(eqn, known))
    body = body_of(eqn)
    if body is not None:
        with located(eqn):
            return walk(body, values, tape)
    if name == "cond":
        which = _number(eqn, values[0], "whose branch is chosen by a derivative")
        branches = eqn.params["branches"]
        return walk(branches[min(max(int(which), 0), len(branches) - 1)], values[1:], tape)
    if name == "while":
        return _loop(eqn, values, tape)
    if name == "scan":
        return _scan(eqn, values, tape)
    rule = LINEAR.get(name)
    if rule is None:
        written = written_out(eqn, [])
        if written is None:
            raise refused(eqn, "has no rule")
        return walk(written[0], values, tape)
    made = rule(tape, eqn, values)
    return list(made) if isinstance(made, list) else [made]


def _scan(eqn: Any, values: list[Found], tape: Tape) -> list[Found]:
    """A loop over slices: its body so many times, with the same weights or with a slice of them each."""
    p = eqn.params
    _check_length(eqn, p["jaxpr"], p["length"])
    first = p["num_consts"] + p["num_carry"]
    consts, carry, over = values[: p["num_consts"]], values[p["num_consts"] : first], values[first:]
    order = range(p["length"])[:: -1 if p["reverse"] else 1]
    made: dict[int, list[Found]] = {}
    for n in order:
        out = walk(p["jaxpr"], [*consts, *carry, *(_slice(x, n, tape) for x in over)], tape)
        carry, made[n] = out[: p["num_carry"]], out[p["num_carry"] :]
    return [*carry, *(_stack([made[n][k] for n in range(len(made))], tape) for k in range(len(made[order[0]])))]


def _slice(x: Found, n: int, tape: Tape) -> Found:
    if isinstance(x, Known):
        return x._replace(value=np.asarray(x.value)[n], key=x.key if x.key is OF_INPUT else ("slice", x.key, n))
    rest = x.shape[1:]
    part = tape.move(x, sliced((n, *(0 for _ in rest)), (n + 1, *rest)), (1, *rest))
    return tape.move(part, Reshape(part.shape, rest), rest)


def _stack(parts: list[Found], tape: Tape) -> Found:
    known = [part for part in parts if isinstance(part, Known)]
    if len(known) == len(parts):
        return Known(np.stack([part.value for part in known]), key=OF_INPUT)
    placed = []
    for n, part in enumerate(parts):
        if isinstance(part, Tangent):
            one = tape.move(part, Reshape(part.shape, (1, *part.shape)), (1, *part.shape))
            placed.append(tape.move(one, Place(0, n, 1, len(parts)), (len(parts), *part.shape)))
    return tape.sum(placed, "", beside=True)


def _loop(eqn: Any, values: list[Found], tape: Tape) -> list[Found]:
    """A loop as often as it runs at this input."""
    before, beside = eqn.params["cond_nconsts"], eqn.params["body_nconsts"]
    asked, consts, carry = values[:before], values[before : before + beside], values[before + beside :]
    steps = 0
    while _number(eqn, walk(eqn.params["cond_jaxpr"], [*asked, *carry], tape)[0], "whose end a derivative decides"):
        steps += 1
        _check_length(eqn, eqn.params["body_jaxpr"], steps)
        carry = walk(eqn.params["body_jaxpr"], [*consts, *carry], tape)
    return carry


def _check_length(eqn: Any, body: core.ClosedJaxpr, steps: int) -> None:
    why = too_long(body, steps)
    if why:
        raise refused(eqn, why)


def _number(eqn: Any, value: Found, why: str) -> Any:
    if isinstance(value, Tangent):
        raise refused(eqn, why)
    return np.asarray(value.value)


def _evaluated(eqn: Any, known: list[Known]) -> list[Known]:
    """Numbers computed from numbers, and whose weights they are."""
    out = eqn.primitive.bind(*(value.value for value in known), **eqn.params)
    made = out if eqn.primitive.multiple_results else [out]
    if any(value.key is OF_INPUT for value in known):
        return [Known(value, key=OF_INPUT) for value in made]
    # The same weights, cast or joined in the same way at every step of a loop, are one array.
    keys = tuple(value.key for value in known)
    key = (operation_of(eqn), keys)
    name = next((value.name for value in known if value.name), "")
    trained = any(value.trained for value in known)
    return [Known(value, name, (key, n), trained) for n, value in enumerate(made)]
