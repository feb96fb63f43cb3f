"""A network whose wiring is learned: a DAG of convolution blocks, every edge with a weight of its own (paper 4)."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jprobe.errors import ArgumentError, ShapeError
from jprobe.models import dag_block
from jprobe.models.dag_block import MOMENTUM, Block, Statistics

# tanh of every weight at the start.
FIRST = 0.5

# Collection of how much nodes and their sums vary over images and places; filled where it is asked for as mutable.
SPREAD = "spread"


class Reduce(NamedTuple):
    """Blocks that carry nodes of one stage into a later one.

    Attributes:
        source: stage that they read.
        target: stage that they serve.
        room: how many nodes of the source they carry.
    """

    source: int
    target: int
    room: int


class Sizes(NamedTuple):
    """What decides how a network is compiled; wirings of the same sizes share one compilation.

    Attributes:
        edges: weighted edges.
        reduces: blocks between stages.
    """

    edges: int
    reduces: tuple[Reduce, ...]


class DAG(nn.Module):
    """Nodes in stages, each fed by the earlier ones: x_j = B_j(sum_i tanh(w_ij) R_i(x_i)), B(s) = BN(conv3x3(ReLU s)) + BN(conv1x1 s).

    Node 0 is a block of the image, the last one is averaged over places and gives the logits x W + b. Stage t has C 2^t channels at
    1 / 2^t of the image's height and width. Within a stage R is the identity; into a later one it is a block of that stride, one for each node and
    later stage. A node with one input has no weight: its edge counts 1. Which edges there are stands among the variables,
    in the collection "wiring", so that networks of equal ``sizes`` share what is compiled.

    Attributes:
        nodes: in each stage, the input and the output node among them.
        channels: C, of the first stage.
        features: number of logits.
        edges: the edges (i, j), i < j, nodes numbered through all stages; None: all.
        sizes: numbers of edges and blocks to make room for, where the wiring is given with the variables, as by
            :func:`wired`; None: those of ``edges``.
        dtype: of the images and activations in between; sums over a batch are float32 in any case.

    Raises:
        ArgumentError: fewer than two nodes, a first or last stage without any, edges that do not go forward, a dtype
            that is not of floating point.

    Source:
        Paper 4, sections 3 and A; Janik, Nowak, arXiv:2002.08104.

    Example:
        >>> model = DAG(nodes=(3, 2), channels=4)
        >>> variables = model.init(jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
        >>> model.apply(variables, jnp.zeros((5, 8, 8, 3))).shape, variables["params"]["edges"].shape  # 10 edges
        ((5, 10), (9,))
    """

    nodes: tuple[int, ...] = (20, 20, 20)
    channels: int = 11
    features: int = 10
    edges: tuple[tuple[int, int], ...] | None = None
    sizes: Sizes | None = None
    dtype: Any = jnp.float32

    def __post_init__(self) -> None:
        """Check the configuration."""
        counts = self.nodes
        if not counts or min(counts) < 0 or not (counts[0] and counts[-1]) or sum(counts) < 2 or self.channels < 1:
            raise ArgumentError(
                f"A DAG needs two nodes or more, some in its first and last stage, and a channel: nodes={counts}, "
                f"channels={self.channels}."
            )
        if self.edges is not None:
            wrong = [edge for edge in self.edges if not 0 <= edge[0] < edge[1] < sum(counts)]
            if wrong or len(set(self.edges)) < len(self.edges):
                raise ArgumentError(
                    f"Edges go from earlier to later of {sum(counts)} nodes, each once; wrong ones: {wrong or 'repeated'}."
                )
        # However it is written, it is one network: compilations and checkpoints are known by their model's attributes.
        object.__setattr__(self, "dtype", _floating(self.dtype))
        super().__post_init__()

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """Logits [B, features] of images [B, H, W, A]; H and W are multiples of 2^(stages - 1)."""
        stages, scale = len(self.nodes), 2 ** (len(self.nodes) - 1)
        if x.ndim != 4 or x.shape[1] % scale or x.shape[2] % scale:
            raise ShapeError(
                f"Images must be [B, H, W, channels], H and W multiples of {scale}; found {list(x.shape)}."
            )
        plan = self._plan()
        wiring = {name: self.variable("wiring", name, jnp.asarray, value) for name, value in plan.items()}
        table = {name: jnp.asarray(found.value) for name, found in wiring.items()}
        matrix = self._matrix(table)
        first = np.cumsum([0, *self.nodes])
        start, _ = self._block("input", x.shape[-1], self.channels, (), x.astype(self.dtype), 1, train)
        made: list[jax.Array] = []
        for target in range(stages):
            own, sources, rows = self.nodes[target], [], slice(int(first[target]), int(first[target + 1]))
            across: list[jax.Array] = []
            if not target:
                # The input is given to the other nodes of its stage as what comes from outside.
                own, rows = own - 1, slice(1, int(first[1]))
                sources, across = [start[None]], [matrix[rows, :1]]
            for reduce in self.room.reduces:
                if reduce.target == target and reduce.room:
                    name = f"reduce_{reduce.source}_{target}"
                    chosen, valid = table[f"{name}_nodes"], table[f"{name}_valid"]
                    sources.append(self._reduced(name, made[reduce.source][chosen], reduce, train))
                    across.append(matrix[rows][:, first[reduce.source] + chosen] * valid)
            given = self._given(target, own, across, sources, x.shape)
            nodes = self._stage(target, own, matrix[rows, rows], given, train)
            if self.is_mutable_collection(SPREAD):
                sums = given + jnp.tensordot(matrix[rows, rows].astype(self.dtype), nodes, 1)
                spread = {
                    "sources": [_spread(some) for some in sources],
                    "nodes": _spread(nodes),
                    "sums": _spread(sums),
                }
                self.put_variable(SPREAD, f"stage_{target}", spread)
            made.append(nodes if target else jnp.concatenate([start[None], nodes]))
        pooled = made[-1][-1].astype(jnp.float32).mean((1, 2))
        width = self.channels * scale
        uniform = lambda key, shape: jax.random.uniform(key, shape, jnp.float32, -1, 1) / math.sqrt(width)  # noqa: E731
        head = nn.Dense(self.features, kernel_init=lambda key, shape, _: uniform(key, shape), name="head")
        return head(pooled)

    @property
    def room(self) -> Sizes:
        """How many edges and blocks there is room for."""
        return sizes_of(self.nodes, self.edges) if self.sizes is None else self.sizes

    def _plan(self) -> dict[str, np.ndarray]:
        if self.sizes is not None:
            return empty(self.nodes, self.sizes)
        return plan(self.nodes, all_edges(sum(self.nodes)) if self.edges is None else self.edges, self.room)

    def _matrix(self, wiring: dict[str, jax.Array]) -> jax.Array:
        """Weights of all edges, [N, N] by (target, source)."""
        weights = self.param("edges", lambda key: jnp.full((self.room.edges,), math.atanh(FIRST)))
        counted = jnp.tanh(weights) * wiring["weighted"]
        return wiring["fixed"].at[wiring["targets"], wiring["sources"]].add(counted)

    def _block(
        self, name: str, inputs: int, outputs: int, lead: tuple[int, ...], x: jax.Array, stride: int, train: bool
    ) -> tuple[jax.Array, Any]:
        """One block, or, of nodes [n, ...], one each."""
        weights = self.param(name, dag_block.start, inputs, outputs, lead)
        known = self.variable("batch_stats", name, dag_block.statistics, outputs, lead)
        fresh = train and not self.is_initializing()

        def one(own: Block, x: jax.Array, seen: Statistics) -> tuple[jax.Array, Statistics]:
            return dag_block.block(own, x, stride, None if fresh else seen)

        if lead:
            y, seen = jax.lax.map(lambda some: one(*some), (weights, x, known.value))
        else:
            y, seen = one(weights, x, known.value)
        self._remember(known, seen, fresh)
        return y, seen

    def _reduced(self, name: str, nodes: jax.Array, reduce: Reduce, train: bool) -> jax.Array:
        inputs, outputs = (self.channels * 2**stage for stage in (reduce.source, reduce.target))
        stride = 2 ** (reduce.target - reduce.source)
        return self._block(name, inputs, outputs, (reduce.room,), nodes, stride, train)[0]

    def _given(
        self, number: int, own: int, across: list[jax.Array], sources: list[jax.Array], shape: tuple[int, ...]
    ) -> jax.Array:
        """What the nodes of a stage are given from outside of it: all such edges are one product."""
        if sources:
            return jnp.tensordot(jnp.concatenate(across, 1).astype(self.dtype), jnp.concatenate(sources), 1)
        batch, high, wide, _ = shape
        return jnp.zeros((own, batch, high >> number, wide >> number, self.channels * 2**number), self.dtype)

    def _stage(self, number: int, own: int, inner: jax.Array, given: jax.Array, train: bool) -> jax.Array:
        if not own:
            return given
        width = self.channels * 2**number
        name = f"stage_{number}"
        weights = self.param(name, dag_block.start, width, width, (own,))
        known = self.variable("batch_stats", name, dag_block.statistics, width, (own,))
        if not train or self.is_initializing():
            return dag_block.stage_seen(weights, inner, given, known.value)
        nodes, seen = dag_block.stage(weights, inner, given)
        self._remember(known, seen, True)
        return nodes

    def _remember(self, known: Any, seen: Statistics, fresh: bool) -> None:
        if fresh:
            blend = lambda old, new: MOMENTUM * old + (1 - MOMENTUM) * jax.lax.stop_gradient(new)  # noqa: E731
            known.value = jax.tree.map(blend, known.value, seen)


def _floating(dtype: Any) -> np.dtype:
    try:
        found = jnp.dtype(dtype)
    except TypeError:
        found = np.dtype(object)
    if not jnp.issubdtype(found, jnp.floating):
        raise ArgumentError(f"Activations are of a floating point dtype, such as jnp.bfloat16, not {dtype!r}.")
    return found


def _spread(nodes: jax.Array) -> jax.Array:
    """Standard deviation over images and places of each node [n, B, H, W, C], root mean square over channels, [n]."""
    return jnp.sqrt(nodes.astype(jnp.float32).var((1, 2, 3)).mean(-1))


Edges = Sequence[tuple[int, int]]


def all_edges(count: int) -> Edges:
    """Every edge i -> j, i < j, of so many nodes, by source.

    Example:
        >>> all_edges(3)
        [(0, 1), (0, 2), (1, 2)]
    """
    return [(i, j) for i in range(count) for j in range(i + 1, count)]


def stage_of(nodes: Sequence[int]) -> np.ndarray:
    """The stage of each node.

    Example:
        >>> stage_of((2, 1)).tolist()
        [0, 0, 1]
    """
    return np.repeat(np.arange(len(nodes)), nodes)


def sizes_of(nodes: tuple[int, ...], edges: Edges | None) -> Sizes:
    """Sizes of a wiring: its weighted edges, and the nodes of each stage that feed each later one.

    Example:
        >>> sizes_of((2, 1), [(0, 1), (1, 2)])
        Sizes(edges=0, reduces=(Reduce(source=0, target=1, room=1),))
    """
    some = all_edges(sum(nodes)) if edges is None else edges
    feeding = _feeding(nodes, some)
    reduces = tuple(Reduce(*pair, len(found)) for pair, found in sorted(feeding.items()))
    return Sizes(sum(_weighted(some)), reduces)


def _weighted(edges: Edges) -> list[bool]:
    """Which edges have a weight: those into nodes of two inputs or more."""
    inputs = np.bincount([j for _, j in edges], minlength=1)
    return [bool(inputs[j] > 1) for _, j in edges]


def _feeding(nodes: Sequence[int], edges: Edges) -> dict[tuple[int, int], list[int]]:
    """(stage, later stage) -> numbers, within the first, of nodes with an edge into the second."""
    stages, first = stage_of(nodes), np.cumsum([0, *nodes])
    found: dict[tuple[int, int], set[int]] = {}
    for i, j in edges:
        if stages[i] < stages[j]:
            found.setdefault((int(stages[i]), int(stages[j])), set()).add(int(i - first[stages[i]]))
    return {pair: sorted(some) for pair, some in found.items()}


def plan(nodes: Sequence[int], edges: Edges, sizes: Sizes) -> dict[str, np.ndarray]:
    """The collection "wiring" of a network with these edges.

    Args:
        nodes: in each stage.
        edges: (i, j), i < j.
        sizes: with room for the edges and blocks.

    Raises:
        ArgumentError: there is no room.

    Example:
        >>> sorted(plan((2, 1), [(0, 1), (1, 2)], sizes_of((2, 1), [(0, 1), (1, 2)])))
        ['fixed', 'reduce_0_1_nodes', 'reduce_0_1_valid', 'sources', 'targets', 'weighted']
    """
    out = empty(nodes, sizes)
    chosen = [edge for edge, yes in zip(edges, _weighted(edges), strict=True) if yes]
    for i, j in set(edges) - set(chosen):
        out["fixed"][j, i] = 1
    feeding = _feeding(nodes, edges)
    room = {(reduce.source, reduce.target): reduce.room for reduce in sizes.reduces}
    if len(chosen) > sizes.edges or any(len(some) > room.get(pair, 0) for pair, some in feeding.items()):
        raise ArgumentError(f"A wiring of {sizes_of(tuple(nodes), edges)} does not fit into {sizes}.")
    if chosen:
        out["sources"][: len(chosen)], out["targets"][: len(chosen)] = np.array(chosen).T
    out["weighted"][: len(chosen)] = 1
    for (source, target), some in feeding.items():
        name = f"reduce_{source}_{target}"
        out[f"{name}_nodes"][: len(some)] = some
        out[f"{name}_valid"][: len(some)] = 1
    return out


def empty(nodes: Sequence[int], sizes: Sizes) -> dict[str, np.ndarray]:
    """The collection "wiring" of a network without edges, with room for so many.

    Example:
        >>> empty((2, 1), Sizes(4, ()))["weighted"].tolist()
        [0.0, 0.0, 0.0, 0.0]
    """
    count = sum(nodes)
    out = {
        "fixed": np.zeros((count, count), np.float32),
        "sources": np.zeros(sizes.edges, np.int32),
        "targets": np.zeros(sizes.edges, np.int32),
        "weighted": np.zeros(sizes.edges, np.float32),
    }
    for source, target, room in sizes.reduces:
        out[f"reduce_{source}_{target}_nodes"] = np.zeros(room, np.int32)
        out[f"reduce_{source}_{target}_valid"] = np.zeros(room, np.float32)
    return out
