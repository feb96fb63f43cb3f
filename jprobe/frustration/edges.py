"""N2: the weights of all layers shuffled over all their edges; no convolution is left."""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.errors import ArgumentError
from jprobe.frustration.nulls import shuffle_layers
from jprobe.graph import Graph, Layout, Link
from jprobe.graph.entries import conv_taps, parts
from jprobe.graph.local import Deal, Local
from jprobe.graph.steps import Conv, Dot, Move, Step, transposing

# Above this many edges (8 GB of weights) they are dealt anew at every reading.
MOST_STORED = 2 * 10**9


def shuffle_edges(graph: Graph, key: jax.Array, *, store: bool | None = None) -> Graph:
    """N2: every edge of every convolution and product takes the weight of another, all over the network.

    A weight that a convolution repeats ten thousand times is dealt out ten thousand times, each copy to a place of
    its own. The order is a keyed permutation of the edges, exact, evaluated edge by edge.

    Args:
        graph: a network, or a list of edges.
        key: JAX random key.
        store: whether the weights are dealt once and kept, 4 bytes an edge, or dealt anew at every reading, which
            takes no memory and a hundred times the time. Default: kept up to 2 10^9 edges.

    Returns:
        A graph with the same nodes and edges over another layout, the same for all nulls of a graph.

    Raises:
        ArgumentError: more than 2^32 edges, or a product over several axes.
        WeightsError: the graph has shapes alone.

    Source:
        Paper 2, Results, 'Frustration', N2.

    Example:
        >>> from jprobe.graph import bipartite
        >>> null = shuffle_edges(bipartite(jnp.arange(6.0).reshape(2, 3)), jax.random.key(0))
        >>> sorted(null.matvec(jnp.array([1.0, 0, 0, 0, 0])).tolist() + null.matvec(jnp.array([0, 1.0, 0, 0, 0])).tolist())
        [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    """
    graph.check()
    if graph.layout.edges is not None:
        return shuffle_layers(graph, key)  # a weight for each edge is there already
    plan = _planned(graph.layout, tuple(w.shape for w in graph.weights), store)
    table = jnp.concatenate([entries for link in plan.links for entries in link.tables(graph.weights)])
    weights = [*graph.weights, table, jax.random.key_data(key)]
    for link in plan.links if plan.kept else ():
        weights += plan.deal.stored(link.runs, weights)
    return Graph(tuple(weights), plan.layout, graph.alive)


class _Link(NamedTuple):
    """What becomes of one link.

    Attributes:
        runs: numbers of its runs.
        tables: the graph's weights -> for each of its runs, the entries of the kernel that the run repeats.
    """

    runs: tuple[int, ...]
    tables: Callable[[Sequence[jax.Array]], list[jax.Array]]


class _Plan(NamedTuple):
    """A null model but for its weights: made once for a layout, so that code is compiled once for all nulls."""

    layout: Layout
    deal: Deal
    links: list[_Link]
    kept: bool


@functools.lru_cache(maxsize=32)
def _planned(layout: Layout, shapes: tuple[tuple[int, ...], ...], store: bool | None) -> _Plan:
    mine = [n for n, link in enumerate(layout.links) if isinstance(link.op, Conv | Dot)]
    sketches = [_sketch(layout, shapes, layout.links[n]) for n in mine]
    counts = [count for sketch in sketches for count in sketch.counts]
    sizes = [size for sketch in sketches for size in sketch.sizes]
    starts = np.cumsum([0, *counts])
    if starts[-1] >= 2**32:
        raise ArgumentError(f"{starts[-1]:,} edges are more than 32 bits can number.")
    own = len(shapes)
    bases = np.cumsum([0, *sizes[:-1]])
    deal = Deal(starts.astype(np.uint32), bases.astype(np.uint32), np.array(sizes, np.uint32), own, own + 1)
    kept = starts[-1] <= MOST_STORED if store is None else store
    names, links, plans, first = [*layout.names, "all kernels", "key"], list(layout.links), [], 0
    for n, sketch in zip(mine, sketches, strict=True):
        runs = tuple(range(first, first + len(sketch.counts)))
        first += len(runs)
        before, _, after = parts(links[n].steps)
        stored = len(names) if kept else None
        names += [f"dealt {run}" for run in runs if kept]
        links[n] = links[n]._replace(steps=(*before, *sketch.steps(runs, deal, stored), *after))
        plans.append(_Link(runs, sketch.tables))
    new = dataclasses.replace(layout, links=tuple(links), names=tuple(names), trained=(False,) * len(names))
    return _Plan(new, deal, plans, kept)


