"""Linear operations that bring elements to other places: shapes, slices, indices, pieces written over others."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.graph.constant import Constant
from jprobe.graph.context import shape_of
from jprobe.graph.linear_context import Rule, Values, layer_of, only, refused, tangents_of
from jprobe.graph.operators import Broadcast, Pad, Place, Reshape, Scatter, Select, Take, Transpose
from jprobe.graph.operators.movement import sliced
from jprobe.graph.tape import Tangent, Tape


def _maximum(tape: Tape, eqn: Any, values: Values) -> Tangent:
    """What a maximum over windows takes at this input: one element of each window."""
    x = only(eqn, values)
    shape = shape_of(eqn)
    taken = eqn.primitive.bind(_numbers(eqn, x.shape), jnp.asarray(values[1].value, jnp.float32), **eqn.params)
    take = Take(Constant(np.asarray(taken).astype(np.int32)))
    return tape.layer(x, take, shape, layer_of(eqn) or "pool", "pool")


def _reshape(tape: Tape, eqn: Any, values: Values) -> Tangent:
    x, order = values[0], eqn.params.get("dimensions")
    if eqn.primitive.name == "reshape" and order is not None:
        x = tape.move(x, Transpose(tuple(order)), tuple(x.shape[n] for n in order))
    return reshaped(tape, x, shape_of(eqn))


def reshaped(tape: Tape, x: Tangent, shape: tuple[int, ...]) -> Tangent:
    """The same elements in another shape."""
    return x if x.shape == shape else tape.move(x, Reshape(x.shape, shape), shape)


def _transpose(tape: Tape, eqn: Any, values: Values) -> Tangent:
    return tape.move(values[0], Transpose(tuple(eqn.params["permutation"])), shape_of(eqn))


def _broadcast(tape: Tape, eqn: Any, values: Values) -> Tangent:
    x, shape, axes = values[0], shape_of(eqn), eqn.params["broadcast_dimensions"]
    if np.prod(shape) == np.prod(x.shape):
        return reshaped(tape, x, shape)
    return tape.move(x, Broadcast(shape, tuple(axes)), shape)


def _slice(tape: Tape, eqn: Any, values: Values) -> Tangent:
    p, x = eqn.params, values[0]
    if p["strides"] is None or set(p["strides"]) <= {1}:
        return tape.move(x, sliced(tuple(p["start_indices"]), tuple(p["limit_indices"])), shape_of(eqn))
    return _moved(tape, eqn, values)


def _dynamic_slice(tape: Tape, eqn: Any, values: Values) -> Tangent:
    x, sizes = only(eqn, values), eqn.params["slice_sizes"]
    at = [int(np.clip(np.asarray(v.value), 0, n - s)) for v, n, s in zip(values[1:], x.shape, sizes, strict=True)]
    return tape.move(x, sliced(tuple(at), tuple(a + s for a, s in zip(at, sizes, strict=True))), shape_of(eqn))


def _moved(tape: Tape, eqn: Any, values: Values) -> Tangent:
    """The primitive itself, with its indices."""
    x = only(eqn, values)
    indices = tuple(Constant(np.asarray(value.value)) for value in values[1:])
    return tape.move(x, Select(eqn.primitive, tuple(sorted(eqn.params.items())), indices), shape_of(eqn))


def _split(tape: Tape, eqn: Any, values: Values) -> list[Tangent]:
    x, axis = values[0], eqn.params["axis"]
    cuts = np.cumsum([0, *eqn.params["sizes"]]).tolist()
    parts = []
    for part, start, stop in zip(eqn.outvars, cuts, cuts[1:], strict=False):
        begin = tuple(start if n == axis else 0 for n in range(len(x.shape)))
        end = tuple(stop if n == axis else size for n, size in enumerate(x.shape))
        parts.append(tape.move(x, sliced(begin, end), tuple(part.aval.shape)))
    return parts


def _pad(tape: Tape, eqn: Any, values: Values) -> Tangent:
    tangents_of(eqn, values[1:])
    return tape.move(only(eqn, values), Pad(tuple(map(tuple, eqn.params["padding_config"]))), shape_of(eqn))


def _concatenate(tape: Tape, eqn: Any, values: Values) -> Tangent:
    tangents_of(eqn, values)
    axis, shape, start, parts = eqn.params["dimension"], shape_of(eqn), 0, []
    for value, atom in zip(values, eqn.invars, strict=True):
        size = atom.aval.shape[axis]
        if isinstance(value, Tangent):
            parts.append(tape.move(value, Place(axis, start, size, shape[axis]), shape))
        start += size
    return tape.sum(parts, layer_of(eqn), beside=True)


def _update(tape: Tape, eqn: Any, values: Values) -> Tangent:
    """An array with a box of it written over."""
    old, new, *indices = values
    shape, box = shape_of(eqn), tuple(eqn.invars[1].aval.shape)
    at = [int(np.clip(np.asarray(v.value), 0, n - s)) for v, n, s in zip(indices, shape, box, strict=True)]
    parts = []
    tangents_of(eqn, [old, new])
    if isinstance(old, Tangent):
        kept = np.ones(shape, bool)
        kept[tuple(slice(a, a + s) for a, s in zip(at, box, strict=True))] = False
        parts.append(tape.times(old, kept))
    if isinstance(new, Tangent):
        config = tuple((a, n - a - s, 0) for a, s, n in zip(at, box, shape, strict=True))
        parts.append(tape.move(new, Pad(config), shape))
    return tape.sum(parts, layer_of(eqn), beside=True)


def _scatter(tape: Tape, eqn: Any, values: Values) -> Tangent:
    """An array with some of its elements written over."""
    old, where, new = values
    shape, parts = shape_of(eqn), []
    numbers = _numbers(eqn, eqn.invars[2].aval.shape)
    written = eqn.primitive.bind(jnp.zeros(shape), _indices(eqn, where), numbers, **eqn.params)
    written = np.asarray(written).astype(np.int32)
    tangents_of(eqn, [old, new])
    if isinstance(old, Tangent):
        parts.append(tape.times(old, written == 0))
    if isinstance(new, Tangent):
        parts.append(tape.move(new, Take(Constant(written)), shape))
    return tape.sum(parts, layer_of(eqn), beside=True)


def _scatter_add(tape: Tape, eqn: Any, values: Values) -> Tangent:
    """Elements added to others, in places that are numbered."""
    old, where, new = values
    shape, indices = shape_of(eqn), _indices(eqn, where)
    tangents_of(eqn, [old, new])
    parts = [old] if isinstance(old, Tangent) else []
    if isinstance(new, Tangent):
        # Backwards a sum of scattered elements is a gather, which says where each of them goes.
        scatter = lambda x: eqn.primitive.bind(jnp.zeros(shape), indices, x, **eqn.params)  # noqa: E731
        back = jax.linear_transpose(scatter, jax.ShapeDtypeStruct(new.shape, jnp.float32))
        to = np.asarray(back(_numbers(eqn, shape))[0]).astype(np.int32)
        parts.append(tape.layer(new, Scatter(Constant(to), shape), shape, layer_of(eqn) or "scatter", "pool"))
    return tape.sum(parts, layer_of(eqn))


def _indices(eqn: Any, where: Any) -> jax.Array:
    if isinstance(where, Tangent):
        raise refused(eqn, "has indices that depend on a derivative")
    return jnp.asarray(where.value)


def _numbers(eqn: Any, shape: tuple[int, ...]) -> jax.Array:
    """The numbers of an array's elements, from 1, as the floats that an operation moves about."""
    size = math.prod(shape)
    if size >= 2**24:
        raise refused(eqn, "would move more elements than single precision can number")
    return jnp.arange(1, size + 1, dtype=jnp.float32).reshape(shape)


MOVES: dict[str, Rule] = {
    **dict.fromkeys(("reshape", "squeeze"), _reshape),
    **dict.fromkeys(("rev", "gather"), _moved),
    "select_and_gather_add": _maximum,
    "transpose": _transpose,
    "broadcast_in_dim": _broadcast,
    "slice": _slice,
    "dynamic_slice": _dynamic_slice,
    "split": _split,
    "pad": _pad,
    "concatenate": _concatenate,
    "dynamic_update_slice": _update,
    "scatter": _scatter,
    "scatter-add": _scatter_add,
}
