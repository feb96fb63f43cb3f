"""The last blocks of a graph, many and of few nodes, as rows of one table: a loop over rows is compiled once."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax


class Row(NamedTuple):
    """One block; in a table all arrays have a first axis of blocks.

    Attributes:
        block: int32, number of the block.
        nodes: int32 [width], its nodes among all; as many as there are nodes in all where there is none.
        others: int32 [ends], the neighbour at each end of an edge in the block, likewise.
        edges: int32 [ends], the edge.
        into: int32 [ends], which of the block's nodes the end is at, in rising order; width where there is none.
    """

    block: Any
    nodes: Any
    others: Any
    edges: Any
    into: Any


class Tail(NamedTuple):
    """The last blocks of a graph, in order.

    Attributes:
        table: its rows.
        read: the graph's weights -> those of the edges.

    Example:
        >>> import numpy as np
        >>> from jprobe.graph import from_edges
        >>> source, target = np.triu_indices(20, 1)
        >>> from_edges(source, target, np.ones(190)).layout.links[0].tail.table.others.shape
        (20, 19)
    """

    table: Row
    read: Callable[[Any], jax.Array]

    @property
    def first(self) -> int:
        """Number of the first block."""
        return int(self.table.block[0])

    def field(self, row: Row, state: jax.Array, weights: Any) -> jax.Array:
        """What the nodes of a row receive from their neighbours, [width].

        Args:
            row: the row.
            state: a number for each node of all blocks, in their order, and a 0.
            weights: the graph's.
        """
        flow = self.read(weights)[row.edges].astype(state.dtype) * state[row.others]
        width = row.nodes.size
        return jax.ops.segment_sum(flow, row.into, width + 1, indices_are_sorted=True)[:width]
