"""Elements brought from place to place by a list of their numbers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.graph.constant import Constant
from jprobe.graph.edges import Edges
from jprobe.graph.operators.base import Carrier, Layer, Shape, Weights


@dataclass(frozen=True)
class Take(Carrier):
    """Elements by number, as what a maximum over windows takes at one input.

    Attributes:
        numbers: int32 [*result], which element of the operand lies there, numbered from 1 in row-major order; 0: none.

    Example:
        >>> Take(Constant(np.array([2, 0, 2], np.int32))).move(jnp.array([5.0, 7.0])).tolist()
        [7.0, 0.0, 7.0]
    """

    numbers: Constant

    def move(self, x: Any) -> Any:
        """Take elements of an array."""
        numbers = self.numbers.array
        return jnp.where(numbers > 0, x.ravel()[np.maximum(numbers - 1, 0)], 0)


@dataclass(frozen=True)
class Scatter(Layer):
    """Elements added up in places that are numbered, as the messages that reach a node; each edge of weight 1.

    Attributes:
        numbers: int32 [*operand], to which element of the result each is added, numbered from 1; 0: to none.
        shape: of the result.

    Example:
        >>> Scatter(Constant(np.array([2, 0, 2], np.int32)), (2,))(jnp.array([1.0, 2.0, 3.0]), []).tolist()
        [0.0, 4.0]
    """

    numbers: Constant
    shape: Shape

    def __call__(self, x: jax.Array, weights: Weights) -> jax.Array:
        """Add up the elements of an array."""
        size = int(np.prod(self.shape))
        return jnp.zeros(size + 1, x.dtype).at[self.numbers.array.ravel()].add(x.ravel())[1:].reshape(self.shape)

    def entries(self, shape: Shape, weights: Weights) -> Iterator[Edges]:
        """One edge for each element that is added."""
        target = self.numbers.array.ravel().astype(np.int64)
        source = np.flatnonzero(target)
        yield Edges(source, target[source] - 1, np.ones(source.size))

    def count(self, there: np.ndarray, weights: Weights) -> int:
        """One edge for each element that is added."""
        return int((there & (self.numbers.array > 0)).sum())
