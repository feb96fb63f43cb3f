"""Edges between single nodes, for graphs that are no network."""

import functools
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.graph.block import Block
from jprobe.graph.constant import Constant
from jprobe.graph.edges import Edges
from jprobe.graph.operators import Weights
from jprobe.graph.tail import Row, Tail

# Blocks that are written out rather than run through.
FEW = 16


def _fills(cells: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Of each suffix of ``used``, whether a table of so many cells for it is well filled, or small beside all."""
    return cells <= np.maximum(1.5 * np.cumsum(used[::-1])[::-1], used.sum() / 2)


@dataclass(frozen=True)
class EdgeList:
    """A list of edges between any blocks, in either direction, as one bundle.

    One gather and one sum serve all edges of a block, however many blocks they come from: links for all pairs of
    blocks would take hours to compile where a graph needs many blocks.

    Attributes:
        weight: index of the edges' weights [E].
        source: node that each edge leaves [E], numbered through the blocks.
        target: node that each edge enters [E], numbered through the blocks.
        offsets: where each block begins among all nodes.
        unsigned: whether weights count without their signs.

    Example:
        >>> target, source = Constant(np.array([1, 2, 0])), Constant(np.array([0, 1, 2]))
        >>> triangle = EdgeList(0, source, target, (0, 1, 2, 3))
        >>> spins = tuple(jnp.ones(1) for _ in range(3))
        >>> triangle.field(spins, 1, [jnp.array([1.0, 1.0, -1.0])]).tolist()
        [2.0]
    """

    weight: int
    source: Constant
    target: Constant
    offsets: tuple[int, ...]
    unsigned: bool = False

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
        """Each edge has a weight of its own."""
        return True

    @functools.cached_property
    def _rows(self) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], ...]:
        """Of each block: (one of its nodes, a neighbour among all nodes, their edge), for every end of an edge in it."""
        source, target = self.source.array, self.target.array
        ends, others = np.concatenate([target, source]), np.concatenate([source, target])
        order = np.argsort(ends, kind="stable")
        ends, others = ends[order], others[order].astype(np.int32)
        edges = (order % max(target.size, 1)).astype(np.int32)
        parts = [slice(a, b) for a, b in itertools.pairwise(np.searchsorted(ends, self.offsets))]
        within = [(ends[p] - start).astype(np.int32) for p, start in zip(parts, self.offsets[:-1], strict=True)]
        return tuple((nodes, others[p], edges[p]) for nodes, p in zip(within, parts, strict=True))

    @functools.cached_property
    def tail(self) -> Tail | None:
        """The last blocks, as many as fill a table with little padding; None if they are few.

        A dense graph has a block for each node, and a program that writes out every block takes minutes to compile. Of
        few large blocks the program is short, and runs up to three times as fast as the loop.
        """
        ends, sizes = np.array([len(edges) for _, _, edges in self._rows]), np.diff(self.offsets)
        longest, widest = (np.maximum.accumulate(x[::-1])[::-1] for x in (ends, sizes))
        left = np.arange(len(ends), 0, -1)
        fits = (left >= FEW) & _fills(left * longest, ends) & _fills(left * widest, sizes)
        if not fits.any():
            return None
        first = int(np.argmax(fits))
        none = self.offsets[-1]
        nodes = np.full((left[first], widest[first]), none, np.int32)
        others = np.full((left[first], longest[first]), none, np.int32)
        edges, into = np.zeros_like(others), np.full_like(others, nodes.shape[1])
        for row, n in enumerate(range(first, len(ends))):
            nodes[row, : sizes[n]] = np.arange(self.offsets[n], self.offsets[n + 1])
            into[row, : ends[n]], others[row, : ends[n]], edges[row, : ends[n]] = self._rows[n]
        table = Row(np.arange(first, len(ends), dtype=np.int32), nodes, others, edges, into)
        return Tail(table, self._read)

    @functools.cached_property
    def merged(self) -> "EdgeList":
        """The same edges over one block of all nodes."""
        return replace(self, offsets=(0, self.offsets[-1]))

    def _read(self, weights: Weights) -> jax.Array:
        return jnp.abs(weights[self.weight]) if self.unsigned else weights[self.weight]

    def field(self, blocks: Sequence[jax.Array], n: int, weights: Weights) -> jax.Array:
        """What the nodes of block n receive along edges of both directions."""
        nodes, others, edges = self._rows[n]
        flow = self._read(weights)[edges].astype(blocks[n].dtype) * jnp.concatenate(blocks)[others]
        if blocks[n].size == 1:
            return flow.sum(keepdims=True)
        return jax.ops.segment_sum(flow, nodes, blocks[n].size, indices_are_sorted=True)

    def forward(self, blocks: Sequence[jax.Array], weights: Weights) -> dict[int, jax.Array]:
        """What the nodes of all blocks receive along the edges that enter them."""
        return self._along(self.source.array, self.target.array, blocks, weights)

    def backward(self, blocks: Sequence[jax.Array], weights: Weights) -> dict[int, jax.Array]:
        """What the nodes of all blocks receive along the edges that leave them."""
        return self._along(self.target.array, self.source.array, blocks, weights)

    def _along(
        self, of: np.ndarray, into: np.ndarray, blocks: Sequence[jax.Array], weights: Weights
    ) -> dict[int, jax.Array]:
        flow = self._read(weights).astype(blocks[0].dtype) * jnp.concatenate(blocks)[of]
        total = jax.ops.segment_sum(flow, into, self.offsets[-1])
        return dict(enumerate(jnp.split(total, self.offsets[1:-1])))

    def absolute(self) -> "EdgeList":
        """The same edges with the absolute values of their weights."""
        return replace(self, unsigned=True)

    def num_edges(self, blocks: Sequence[Block], weights: Weights) -> int:
        """Length of the list."""
        return self.source.array.size

    def edges(self, blocks: Sequence[Block], offsets: Sequence[int], weights: Weights) -> Iterator[Edges]:
        """The list."""
        weight = np.asarray(weights[self.weight], np.float64)
        yield Edges(self.source.array, self.target.array, np.abs(weight) if self.unsigned else weight)

    def unshared(self, blocks: Sequence[Block], weights: Weights) -> None:
        """A list of edges is no layer."""
        return None

    def fans(self, weights: Weights) -> None:
        """A list of edges is no layer."""
        return None
