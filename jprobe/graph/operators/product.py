"""Products with a matrix, or with an array of more axes."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jprobe.errors import ArgumentError
from jprobe.graph.edges import Edges
from jprobe.graph.operators.base import Layer, Operator, Run, Shape, Unshared, Weights
from jprobe.graph.operators.locally_connected import LocallyConnected
from jprobe.graph.operators.movement import Place, Reshape, Transpose


@dataclass(frozen=True)
class Dot(Layer):
    """Product with a matrix, ``lax.dot_general``.

    Attributes:
        weight: index of the matrix (or of an array with more axes).
        numbers: its dimension numbers, the weights' first where ``weights_left``.
        weights_left: whether the weights are the left operand.
        features: (start, size) along the one contracted axis of the weights, where only these inputs are there.
        unsigned: whether weights count without their signs.

    Example:
        >>> layer, weights = Dot(0, (((0,), (0,)), ((), ())), weights_left=False), [jnp.array([[1.0, -2.0]])]
        >>> layer(jnp.array([3.0]), weights).tolist(), layer.fans(weights)
        ([3.0, -6.0], {0: (1, 2)})
    """

    weight: int
    numbers: tuple[tuple[tuple[int, ...], tuple[int, ...]], tuple[tuple[int, ...], tuple[int, ...]]]
    weights_left: bool
    features: tuple[int, int] | None = None
    unsigned: bool = False

    @property
    def _sides(self) -> tuple[int, int]:
        """Which operand the weights are, and which the input."""
        return (0, 1) if self.weights_left else (1, 0)

    def matrix(self, weights: Weights) -> Any:
        """The part of the weights that reads these inputs."""
        matrix = weights[self.weight]
        if self.features is not None:
            axis = self.numbers[0][self._sides[0]][0]
            matrix = lax.slice_in_dim(matrix, self.features[0], sum(self.features), axis=axis)
        return jnp.abs(matrix) if self.unsigned else matrix

    def __call__(self, x: jax.Array, weights: Weights) -> jax.Array:
        """Multiply an array."""
        matrix = self.matrix(weights).astype(x.dtype)
        left, right = (matrix, x) if self.weights_left else (x, matrix)
        return lax.dot_general(left, right, self.numbers, precision=lax.Precision.HIGHEST)

    def absolute(self) -> "Dot":
        """Product with the absolute values."""
        return replace(self, unsigned=True)

    def reading(self, place: Place) -> tuple[Operator, tuple[Operator, ...]] | None:
        """A piece along the contracted axis is read by its part of the matrix."""
        if self.features is not None or tuple(self.numbers[0][self._sides[1]]) != (place.axis,):
            return None
        return replace(self, features=(place.start, place.length)), ()

    def entries(self, shape: Shape, weights: Weights) -> Iterator[Edges]:
        """One edge for each weight and each place along the input's own axes."""
        (contract, batch), (mine, theirs) = self.numbers, self._sides
        matrix = np.asarray(self.matrix(weights), np.float64)
        read = np.arange(math.prod(shape)).reshape(shape)
        order = lambda x, side: [*batch[side], *self._free(x.ndim, side), *contract[side]]  # noqa: E731
        shared, inner = len(batch[0]), len(contract[0])
        m, x = matrix.transpose(order(matrix, mine)), read.transpose(order(read, theirs))
        groups, depth = math.prod(m.shape[:shared]), math.prod(m.shape[m.ndim - inner :])
        m, x = m.reshape(groups, -1, depth), x.reshape(groups, -1, depth)
        made = np.arange(groups * m.shape[1] * x.shape[1]).reshape(
            (groups, m.shape[1], x.shape[1]) if self.weights_left else (groups, x.shape[1], m.shape[1])
        )
        if not self.weights_left:
            made = made.swapaxes(1, 2)
        target, source, weight = np.broadcast_arrays(made[:, :, :, None], x[:, None], m[:, :, None])
        yield Edges(source.ravel(), target.ravel(), weight.ravel())

    def count(self, there: np.ndarray, weights: Weights) -> int:
        """Each input has an edge to every unit."""
        return int(there.sum()) * math.prod(
            size for n, size in enumerate(weights[self.weight].shape) if n in self._free_of_weights(weights)
        )

    def _free_of_weights(self, weights: Weights) -> list[int]:
        return self._free(len(weights[self.weight].shape), self._sides[0])

    def _free(self, axes: int, side: int) -> list[int]:
        """Axes of an operand that are neither contracted nor shared."""
        contract, batch = self.numbers
        return [n for n in range(axes) if n not in contract[side] and n not in batch[side]]

    def fans(self, weights: Weights) -> dict[int, tuple[int, int]]:
        """Lengths of the contracted axes, and of the weights' own."""
        shape, (contract, batch), mine = weights[self.weight].shape, self.numbers, self._sides[0]
        fan_in = math.prod(shape[n] for n in contract[mine])
        return {self.weight: (fan_in, math.prod(shape) // (fan_in * math.prod(shape[n] for n in batch[mine])))}

    def unshared(self, shape: Shape, weights: Weights) -> Unshared:
        """One run, which repeats the matrix at every place along the input's other axes."""
        (contract, batch), (mine, theirs) = self.numbers, self._sides
        if batch[0]:
            raise ArgumentError("Edges are shuffled over products of one matrix; this network has one of several.")
        summed, other = tuple(contract[theirs]), tuple(self._free(len(shape), theirs))
        features, rest = math.prod(shape[n] for n in summed), tuple(shape[n] for n in other)
        places = math.prod(rest)
        size = features * math.prod(weights[self.weight].shape[n] for n in self._free_of_weights(weights))
        result = self.result(shape, weights)

        def tables(weights: Weights) -> list[jax.Array]:
            return [jnp.moveaxis(self.matrix(weights), contract[mine], range(len(summed))).ravel()]

        def operators(runs: Sequence[Run]) -> tuple[Operator, ...]:
            first = Transpose((*summed, *other))
            whole = (slice(0, places, 1),)
            local = LocallyConnected(((whole, whole),), (1, size // features, places), 1, tuple(runs))
            # [1, units, places] in the order that the product has them.
            units = size // features
            if self.weights_left:
                last: tuple[Operator, ...] = (Reshape((1, units, places), result),)
            else:
                last = (Transpose((0, 2, 1)), Reshape((1, places, units), result))
            return first, Reshape((*(shape[n] for n in summed), *rest), (1, features, places)), local, *last

        return Unshared([places * size], [size], tables, operators)
