"""A walk through a jaxpr: what does not depend on the input is computed, the rest becomes blocks and links."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
from jax.extend import core

from jprobe.errors import UnsupportedOperationError
from jprobe.graph.context import Walk, body_of, layer_of, operation_of, unknown, views_of
from jprobe.graph.rewriting import too_long, written_out
from jprobe.graph.rules import BENDS, COMPARISONS, EXTREMES, FACTORS, LAYERS, MOVES, RULES, SUMS, is_elementwise
from jprobe.graph.source import line_of
from jprobe.graph.views import Compared, Known, Value, View


def run(jaxpr: core.Jaxpr, consts: Sequence[Value], args: Sequence[Value], walk: Walk) -> list[Value]:
    """Interpret a jaxpr: what does not depend on the input is computed, the rest becomes blocks and links."""
    # A comparison only decides which branch a value takes; it reads nothing.
    readers = [eqn.invars for eqn in jaxpr.eqns if eqn.primitive.name not in COMPARISONS]
    reads = Counter(v for atoms in (*readers, jaxpr.outvars) for v in atoms if not isinstance(v, core.Literal))
    compared = {v for eqn in jaxpr.eqns for v in eqn.invars if not isinstance(v, core.Literal)} - set(reads)
    found: dict[Any, Value] = {}

    def write(variables: Sequence[Any], values: Sequence[Value]) -> None:
        for variable, value in zip(variables, values, strict=True):
            found[variable] = value.read_again() if isinstance(value, View) and reads[variable] > 1 else value

    def read(atom: Any) -> Value:
        return Known(atom.val) if isinstance(atom, core.Literal) else found[atom]

    write(jaxpr.constvars, consts)
    write(jaxpr.invars, args)
    for eqn in jaxpr.eqns:
        if not any(v in reads or v in compared for v in eqn.outvars):
            continue
        inputs = [read(atom) for atom in eqn.invars]
        try:
            write(eqn.outvars, _equation(eqn, inputs, walk))
        except UnsupportedOperationError as error:
            error.locate(layer_of(eqn), line_of(eqn))  # of what a library does inside a call, the call is the line
            raise
    return [read(atom) for atom in jaxpr.outvars]


def _equation(eqn: Any, inputs: list[Value], walk: Walk) -> list[Value]:
    known = [value for value in inputs if isinstance(value, Known)]
    body = body_of(eqn)
    elementwise = is_elementwise(eqn, inputs, body)
    if walk.builder.residual == "merged":
        reads, bent = eqn.primitive.name in LAYERS, elementwise or eqn.primitive.name in (*BENDS, *COMPARISONS)
        inputs = [_settled(value, walk, parts=not bent) if bent or reads else value for value in inputs]
    if elementwise:
        return _with_numbers(eqn, inputs, views_of(inputs), body, walk)
    if body is not None:
        return _call(body, inputs, walk)
    if len(known) == len(inputs):
        return _computed(eqn, known)
    if eqn.primitive.name == "while":
        return _while(eqn, inputs, walk)
    written = written_out(eqn, inputs)
    if written is not None:
        body, inputs = written
        return _call(body, inputs, walk)
    rule = RULES.get(eqn.primitive.name)
    if rule is None:
        raise unknown(eqn)
    if eqn.primitive.name != "select_n" and any(isinstance(value, Compared) for value in inputs):
        raise unknown(eqn, "of a comparison")
    made = rule(walk, eqn, inputs)
    return _with_numbers(eqn, inputs, made if isinstance(made, list) else [made], None, walk)


def _settled(value: Value, walk: Walk, *, parts: bool) -> Value:
    """A value that is bent, or of which a layer reads a part, as nodes of its own where it is part of a layer."""
    if not isinstance(value, View) or (parts and value.whole):
        return value
    settled = walk.builder.settled(value)
    if walk.seen is not None:
        walk.seen.saw(settled, walk.builder.blocks)
    return settled


def _call(body: core.ClosedJaxpr, inputs: Sequence[Value], walk: Walk) -> list[Value]:
    return run(body.jaxpr, [Known(c, "", ("const", id(c))) for c in body.consts], inputs, walk)


def _while(eqn: Any, inputs: list[Value], walk: Walk) -> list[Value]:
    """A loop that ends when something says so that does not depend on the input: its body so many times."""
    of_test, of_body = eqn.params["cond_nconsts"], eqn.params["body_nconsts"]
    # Every step reads them.
    again = [value.read_again() if isinstance(value, View) else value for value in inputs[: of_test + of_body]]
    carried, steps = inputs[of_test + of_body :], 0
    while True:
        (on,) = _call(eqn.params["cond_jaxpr"], [*again[:of_test], *carried], walk)
        if not isinstance(on, Known):
            raise unknown(eqn, "whose length depends on the input")
        if isinstance(on.value, jax.ShapeDtypeStruct | jax.core.Tracer):
            raise unknown(eqn, "whose length is a parameter that has no value here")
        if not on.value:
            return carried
        steps += 1
        why = too_long(eqn.params["body_jaxpr"], steps)
        if why:
            raise unknown(eqn, why)
        carried = _call(eqn.params["body_jaxpr"], [*again[of_test:], *carried], walk)


def _with_numbers(
    eqn: Any, inputs: list[Value], results: Sequence[Value], body: core.ClosedJaxpr | None, walk: Walk
) -> list[Value]:
    """The results with their numbers, where the network is run while it is traced."""
    if eqn.primitive.name not in (*MOVES, *FACTORS, *SUMS):
        results = [result.changed() if isinstance(result, View) else result for result in results]
    if body is not None or eqn.primitive.name in BENDS:
        results = [replace(result, affine=False) if isinstance(result, View) else result for result in results]
    if walk.seen is None:
        return list(results)
    source = next(value for value in inputs if not isinstance(value, Known))
    numbers = [value.value for value in inputs]
    made = core.jaxpr_as_fun(body)(*numbers) if body else eqn.primitive.bind(*numbers, **eqn.params)
    out: list[Value] = []
    for result, value in zip(results, made if isinstance(made, list) else [made], strict=True):
        if isinstance(result, View):
            result = replace(result, value=value)
            walk.seen.saw(result, walk.builder.blocks)
        else:
            result = result._replace(value=value)
        out.append(result)
    if eqn.primitive.name in EXTREMES:
        walk.seen.saw_window(source, out[0], walk.builder.blocks)
    return out


def _computed(eqn: Any, inputs: list[Known]) -> list[Value]:
    """What does not depend on the input: its value where all values are there, its shape else."""
    names = [known.name for known in inputs if known.name]
    name = names[0] if names else ""
    # A weight that is only cast or reshaped is still that weight, wherever it is read.
    keys = [known.key for known in inputs if known.key is not None]
    key: Any = (operation_of(eqn), *keys) if len(keys) == len(inputs) == 1 else object()
    trained = any(known.trained for known in inputs)
    made, roots = _descent(eqn, inputs)
    if any(isinstance(known.value, jax.ShapeDtypeStruct) for known in inputs):
        return [
            Known(jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype), name, (key, n), trained, made, roots)
            for n, v in enumerate(eqn.outvars)
        ]
    if any(isinstance(known.value, jax.core.Tracer) for known in inputs):
        out = eqn.primitive.bind(*(known.value for known in inputs), **eqn.params)
    else:
        # Inside somebody's jit, constants stay numbers that rules can look at.
        with jax.ensure_compile_time_eval():
            out = eqn.primitive.bind(*(known.value for known in inputs), **eqn.params)
    values = out if eqn.primitive.multiple_results else [out]
    return [Known(value, name, (key, n), trained, made, roots) for n, value in enumerate(values)]


def _descent(eqn: Any, inputs: list[Known]) -> tuple[frozenset[int], frozenset[int]]:
    """The parameters that a value was made from, and those that it is a product or quotient of the roots of."""
    made = frozenset[int]().union(*(known.made for known in inputs))
    roots = frozenset[int]().union(*(known.roots for known in inputs))
    if eqn.primitive.name in ("sqrt", "rsqrt"):
        return frozenset(), made | roots
    if eqn.primitive.name in ("mul", "div", *MOVES):
        return made, roots
    return made | roots, frozenset()  # such as a difference of roots, which may have any sign
