"""The edges of an operator that can only multiply."""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.errors import ArgumentError
from jprobe.graph.block import Block
from jprobe.graph.constant import Constant
from jprobe.graph.edges import Edges
from jprobe.graph.operators import Weights


@dataclass(frozen=True)
class Matvec:
    """A function s -> A s without the arrays that it reads.

    Attributes:
        tree: the function as a pytree; its leaves are among the graph's weights.
        first: index of the first of them.
        shape: of s.

    Example:
        >>> leaves, tree = jax.tree.flatten(jax.tree_util.Partial(jnp.multiply, jnp.array([2.0, 3.0])))
        >>> Matvec(tree, 0, (2,))(jnp.ones(2), leaves).tolist()
        [2.0, 3.0]
    """

    tree: Any
    first: int
    shape: tuple[int, ...]

    def __call__(self, s: jax.Array, weights: Weights) -> jax.Array:
        """A s of a flat s, in its precision."""
        function = jax.tree.unflatten(self.tree, weights[self.first : self.first + self.tree.num_leaves])
        # Certificates and local minima rest on row sums that the default precision of accelerators does not give.
        with jax.default_matmul_precision("highest"):
            return function(s.reshape(self.shape)).reshape(-1).astype(s.dtype)


@dataclass(frozen=True)
class MatvecEdges:
    """The edges of a symmetric operator A_u that can only multiply; each counts half in either direction.

    A block's row sums take one product with the whole operator.

    Attributes:
        signed: s -> A_u s.
        unsigned: s -> |A_u| s.
        offsets: where each block begins among all nodes.
        order: node number, in the caller's numbering, of each node in the order of blocks; None: the same.

    Example:
        >>> from jprobe.graph import from_matvec
        >>> ring = lambda s: jnp.roll(s, 1) + jnp.roll(s, -1)
        >>> graph = from_matvec(ring, 6, colors=[0, 1, 0, 1, 0, 1], absolute=ring)
        >>> [row.tolist() for row in graph.product(graph.ones())]
        [[2.0, 2.0, 2.0], [2.0, 2.0, 2.0]]
    """

    signed: Matvec
    unsigned: Matvec
    offsets: tuple[int, ...]
    order: Constant | None = None

    @property
    def sources(self) -> range:
        """Edges may leave every block."""
        return range(len(self.offsets) - 1)

    @property
    def targets(self) -> range:
        """Edges may enter every block."""
        return range(len(self.offsets) - 1)

    @property
    def own_weights(self) -> bool:
        """What the weights of an operator are is not known."""
        return False

    @functools.cached_property
    def _places(self) -> np.ndarray:
        assert self.order is not None
        return np.argsort(self.order.array).astype(np.int32)

    def _rows(self, blocks: Sequence[jax.Array], weights: Weights) -> jax.Array:
        """Row sums of all nodes, in the order of blocks."""
        s = jnp.concatenate(blocks)
        if self.order is None:
            return self.signed(s, weights)
        return self.signed(s[self._places], weights)[self.order.array]

    def field(self, blocks: Sequence[jax.Array], n: int, weights: Weights) -> jax.Array:
        """What the nodes of block n receive."""
        return self._rows(blocks, weights)[self.offsets[n] : self.offsets[n + 1]]

    def forward(self, blocks: Sequence[jax.Array], weights: Weights) -> dict[int, jax.Array]:
        """Half of what the nodes receive."""
        return dict(enumerate(jnp.split(self._rows(blocks, weights) / 2, self.offsets[1:-1])))

    def backward(self, blocks: Sequence[jax.Array], weights: Weights) -> dict[int, jax.Array]:
        """The other half."""
        return self.forward(blocks, weights)

    @property
    def tail(self) -> None:
        """A block's row sums take a product with the whole operator."""
        return None

    @property
    def merged(self) -> None:
        """A product is one call whatever the blocks."""
        return None

    def absolute(self) -> "MatvecEdges":
        """The operator |A_u|."""
        return replace(self, signed=self.unsigned)

    def num_edges(self, blocks: Sequence[Block], weights: Weights) -> int:
        """Not known."""
        raise _unlisted()

    def edges(self, blocks: Sequence[Block], offsets: Sequence[int], weights: Weights) -> Iterator[Edges]:
        """Not known one by one."""
        raise _unlisted()

    def unshared(self, blocks: Sequence[Block], weights: Weights) -> None:
        """An operator is no layer."""
        return None

    def fans(self, weights: Weights) -> None:
        """An operator is no layer."""
        return None


def _unlisted() -> ArgumentError:
    return ArgumentError(
        "This graph only multiplies, so its edges cannot be counted or listed, as a matrix, greedy and exact need them. "
        "Where it is small, jprobe.graph.from_matvec without colors reads them out; else use descend, anneal and "
        "lower_bound."
    )