class _Sketch(NamedTuple):
    """A link's runs, and the steps that read what they are dealt.

    Attributes:
        counts: number of edges of each run.
        sizes: number of entries that each run repeats.
        tables: the graph's weights -> those entries.
        steps: (numbers of the runs, the deal, index of the first run's stored weights) -> steps.
    """

    counts: list[int]
    sizes: list[int]
    tables: Callable[[Sequence[jax.Array]], list[jax.Array]]
    steps: Callable[[tuple[int, ...], Deal, int | None], tuple[Step, ...]]


def _sketch(layout: Layout, shapes: tuple[tuple[int, ...], ...], link: Link) -> _Sketch:
    before, op, _ = parts(link.steps)
    weights = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    source = jax.ShapeDtypeStruct(layout.blocks[link.source].shape, jnp.float32)
    x = jax.eval_shape(lambda x, w: Link(0, 0, before)(x, w), source, weights)
    assert isinstance(op, Conv | Dot)
    y = jax.eval_shape(lambda x, w: op(x, w), x, weights)
    return (
        _sketch_conv(op, weights, x.shape, y.shape)
        if isinstance(op, Conv)
        else _sketch_dot(op, weights, x.shape, y.shape)
    )


def _sketch_conv(op: Conv, weights: Sequence[Any], x: tuple[int, ...], y: tuple[int, ...]) -> _Sketch:
    numbers, groups = op.options["dimension_numbers"], op.options["feature_group_count"]
    kernel = jax.eval_shape(op.kernel, weights[op.weight])
    taps = list(conv_taps(op, [x[n] for n in numbers.lhs_spec[2:]], kernel.shape))
    size = kernel.shape[numbers.rhs_spec[0]] * kernel.shape[numbers.rhs_spec[1]]
    places = [x[numbers.lhs_spec[0]] * math.prod(_length(s) for s in outs) for _, outs, _ in taps]

    def tables(weights: Sequence[jax.Array]) -> list[jax.Array]:
        plain = op.kernel(weights[op.weight]).transpose(numbers.rhs_spec)  # outputs, inputs of a group, *window
        slabs = [plain[(slice(None), slice(None), *tap)].reshape(groups, -1, plain.shape[1]) for tap, _, _ in taps]
        return [slab.transpose(0, 2, 1).ravel() for slab in slabs]

    def steps(runs: tuple[int, ...], deal: Deal, stored: int | None) -> tuple[Step, ...]:
        shape = tuple(y[n] for n in numbers.out_spec)
        local = Local(tuple((outs, ins) for _, outs, ins in taps), shape, groups, runs, deal, stored)
        return (transposing(tuple(numbers.lhs_spec)), local, transposing(tuple(np.argsort(numbers.out_spec).tolist())))

    return _Sketch([n * size for n in places], [size] * len(taps), tables, steps)


def _sketch_dot(op: Dot, weights: Sequence[Any], x: tuple[int, ...], y: tuple[int, ...]) -> _Sketch:
    (contract, batch), side = op.numbers, 0 if op.weights_left else 1
    if batch[0] or len(contract[0]) != 1:
        raise ArgumentError("Edges are shuffled over products along one axis; this network has one along several.")
    size = math.prod(jax.eval_shape(op.matrix, weights[op.weight]).shape)
    axis = contract[1 - side][0]
    features, rest = x[axis], x[:axis] + x[axis + 1 :]
    places = math.prod(rest)

    def tables(weights: Sequence[jax.Array]) -> list[jax.Array]:
        return [jnp.moveaxis(op.matrix(weights[op.weight]), contract[side][0], 0).ravel()]

    def read(x: jax.Array) -> jax.Array:
        return jnp.moveaxis(x, axis, 0).reshape(1, features, places)

    def unread(x: jax.Array) -> jax.Array:
        return jnp.moveaxis(x.reshape(features, *rest), 0, axis)

    def made(sums: jax.Array) -> jax.Array:
        return (sums[0] if op.weights_left else sums[0].T).reshape(y)

    def unmade(x: jax.Array) -> jax.Array:
        return (x.reshape(-1, places) if op.weights_left else x.reshape(places, -1).T)[None]

    def steps(runs: tuple[int, ...], deal: Deal, stored: int | None) -> tuple[Step, ...]:
        whole = (slice(0, places, 1),)
        local = Local(((whole, whole),), (1, size // features, places), 1, runs, deal, stored)
        return (Move(read, back=unread), local, Move(made, back=unmade))

    return _Sketch([places * size], [size], tables, steps)


def _length(places: slice) -> int:
    return len(range(places.start, places.stop, places.step))
