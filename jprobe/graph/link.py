"""The edges of a graph, by bundles: what a graph asks of them, and the bundle that networks are made of."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import jax

from jprobe.graph.block import Block
from jprobe.graph.edges import Edges
from jprobe.graph.operators import Chain, Layer, Operator, Shape, Unshared, Weights
from jprobe.graph.operators.chain import count, entries, layer_in, parts
from jprobe.graph.tail import Tail


class Bundle(Protocol):
    """Edges between blocks of nodes, however they are stored.

    A :class:`Link` is one: all edges from one block to another, as a chain of operators. A list of edges between any
    blocks is another. Graphs, energies and null models know nothing else of edges.

    Example:
        >>> from jprobe.graph import bipartite, from_edges
        >>> [type(g.layout.links[0]).__name__ for g in (bipartite([[1.0]]), from_edges([0], [1], [1.0]))]
        ['Link', 'EdgeList']
    """

    @property
    def sources(self) -> Sequence[int]:
        """Indices of the blocks that edges leave."""

    @property
    def targets(self) -> Sequence[int]:
        """Indices of the blocks that edges enter."""

    @property
    def own_weights(self) -> bool:
        """Whether each edge has a trained weight of its own, so that to shuffle weights is to shuffle edges."""

    def field(self, blocks: Sequence[jax.Array], n: int, weights: Weights) -> jax.Array:
        """What the nodes of block n receive along these edges, in both directions."""

    def forward(self, blocks: Sequence[jax.Array], weights: Weights) -> dict[int, jax.Array]:
        """What the nodes of each target block receive along the edges that enter it."""

    def backward(self, blocks: Sequence[jax.Array], weights: Weights) -> dict[int, jax.Array]:
        """What the nodes of each source block receive, against their direction, along the edges that leave it."""

    @property
    def tail(self) -> Tail | None:
        """The last blocks as one table, where they are many and of few nodes; else None."""

    @property
    def merged(self) -> "Bundle | None":
        """The same edges over one block of all nodes, where that makes products cheaper to compile; else None."""

    def absolute(self) -> "Bundle":
        """The same edges with the absolute values of their weights."""

    def num_edges(self, blocks: Sequence[Block], weights: Weights) -> int:
        """Exact number of edges; of weights the shapes are enough."""

    def edges(self, blocks: Sequence[Block], offsets: Sequence[int], weights: Weights) -> Iterator[Edges]:
        """The edges in portions, nodes numbered through all blocks; block n begins at ``offsets[n]``."""

    def unshared(self, blocks: Sequence[Block], weights: Weights) -> Unshared | None:
        """How the edges look with a weight of their own each; None where they are no layer's. Shapes are enough."""

    def fans(self, weights: Weights) -> dict[int, tuple[int, int]] | None:
        """Of each trained weight (inputs of a unit, units that an input reaches); None of edges in no layers."""


class Link(NamedTuple):
    """The edges from one block to another, as a linear map: a chain of operators.

    Attributes:
        source: index of the block they leave.
        target: index of the block they enter.
        operators: applied in order to the source's tensor; their last result has the target's shape.

    Example:
        >>> import jax.numpy as jnp
        >>> from jprobe.graph import bipartite
        >>> graph = bipartite(jnp.array([[1.0, -2.0]]))
        >>> link = graph.layout.links[0]
        >>> link.source, link.target, link(jnp.array([3.0]), graph.weights).tolist()
        (0, 1, [3.0, -6.0])
    """

    source: int
    target: int
    operators: Chain

    @property
    def layer(self) -> Layer | None:
        """The operator that has the edges; None for the edges of weight 1 that a sum has."""
        return layer_in(self.operators)

    @property
    def sources(self) -> tuple[int]:
        """The one block that edges leave."""
        return (self.source,)

    @property
    def targets(self) -> tuple[int]:
        """The one block that edges enter."""
        return (self.target,)

    @property
    def own_weights(self) -> bool:
        """A layer shares its weights among edges, or may do so."""
        return False

    def __call__(self, x: jax.Array, weights: Weights) -> jax.Array:
        """What the target receives: [*target shape] from [*source shape]."""
        for operator in self.operators:
            x = operator(x, weights)
        return x

    def back(self, y: jax.Array, shape: Shape, weights: Weights) -> jax.Array:
        """What the source receives through the same edges: [*source shape] from [*target shape]."""
        passed: list[tuple[Operator, Shape]] = []
        for operator in self.operators:
            passed.append((operator, shape))
            shape = operator.result(shape, weights)
        for operator, before in reversed(passed):
            y = operator.transpose(y, before, weights)
        return y

    def field(self, blocks: Sequence[jax.Array], n: int, weights: Weights) -> jax.Array:
        """What the target receives, or the source."""
        if n == self.target:
            return self(blocks[self.source], weights)
        return self.back(blocks[self.target], blocks[n].shape, weights)

    def forward(self, blocks: Sequence[jax.Array], weights: Weights) -> dict[int, jax.Array]:
        """What the target receives."""
        return {self.target: self(blocks[self.source], weights)}

    def backward(self, blocks: Sequence[jax.Array], weights: Weights) -> dict[int, jax.Array]:
        """What the source receives."""
        return {self.source: self.back(blocks[self.target], blocks[self.source].shape, weights)}

    @property
    def tail(self) -> None:
        """A link has two blocks."""
        return None

    @property
    def merged(self) -> None:
        """A link has two blocks."""
        return None

    def absolute(self) -> "Link":
        """The link of the absolute weights."""
        return self._replace(operators=tuple(operator.absolute() for operator in self.operators))

    def num_edges(self, blocks: Sequence[Block], weights: Weights) -> int:
        """Number of entries of the map whose input is a node."""
        return count(self.operators, blocks[self.source].shape, weights)

    def edges(self, blocks: Sequence[Block], offsets: Sequence[int], weights: Weights) -> Iterator[Edges]:
        """Those entries."""
        for some in entries(self.operators, blocks[self.source].shape, weights):
            yield Edges(some.source + offsets[self.source], some.target + offsets[self.target], some.weight)

    def unshared(self, blocks: Sequence[Block], weights: Weights) -> Unshared | None:
        """That of the layer; the carriers around it stay."""
        if self.layer is None:
            return None
        shape = blocks[self.source].shape
        for operator in parts(self.operators)[0]:
            shape = operator.result(shape, weights)
        return self.layer.unshared(shape, weights)

    def fans(self, weights: Weights) -> dict[int, tuple[int, int]]:
        """Those of the layer's weights."""
        return {} if self.layer is None else self.layer.fans(weights)
