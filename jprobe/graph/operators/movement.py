"""Operators that bring elements to other places: shapes, axes, slices, indices, pieces of a concatenation.

Most move an array of NumPy in NumPy: index arithmetic meets a new shape at every step, and JAX compiles each.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from jprobe.graph.constant import Constant
from jprobe.graph.operators.base import Carrier, Operator, Shape


@dataclass(frozen=True)
class Reshape(Carrier):
    """A change of shape in row-major order.

    Attributes:
        before: the shape.
        after: the new shape.

    Example:
        >>> Reshape((2, 3), (6,)).move(jnp.ones((2, 3))).shape
        (6,)
    """

    before: Shape
    after: Shape

    def move(self, x: Any) -> Any:
        """Reshape an array."""
        return x.reshape(self.after)

    def inverse(self) -> Carrier:
        """The change back."""
        return Reshape(self.after, self.before)


@dataclass(frozen=True)
class Transpose(Carrier):
    """A change of the order of axes.

    Attributes:
        order: number of the operand's axis for each axis of the result.

    Example:
        >>> Transpose((1, 0)).move(jnp.ones((2, 3))).shape
        (3, 2)
    """

    order: tuple[int, ...]

    def move(self, x: Any) -> Any:
        """Transpose an array."""
        return x.transpose(self.order)

    def inverse(self) -> Carrier:
        """The order before."""
        return Transpose(tuple(np.argsort(self.order).tolist()))

    def reading(self, place: "Place") -> tuple[Operator, tuple[Operator, ...]]:
        """A piece may be transposed before it is placed."""
        return self, (replace(place, axis=self.order.index(place.axis)),)


@dataclass(frozen=True)
class Broadcast(Carrier):
    """A value repeated along new or longer axes, ``lax.broadcast_in_dim``.

    Attributes:
        shape: of the result.
        axes: number of the result's axis for each axis of the operand.

    Example:
        >>> Broadcast((2, 3), (1,)).move(jnp.arange(3)).tolist()
        [[0, 1, 2], [0, 1, 2]]
    """

    shape: Shape
    axes: tuple[int, ...]

    def move(self, x: Any) -> Any:
        """Repeat an array."""
        if isinstance(x, np.ndarray):
            return np.broadcast_to(np.expand_dims(x, self._new), self.shape)
        return lax.broadcast_in_dim(x, self.shape, self.axes)

    @property
    def _new(self) -> Shape:
        return tuple(n for n in range(len(self.shape)) if n not in self.axes)


@dataclass(frozen=True)
class Pad(Carrier):
    """Zeros around and between elements, or elements cut off, ``lax.pad``; what is padded is no node.

    Attributes:
        config: (low, high, interior) of each axis.

    Example:
        >>> Pad(((1, 0, 1),)).move(jnp.array([5, 6])).tolist()
        [0, 5, 0, 6]
    """

    config: tuple[tuple[int, int, int], ...]

    def move(self, x: Any) -> Any:
        """Pad an array."""
        return _padded(x, self.config)


@dataclass(frozen=True)
class Select(Carrier):
    """Some of the elements, in any order: a slice, a gather, a reversed axis; the JAX primitive itself.

    Attributes:
        primitive: of JAX.
        params: its parameters, as (name, value), by name.
        indices: its operands after the array.

    Example:
        >>> Select(lax.rev_p, (("dimensions", (0,)),)).move(jnp.arange(3)).tolist()
        [2, 1, 0]
    """

    primitive: Any
    params: tuple[tuple[str, Any], ...]
    indices: tuple[Constant, ...] = ()

    def move(self, x: Any) -> Any:
        """Select elements of an array."""
        params = dict(self.params)
        if isinstance(x, np.ndarray) and self.primitive is lax.slice_p:
            steps = params["strides"] or (1,) * x.ndim
            return x[tuple(map(slice, params["start_indices"], params["limit_indices"], steps))]
        indices = (jnp.asarray(constant.array) for constant in self.indices)
        return self.primitive.bind(x, *indices, **params)


def sliced(start: Shape, limit: Shape) -> Select:
    """The elements from ``start`` up to ``limit`` along each axis.

    Example:
        >>> sliced((1,), (3,)).move(jnp.arange(4)).tolist()
        [1, 2]
    """
    return Select(lax.slice_p, (("limit_indices", limit), ("start_indices", start), ("strides", None)))


@dataclass(frozen=True)
class Place(Carrier):
    """An array within a larger one along one axis, as a piece of a concatenation.

    Attributes:
        axis: the axis.
        start: where it begins.
        length: its length along the axis.
        total: length of the larger array.

    Example:
        >>> Place(0, 1, 2, 4).move(jnp.array([5, 6])).tolist()
        [0, 5, 6, 0]
    """

    axis: int
    start: int
    length: int
    total: int

    def move(self, x: Any) -> Any:
        """Surround an array by zeros."""
        config = [(0, 0, 0)] * x.ndim
        config[self.axis] = (self.start, self.total - self.start - self.length, 0)
        return _padded(x, config)

    @property
    def keeps(self) -> bool:
        """Every element arrives, once."""
        return True


def _padded(x: Any, config: Sequence[tuple[int, int, int]]) -> Any:
    """``lax.pad`` with zeros."""
    if not isinstance(x, np.ndarray) or not config:
        return lax.pad(x, jnp.zeros((), x.dtype), config)
    wide = [max(n + (n - 1) * between, 0) for n, (_, _, between) in zip(x.shape, config, strict=True)]
    spread = np.zeros(wide, x.dtype)
    spread[tuple(slice(None, None, between + 1) for _, _, between in config)] = x
    padded = np.pad(spread, [(max(low, 0), max(high, 0)) for low, high, _ in config])
    cut = [(max(-low, 0), n - max(-high, 0)) for n, (low, high, _) in zip(padded.shape, config, strict=True)]
    return padded[tuple(slice(*ends) for ends in cut)]
