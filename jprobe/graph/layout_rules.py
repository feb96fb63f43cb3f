"""Rules for operations that only move elements: shapes, axes, slices, indices, concatenations."""

from typing import Any

import jax
import numpy as np

from jprobe.graph.constant import Constant
from jprobe.graph.context import Walk, shape_of, unknown, view_of, views_of
from jprobe.graph.operators import Broadcast, Pad, Reshape, Select, Transpose
from jprobe.graph.operators.chain import origin
from jprobe.graph.operators.movement import sliced
from jprobe.graph.views import Known, Value, View, concatenated


def reshape_rule(walk: Walk, eqn: Any, inputs: list[Value]) -> Value:
    """Another shape, in row-major order, or in that of other axes."""
    view, p = view_of(inputs), eqn.params
    if eqn.primitive.name == "reshape" and p["dimensions"] is not None:
        view = _transposed(view, tuple(p["dimensions"]))
    return reshaped(view, shape_of(eqn))


def reshaped(view: View, shape: tuple[int, ...]) -> View:
    """A value in another shape, and along which axes it is scaled then."""
    if view.shape == shape:
        return view
    before, after = ([n for n, size in enumerate(s) if size > 1] for s in (view.shape, shape))
    if [view.shape[n] for n in before] == [shape[n] for n in after]:
        scaled = frozenset(new for old, new in zip(before, after, strict=True) if old in view.scaled)
    else:
        scaled = frozenset(range(len(shape))) if view.scaled else frozenset[int]()
    return view.then(Reshape(view.shape, shape), shape, scaled)


def transpose_rule(walk: Walk, eqn: Any, inputs: list[Value]) -> Value:
    """Another order of axes."""
    return _transposed(view_of(inputs), tuple(eqn.params["permutation"]))


def _transposed(view: View, order: tuple[int, ...]) -> View:
    scaled = frozenset(order.index(axis) for axis in view.scaled)
    return view.then(Transpose(order), tuple(view.shape[axis] for axis in order), scaled)


def broadcast_rule(walk: Walk, eqn: Any, inputs: list[Value]) -> Value:
    """A value repeated, or with axes of length 1."""
    view, shape, axes = view_of(inputs), shape_of(eqn), eqn.params["broadcast_dimensions"]
    if np.prod(shape) == np.prod(view.shape):
        return reshaped(view, shape)
    scaled = frozenset(axes[n] for n in view.scaled)
    return view.then(Broadcast(shape, tuple(axes)), shape, scaled).read_again()


def slice_rule(walk: Walk, eqn: Any, inputs: list[Value]) -> Value:
    """Some of the elements, in a box or in reverse: the equation itself, applied to one block at a time."""
    view, select = _selected(eqn, inputs)
    return view.then(select, shape_of(eqn), view.scaled)


def _selected(eqn: Any, inputs: list[Value]) -> tuple[View, Select]:
    """The value that elements are taken of, and which."""
    view, *rest = inputs
    if isinstance(view, Known) and eqn.primitive.name == "gather":
        raise unknown(
            eqn,
            "with indices that depend on the input, as an embedding has, of which they have no derivatives: make x "
            "the vectors that are looked up, or one-hot rows and the look-up a product with the table",
        )
    if not isinstance(view, View) or len(views_of(inputs)) > 1:
        raise unknown(eqn, "with indices that depend on the input")
    indices = [value.value for value in rest if isinstance(value, Known)]
    if any(isinstance(value, jax.ShapeDtypeStruct | jax.core.Tracer) for value in indices):
        raise unknown(eqn, "with indices that are parameters and have no value here")
    constants = tuple(Constant(np.asarray(index)) for index in indices)
    return view, Select(eqn.primitive, tuple(sorted(eqn.params.items())), constants)


def gather_rule(walk: Walk, eqn: Any, inputs: list[Value]) -> Value:
    """Elements by index."""
    view, select = _selected(eqn, inputs)
    scaled = frozenset(range(len(shape_of(eqn)))) if view.scaled else frozenset[int]()
    which = origin(view.shape, (select,))
    once = np.bincount(which[which > 0]).max(initial=0) <= 1
    taken = view.then(select, shape_of(eqn), scaled)
    return taken if once else taken.read_again()


def split_rule(walk: Walk, eqn: Any, inputs: list[Value]) -> list[Value]:
    """A value in parts along an axis."""
    view, axis = view_of(inputs), eqn.params["axis"]
    cuts = np.cumsum([0, *eqn.params["sizes"]]).tolist()
    parts: list[Value] = []
    for part, start, stop in zip(eqn.outvars, cuts, cuts[1:], strict=False):
        begin = tuple(start if n == axis else 0 for n in range(len(view.shape)))
        end = tuple(stop if n == axis else size for n, size in enumerate(view.shape))
        parts.append(view.then(sliced(begin, end), tuple(part.aval.shape), view.scaled))
    return parts


def pad_rule(walk: Walk, eqn: Any, inputs: list[Value]) -> Value:
    """What is padded, with zeros or with minus infinity for a maximum, is no node."""
    config = eqn.params["padding_config"]
    view = inputs[0]
    if not isinstance(view, View) or len(views_of(inputs)) > 1:
        raise unknown(eqn, "with a value that depends on the input")
    return view.then(Pad(tuple(map(tuple, config))), shape_of(eqn), view.scaled)


def concatenate_rule(walk: Walk, eqn: Any, inputs: list[Value]) -> Value:
    """Values side by side; constants among them are no nodes."""
    views = [
        v if isinstance(v, View) else View(tuple(atom.aval.shape), ())
        for v, atom in zip(inputs, eqn.invars, strict=True)
    ]
    return concatenated(views, eqn.params["dimension"], shape_of(eqn))
