"""Pools, whose edges all have one weight."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jprobe.graph.edges import Edges
from jprobe.graph.operators.base import Layer, Operator, Shape, Weights
from jprobe.graph.operators.movement import Place
from jprobe.graph.operators.window_sums import Windows
from jprobe.graph.operators.windows import Tap, taps

# Elements of a window, up to which sums are written out; a program grows with them.
WRITTEN_OUT = 32


@dataclass(frozen=True)
class Pool(Layer):
    """Sum over windows, each edge of weight 0.01 / p for a p x p window (paper 2, D.1), of maxima and means alike.

    The edges of a plain sum, which is no mean, have weight 1.

    Attributes:
        window: its size along every axis.
        strides: its steps.
        padding: (low, high) along every axis; what lies there is no node.
        dilation: distance of its elements.
        maximum: which of the network's maxima it is, of which one input leaves the edges from the largest elements
            alone; None for a mean or a sum.
        seen: indices of what the maximum was taken of for one input, and of its result; None: all edges are there.
        plain: whether it is a sum that nothing has divided by its number of terms.

    Example:
        >>> [round(y, 6) for y in Pool((4,), (4,), ((0, 0),), (1,))(jnp.ones(8), []).tolist()]
        [0.02, 0.02]
    """

    window: tuple[int, ...]
    strides: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    maximum: int | None = None
    seen: tuple[int, int] | None = None
    plain: bool = False

    @property
    def edge_weight(self) -> float:
        """Weight of each edge."""
        return 1.0 if self.plain else 0.01 / math.sqrt(math.prod(self.window))

    def terms(self, shape: Shape) -> np.ndarray:
        """How many inputs each window holds, [*result], padding apart.

        Args:
            shape: of the operand.
        """
        made = np.zeros(self.result(shape, ()), np.int64)
        for tap in self._taps(shape):
            made[tap.outputs] += 1
        return made

    def __call__(self, x: jax.Array, weights: Weights) -> jax.Array:
        """Sum an array over windows."""
        if self.seen is not None:
            total = self._largest(x, weights[self.seen[0]], weights[self.seen[1]])
            return total * jnp.asarray(self.edge_weight, x.dtype)
        if self._few:
            total = self._windows.sums(x)
        else:
            # The start must be a NumPy zero: of an array JAX could not tell that this is a sum, and so its transpose.
            zero = np.zeros((), x.dtype)
            total = lax.reduce_window(
                x, zero, lax.add, self.window, self.strides, self.padding, window_dilation=self.dilation
            )
        return total * jnp.asarray(self.edge_weight, x.dtype)

    def transpose(self, y: jax.Array, shape: Shape, weights: Weights) -> jax.Array:
        """To each element the sum over the windows that hold it."""
        if self.seen is not None or not self._few:
            return super().transpose(y, shape, weights)
        return self._windows.spread(y * jnp.asarray(self.edge_weight, y.dtype), shape)

    @property
    def _windows(self) -> Windows:
        return Windows(self.window, self.strides, self.padding, self.dilation)

    @property
    def _few(self) -> bool:
        """Whether a window has so few elements, and steps, that they are written out."""
        return max(math.prod(self.window), math.prod(self.strides)) <= WRITTEN_OUT

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

    def reading(self, place: Place) -> tuple[Operator, tuple[Operator, ...]] | None:
        """A piece along an axis that the pool leaves as it is may be pooled before it is placed."""
        axis = place.axis
        if self.window[axis] == self.strides[axis] == 1 and self.padding[axis] == (0, 0):
            return self, (place,)
        return None

    def entries(self, shape: Shape, weights: Weights) -> Iterator[Edges]:
        """One edge for each input in each window, or for each that is its maximum."""
        result = self.result(shape, weights)
        read, made = (np.arange(math.prod(s)).reshape(s) for s in (shape, result))
        for tap in self._taps(shape):
            source, target = read[tap.inputs].ravel(), made[tap.outputs].ravel()
            if self.seen is not None:
                seen, largest = (np.asarray(weights[n]).ravel() for n in self.seen)
                kept = seen[source] == largest[target]
                source, target = source[kept], target[kept]
            yield Edges(source, target, np.full(target.size, self.edge_weight))

    def count(self, there: np.ndarray, weights: Weights) -> int:
        """One edge for each input in each window, whether or not it is the maximum."""
        return sum(int(there[tap.inputs].sum()) for tap in self._taps(there.shape))

    def _taps(self, shape: Shape) -> Iterator[Tap]:
        return taps(shape, self.window, self.strides, self.padding, self.dilation, [1] * len(shape))
