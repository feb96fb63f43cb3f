"""What each linear operation of a derivative is on the tape: one rule a kind of JAX primitive."""

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.errors import UnsupportedDerivativeError
from jprobe.graph.constant import Constant
from jprobe.graph.operators import (
    Broadcast,
    Conv,
    Dot,
    Pad,
    Place,
    Pool,
    Reshape,
    Scatter,
    Select,
    Take,
    Total,
    Transpose,
)
from jprobe.graph.operators.movement import sliced
from jprobe.graph.source import line_of
from jprobe.graph.tape import Tangent, Tape
from jprobe.graph.views import Known

Values = list[Any]


def refused(eqn: Any, why: str) -> UnsupportedDerivativeError:
    """The error that says which operation, on which line of the user's code, has no place in a local graph."""
    error = UnsupportedDerivativeError(eqn.primitive.name, layer_of(eqn), why)
    error.locate("", line_of(eqn))
    return error


@contextlib.contextmanager
def located(eqn: Any) -> Iterator[None]:
    """Inside a call of JAX's own functions, equations know no line of the user's code: that of the call is told."""
    try:
        yield
    except UnsupportedDerivativeError as error:
        error.locate(layer_of(eqn), line_of(eqn))
        raise


def layer_of(eqn: Any) -> str:
    """Name of the layer that an equation of a derivative belongs to, without the module's own.

    The name stack says 'jvp(Model)/Dense_0', or 'jvp()/while/body' where there are no modules.
    """
    _, *words = str(eqn.source_info.name_stack).split("/")
    return "/".join(
        word for word in words if "(" not in word and word not in ("while", "body", "closed_call", "checkpoint")
    )


def _shape(eqn: Any) -> tuple[int, ...]:
    return tuple(eqn.outvars[0].aval.shape)


def _tangent(values: Values) -> Tangent:
    return next(value for value in values if isinstance(value, Tangent))


def _only(eqn: Any, values: Values) -> Tangent:
    """The first value, the one tangent there is."""
    if not isinstance(values[0], Tangent) or any(isinstance(value, Tangent) for value in values[1:]):
        raise refused(eqn, "is known only where its first operand alone depends on the input")
    return values[0]


def _tangents(eqn: Any, values: Values) -> list[Tangent]:
    """The summands that are tangents; others are the zeros that JAX writes out."""
    for value in values:
        if isinstance(value, Known) and np.any(np.asarray(value.value)):
            raise refused(eqn, "adds a constant, so that it is not linear")
    return [value for value in values if isinstance(value, Tangent)]


def _same(tape: Tape, eqn: Any, values: Values) -> Tangent:
    return _tangent(values)


def _add(tape: Tape, eqn: Any, values: Values) -> Tangent:
    shape = _shape(eqn)
    summands = [_repeated(tape, value, shape) for value in _tangents(eqn, values)]
    return tape.sum(summands, layer_of(eqn))


def _repeated(tape: Tape, x: Tangent, shape: tuple[int, ...]) -> Tangent:
    return (
        x
        if x.shape == shape
        else tape.move(x, Broadcast(shape, tuple(range(len(shape)))[len(shape) - len(x.shape) :]), shape)
    )


def _sub(tape: Tape, eqn: Any, values: Values) -> Tangent:
    left, right = values
    return _add(tape, eqn, [left, tape.times(right, -1.0) if isinstance(right, Tangent) else right])


def _neg(tape: Tape, eqn: Any, values: Values) -> Tangent:
    return tape.times(values[0], -1.0)


def _times(tape: Tape, eqn: Any, x: Tangent, factor: Any) -> Tangent:
    factor, shape = np.asarray(factor, np.float32), _shape(eqn)
    factor = factor.reshape(()) if factor.size == 1 else np.broadcast_to(factor, shape)
    return tape.times(_repeated(tape, x, shape), factor, layer_of(eqn))


def _mul(tape: Tape, eqn: Any, values: Values) -> Tangent:
    known = [value for value in values if isinstance(value, Known)]
    if not known:
        raise refused(eqn, "is not linear")
    return _times(tape, eqn, _tangent(values), known[0].value)


