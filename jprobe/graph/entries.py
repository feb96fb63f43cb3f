"""The edges of a link one by one, by index arithmetic alone: their exact number, and the entries of a matrix.

Nothing here runs the linear map itself, so this is what the implicit operator is tested against.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.graph.local import Local
from jprobe.graph.steps import Conv, Dot, Move, Place, Pool, Scale, Step, Weighted, Weights, reversible


class Entries(NamedTuple):
    """Some edges of a link.

    Attributes:
        into: nodes they enter, numbered within the target block.
        out_of: nodes they leave, numbered within the source block.
        weight: their weights, float64.
    """

    into: np.ndarray
    out_of: np.ndarray
    weight: np.ndarray


def count(steps: Sequence[Step], shape: tuple[int, ...], weights: Weights) -> int:
    """Exact number of edges of a link, those of weight zero among them.

    Args:
        steps: of the link.
        shape: of the source block.
        weights: the graph's; their shapes are enough.
    """
    before, op, after = parts(steps)
    if isinstance(op, Local):
        return op.edges
    if not all(isinstance(step, Scale | Place) or reversible([step]) for step in after):
        # Results may be dropped or repeated, and their edges with them.
        blank = [np.broadcast_to(np.zeros((), w.dtype), w.shape) for w in weights]
        return sum(some.into.size for some in entries(steps, shape, blank))
    # Placements and paddings bring elements that are no nodes, which have no edges.
    there = origin(shape, before) > 0 if any(map(_moves, before)) else np.broadcast_to(True, shape)
    if op is None:
        return int(there.sum())
    if isinstance(op, Dot):
        contracted, batch = (axes[0 if op.weights_left else 1] for axes in op.numbers)
        free = [n for k, n in enumerate(weights[op.weight].shape) if k not in (*contracted, *batch)]
        return int(there.sum()) * math.prod(free)
    if isinstance(op, Pool):
        return sum(int(there[ins].sum()) for _, _, ins in _pool_taps(op, there.shape))
    numbers, kernel = op.options["dimension_numbers"], weights[op.weight].shape
    # Every input feature meets all output features of its group, so features only multiply.
    plane = np.transpose(there, numbers.lhs_spec).sum((0, 1))
    per_group = kernel[numbers.rhs_spec[0]] // op.options["feature_group_count"]
    return per_group * sum(int(plane[ins].sum()) for _, _, ins in conv_taps(op, plane.shape, kernel))


def entries(steps: Sequence[Step], shape: tuple[int, ...], weights: Weights) -> Iterator[Entries]:
    """The edges of a link, in portions.

    Args:
        steps: of the link.
        shape: of the source block.
        weights: the graph's.
    """
    before, op, after = parts(steps)
    index, gain = origin(shape, before), _factors(shape, before, weights).ravel()
    shape, index = index.shape, index.ravel() - 1
    result = _result_shape(op, shape, weights)
    lift = _factors(result, after, weights).ravel()
    places, first, copies = _places(origin(result, after).ravel() - 1, math.prod(result))
    for into, read, weight in _op_entries(op, shape, weights):
        many = np.where(index[read] >= 0, copies[into], 0)
        each = np.repeat(np.arange(into.size), many)
        nth = np.arange(each.size) - np.repeat(np.cumsum(many) - many, many)
        target, read = places[first[into[each]] + nth], read[each]
        yield Entries(target, index[read], weight[each] * gain[read] * lift[target])


def parts(steps: Sequence[Step]) -> tuple[tuple[Step, ...], Weighted | None, tuple[Step, ...]]:
    """The steps before the one with weights, that one, and those after it."""
    for n, step in enumerate(steps):
        if isinstance(step, Weighted):
            return tuple(steps[:n]), step, tuple(steps[n + 1 :])
    return tuple(steps), None, ()


def _moves(step: Step) -> bool:
    return isinstance(step, Move | Place)


def origin(shape: tuple[int, ...], steps: Sequence[Step]) -> np.ndarray:
    """Of each element that data movement makes of an array, which one it was, numbered from 1; 0 is none."""
    # The moves are written in JAX, which has 32-bit integers.
    numbers = np.arange(1, math.prod(shape) + 1, dtype=np.int32).reshape(shape)
    with jax.ensure_compile_time_eval():
        for step in filter(_moves, steps):
            numbers = np.asarray(step(jnp.asarray(numbers), ()))
    return numbers


def _places(came: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where each of ``size`` elements is among those that came: a list of places, where its own begin, how many."""
    places = np.argsort(came, kind="stable")[np.count_nonzero(came < 0) :]
    copies = np.bincount(came[came >= 0], minlength=size)
    return places, np.cumsum(copies) - copies, copies


