"""The weight layers of any function, told apart while its jaxpr is run: their kernels, what they make, who reads it."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.extend import core
from jax.interpreters import partial_eval

from jprobe.capture.axes import Axes, Piece, reshaped, sampled
from jprobe.capture.layer import (
    Array,
    Carry,
    Kernel,
    Known,
    Layer,
    Move,
    Part,
    Read,
    Signal,
    Stage,
    Value,
    common,
    rearranged,
)
from jprobe.errors import ArgumentError
from jprobe.graph.context import body_of, operation_of
from jprobe.graph.rewriting import too_long, written_out
from jprobe.networks import is_array
from jprobe.paths import leaves_by_path
from jprobe.typing import Params

LAYERS = ("dot_general", "conv_general_dilated")

# Rearrangements of all that an array holds, which can be undone.
MOVES = (
    "reshape",
    "squeeze",
    "transpose",
    "broadcast_in_dim",
    "convert_element_type",
    "copy",
    "reduce_precision",
    "name",
)

# What may be done to a leaf of the parameters so that it stays that kernel, besides elementwise functions.
CUTS = (*MOVES, "slice", "dynamic_slice", "split")

AFFINE = ("add", "add_any", "sub", "mul", "div")

ELEMENTWISE = frozenset((
    *AFFINE, "neg", "abs", "sign", "max", "min", "clamp", "select_n", "pow", "integer_pow", "square", "sqrt", "rsqrt", "cbrt",
    "exp", "exp2", "expm1", "log", "log1p", "logistic", "tanh", "erf", "erfc", "erf_inv", "sin", "cos", "tan", "asin", "acos", "atan",
    "atan2", "sinh", "cosh", "asinh", "acosh", "atanh", "floor", "ceil", "round", "rem", "is_finite", "nextafter", "lgamma", "digamma",
    "gt", "ge", "lt", "le", "eq", "ne", "and", "or", "not", "xor",
))  # fmt: skip


def layers_of_function(fn: Callable[..., Any], params: Params, *inputs: Any) -> list[tuple[str, Layer]]:
    """Run a function of (params, *inputs) and return the layers that it went through, in order, by their kernels' paths.

    A kernel that is read more than once, as in a loop or by tied layers, has a number: "cell/kernel[0]".

    Raises:
        ArgumentError: layers in a loop or branch whose course is not known, or in one of more than 100,000 operations; no
            layer at all.

    Example:
        >>> params = {"v": np.ones((2, 3)), "w": np.ones((4, 2))}
        >>> [path for path, _ in layers_of_function(lambda p, x: x @ p["w"] @ p["v"], params, np.ones((1, 4)))]
        ['w', 'v']
    """
    arrays, together = apart(params)
    closed = jax.make_jaxpr(lambda arrays, inputs: fn(together(arrays), *inputs))(arrays, inputs)
    needed, _ = partial_eval.dce_jaxpr(closed.jaxpr, [True] * len(closed.jaxpr.outvars), instantiate=True)
    values: list[Value] = [Known(leaf, _long(leaf), True, Kernel(n, lambda w: w)) for n, leaf in sorted(arrays.items())]
    values += [Signal(leaf) for leaf in jax.tree.leaves(inputs)]
    found: list[Layer] = []
    for value in _run(needed, closed.consts, values, found):
        _read(value)
    if not found:
        raise ArgumentError(
            "The function of (params, *inputs) has no weight layer: no product or convolution of something that depends on "
            "the inputs with a kernel that is a leaf of params."
        )
    paths = [path for path, _, _ in leaves_by_path(params)]
    names = [paths[layer.source.leaf] for layer in found]
    often = {name for name in names if names.count(name) > 1}
    return [
        (f"{name}[{names[:n].count(name)}]" if name in often else name, layer)
        for n, (name, layer) in enumerate(zip(names, found, strict=True))
    ]


def apart(params: Params) -> tuple[dict[int, Array], Callable[[dict[int, Array]], Params]]:
    """The arrays among the leaves by number, as jit takes them, and a function that puts such in their places.

    Example:
        >>> arrays, together = apart({"a": np.ones(2), "name": "tanh"})
        >>> list(arrays), together({0: 3.0})
        ([0], {'a': 3.0, 'name': 'tanh'})
    """
    leaves, tree = jax.tree.flatten(params)
    arrays = {n: leaf for n, leaf in enumerate(leaves) if is_array(leaf)}
    return arrays, lambda new: jax.tree.unflatten(tree, [new.get(n, leaf) for n, leaf in enumerate(leaves)])


def _long(value: Array) -> frozenset[int]:
    return frozenset(n for n, size in enumerate(np.shape(value)) if size > 1)


def _run(jaxpr: core.Jaxpr, consts: Sequence[Array], args: Sequence[Value], found: list[Layer]) -> list[Value]:
    values: dict[Any, Value] = {v: Known(c, _long(c)) for v, c in zip(jaxpr.constvars, consts, strict=True)}
    values.update(zip(jaxpr.invars, args, strict=True))
    needed = {v for eqn in jaxpr.eqns for v in eqn.invars if not isinstance(v, core.Literal)} | {
        v for v in jaxpr.outvars if not isinstance(v, core.Literal)
    }

    def read(atom: Any) -> Value:
        return Known(atom.val, _long(atom.val)) if isinstance(atom, core.Literal) else values[atom]

    for eqn in jaxpr.eqns:
        if not needed.isdisjoint(eqn.outvars):
            values.update(zip(eqn.outvars, _equation(eqn, [read(v) for v in eqn.invars], found), strict=True))
    return [read(v) for v in jaxpr.outvars]


def _equation(eqn: Any, inputs: list[Value], found: list[Layer]) -> list[Value]:
    body, name = body_of(eqn), eqn.primitive.name
    if body is not None:
        return _run(body.jaxpr, body.consts, inputs, found)
    known = [value for value in inputs if isinstance(value, Known)]
    if len(known) == len(inputs):
        return _computed(eqn, known)
    if any(value.learned for value in known) and _has_layers(eqn):
        body, inputs = _unfolded(eqn, inputs)
        return _run(body.jaxpr, body.consts, inputs, found)
    signals = [value for value in inputs if isinstance(value, Signal)]
    results = _bind(eqn, [value.value for value in inputs])
    if name in LAYERS and len(known) == 1 and known[0].kernel and eqn.params.get("batch_group_count", 1) == 1:
        return [_layer(eqn, inputs, results[0], found)]
    if name in MOVES and signals[0].part:
        moved = _moved(eqn, signals[0].part)
        if moved:
            return [Signal(results[0], moved)]
    if name in ELEMENTWISE:
        bent = _bent(eqn, inputs, results[0])
        if bent:
            return [Signal(results[0], bent)]
    for signal in signals:
        _read(signal)
    return [Signal(result) for result in results]


def _bind(eqn: Any, values: Sequence[Array]) -> list[Array]:
    made = eqn.primitive.bind(*values, **eqn.params)
    return list(made) if eqn.primitive.multiple_results else [made]


def _read(value: Value, by: Layer | None = None) -> None:
    if isinstance(value, Signal) and value.part:
        part = value.part
        since = part.moves[len(part.layer.stages[part.chain[-1]].moves) :]
        part.layer.reads.append(Read(part.chain, since, by))


def _has_layers(eqn: Any) -> bool:
    inside = [body for value in eqn.params.values() for body in (value if isinstance(value, tuple) else (value,))]
    bodies = [getattr(body, "jaxpr", body) for body in inside]
    return any(
        inner.primitive.name in LAYERS or _has_layers(inner)
        for body in bodies
        if isinstance(body, core.Jaxpr)
        for inner in body.eqns
    )


def _unfolded(eqn: Any, inputs: list[Value]) -> tuple[core.ClosedJaxpr, list[Value]]:
    """A loop as its body so many times; a branch that does not depend on the inputs as the one taken."""
    name, first = eqn.primitive.name, inputs[0]
    if name == "scan":
        why = too_long(eqn.params["jaxpr"], eqn.params["length"])
        if why:
            raise ArgumentError(f"This function has layers in a loop {why}.")
        written = written_out(eqn, [])
        assert written is not None
        return written[0], inputs
    if name == "cond" and isinstance(first, Known) and not isinstance(first.value, jax.core.Tracer):
        branches = eqn.params["branches"]
        return branches[min(max(int(first.value), 0), len(branches) - 1)], inputs[1:]
    raise ArgumentError(
        f"This function has layers inside a {name} whose course is not known beforehand, so they have no place in a table of "
        "layers. Loops of known length (jax.lax.scan, fori_loop) and branches on Python values are read."
    )


def _computed(eqn: Any, inputs: list[Known]) -> list[Value]:
    """What does not depend on the inputs."""
    values = [value.value for value in inputs]
    if any(isinstance(value, jax.core.Tracer) for value in values):
        results = _bind(eqn, values)
    else:
        # Inside somebody's jit, what is no parameter stays a number, which branches may hang on.
        with jax.ensure_compile_time_eval():
            results = _bind(eqn, values)
    name, learned = eqn.primitive.name, any(value.learned for value in inputs)
    kernels = [value for value in inputs if value.kernel]
    out: list[Value] = []
    for n, result in enumerate(results):
        kernel, varies = None, _long(result)
        if name in ELEMENTWISE:
            kernel = next((value.kernel for value in kernels if np.shape(value.value) == np.shape(result)), None)
            varies = frozenset[int]().union(*(value.varies for value in inputs))
        elif name in CUTS and inputs[0].kernel and (name != "broadcast_in_dim" or result.size == inputs[0].value.size):
            kernel = Kernel(inputs[0].kernel.leaf, _cut(eqn, inputs[0].kernel.place, values[1:], n))
        if name == "broadcast_in_dim":
            varies = frozenset(eqn.params["broadcast_dimensions"][axis] for axis in inputs[0].varies)
        out.append(Known(result, varies, learned, kernel))
    return out


def _cut(eqn: Any, before: Carry, rest: list[Array], n: int) -> Carry:
    return lambda w: _bind(eqn, [before(w), *rest])[n]


def _layer(eqn: Any, inputs: list[Value], output: Array, found: list[Layer]) -> Signal:
    place = next(n for n, value in enumerate(inputs) if isinstance(value, Known))
    kernel, signal = inputs[place], inputs[1 - place]
    assert isinstance(kernel, Known)
    assert isinstance(signal, Signal)
    assert kernel.kernel is not None
    ranks = [np.ndim(value.value) for value in inputs]
    if eqn.primitive.name == "dot_general":
        summed, batch = eqn.params["dimension_numbers"]
        free = [rank - len(s) - len(b) for rank, s, b in zip(ranks, summed, batch, strict=True)]
        neuron = [True] * len(batch[0]) + [place == 0] * free[0] + [place == 1] * free[1]
        fan_in, across = summed[place], summed[1 - place]
    else:
        numbers = eqn.params["dimension_numbers"]
        neuron = [axis != numbers.out_spec[0] for axis in range(ranks[0])]
        fan_in, across = numbers.rhs_spec[1:], numbers.lhs_spec[1:]
    axes = tuple((Piece(size, kind),) for size, kind in zip(np.shape(output), neuron, strict=True))

    def apply(x: Array, w: Array) -> Array:
        return _bind(eqn, [w, x] if place == 0 else [x, w])[0]

    layer = Layer(kernel.kernel, kernel.value, signal.value, apply, axes, tuple(fan_in))
    layer.stages.append(Stage(output, (), lambda v: v))
    within = signal.part is not None and sampled(signal.part.axes).isdisjoint(across)
    _read(signal, layer if within else None)
    found.append(layer)
    return Signal(output, Part(layer, (0,), (), axes))


def _moved(eqn: Any, part: Part) -> Part | None:
    """The part after a rearrangement; None where it is not all there, or repeated."""
    name, before, after = eqn.primitive.name, eqn.invars[0].aval.shape, tuple(eqn.outvars[0].aval.shape)
    if np.prod(before) != np.prod(after) or (eqn.params.get("dimensions") not in (None, ()) and name == "reshape"):
        return None
    axes: Axes | None
    if name == "transpose":
        order = eqn.params["permutation"]
        axes, undo = tuple(part.axes[n] for n in order), lambda v: v.transpose(np.argsort(order))
    elif before == after:
        axes, undo = part.axes, lambda v: v
    else:
        axes, undo = reshaped(part.axes, after), lambda v: v.reshape(before)
    move = Move(lambda v: _bind(eqn, [v])[0], undo, operation_of(eqn))
    return None if axes is None else Part(part.layer, part.chain, (*part.moves, move), axes)


def _bent(eqn: Any, inputs: list[Value], result: Array) -> Part | None:
    """The part after an elementwise function of it, the same for all samples; None where something else goes in."""
    signals = [value for value in inputs if isinstance(value, Signal)]
    known = [value for value in inputs if isinstance(value, Known)]
    parts = [value.part for value in signals if value.part and np.shape(value.value) == np.shape(result)]
    if len(parts) < len(signals) or len({id(part.layer) for part in parts}) > 1:
        return None
    if len({tuple(move.key for move in part.moves) for part in parts}) > 1:
        return None
    part, layer = parts[0], parts[0].layer
    if not all(sampled(part.axes).isdisjoint(value.varies) for value in known):
        return None
    stage, affine = layer.stages[part.chain[-1]], None
    name = eqn.primitive.name
    linear = name in AFFINE and len(known) == 1 and known[0].learned and (name != "div" or inputs[1] is known[0])
    if linear and stage.affine is not None:
        affine = _then(stage, part, eqn, inputs)
    layer.stages.append(Stage(result, part.moves, affine))
    chain = (*common([part.chain for part in parts]), len(layer.stages) - 1)
    return Part(layer, chain, part.moves, part.axes)


def _then(stage: Stage, part: Part, eqn: Any, inputs: list[Value]) -> Carry:
    before, moves = stage.affine, part.moves[len(stage.moves) :]
    assert before is not None

    def affine(v: Array) -> Array:
        v = rearranged(before(v), moves)
        return _bind(eqn, [value.value if isinstance(value, Known) else v for value in inputs])[0]

    return affine
