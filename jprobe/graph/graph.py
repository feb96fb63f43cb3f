"""A network as a signed, weighted, directed graph: blocks of nodes, and linear maps between blocks."""

import functools
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from jprobe.errors import ArgumentError, ShapeError, WeightsError
from jprobe.graph.block import Block
from jprobe.graph.layout import Layout
from jprobe.graph.origin import Origin
from jprobe.graph.spreading import kept_spread, laid_out, nodes_mesh, size_of
from jprobe.typing import Params

Blocks = tuple[jax.Array, ...]


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=("weights", "alive"),
    meta_fields=("layout", "mesh"),
    drop_fields=("origin",),  # as part of the layout it would make every function that is traced compile anew
)
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
        origin: the network that was traced, for :meth:`with_params`; lost where a graph leaves a JAX transformation.
        mesh: the devices that its nodes and weights are spread over, see :meth:`spread`; None: one device.

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
    origin: Origin | None = None
    mesh: Mesh | None = None

    def __repr__(self) -> str:
        """How large it is; no weights."""
        # JAX puts other things than arrays in the place of weights.
        known = all(hasattr(w, "shape") for w in self.weights)
        try:
            edges = f"{self.num_edges:,}" if known else "?"
        except ArgumentError:  # of an operator that only multiplies
            edges = "?"
        part = ", local" if self.layout.local else ""
        part += "" if self.alive is None else ", a part of them alive"
        part += "" if self.mesh is None else f", on {self.mesh.size} devices"
        return f"Graph({self.num_nodes:,} nodes, {edges} edges, {len(self.blocks):,} blocks{part})"

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
        """E, the number of edges, exactly, of nodes alive or not; parallel edges and those of weight 0 count one by one.

        Raises:
            ArgumentError: the graph only multiplies, as one of :func:`from_matvec` may do.
        """
        return sum(self.edges_by_link())

    def edges_by_link(self) -> list[int]:
        """Number of edges of each link."""
        return [link.num_edges(self.blocks, self.weights) for link in self.layout.links]

    @property
    def num_params(self) -> int:
        """Number of parameters of the network that this is the graph of."""
        return self.layout.params

    def split(self, s: jax.Array) -> Blocks:
        """[..., N] -> an array [..., *shape] for each block."""
        if s.shape[-1] != self.num_nodes:
            raise ShapeError(f"The graph has {self.num_nodes} nodes; the last axis of {s.shape} has not.")
        if self.layout.order is not None:
            s = s[..., self.layout.order.array]
        cuts = self.layout.offsets
        return tuple(
            self.kept_spread(s[..., cuts[n] : cuts[n + 1]].reshape(s.shape[:-1] + block.shape), s.ndim - 1)
            for n, block in enumerate(self.blocks)
        )

    def join(self, blocks: Sequence[jax.Array]) -> jax.Array:
        """An array [..., *shape] for each block -> [..., N]; the inverse of :meth:`split`."""
        lead = jnp.ndim(blocks[0]) - len(self.blocks[0].shape)
        s = jnp.concatenate([jnp.reshape(x, (*x.shape[:lead], -1)) for x in blocks], axis=-1)
        if self.layout.order is not None:
            s = s[..., np.argsort(self.layout.order.array).astype(np.int32)]
        return s

    def ones(self, dtype: Any = jnp.float32) -> Blocks:
        """1 for every node of the graph, 0 for those that are not alive."""
        if self.alive is not None:
            return tuple(a.astype(dtype) for a in self.alive)
        return tuple(self.kept_spread(jnp.ones(block.shape, dtype)) for block in self.blocks)

    def with_params(self, params: Params) -> "Graph":
        """The graph of the same network with other parameters, over the same layout: nothing compiles again.

        Equal to tracing the function with those parameters, at the same input and by the same conventions; pure, so
        that it goes under ``jax.jit`` and ``jax.vmap``. A null model's weights become the network's own again; nodes
        that are not alive stay so.

        Args:
            params: as the graph was traced with: the same leaves of the same shapes.

        Raises:
            ArgumentError: the graph does not come from :func:`trace`, or it came out of a JAX transformation; or with
                these parameters the network has another layout.
            CheckpointError: other leaves, or leaves of other shapes.

        Example:
            >>> from jprobe.graph import trace
            >>> graph = trace(lambda p, x: x @ p["w"], {"w": jnp.ones((2, 1))}, jnp.ones((1, 2)))
            >>> graph.with_params({"w": jnp.array([[3.0], [-4.0]])}).matvec(jnp.ones(3)).tolist()
            [3.0, -4.0, -1.0]
            >>> jax.vmap(graph.with_params)({"w": jnp.ones((5, 2, 1))}).weights[0].shape  # five networks at once
            (5, 2, 1)
        """
        if self.origin is None:
            raise ArgumentError(
                "This graph does not know its network: it was made from weights or edges, or came out of a JAX "
                "transformation. Call with_params of the graph that jprobe.graph.trace returned, inside the "
                "transformation if need be: jax.vmap(graph.with_params)(params)."
            )
        made = self.origin.again(self, params)
        return replace(self, weights=made.weights, alive=self.alive if made.alive is None else made.alive)

    def spread(self, mesh: Mesh) -> "Graph":
        """The same graph over all devices of a mesh: each holds a share of its weights, and of the nodes of its blocks.

        For graphs that one device has no room for; whatever is computed with the graph is spread likewise. Devices share
        the longest axis of a block or a weight that divides evenly; one that has none is whole on each. Sums over
        several devices may differ in the last digits from those of one. Numbers in the order of all nodes, [N], are
        whole on each device.

        Args:
            mesh: any mesh, its axes taken together.

        Raises:
            ArgumentError: this is called inside ``jax.jit``, where arrays are on no device.

        Example:
            >>> from jprobe.graph import bipartite
            >>> graph = bipartite(jnp.array([[1.0, -2.0], [3.0, 0.5]])).spread(jax.make_mesh((1,), ("device",)))
            >>> graph.mesh.size, graph.matvec(jnp.array([1.0, 1.0, 1.0, -1.0])).tolist()
            (1, [3.0, 2.5, 4.0, -1.5])
        """
        if any(isinstance(x, jax.core.Tracer) for x in jax.tree.leaves((self.weights, self.alive))):
            raise ArgumentError("A graph is spread over devices before jax.jit, whose arrays are on none.")
        nodes = nodes_mesh(mesh)
        weights, alive = jax.tree.map(lambda x: laid_out(x, nodes), (self.weights, self.alive))
        return replace(self, weights=weights, alive=alive, mesh=nodes)

    def gathered(self) -> "Graph":
        """The same graph in the host's memory: no longer spread."""
        weights, alive = jax.device_get((self.weights, self.alive))
        return replace(self, weights=weights, alive=alive, mesh=None)

    def kept_spread(self, block: jax.Array, lead: int = 0) -> jax.Array:
        """Numbers [*lead, *shape] of a block's nodes, spread as the graph is while they are computed with."""
        return kept_spread(block, self.mesh, lead)

    @property
    def nbytes(self) -> int:
        """Bytes of its weights, or of what they would be."""
        return size_of((self.weights, self.alive))

    def merged(self) -> "Graph":
        """The same graph for products alone: a list of edges over one block of all nodes, in the blocks' order.

        A program that handles each block by itself takes longer to compile, of a dense graph minutes.
        """
        alive = None if self.alive is None else self.merge(self.alive)
        return replace(self, layout=self.layout.merged, alive=alive)

    def merge(self, blocks: Sequence[jax.Array]) -> Blocks:
        """Numbers [..., *shape] of each block -> the same for the blocks of :meth:`merged`."""
        if self.layout.merged is self.layout:
            return tuple(blocks)
        lead = jnp.ndim(blocks[0]) - len(self.blocks[0].shape)
        return (jnp.concatenate([jnp.reshape(x, (*x.shape[:lead], -1)) for x in blocks], -1),)

    def part(self, merged: Sequence[jax.Array]) -> Blocks:
        """The inverse of :meth:`merge`."""
        if self.layout.merged is self.layout:
            return tuple(merged)
        (s,), cuts = merged, itertools.pairwise(self.layout.offsets)
        return tuple(s[..., a:b].reshape(*s.shape[:-1], *k.shape) for (a, b), k in zip(cuts, self.blocks, strict=True))

    def absolute(self) -> "Graph":
        """The graph of the absolute weights, |A|."""
        self.check()
        return replace(self, layout=self.layout.absolute)

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
        for link in self.layout.around[n]:
            total += link.field(blocks, n, self.weights)
        return total if self.alive is None else total * self.alive[n].astype(total.dtype)

    def forward(self, blocks: Sequence[jax.Array]) -> Blocks:
        """The blocks of A s: what each node receives along the edges that enter it."""
        self.check()
        return _summed(blocks, (link.forward(blocks, self.weights) for link in self.layout.links))

    def backward(self, blocks: Sequence[jax.Array]) -> Blocks:
        """The blocks of A' s: what each node receives, against their direction, along the edges that leave it."""
        self.check()
        return _summed(blocks, (link.backward(blocks, self.weights) for link in reversed(self.layout.links)))

    def product(self, blocks: Sequence[jax.Array]) -> Blocks:
        """The blocks of A_u s."""
        blocks = tuple(map(jnp.asarray, blocks))
        total = tuple(a + b for a, b in zip(self.forward(blocks), self.backward(blocks), strict=True))
        if self.alive is None:
            return total
        return tuple(t * a.astype(t.dtype) for t, a in zip(total, self.alive, strict=True))

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


def _summed(blocks: Sequence[jax.Array], flows: Iterable[dict[int, jax.Array]]) -> Blocks:
    """What each block receives of all flows; zeros where there is none."""
    total: dict[int, jax.Array] = {}
    for flow in flows:
        for n, received in flow.items():
            total[n] = total[n] + received if n in total else received
    return tuple(total[n] if n in total else jnp.zeros_like(x) for n, x in enumerate(blocks))
