"""The elementary linear maps that a link between two blocks of nodes is made of.

A step maps one array to one array, linearly. Data movement has no weights; a convolution, a product, a pool or a
list of edges has.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jprobe.graph.local import Local

Weights = Sequence[Any]


@dataclass(frozen=True, eq=False)
class Move:
    """Data movement: reshape, transpose, slice, gather; every output element is one input element, or none.

    Attributes:
        move: the function; zero stays zero.
        permutation: the order of axes, for a plain transpose.
        back: the inverse, where it only rearranges.
    """

    move: Callable[[jax.Array], jax.Array]
    permutation: tuple[int, ...] | None = None
    back: Callable[[jax.Array], jax.Array] | None = None

    def __call__(self, x: jax.Array, weights: Weights) -> jax.Array:
        """Move the elements of an array."""
        return self.move(x)


@dataclass(frozen=True, eq=False)
class Place:
    """Put an array into a larger one along one axis, as a piece of a concatenation.

    Attributes:
        axis: the axis.
        start: where it begins.
        length: its length along the axis.
        total: length of the larger array.
    """

    axis: int
    start: int
    length: int
    total: int

    def __call__(self, x: jax.Array, weights: Weights) -> jax.Array:
        """Surround an array by zeros."""
        config = [(0, 0, 0)] * x.ndim
        config[self.axis] = (self.start, self.total - self.start - self.length, 0)
        return lax.pad(x, jnp.zeros((), x.dtype), config)


@dataclass(frozen=True, eq=False)
class Scale:
    """Multiply by constants: a sign, or the factors of a normalisation.

    Attributes:
        weight: index of the factors; they broadcast against the array.
    """

    weight: int

    def __call__(self, x: jax.Array, weights: Weights) -> jax.Array:
        """Multiply an array."""
        return x * weights[self.weight].astype(x.dtype)


@dataclass(frozen=True, eq=False)
class Conv:
    """Convolution, ``lax.conv_general_dilated``.

    Attributes:
        weight: index of the kernel.
        options: its keyword arguments.
        features: (start, size) along the kernel's input-feature axis, where only these inputs are there.
    """

    weight: int
    options: dict[str, Any]
    features: tuple[int, int] | None = None

    def kernel(self, kernel: Any) -> Any:
        """The part of the kernel that reads these inputs."""
        if self.features is None:
            return kernel
        axis = self.options["dimension_numbers"].rhs_spec[1]
        return lax.slice_in_dim(kernel, self.features[0], sum(self.features), axis=axis)

    def __call__(self, x: jax.Array, weights: Weights) -> jax.Array:
        """Convolve an array."""
        kernel = self.kernel(weights[self.weight]).astype(x.dtype)
        return lax.conv_general_dilated(x, kernel, **self.options)


@dataclass(frozen=True, eq=False)
class Dot:
    """Product with a matrix, ``lax.dot_general``.

    Attributes:
        weight: index of the matrix (or of an array with more axes).
        numbers: its dimension numbers, the weights' first where ``weights_left``.
        weights_left: whether the weights are the left operand.
        features: (start, size) along the one contracted axis of the weights, where only these inputs are there.
    """

    weight: int
    numbers: Any
    weights_left: bool
    features: tuple[int, int] | None = None

    def matrix(self, matrix: Any) -> Any:
        """The part of the weights that reads these inputs."""
        if self.features is None:
            return matrix
        axis = self.numbers[0][0 if self.weights_left else 1][0]
        return lax.slice_in_dim(matrix, self.features[0], sum(self.features), axis=axis)

    def __call__(self, x: jax.Array, weights: Weights) -> jax.Array:
        """Multiply an array."""
        matrix = self.matrix(weights[self.weight]).astype(x.dtype)
        left, right = (matrix, x) if self.weights_left else (x, matrix)
        return lax.dot_general(left, right, self.numbers)


@dataclass(frozen=True, eq=False)
class Pool:
    """Sum over windows, each edge of weight 0.01 / p for a p x p window (paper 2, D.1), of maxima and means alike.

    Attributes:
        window: its size along every axis.
        strides: its steps.
        padding: (low, high) along every axis; what lies there is no node.
        dilation: distance of its elements.
        maximum: whether it is a maximum, of which one input leaves the edges from the largest elements alone.
        seen: indices of what the maximum was taken of for one input, and of its result; None: all edges are there.
    """

    window: tuple[int, ...]
    strides: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    maximum: bool
    seen: tuple[int, int] | None = None

    @property
    def edge(self) -> float:
        """Weight of each edge."""
        return 0.01 / math.sqrt(math.prod(self.window))

    def __call__(self, x: jax.Array, weights: Weights) -> jax.Array:
        """Sum an array over windows."""
        if self.seen is not None:
            return self._largest(x, weights[self.seen[0]], weights[self.seen[1]]) * jnp.asarray(self.edge, x.dtype)
        # The start must be a NumPy zero: of an array JAX could not tell that this is a sum, and so its transpose.
        zero = np.zeros((), x.dtype)
        total = lax.reduce_window(
            x, zero, lax.add, self.window, self.strides, self.padding, window_dilation=self.dilation
        )
        return total * jnp.asarray(self.edge, x.dtype)

    def _largest(self, x: jax.Array, seen: jax.Array, result: jax.Array) -> jax.Array:
        """Sum over those elements of each window that hold its maximum."""
        config = [(low, high, 0) for low, high in self.padding]
        wide, of = lax.pad(x, jnp.zeros((), x.dtype), config), lax.pad(seen, jnp.array(-jnp.inf, seen.dtype), config)
        total = jnp.zeros(result.shape, x.dtype)
        for tap in itertools.product(*map(range, self.window)):
            start = [t * d for t, d in zip(tap, self.dilation, strict=True)]
            stop = [a + (n - 1) * s + 1 for a, n, s in zip(start, result.shape, self.strides, strict=True)]
            here = lax.slice(of, start, stop, self.strides) == result
            total += jnp.where(here, lax.slice(wide, start, stop, self.strides), 0)
        return total


Step = Move | Place | Scale | Conv | Dot | Pool | Local
Weighted = Conv | Dot | Pool | Local


def then(steps: tuple[Step, ...], step: Step) -> tuple[Step, ...]:
    """``steps`` followed by ``step``, with a placement moved behind it where that saves work.

    A piece of a concatenation is read by its own part of a kernel, not by the whole kernel among zeros.
    """
    if not steps or not isinstance(place := steps[-1], Place):
        return (*steps, step)
    if isinstance(step, Move) and step.permutation is not None:
        return (*then(steps[:-1], step), replace(place, axis=step.permutation.index(place.axis)))
    if isinstance(step, Conv | Dot) and _reads_along(step, place.axis):
        return (*steps[:-1], replace(step, features=(place.start, place.length)))
    if isinstance(step, Pool) and _leaves(step, place.axis):
        return (*then(steps[:-1], step), place)
    return (*steps, step)


def reshaping(before: tuple[int, ...], after: tuple[int, ...]) -> Move:
    """A change of shape in row-major order."""
    return Move(lambda x: jnp.reshape(x, after), back=lambda x: jnp.reshape(x, before))


def transposing(order: tuple[int, ...]) -> Move:
    """A change of the order of axes."""
    back = tuple(np.argsort(order).tolist())
    return Move(lambda x: jnp.transpose(x, order), order, lambda x: jnp.transpose(x, back))


def reversible(steps: Sequence[Step]) -> bool:
    """Whether the steps only rearrange an array."""
    return all(isinstance(step, Move) and step.back is not None for step in steps)


def reversed_steps(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The way back through reversible steps."""
    return tuple(Move(step.back, back=step.move) for step in steps[::-1] if isinstance(step, Move) and step.back)


def _reads_along(step: Conv | Dot, axis: int) -> bool:
    """Whether the axis is the one along which all weights of an output are summed over."""
    if step.features is not None:
        return False
    if isinstance(step, Conv):
        numbers = step.options["dimension_numbers"]
        return bool(step.options["feature_group_count"] == 1 and numbers.lhs_spec[1] == axis)
    return tuple(step.numbers[0][1 if step.weights_left else 0]) == (axis,)


def _leaves(pool: Pool, axis: int) -> bool:
    """Whether a pool leaves an axis as it is."""
    return pool.window[axis] == pool.strides[axis] == 1 and pool.padding[axis] == (0, 0)
