"""What the rules for the equations of a jaxpr are given, and what they say when there is no rule."""

from collections.abc import Hashable
from typing import Any, NamedTuple

from jax.extend import core

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


# "remat2" is what jax.checkpoint makes.
CALLS = ("jit", "pjit", "closed_call", "core_call", "remat2", "checkpoint", "custom_jvp_call", "custom_vjp_call")


def body_of(eqn: Any) -> core.ClosedJaxpr | None:
    """The jaxpr that a call runs; None for an equation that is no call."""
    if eqn.primitive.name not in CALLS:
        return None
    body = eqn.params["call_jaxpr" if "call_jaxpr" in eqn.params else "jaxpr"]
    return core.ClosedJaxpr(body, ()) if isinstance(body, core.Jaxpr) else body


def operation_of(eqn: Any) -> Hashable:
    """What an equation does with its inputs; equal for two equations only if they do the same."""
    return eqn.primitive.name, tuple((name, _identity(eqn.params[name])) for name in sorted(eqn.params))


def _identity(value: Any) -> Hashable:
    if isinstance(value, tuple | list):
        return tuple(map(_identity, value))
    # The text of a function does not show the arrays that it holds, and that of an array not all of its numbers.
    if isinstance(value, core.ClosedJaxpr | core.Jaxpr) or hasattr(value, "__array__"):
        return id(value)
    return str(value)


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