def _div(tape: Tape, eqn: Any, values: Values) -> Tangent:
    x, by = values
    if not isinstance(by, Known):
        raise refused(eqn, "is not linear")
    with np.errstate(divide="ignore"):
        return _times(tape, eqn, x, np.float32(1) / np.asarray(by.value))


def _select(tape: Tape, eqn: Any, values: Values) -> Tangent:
    which, *cases = values
    if not isinstance(which, Known):
        raise refused(eqn, "is chosen by a derivative")
    _tangents(eqn, cases)
    chosen = np.asarray(which.value)
    shape = _shape(eqn)
    masks = [np.broadcast_to(chosen == n, shape) for n in range(len(cases))]
    return tape.sum(
        [tape.times(x, mask, layer_of(eqn)) for x, mask in zip(cases, masks, strict=True) if isinstance(x, Tangent)],
        layer_of(eqn),
    )


def _dot(tape: Tape, eqn: Any, values: Values) -> Tangent:
    left = isinstance(values[0], Known)
    known = values[0] if left else values[1]
    if not isinstance(known, Known):
        raise refused(eqn, "is not linear")
    dot = Dot(tape.weight(known), eqn.params["dimension_numbers"], left)
    kind = "dense" if known.trained else "product"
    return tape.layer(_tangent(values), dot, _shape(eqn), layer_of(eqn) or kind, kind)


def _conv(tape: Tape, eqn: Any, values: Values) -> Tangent:
    x, kernel = _only(eqn, values), values[1]
    p = eqn.params
    if p["batch_group_count"] != 1:
        raise refused(eqn, "has groups of examples")
    conv = Conv(
        tape.weight(kernel),
        strides=tuple(p["window_strides"]),
        padding=tuple(map(tuple, p["padding"])),
        spread=tuple(p["lhs_dilation"]),
        dilation=tuple(p["rhs_dilation"]),
        numbers=p["dimension_numbers"],
        groups=p["feature_group_count"],
    )
    return tape.layer(x, conv, _shape(eqn), layer_of(eqn) or "conv", "conv")


def _reduce(tape: Tape, eqn: Any, values: Values) -> Tangent:
    x, axes = values[0], tuple(eqn.params["axes"])
    if all(x.shape[axis] == 1 for axis in axes):
        return tape.move(x, Reshape(x.shape, _shape(eqn)), _shape(eqn))
    return tape.layer(x, Total(axes), _shape(eqn), layer_of(eqn) or "sum", "pool")


def _window(tape: Tape, eqn: Any, values: Values) -> Tangent:
    p = eqn.params
    if any(d != 1 for d in p["base_dilation"]):
        raise refused(eqn, "sums over spread inputs")
    pool = Pool(
        tuple(p["window_dimensions"]), tuple(p["window_strides"]), tuple(map(tuple, p["padding"])), tuple(p["window_dilation"]), plain=True
    )  # fmt: skip
    return tape.layer(values[0], pool, _shape(eqn), layer_of(eqn) or "pool", "pool")


def _maximum(tape: Tape, eqn: Any, values: Values) -> Tangent:
    """What a maximum over windows takes at this input: one element of each window."""
    x = _only(eqn, values)
    shape = _shape(eqn)
    taken = eqn.primitive.bind(_numbers(eqn, x.shape), jnp.asarray(values[1].value, jnp.float32), **eqn.params)
    take = Take(Constant(np.asarray(taken).astype(np.int32)))
    return tape.layer(x, take, shape, layer_of(eqn) or "pool", "pool")


def _reshape(tape: Tape, eqn: Any, values: Values) -> Tangent:
    x, order = values[0], eqn.params.get("dimensions")
    if eqn.primitive.name == "reshape" and order is not None:
        x = tape.move(x, Transpose(tuple(order)), tuple(x.shape[n] for n in order))
    return _reshaped(tape, x, _shape(eqn))


def _reshaped(tape: Tape, x: Tangent, shape: tuple[int, ...]) -> Tangent:
    return x if x.shape == shape else tape.move(x, Reshape(x.shape, shape), shape)


def _transpose(tape: Tape, eqn: Any, values: Values) -> Tangent:
    return tape.move(values[0], Transpose(tuple(eqn.params["permutation"])), _shape(eqn))


