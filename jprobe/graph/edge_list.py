"""Edges between single nodes, for graphs that are no network."""

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


@dataclass(frozen=True, eq=False)
class EdgeList:
    """A list of edges, in place of links: they may join any two blocks, in either direction.

    One gather and one sum serve all edges of a block, however many blocks they come from: links for all pairs of
    blocks would take hours to compile where a graph needs many blocks.

    Attributes:
        into: node that each edge enters [E], numbered through the blocks.
        out_of: node that each edge leaves [E], numbered through the blocks.
        offsets: where each block begins among all nodes.

    Example:
        >>> triangle = EdgeList(np.array([1, 2, 0]), np.array([0, 1, 2]), (0, 1, 2, 3))
        >>> spins = tuple(jnp.ones(1) for _ in range(3))
        >>> triangle.field(spins, 1, jnp.array([1.0, 1.0, -1.0])).tolist()
        [2.0]
    """

    into: np.ndarray
    out_of: np.ndarray
    offsets: tuple[int, ...]

    @functools.cached_property
    def rows(self) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], ...]:
        """Of each block: (one of its nodes, a neighbour among all nodes, their edge), for every end of an edge in it."""
        ends, others = np.concatenate([self.into, self.out_of]), np.concatenate([self.out_of, self.into])
        order = np.argsort(ends, kind="stable")
        ends, others = ends[order], others[order].astype(np.int32)
        edges = (order % max(self.into.size, 1)).astype(np.int32)
        parts = [slice(a, b) for a, b in itertools.pairwise(np.searchsorted(ends, self.offsets))]
        within = [(ends[p] - start).astype(np.int32) for p, start in zip(parts, self.offsets[:-1], strict=True)]
        return tuple((nodes, others[p], edges[p]) for nodes, p in zip(within, parts, strict=True))

    def field(self, blocks: Sequence[jax.Array], n: int, weights: Any) -> jax.Array:
        """What the nodes of a block receive along edges of both directions."""
        nodes, others, edges = self.rows[n]
        flow = weights[edges].astype(blocks[n].dtype) * jnp.concatenate(blocks)[others]
        if blocks[n].size == 1:
            return flow.sum(keepdims=True)
        return jax.ops.segment_sum(flow, nodes, blocks[n].size, indices_are_sorted=True)

    def forward(self, blocks: Sequence[jax.Array], weights: Any) -> tuple[jax.Array, ...]:
        """What the nodes of all blocks receive along the edges that enter them."""
        flow = weights.astype(blocks[0].dtype) * jnp.concatenate(blocks)[self.out_of]
        total = jax.ops.segment_sum(flow, self.into, self.offsets[-1])
        return tuple(jnp.split(total, self.offsets[1:-1]))
