"""Rules for operations that only move elements: shapes, axes, slices, indices, concatenations."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.graph.entries import origin
from jprobe.graph.equations import Walk, shape_of, unknown, view_of, views_of
from jprobe.graph.steps import Move, reshaping, transposing
from jprobe.graph.views import Known, Value, View, concatenated


def reshape_rule(walk: Walk, eqn: Any, inputs: list[Value]) -> Value:
    """Another shape, in row-major order."""
    return reshaped(view_of(inputs), shape_of(eqn))


def reshaped(view: View, shape: tuple[int, ...]) -> View:
    """A value in another shape, and along which axes it is scaled then."""
    if view.shape == shape:
        return view
    before, after = ([n for n, size in enumerate(s) if size > 1] for s in (view.shape, shape))
    if [view.shape[n] for n in before] == [shape[n] for n in after]:
        scaled = frozenset(new for old, new in zip(before, after, strict=True) if old in view.scaled)
    else:
        scaled = frozenset(range(len(shape))) if view.scaled else frozenset[int]()
    return view.step(reshaping(view.shape, shape), shape, scaled)


def transpose_rule(walk: Walk, eqn: Any, inputs: list[Value]) -> Value:
    """Another order of axes."""
    view, order = view_of(inputs), tuple(eqn.params["permutation"])
    scaled = frozenset(order.index(axis) for axis in view.scaled)
    return view.step(transposing(order), shape_of(eqn), scaled)


def broadcast_rule(walk: Walk, eqn: Any, inputs: list[Value]) -> Value:
    """A value repeated, or with axes of length 1."""
    view, shape, axes = view_of(inputs), shape_of(eqn), eqn.params["broadcast_dimensions"]
    if np.prod(shape) == np.prod(view.shape):
        return reshaped(view, shape)
    step = Move(lambda x: jax.lax.broadcast_in_dim(x, shape, axes))
    return view.step(step, shape, frozenset(axes[n] for n in view.scaled)).read_again()


def slice_rule(walk: Walk, eqn: Any, inputs: list[Value]) -> Value:
    """Some of the elements, in a box or in reverse: the equation itself, applied to one block at a time."""
    view, rest = _moved(eqn, inputs)
    return view.step(Move(lambda x: eqn.primitive.bind(x, *rest, **eqn.params)), shape_of(eqn), view.scaled)


def _moved(eqn: Any, inputs: list[Value]) -> tuple[View, list[Any]]:
    """The value that is moved, and by which indices."""
    view, *rest = inputs
    if not isinstance(view, View) or len(views_of(inputs)) > 1:
        raise unknown(eqn, "with indices that depend on the input")
    indices = [value.value for value in rest if isinstance(value, Known)]
    if any(isinstance(value, jax.ShapeDtypeStruct | jax.core.Tracer) for value in indices):
        raise unknown(eqn, "with indices that are parameters and have no value here")
    return view, indices


def gather_rule(walk: Walk, eqn: Any, inputs: list[Value]) -> Value:
    """Elements by index."""
    view, rest = _moved(eqn, inputs)
    step = Move(lambda x: eqn.primitive.bind(x, *rest, **eqn.params))
    scaled = frozenset(range(len(shape_of(eqn)))) if view.scaled else frozenset[int]()
    which = origin(view.shape, (step,))
    once = np.bincount(which[which > 0]).max(initial=0) <= 1
    taken = view.step(step, shape_of(eqn), scaled)
    return taken if once else taken.read_again()


def split_rule(walk: Walk, eqn: Any, inputs: list[Value]) -> list[Value]:
    """A value in parts along an axis."""
    view, axis = view_of(inputs), eqn.params["axis"]
    cuts = np.cumsum([0, *eqn.params["sizes"]]).tolist()
    parts: list[Value] = []
    for part, start, stop in zip(eqn.outvars, cuts, cuts[1:], strict=False):
        cut = functools.partial(jax.lax.slice_in_dim, start_index=start, limit_index=stop, axis=axis)
        parts.append(view.step(Move(cut), tuple(part.aval.shape), view.scaled))
    return parts


def pad_rule(walk: Walk, eqn: Any, inputs: list[Value]) -> Value:
    """What is padded, with zeros or with minus infinity for a maximum, is no node."""
    config = eqn.params["padding_config"]
    view = inputs[0]
    if not isinstance(view, View) or len(views_of(inputs)) > 1:
        raise unknown(eqn, "with a value that depends on the input")
    return view.step(Move(lambda x: jax.lax.pad(x, jnp.zeros((), x.dtype), config)), shape_of(eqn), view.scaled)


def concatenate_rule(walk: Walk, eqn: Any, inputs: list[Value]) -> Value:
    """Values side by side; constants among them are no nodes."""
    views = [
        v if isinstance(v, View) else View(tuple(atom.aval.shape), ())
        for v, atom in zip(inputs, eqn.invars, strict=True)
    ]
    return concatenated(views, eqn.params["dimension"], shape_of(eqn))
