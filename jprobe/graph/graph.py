"""A network as a signed, weighted, directed graph: blocks of nodes, and linear maps between blocks."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.errors import ShapeError, WeightsError
from jprobe.graph.edge_list import EdgeList
from jprobe.graph.entries import count
from jprobe.graph.local import Local
from jprobe.graph.steps import Pool, Step, Weighted


class Block(NamedTuple):
    """Nodes that no edge joins: one tensor of a network.

    Attributes:
        name: where it is in the network.
        kind: "input", "conv", "dense", "pool", "add", or "nodes" of a graph that is no network.
        shape: of the tensor.

    Example:
        >>> Block("conv1", "conv", (1, 8, 8, 16)).size
        1024
    """

    name: str
    kind: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of nodes."""
        return math.prod(self.shape)


class Link(NamedTuple):
    """The edges from one block to another, as a linear map made of steps.

    Attributes:
        source: index of the block they leave.
        target: index of the block they enter.
        steps: applied in order to the source's tensor; their last result has the target's shape.

    Example:
        >>> from jprobe.graph import bipartite
        >>> graph = bipartite(jnp.array([[1.0, -2.0]]))
        >>> link = graph.layout.links[0]
        >>> link.source, link.target, link(jnp.array([3.0]), graph.weights).tolist()
        (0, 1, [3.0, -6.0])
    """

    source: int
    target: int
    steps: tuple[Step, ...]

    @property
    def op(self) -> Weighted | None:
        """The step that has weights; None for the edges of weight 1 that a sum has."""
        return next((step for step in self.steps if isinstance(step, Weighted)), None)

    def __call__(self, x: jax.Array, weights: Sequence[Any]) -> jax.Array:
        """What the target receives: [*target shape] from [*source shape]."""
        for step in self.steps:
            x = step(x, weights)
        return x

    def back(self, y: jax.Array, shape: tuple[int, ...], weights: Sequence[Any]) -> jax.Array:
        """What the source receives through the same edges: [*source shape] from [*target shape]."""
        return jax.linear_transpose(lambda x: self(x, weights), jax.ShapeDtypeStruct(shape, y.dtype))(y)[0]


@dataclass(frozen=True, eq=False)
class Layout:
    """All of a graph but its weights; compiled code belongs to a layout, and weights pass through it.

    Attributes:
        blocks: in topological order: links go from earlier to later blocks, and no edge runs within a block.
        links: the edges, block by block.
        outputs: indices of the blocks that hold the network's output.
        names: of each weight, its path in the parameters.
        trained: of each weight, whether it is a layer's weights (null models shuffle these alone).
        params: number of parameters of the network.
        order: node number, in the caller's numbering, of each node in the order of blocks; None: the same.
        edges: the edges one by one, of the first weight, in place of links; None for networks.

    Example:
        >>> from jprobe.graph import bipartite
        >>> layout = bipartite(jnp.ones((3, 2))).layout
        >>> layout.offsets, layout.names, [len(links) for links in layout.into]
        ((0, 3, 5), ('kernel',), [0, 1])
    """

    blocks: tuple[Block, ...]
    links: tuple[Link, ...]
    outputs: tuple[int, ...]
    names: tuple[str, ...]
    trained: tuple[bool, ...]
    params: int
    order: Any = None
    edges: EdgeList | None = None

    @functools.cached_property
    def offsets(self) -> tuple[int, ...]:
        """Where each block begins among all nodes."""
        return tuple(np.cumsum([0, *(block.size for block in self.blocks)]).tolist())

    @functools.cached_property
    def into(self) -> tuple[tuple[Link, ...], ...]:
        """Of each block, the links that enter it."""
        return tuple(tuple(k for k in self.links if k.target == b) for b in range(len(self.blocks)))

    @functools.cached_property
    def out_of(self) -> tuple[tuple[Link, ...], ...]:
        """Of each block, the links that leave it."""
        return tuple(tuple(k for k in self.links if k.source == b) for b in range(len(self.blocks)))


Blocks = tuple[jax.Array, ...]


@functools.lru_cache(maxsize=32)
def _unsigned(layout: Layout) -> Layout:
    """The layout whose local layers take the signs off what they read; the same one where there are none."""
    if not any(isinstance(step, Local) for link in layout.links for step in link.steps):
        return layout
    off = lambda step: replace(step, unsigned=True) if isinstance(step, Local) else step  # noqa: E731
    links = tuple(link._replace(steps=tuple(map(off, link.steps))) for link in layout.links)
    return replace(layout, links=links)