def _factors(shape: tuple[int, ...], steps: Sequence[Step], weights: Weights) -> np.ndarray:
    """What the steps multiply each element by, where it arrives."""
    if not any(isinstance(step, Scale) for step in steps):
        return np.ones(origin(shape, steps).shape)
    x = jnp.ones(shape)
    for step in steps:
        x = step(x, weights)
    return np.asarray(x, np.float64)


def _result_shape(op: Weighted | None, shape: tuple[int, ...], weights: Weights) -> tuple[int, ...]:
    if op is None:
        return shape
    if isinstance(op, Local):
        return op.shape
    shapes = [jax.ShapeDtypeStruct(w.shape, w.dtype) for w in weights]
    return jax.eval_shape(lambda x, w: op(x, w), jax.ShapeDtypeStruct(shape, jnp.float32), shapes).shape


Triple = tuple[np.ndarray, np.ndarray, np.ndarray]


def _op_entries(op: Weighted | None, shape: tuple[int, ...], weights: Weights) -> Iterator[Triple]:
    """(element of the result, element of the operand, weight) of every edge."""
    read = np.arange(math.prod(shape)).reshape(shape)
    if op is None:
        yield read.ravel(), read.ravel(), np.ones(read.size)
    elif isinstance(op, Dot):
        yield _dot_entries(op, read, np.asarray(op.matrix(weights[op.weight]), np.float64))
    elif isinstance(op, Pool):
        made = np.arange(math.prod(_result_shape(op, shape, weights))).reshape(_result_shape(op, shape, weights))
        for _, outs, ins in _pool_taps(op, shape):
            into, of = made[outs].ravel(), read[ins].ravel()
            if op.seen is not None:
                seen, result = (np.asarray(weights[n]).ravel() for n in op.seen)
                largest = seen[of] == result[into]
                into, of = into[largest], of[largest]
            yield into, of, np.full(into.size, op.edge)
    elif isinstance(op, Local):
        yield from _local_entries(op, read, np.arange(math.prod(op.shape)).reshape(op.shape), weights)
    else:
        made = np.arange(math.prod(_result_shape(op, shape, weights))).reshape(_result_shape(op, shape, weights))
        yield from _conv_entries(op, read, made, np.asarray(op.kernel(weights[op.weight]), np.float64))


def _dot_entries(op: Dot, read: np.ndarray, matrix: np.ndarray) -> Triple:
    mine, theirs = (0, 1) if op.weights_left else (1, 0)
    contract, batch = op.numbers
    order = lambda x, side: [*batch[side], *_free(x.ndim, op.numbers, side), *contract[side]]  # noqa: E731
    shared, inner = len(batch[0]), len(contract[0])
    m, x = matrix.transpose(order(matrix, mine)), read.transpose(order(read, theirs))
    groups, depth = m.shape[:shared], m.shape[m.ndim - inner :]
    m = m.reshape(math.prod(groups), -1, math.prod(depth))
    x = x.reshape(math.prod(groups), -1, math.prod(depth))
    made = np.arange(m.shape[0] * m.shape[1] * x.shape[1])
    made = made.reshape(
        (m.shape[0], m.shape[1], x.shape[1]) if op.weights_left else (m.shape[0], x.shape[1], m.shape[1])
    )
    if not op.weights_left:
        made = made.swapaxes(1, 2)
    full = np.broadcast_arrays(made[:, :, :, None], x[:, None], m[:, :, None])
    return full[0].ravel(), full[1].ravel(), full[2].ravel()


def _free(axes: int, numbers: Any, side: int) -> list[int]:
    contract, batch = numbers
    return [n for n in range(axes) if n not in contract[side] and n not in batch[side]]


