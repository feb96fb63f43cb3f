"""What each operation of a network is in its graph: one rule a kind of JAX primitive."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import numpy as np
from jax.extend import core

from jprobe.graph.context import Walk, grown, layer_of, shape_of, unknown, view_of, views_of
from jprobe.graph.factor_rules import divide_rule, multiply_rule
from jprobe.graph.known_functions import is_known
from jprobe.graph.layout_rules import (
    broadcast_rule,
    concatenate_rule,
    gather_rule,
    pad_rule,
    reshape_rule,
    reshaped,
    slice_rule,
    split_rule,
    transpose_rule,
)
from jprobe.graph.operators import Broadcast, Conv, Dot, Operator, Pool, Scale
from jprobe.graph.views import Compared, Known, Piece, Value, View

# The name of what :func:`elementwise` wraps begins so.
MARK = "jprobe_elementwise_"

_INCREASING = (
    "tanh", "logistic", "exp", "exp2", "expm1", "log", "log1p", "sqrt", "cbrt", "erf", "erf_inv", "asinh", "acosh", "atanh", "atan", "sinh", "asin",
    "floor", "ceil", "round", "sign", "convert_element_type", "copy", "stop_gradient", "reduce_precision", "name",
)  # fmt: skip

# What leaves the numbers as they are, in other places or of another type.
MOVES = (
    "reshape", "squeeze", "broadcast_in_dim", "transpose", "convert_element_type", "copy", "reduce_precision", "name", "slice",
)  # fmt: skip

FACTORS = ("mul", "div")

# What is not affine in each element.
BENDS = {*_INCREASING, "max", "min", "clamp", "select_n", "integer_pow", "erfc", "acos"} - {*MOVES, "stop_gradient"}

SUMS = ("reduce_sum", "reduce_window_sum")

EXTREMES = ("reduce_max", "reduce_min", "reduce_window_max", "reduce_window_min")

LAYERS = ("dot_general", "conv_general_dilated")

COMPARISONS = ("gt", "ge", "lt", "le", "eq", "ne", "is_finite")


def elementwise(fn: Callable[[jax.Array], jax.Array]) -> Callable[[jax.Array], jax.Array]:
    """Say that a function of one array increases in each element and that its graph may pass through it.

    The tracer cannot prove that of a function such as GELU (which dips a little below zero) or of a normalisation
    over channels; whoever wraps it answers for it.

    Args:
        fn: array -> array of the same shape.

    Returns:
        The function, for use inside the network.

    Source:
        Paper 2, supplement D.2, where local response normalisation is taken so.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jprobe.graph import trace
        >>> swish = elementwise(lambda x: x * jax.nn.sigmoid(x))
        >>> trace(lambda w, x: swish(x @ w) @ w, jnp.ones((3, 3)), jnp.ones((1, 3))).num_edges
        18
    """

    def marked(x: jax.Array) -> jax.Array:
        return fn(x)

    marked.__name__ = MARK + getattr(fn, "__name__", "function")
    return jax.jit(marked)


def is_elementwise(eqn: Any, inputs: list[Value], body: core.ClosedJaxpr | None) -> bool:
    """Whether an equation calls a function that is known to increase in each element, or said to."""
    name = eqn.params.get("name")
    views = [value for value in inputs if not isinstance(value, Known)]
    if not isinstance(name, str) or body is None or not len(views) == len(eqn.outvars) == 1:
        return False
    if not isinstance(views[0], View) or views[0].shape != shape_of(eqn):
        return False
    return name.startswith(MARK) or is_known(name, body)


def _same(walk: Walk, eqn: Any, inputs: list[Value]) -> Value:
    """An increasing function of each element."""
    if eqn.outvars[0].aval.dtype == bool:
        raise unknown(eqn, "to bool, which does not increase everywhere")
    return view_of(inputs)


def _bounded(walk: Walk, eqn: Any, inputs: list[Value]) -> Value:
    """max, min and clamp: of one value and bounds that do not depend on the input."""
    views = views_of(inputs)
    if not _one(walk, views):
        raise unknown(eqn, "of two values that both depend on the input")
    return grown(_joined(views), eqn)


def _one(walk: Walk, views: list[View]) -> bool:
    """Whether all are the same value, but for increasing functions of each element."""
    return bool(views) and len({_source(walk, view.pieces) for view in views}) == 1


def _source(walk: Walk, pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """Pieces without the factors that are known not to be negative, such as the slope of a leaky ReLU."""

    def changes(operator: Operator) -> bool:
        return not isinstance(operator, Scale) or not walk.builder.is_increasing(operator)

    return tuple(Piece(p.block, tuple(filter(changes, p.operators))) for p in pieces)


def _joined(views: list[View]) -> View:
    plainest = min(views, key=lambda view: sum(len(piece.operators) for piece in view.pieces))
    return replace(plainest, scaled=frozenset[int]().union(*(view.scaled for view in views)))


def _compare(walk: Walk, eqn: Any, inputs: list[Value]) -> Value:
    views = views_of(inputs)
    if not _one(walk, views):
        raise unknown(eqn, "of two values that both depend on the input")
    return Compared(_source(walk, views[0].pieces))


def _select(walk: Walk, eqn: Any, inputs: list[Value]) -> Value:
    """A choice between branches: elementwise, if all are one value or constants and that value alone decides."""
    which, cases = inputs[0], views_of(inputs[1:])
    if not _one(walk, cases):
        raise unknown(eqn, "between values that come from different places")
    if not isinstance(which, Known) and _source(walk, which.pieces) != _source(walk, cases[0].pieces):
        raise unknown(eqn, "by a value that comes from another place")
    return _joined(cases)


def _add(walk: Walk, eqn: Any, inputs: list[Value]) -> Value:
    """A bias changes nothing; two branches meet in a sum."""
    views, shape = views_of(inputs), shape_of(eqn)
    if len(views) == 1:
        return grown(views[0], eqn)
    return walk.builder.add([_repeated(view, shape) for view in views], layer_of(eqn) or "add", shape)


def _repeated(view: View, shape: tuple[int, ...]) -> View:
    """A value along the axes in which the other summand is longer."""
    if view.shape == shape:
        return view
    return view.then(Broadcast(shape, tuple(range(len(shape)))), shape, view.scaled).read_again()


def _sub(walk: Walk, eqn: Any, inputs: list[Value]) -> Value:
    left, right = inputs
    if isinstance(right, Known):
        return grown(view_of(inputs), eqn)
    assert isinstance(right, View)
    minus = walk.builder.scale(right, Known(np.float32(-1)), frozenset())
    return _add(walk, eqn, [left, minus])


def _falling(walk: Walk, eqn: Any, inputs: list[Value]) -> Value:
    """A decreasing function of each element."""
    return walk.builder.scale(view_of(inputs), Known(np.float32(-1)), frozenset())


def _power(walk: Walk, eqn: Any, inputs: list[Value]) -> Value:
    if eqn.params["y"] % 2 != 1 or eqn.params["y"] < 0:
        raise unknown(eqn, f"with exponent {eqn.params['y']}, which does not increase everywhere")
    return view_of(inputs)


def _conv(walk: Walk, eqn: Any, inputs: list[Value]) -> Value:
    x, kernel = inputs
    if not isinstance(x, View) or not isinstance(kernel, Known):
        raise unknown(eqn, "whose kernel depends on the input")
    if eqn.params["batch_group_count"] != 1:
        raise unknown(eqn, "with groups of examples")
    conv = Conv.of(walk.builder.weight(kernel, kernel.trained), eqn.params)
    return walk.builder.read(x, conv, layer_of(eqn) or "conv", "conv", shape_of(eqn))


def _dot(walk: Walk, eqn: Any, inputs: list[Value]) -> Value:
    if len(views_of(inputs)) > 1:
        raise unknown(eqn, "of two values that both depend on the input, as attention has")
    left = isinstance(inputs[0], Known)
    known = next(value for value in inputs if isinstance(value, Known))
    dot = Dot(walk.builder.weight(known, known.trained), eqn.params["dimension_numbers"], left)
    return walk.builder.read(view_of(inputs), dot, layer_of(eqn) or "dense", "dense", shape_of(eqn))


def _window(walk: Walk, eqn: Any, inputs: list[Value]) -> Value:
    p = eqn.params
    if any(d != 1 for d in p["base_dilation"]):
        raise unknown(eqn, "over spread inputs")
    view = view_of(inputs)
    window = tuple(p["window_dimensions"])
    if set(window) == {1} and shape_of(eqn) == view.shape:
        return view
    pool = Pool(
        window,
        tuple(p["window_strides"]),
        tuple(map(tuple, p["padding"])),
        tuple(p["window_dilation"]),
        _maximum(walk, eqn),
        plain=eqn.primitive.name in SUMS,
    )
    return _pool(walk, eqn, view, pool, shape_of(eqn))


def _reduce(walk: Walk, eqn: Any, inputs: list[Value]) -> Value:
    """A sum or maximum over whole axes: one window over them, then the axes are dropped."""
    view, axes = view_of(inputs), tuple(eqn.params["axes"])
    if all(view.shape[a] == 1 for a in axes):
        return reshaped(view, shape_of(eqn))
    ndim = len(view.shape)
    window = tuple(view.shape[n] if n in axes else 1 for n in range(ndim))
    one = (1,) * ndim
    pool = Pool(window, one, ((0, 0),) * ndim, one, _maximum(walk, eqn), plain=eqn.primitive.name in SUMS)
    kept = tuple(1 if n in axes else size for n, size in enumerate(view.shape))
    pooled = _pool(walk, eqn, view, pool, kept)
    return reshaped(pooled, shape_of(eqn))


def _maximum(walk: Walk, eqn: Any) -> int | None:
    return None if eqn.primitive.name in SUMS else walk.builder.maximum()


def _pool(walk: Walk, eqn: Any, view: View, pool: Pool, shape: tuple[int, ...]) -> View:
    if any(pool.window[axis] > 1 for axis in view.scaled):
        raise unknown(eqn, "over an axis along which the input was multiplied by weights; write that as a product")
    made = walk.builder.read(view, pool, layer_of(eqn) or "pool", "pool", shape)
    return replace(made, summed=(pool, view.shape)) if pool.plain else made


Rule = Callable[[Walk, Any, list[Value]], Value | list[Value]]

RULES: dict[str, Rule] = {
    **dict.fromkeys(_INCREASING, _same),
    **dict.fromkeys(("max", "min", "clamp"), _bounded),
    **dict.fromkeys(COMPARISONS, _compare),
    **dict.fromkeys(("reshape", "squeeze"), reshape_rule),
    **dict.fromkeys(("slice", "dynamic_slice", "rev"), slice_rule),
    **dict.fromkeys(("reduce_window_sum", "reduce_window_max", "reduce_window_min"), _window),
    **dict.fromkeys(("reduce_sum", "reduce_max", "reduce_min"), _reduce),
    **dict.fromkeys(("add", "add_any"), _add),
    "sub": _sub,
    **dict.fromkeys(("neg", "erfc", "acos"), _falling),
    "mul": multiply_rule,
    "div": divide_rule,
    "integer_pow": _power,
    "select_n": _select,
    "transpose": transpose_rule,
    "broadcast_in_dim": broadcast_rule,
    "gather": gather_rule,
    "split": split_rule,
    "pad": pad_rule,
    "concatenate": concatenate_rule,
    "conv_general_dilated": _conv,
    "dot_general": _dot,
}
