"""What the rules for the equations of a jaxpr are given, and what they say when there is no rule."""

from typing import Any, NamedTuple

from jprobe.errors import UnsupportedOperationError
from jprobe.graph.activations import Activations
from jprobe.graph.building import Builder
from jprobe.graph.views import Value, View


class Walk(NamedTuple):
    """What the rules share.

    Attributes:
        builder: the graph so far.
        fold_bn: whether multiplication by arrays multiplies the edges.
        seen: what the nodes hold, where the network is run on an input while it is read.
    """

    builder: Builder
    fold_bn: bool
    seen: Activations | None = None


def unknown(eqn: Any, why: str = "") -> UnsupportedOperationError:
    """The error that says which operation has no place in a graph; the walk adds where it stands."""
    return UnsupportedOperationError(eqn.primitive.name, why=why)


def view_of(inputs: list[Value]) -> View:
    """The first of the inputs that depends on the network's."""
    return next(value for value in inputs if isinstance(value, View))


def views_of(inputs: list[Value]) -> list[View]:
    """Those of the inputs that depend on the network's."""
    return [value for value in inputs if isinstance(value, View)]


def shape_of(eqn: Any) -> tuple[int, ...]:
    """Shape of an equation's result."""
    return tuple(eqn.outvars[0].aval.shape)


def grown(view: View, eqn: Any) -> View:
    """A value as an equation with constants returns it, which must not be larger."""
    if view.shape != shape_of(eqn):
        raise unknown(eqn, "that repeats its input over a larger constant")
    return view


def layer_of(eqn: Any) -> str:
    """Name of the layer that an equation belongs to, without the module's own."""
    words = [w for w in str(eqn.source_info.name_stack).split("/") if w and "(" not in w]
    return "/".join(words[1:])
