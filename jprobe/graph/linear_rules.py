"""What each linear operation of a derivative is on the tape: one rule a kind of JAX primitive."""

from typing import Any

import numpy as np

from jprobe.graph.context import shape_of
from jprobe.graph.linear_context import Rule, Values, layer_of, only, refused, tangent_of, tangents_of
from jprobe.graph.linear_moves import MOVES, reshaped
from jprobe.graph.operators import Broadcast, Conv, Dot, Pool, Total
from jprobe.graph.tape import Tangent, Tape
from jprobe.graph.views import Known


def _same(tape: Tape, eqn: Any, values: Values) -> Tangent:
    return tangent_of(values)


def _add(tape: Tape, eqn: Any, values: Values) -> Tangent:
    shape = shape_of(eqn)
    summands = [_repeated(tape, value, shape) for value in tangents_of(eqn, values)]
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
    factor, shape = np.asarray(factor, np.float32), shape_of(eqn)
    factor = factor.reshape(()) if factor.size == 1 else np.broadcast_to(factor, shape)
    return tape.times(_repeated(tape, x, shape), factor, layer_of(eqn))


def _mul(tape: Tape, eqn: Any, values: Values) -> Tangent:
    known = [value for value in values if isinstance(value, Known)]
    if not known:
        raise refused(eqn, "is not linear")
    return _times(tape, eqn, tangent_of(values), known[0].value)


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
    tangents_of(eqn, cases)
    chosen = np.asarray(which.value)
    shape = shape_of(eqn)
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
    return tape.layer(tangent_of(values), dot, shape_of(eqn), layer_of(eqn) or kind, kind)


def _conv(tape: Tape, eqn: Any, values: Values) -> Tangent:
    x, kernel = only(eqn, values), values[1]
    if eqn.params["batch_group_count"] != 1:
        raise refused(eqn, "has groups of examples")
    conv = Conv.of(tape.weight(kernel), eqn.params)
    return tape.layer(x, conv, shape_of(eqn), layer_of(eqn) or "conv", "conv")


def _reduce(tape: Tape, eqn: Any, values: Values) -> Tangent:
    x, axes = values[0], tuple(eqn.params["axes"])
    if all(x.shape[axis] == 1 for axis in axes):
        return reshaped(tape, x, shape_of(eqn))
    return tape.layer(x, Total(axes), shape_of(eqn), layer_of(eqn) or "sum", "pool")


def _window(tape: Tape, eqn: Any, values: Values) -> Tangent:
    p = eqn.params
    if any(d != 1 for d in p["base_dilation"]):
        raise refused(eqn, "sums over spread inputs")
    pool = Pool(
        tuple(p["window_dimensions"]), tuple(p["window_strides"]), tuple(map(tuple, p["padding"])), tuple(p["window_dilation"]), plain=True
    )  # fmt: skip
    return tape.layer(values[0], pool, shape_of(eqn), layer_of(eqn) or "pool", "pool")


LINEAR: dict[str, Rule] = {
    **dict.fromkeys(("convert_element_type", "copy", "reduce_precision"), _same),
    **dict.fromkeys(("add", "add_any"), _add),
    "sub": _sub,
    "neg": _neg,
    "mul": _mul,
    "div": _div,
    "select_n": _select,
    "dot_general": _dot,
    "conv_general_dilated": _conv,
    "reduce_sum": _reduce,
    "reduce_window_sum": _window,
    **MOVES,
}
