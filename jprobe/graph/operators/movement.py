"""Operators that bring elements to other places: shapes, axes, slices, indices, pieces of a concatenation."""

from dataclasses import dataclass, replace
from typing import Any

import jax
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

    def move(self, x: jax.Array) -> jax.Array:
        """Reshape an array."""
        return jnp.reshape(x, self.after)

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

    def move(self, x: jax.Array) -> jax.Array:
        """Transpose an array."""
        return jnp.transpose(x, self.order)

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

    def move(self, x: jax.Array) -> jax.Array:
        """Repeat an array."""
        return lax.broadcast_in_dim(x, self.shape, self.axes)


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

    def move(self, x: jax.Array) -> jax.Array:
        """Pad an array."""
        return lax.pad(x, jnp.zeros((), x.dtype), self.config)


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

    def move(self, x: jax.Array) -> jax.Array:
        """Select elements of an array."""
        indices = (jnp.asarray(constant.array) for constant in self.indices)
        return self.primitive.bind(x, *indices, **dict(self.params))


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

    def move(self, x: jax.Array) -> jax.Array:
        """Surround an array by zeros."""
        config = [(0, 0, 0)] * x.ndim
        config[self.axis] = (self.start, self.total - self.start - self.length, 0)
        return lax.pad(x, jnp.zeros((), x.dtype), config)

    @property
    def keeps(self) -> bool:
        """Every element arrives, once."""
        return True
