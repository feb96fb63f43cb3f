"""Sums over whole axes."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import jax
import numpy as np

from jprobe.graph.edges import Edges
from jprobe.graph.operators.base import Layer, Shape, Weights


@dataclass(frozen=True)
class Total(Layer):
    """Sum over axes, each edge of weight 1.

    Attributes:
        axes: those that are summed over.

    Example:
        >>> import jax.numpy as jnp
        >>> Total((0,))(jnp.ones((3, 2)), []).tolist()
        [3.0, 3.0]
    """

    axes: tuple[int, ...]

    def __call__(self, x: jax.Array, weights: Weights) -> jax.Array:
        """Sum an array."""
        return x.sum(self.axes)

    def entries(self, shape: Shape, weights: Weights) -> Iterator[Edges]:
        """One edge for each input."""
        kept = [1 if n in self.axes else size for n, size in enumerate(shape)]
        target = np.broadcast_to(np.arange(math.prod(kept)).reshape(kept), shape).ravel()
        yield Edges(np.arange(target.size), target, np.ones(target.size))

    def count(self, there: np.ndarray, weights: Weights) -> int:
        """One edge for each input."""
        return int(there.sum())