def _conv_entries(op: Conv, read: np.ndarray, made: np.ndarray, kernel: np.ndarray) -> Iterator[Triple]:
    numbers, groups = op.options["dimension_numbers"], op.options["feature_group_count"]
    read, made = read.transpose(numbers.lhs_spec), made.transpose(numbers.out_spec)
    plain = kernel.transpose(numbers.rhs_spec)  # out, in of a group, *window
    outs_per, ins_per = plain.shape[0] // groups, plain.shape[1]
    for tap, outs, ins in conv_taps(op, read.shape[2:], kernel.shape):
        for g in range(groups):
            mine = slice(g * outs_per, (g + 1) * outs_per)
            m = made[:, mine][(..., *outs)][:, :, None]
            r = read[:, g * ins_per : (g + 1) * ins_per][(..., *ins)][:, None]
            w = plain[mine][(..., *tap)].reshape(1, outs_per, ins_per, *[1] * len(tap))
            full = np.broadcast_arrays(m, r, w)
            yield full[0].ravel(), full[1].ravel(), full[2].ravel()


def _local_entries(op: Local, read: np.ndarray, made: np.ndarray, weights: Weights) -> Iterator[Triple]:
    examples, outs, ins = made.shape[0], op.shape[1] // op.groups, read.shape[1] // op.groups
    dealt = np.asarray(op.dealt(weights), np.float64)
    start = 0
    for to, of in op.taps:
        m, r = made[(slice(None), slice(None), *to)], read[(slice(None), slice(None), *of)]
        # A tap's weights run over examples, places, groups, inputs and outputs, in this order.
        m = m.reshape(examples, op.groups, outs, -1).transpose(0, 3, 1, 2)[:, :, :, None]
        r = r.reshape(examples, op.groups, ins, -1).transpose(0, 3, 1, 2)[..., None]
        into, out_of = np.broadcast_arrays(m, r)
        yield into.ravel(), out_of.ravel(), dealt[start : start + into.size]
        start += into.size


def conv_taps(op: Conv, size: Sequence[int], kernel: Sequence[int]) -> "Taps":
    """Each element of a convolution's window: see :func:`_taps`; ``kernel`` is the shape of all its weights."""
    window = [kernel[n] for n in op.options["dimension_numbers"].rhs_spec[2:]]
    o = op.options
    return _taps(size, window, o["window_strides"], o["padding"], o["rhs_dilation"], o["lhs_dilation"])


def _pool_taps(op: Pool, size: Sequence[int]) -> "Taps":
    return _taps(size, op.window, op.strides, op.padding, op.dilation, [1] * len(size))


Taps = Iterator[tuple[Any, Any, Any]]  # one number, slice of outputs and slice of inputs for each axis


def _taps(
    size: Sequence[int],
    window: Sequence[int],
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    dilation: Sequence[int],
    spread: Sequence[int],
) -> Taps:
    """Each element of a sliding window: its place in it, the outputs for which it lies on an input, those inputs.

    Args:
        size: of the input along each axis.
        window: of the window.
        strides: of the window.
        padding: (low, high).
        dilation: distance of the window's elements.
        spread: distance of the input's elements, more than 1 in a transposed convolution.
    """
    axes = []
    for n, length in enumerate(size):
        wide, (low, high) = (length - 1) * spread[n] + 1, padding[n]
        outputs = (wide + low + high - (window[n] - 1) * dilation[n] - 1) // strides[n] + 1
        axis = []
        for tap in range(window[n]):
            at = np.arange(outputs) * strides[n] - low + tap * dilation[n]
            out = np.flatnonzero((at >= 0) & (at < wide) & (at % spread[n] == 0))
            if out.size:
                axis.append((tap, _even(out), _even(at[out] // spread[n])))
        axes.append(axis)
    for choice in itertools.product(*axes):
        yield tuple(c[0] for c in choice), tuple(c[1] for c in choice), tuple(c[2] for c in choice)


def _even(places: np.ndarray) -> slice:
    """Evenly spaced places as a slice."""
    pace = int(places[1] - places[0]) if places.size > 1 else 1
    return slice(int(places[0]), int(places[-1]) + 1, pace)
