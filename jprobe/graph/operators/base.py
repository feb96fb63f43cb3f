"""What every linear map between tensors offers; a new one is one class that implements this.

A link between two blocks of nodes is a chain of operators: carriers, which bring elements from place to place, around
one layer at most, which has the edges.
"""

import abc
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import jax
import numpy as np

from jprobe.graph.edges import Edges

if TYPE_CHECKING:
    from jprobe.graph.operators.movement import Place

Weights = Sequence[Any]
Shape = tuple[int, ...]


class Operator(abc.ABC):
    """A linear map from one array to one array.

    Operators are values: frozen, hashable, and equal where they do the same to the same weights. They hold indices of
    weights, not weights, so that compiled code serves all weights of one shape.

    Example:
        >>> import jax.numpy as jnp
        >>> from jprobe.graph.operators import Dot
        >>> product = Dot(0, (((0,), (0,)), ((), ())), weights_left=False)
        >>> weights = [jnp.array([[1.0, -2.0]])]
        >>> product(jnp.array([3.0]), weights).tolist(), product.result((1,), weights)
        ([3.0, -6.0], (2,))
        >>> product.transpose(jnp.array([1.0, 1.0]), (1,), weights).tolist()
        [-1.0]
        >>> product.absolute()(jnp.array([3.0]), weights).tolist()
        [3.0, 6.0]
    """

    @abc.abstractmethod
    def __call__(self, x: jax.Array, weights: Weights) -> jax.Array:
        """Apply the map.

        Args:
            x: the operand.
            weights: the graph's.
        """

    def transpose(self, y: jax.Array, shape: Shape, weights: Weights) -> jax.Array:
        """Apply the transposed map, to an array of the result's shape.

        Args:
            y: [*result].
            shape: of the operand.
            weights: the graph's.
        """
        return jax.linear_transpose(lambda x: self(x, weights), jax.ShapeDtypeStruct(shape, y.dtype))(y)[0]

    def result(self, shape: Shape, weights: Weights) -> Shape:
        """Shape of the result, from that of the operand; of weights the shapes are enough."""
        shapes = [jax.ShapeDtypeStruct(w.shape, w.dtype) for w in weights]
        return jax.eval_shape(self, jax.ShapeDtypeStruct(shape, np.float32), shapes).shape

    def absolute(self) -> Self:
        """The operator of the absolute values of the same weights."""
        return self

    def reading(self, place: "Place") -> "tuple[Operator, tuple[Operator, ...]] | None":
        """The same as ``place`` and then this, with less work, where there is such a way.

        A piece of a concatenation is read by its own part of a kernel, not by the whole kernel among zeros.

        Returns:
            The operator that reads the piece itself, and what comes after it; None where the piece must be placed.
        """
        return None


class Carrier(Operator):
    """An operator that brings elements to places: every element of the result is one of the operand's, or none.

    Example:
        >>> from jprobe.graph.operators import Reshape
        >>> Reshape((2, 3), (6,)).inverse()
        Reshape(before=(6,), after=(2, 3))
    """

    @abc.abstractmethod
    def move(self, x: Any) -> Any:
        """The elements in their places, without the factors that the operator may multiply them by.

        Args:
            x: an array of JAX, or of NumPy, which most operators move in NumPy.
        """

    def __call__(self, x: jax.Array, weights: Weights) -> jax.Array:
        """Move the elements of an array."""
        return self.move(x)

    def inverse(self) -> "Carrier | None":
        """The way back, where the operator only rearranges; None where elements are lost, repeated or changed."""
        return None

    @property
    def keeps(self) -> bool:
        """Whether every element of the operand arrives, once."""
        return self.inverse() is not None

    @property
    def has_factors(self) -> bool:
        """Whether elements are multiplied on the way."""
        return False


class Layer(Operator):
    """An operator that has edges: many elements of the operand meet in one of the result.

    ``entries`` and ``count`` are index arithmetic and never run the map, so that each can be tested against the other.

    Example:
        >>> from jprobe.graph.operators import Pool
        >>> pairs = Pool((2,), (2,), ((0, 0),), (1,))
        >>> [(some.source.tolist(), some.target.tolist()) for some in pairs.entries((4,), [])]
        [([0, 2], [0, 1]), ([1, 3], [0, 1])]
        >>> pairs.count(np.array([True, True, True, False]), [])
        3
    """

    @abc.abstractmethod
    def entries(self, shape: Shape, weights: Weights) -> Iterator[Edges]:
        """The edges, in portions: sources are elements of the operand, targets of the result, in row-major order.

        Args:
            shape: of the operand.
            weights: the graph's.
        """

    @abc.abstractmethod
    def count(self, there: np.ndarray, weights: Weights) -> int:
        """Exact number of edges, those of weight zero among them.

        Args:
            there: bool, of the operand's shape: which elements are nodes. Others have no edges.
            weights: the graph's; their shapes are enough.
        """

    def fans(self, weights: Weights) -> dict[int, tuple[int, int]]:
        """Of each trained weight (inputs of a unit, units that an input reaches), as initialisers count them."""
        return {}

    def unshared(self, shape: Shape, weights: Weights) -> "Unshared | None":
        """How the same edges look with a weight of their own each; None where they are no trained weights.

        Args:
            shape: of the operand.
            weights: the graph's; their shapes are enough.

        Raises:
            ArgumentError: there is no such layer.
        """
        return None


class Run(abc.ABC):
    """Where the weights of some edges come from, a weight for each edge.

    Example:
        >>> import jax.numpy as jnp
        >>> from jprobe.graph.operators import Stored
        >>> Stored(0, 3).read([jnp.arange(3)]).tolist()
        [0, 1, 2]
    """

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """Number of edges."""

    @abc.abstractmethod
    def read(self, weights: Weights) -> jax.Array:
        """Their weights [size], in order."""


class Unshared(NamedTuple):
    """A layer whose edges get weights of their own, in runs; in a run the layer repeats some of its weights.

    Attributes:
        counts: number of edges of each run.
        sizes: number of weights that each run repeats: edge e of a run has weight e modulo this.
        tables: the graph's weights -> those of each run.
        operators: the weights' sources, one for each run -> operators that do what the layer does.

    Example:
        >>> from jprobe.graph.operators import Dot
        >>> product = Dot(0, (((1,), (0,)), ((), ())), weights_left=False)
        >>> each = product.unshared((5, 3), [np.ones((3, 4))])
        >>> each.counts, each.sizes
        ([60], [12])
    """

    counts: list[int]
    sizes: list[int]
    tables: Callable[[Weights], list[jax.Array]]
    operators: Callable[[Sequence[Run]], tuple[Operator, ...]]