def _broadcast(tape: Tape, eqn: Any, values: Values) -> Tangent:
    x, shape, axes = values[0], _shape(eqn), eqn.params["broadcast_dimensions"]
    if np.prod(shape) == np.prod(x.shape):
        return _reshaped(tape, x, shape)
    return tape.move(x, Broadcast(shape, tuple(axes)), shape)


def _slice(tape: Tape, eqn: Any, values: Values) -> Tangent:
    p, x = eqn.params, values[0]
    if p["strides"] is None or set(p["strides"]) <= {1}:
        return tape.move(x, sliced(tuple(p["start_indices"]), tuple(p["limit_indices"])), _shape(eqn))
    return _moved(tape, eqn, values)


def _dynamic_slice(tape: Tape, eqn: Any, values: Values) -> Tangent:
    x, sizes = _only(eqn, values), eqn.params["slice_sizes"]
    at = [int(np.clip(np.asarray(v.value), 0, n - s)) for v, n, s in zip(values[1:], x.shape, sizes, strict=True)]
    return tape.move(x, sliced(tuple(at), tuple(a + s for a, s in zip(at, sizes, strict=True))), _shape(eqn))


def _moved(tape: Tape, eqn: Any, values: Values) -> Tangent:
    """The primitive itself, with its indices."""
    x = _only(eqn, values)
    indices = tuple(Constant(np.asarray(value.value)) for value in values[1:])
    return tape.move(x, Select(eqn.primitive, tuple(sorted(eqn.params.items())), indices), _shape(eqn))


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
    _tangents(eqn, values[1:])
    return tape.move(_only(eqn, values), Pad(tuple(map(tuple, eqn.params["padding_config"]))), _shape(eqn))


def _concatenate(tape: Tape, eqn: Any, values: Values) -> Tangent:
    _tangents(eqn, values)
    axis, shape, start, parts = eqn.params["dimension"], _shape(eqn), 0, []
    for value, atom in zip(values, eqn.invars, strict=True):
        size = atom.aval.shape[axis]
        if isinstance(value, Tangent):
            parts.append(tape.move(value, Place(axis, start, size, shape[axis]), shape))
        start += size
    return tape.sum(parts, layer_of(eqn), beside=True)


def _update(tape: Tape, eqn: Any, values: Values) -> Tangent:
    """An array with a box of it written over."""
    old, new, *indices = values
    shape, box = _shape(eqn), tuple(eqn.invars[1].aval.shape)
    at = [int(np.clip(np.asarray(v.value), 0, n - s)) for v, n, s in zip(indices, shape, box, strict=True)]
    parts = []
    _tangents(eqn, [old, new])
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
    shape, parts = _shape(eqn), []
    numbers = _numbers(eqn, eqn.invars[2].aval.shape)
    written = eqn.primitive.bind(jnp.zeros(shape), _indices(eqn, where), numbers, **eqn.params)
    written = np.asarray(written).astype(np.int32)
    _tangents(eqn, [old, new])
    if isinstance(old, Tangent):
        parts.append(tape.times(old, written == 0))
    if isinstance(new, Tangent):
        parts.append(tape.move(new, Take(Constant(written)), shape))
    return tape.sum(parts, layer_of(eqn), beside=True)


def _scatter_add(tape: Tape, eqn: Any, values: Values) -> Tangent:
    """Elements added to others, in places that are numbered."""
    old, where, new = values
    shape, indices = _shape(eqn), _indices(eqn, where)
    _tangents(eqn, [old, new])
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


Rule = Callable[[Tape, Any, Values], Tangent | list[Tangent]]

LINEAR: dict[str, Rule] = {
    **dict.fromkeys(("convert_element_type", "copy", "reduce_precision"), _same),
    **dict.fromkeys(("add", "add_any"), _add),
    **dict.fromkeys(("reshape", "squeeze"), _reshape),
    **dict.fromkeys(("rev", "gather"), _moved),
    "sub": _sub,
    "neg": _neg,
    "mul": _mul,
    "div": _div,
    "select_n": _select,
    "dot_general": _dot,
    "conv_general_dilated": _conv,
    "reduce_sum": _reduce,
    "reduce_window_sum": _window,
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
