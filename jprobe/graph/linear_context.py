"""What the rules for a derivative's equations share: what they are given, and what they say when there is no rule."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from jprobe.errors import UnsupportedDerivativeError
from jprobe.graph.source import line_of
from jprobe.graph.tape import Tangent, Tape
from jprobe.graph.views import Known

Values = list[Any]

Rule = Callable[[Tape, Any, Values], Tangent | list[Tangent]]


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


def tangent_of(values: Values) -> Tangent:
    """The first of the inputs that depends on the change of the network's input."""
    return next(value for value in values if isinstance(value, Tangent))


def only(eqn: Any, values: Values) -> Tangent:
    """The first value, the one tangent there is."""
    if not isinstance(values[0], Tangent) or any(isinstance(value, Tangent) for value in values[1:]):
        raise refused(eqn, "is known only where its first operand alone depends on the input")
    return values[0]


def tangents_of(eqn: Any, values: Values) -> list[Tangent]:
    """The summands that are tangents; others are the zeros that JAX writes out."""
    for value in values:
        if isinstance(value, Known) and np.any(np.asarray(value.value)):
            raise refused(eqn, "adds a constant, so that it is not linear")
    return [value for value in values if isinstance(value, Tangent)]