@functools.partial(jax.tree_util.register_dataclass, data_fields=("weights", "alive"), meta_fields=("layout",))
@dataclass(frozen=True, eq=False)
class Graph:
    """A signed, weighted graph whose matrix is never built; a pytree of weights over a fixed layout.

    Nodes are numbered through the blocks in topological order, within a block in row-major order (in a graph made
    from a list of edges: as the caller numbers them). A is the adjacency matrix, A_ij the edge from j to i, and
    A_u = A + A^T that of the undirected graph.

    Attributes:
        weights: the arrays that the links read; shapes alone (``jax.ShapeDtypeStruct``) where only counts are asked.
        layout: everything else.
        alive: of each block, 1 where a node belongs to the graph and 0 where it does not; None: all do.

    Example:
        >>> from jprobe.graph import bipartite
        >>> graph = bipartite(jnp.array([[1.0, -2.0], [3.0, 0.5]]))
        >>> graph.num_nodes, graph.num_edges
        (4, 4)
        >>> graph.matvec(jnp.array([1.0, 1.0, 1.0, -1.0])).tolist()
        [3.0, 2.5, 4.0, -1.5]
    """

    weights: tuple[Any, ...]
    layout: Layout
    alive: Blocks | None = None

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks of nodes, in topological order."""
        return self.layout.blocks

    @property
    def num_nodes(self) -> int:
        """N, the number of nodes, exactly; of all blocks, alive or not."""
        return self.layout.offsets[-1]

    @property
    def num_edges(self) -> int:
        """E, the number of edges, exactly, of nodes alive or not: entries whose input is a node; zero weights count."""
        edges = self.layout.edges
        return sum(self.edges_by_link()) if edges is None else edges.into.size

    def edges_by_link(self) -> list[int]:
        """Number of edges of each link."""
        return [count(link.steps, self.blocks[link.source].shape, self.weights) for link in self.layout.links]

    @property
    def num_params(self) -> int:
        """Number of parameters of the network that this is the graph of."""
        return self.layout.params

    def split(self, s: jax.Array) -> Blocks:
        """[..., N] -> an array [..., *shape] for each block."""
        if s.shape[-1] != self.num_nodes:
            raise ShapeError(f"The graph has {self.num_nodes} nodes; the last axis of {s.shape} has not.")
        if self.layout.order is not None:
            s = s[..., self.layout.order]
        cuts = self.layout.offsets
        return tuple(
            s[..., cuts[n] : cuts[n + 1]].reshape(s.shape[:-1] + block.shape) for n, block in enumerate(self.blocks)
        )

    def join(self, blocks: Sequence[jax.Array]) -> jax.Array:
        """An array [..., *shape] for each block -> [..., N]; the inverse of :meth:`split`."""
        lead = jnp.ndim(blocks[0]) - len(self.blocks[0].shape)
        s = jnp.concatenate([jnp.reshape(x, (*x.shape[:lead], -1)) for x in blocks], axis=-1)
        if self.layout.order is not None:
            s = s[..., np.argsort(self.layout.order).astype(np.int32)]
        return s

    def ones(self, dtype: Any = jnp.float32) -> Blocks:
        """1 for every node of the graph, 0 for those that are not alive."""
        if self.alive is not None:
            return tuple(a.astype(dtype) for a in self.alive)
        return tuple(jnp.ones(block.shape, dtype) for block in self.blocks)

    def absolute(self) -> "Graph":
        """The graph of the absolute weights, |A|."""
        self.check()
        steps = [step for link in self.layout.links for step in link.steps]
        # What a maximum was taken of only says which of its edges are there.
        kept = {n for step in steps if isinstance(step, Pool) and step.seen is not None for n in step.seen}
        # One weight an edge is too much to have twice: local layers take the signs off while they read.
        kept |= {n for step in steps if isinstance(step, Local) for n in step.kept}
        weights = tuple(w if n in kept else jnp.abs(w) for n, w in enumerate(self.weights))
        return Graph(weights, _unsigned(self.layout), self.alive)

    def check(self) -> None:
        """Refuse a graph that has shapes alone.

        Raises:
            WeightsError: it has no weights.
        """
        if any(isinstance(w, jax.ShapeDtypeStruct) for w in self.weights):
            raise WeightsError("This graph was traced from shapes and has no weights; trace it with the parameters.")

    def field(self, blocks: Sequence[jax.Array], n: int) -> jax.Array:
        """Row sums of A_u s at one block: what its nodes receive from their neighbours of all other blocks.

        Args:
            blocks: the blocks of s.
            n: index of the block.
        """
        self.check()
        total = jnp.zeros(self.blocks[n].shape, blocks[n].dtype)
        if self.layout.edges is not None:
            total = self.layout.edges.field(blocks, n, self.weights[0])
        for link in self.layout.into[n]:
            total += link(blocks[link.source], self.weights)
        for link in self.layout.out_of[n]:
            total += link.back(blocks[link.target], total.shape, self.weights)
        return total if self.alive is None else total * self.alive[n].astype(total.dtype)

    def forward(self, blocks: Sequence[jax.Array]) -> Blocks:
        """The blocks of A s: what each node receives along the edges that enter it."""
        self.check()
        if self.layout.edges is not None:
            return self.layout.edges.forward(blocks, self.weights[0])
        out = [jnp.zeros(block.shape, x.dtype) for block, x in zip(self.blocks, blocks, strict=True)]
        for link in self.layout.links:
            out[link.target] += link(blocks[link.source], self.weights)
        return tuple(out)

    def product(self, blocks: Sequence[jax.Array]) -> Blocks:
        """The blocks of A_u s."""
        blocks = tuple(map(jnp.asarray, blocks))
        # Unlike a derivative's way back this keeps nothing of the way down, such as weights in double precision.
        back = jax.linear_transpose(
            self.forward, jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), blocks)
        )
        total = tuple(a + b for a, b in zip(self.forward(blocks), back(blocks)[0], strict=True))
        return (
            total
            if self.alive is None
            else tuple(t * a.astype(t.dtype) for t, a in zip(total, self.alive, strict=True))
        )

    def matvec(self, s: jax.Array) -> jax.Array:
        """A_u s, where nodes that are not alive count as 0.

        Args:
            s: [N], or [R, N] for R vectors at once.

        Returns:
            An array of that shape.

        Raises:
            ShapeError: s has another number of nodes.
            WeightsError: the graph has shapes alone.
        """
        self.check()
        if s.ndim > 1:
            return jax.vmap(self.matvec)(s)
        blocks = self.split(s.astype(jnp.promote_types(s.dtype, jnp.float32)))
        if self.alive is not None:
            blocks = tuple(x * a for x, a in zip(blocks, self.ones(s.dtype), strict=True))
        return self.join(self.product(blocks))
