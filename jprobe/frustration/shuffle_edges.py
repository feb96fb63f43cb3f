"""N2: the weights of all layers shuffled over all their edges; no convolution is left."""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.errors import ArgumentError
from jprobe.frustration.deal import Deal, Dealt
from jprobe.frustration.nulls import shuffle_layers
from jprobe.graph import Graph, Layout, Link, as_graph
from jprobe.graph.constant import Constant
from jprobe.graph.operators import Run, Shape, Stored, Unshared
from jprobe.graph.operators.chain import parts
from jprobe.keys import as_key

# Above this many edges (8 GB of weights) they are dealt anew at every reading.
MOST_STORED = 2 * 10**9


def shuffle_edges(graph: Any, *, key: Any = None, store: bool | None = None) -> Graph:
    """N2: every edge of every convolution and product takes the weight of another, all over the network.

    A weight that a convolution repeats ten thousand times is dealt out ten thousand times, each copy to a place of
    its own. The order is a keyed permutation of the edges, exact, evaluated edge by edge. In a matrix or a list of
    edges each edge has its own weight already, so N2 is N1 there: :func:`shuffle_layers`.

    Args:
        graph: a network, or whatever :func:`jprobe.graph.as_graph` takes.
        key: JAX random key. Default: ``jax.random.key(0)``.
        store: whether the weights are dealt once and kept, 4 bytes an edge, or dealt anew at every reading, which
            takes no memory and a hundred times the time. Default: kept up to 2 10^9 edges.

    Returns:
        A graph with the same nodes and edges over another layout, the same for all nulls of a graph.

    Raises:
        ArgumentError: more than 2^32 edges, a product over several axes, or a graph without trained weights, such as
            one whose edges are shuffled already.
        WeightsError: the graph has shapes alone.

    Source:
        Paper 2, Results, 'Frustration', N2.

    Example:
        >>> from jprobe.graph import bipartite
        >>> null = shuffle_edges(bipartite(jnp.arange(6.0).reshape(2, 3)), key=jax.random.key(0))
        >>> sorted(null.matvec(jnp.array([1.0, 0, 0, 0, 0])).tolist() + null.matvec(jnp.array([0, 1.0, 0, 0, 0])).tolist())
        [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    """
    graph, key = as_graph(graph), as_key(key)
    graph.check()
    if all(link.own_weights for link in graph.layout.links):
        return shuffle_layers(graph, key=key)
    plan = _planned(graph.layout, tuple(w.shape for w in graph.weights), store)
    table = jnp.concatenate([entries for layer in plan.layers for entries in layer.unshared.tables(graph.weights)])
    weights = [*graph.weights, table, jax.random.key_data(key)]
    for layer in plan.layers if plan.kept else ():
        weights += plan.deal.stored(layer.runs, weights)
    return dataclasses.replace(graph, weights=tuple(weights), layout=plan.layout, origin=None)


class _Layer(NamedTuple):
    """A layer whose edges are shuffled.

    Attributes:
        link: number of its link.
        unshared: what becomes of it.
        runs: numbers of its runs.
    """

    link: int
    unshared: Unshared
    runs: tuple[int, ...]


class _Plan(NamedTuple):
    """A null model but for its weights: made once for a layout, so that code is compiled once for all nulls."""

    layout: Layout
    deal: Deal
    layers: list[_Layer]
    kept: bool


@functools.lru_cache(maxsize=32)
def _planned(layout: Layout, shapes: tuple[Shape, ...], store: bool | None) -> _Plan:
    layers = _layers(layout, shapes)
    if not layers:
        raise ArgumentError("The graph has no layers whose edges could be shuffled; or they are shuffled already.")
    starts = np.cumsum([0, *(count for layer in layers for count in layer.unshared.counts)])
    if starts[-1] >= 2**32:
        raise ArgumentError(f"{starts[-1]:,} edges are more than 32 bits can number.")
    sizes = [size for layer in layers for size in layer.unshared.sizes]
    numbers, bases, lengths = (Constant(np.asarray(x, np.uint32)) for x in (starts, np.cumsum([0, *sizes[:-1]]), sizes))
    deal = Deal(numbers, bases, lengths, table=len(shapes), key=len(shapes) + 1)
    kept = bool(starts[-1] <= MOST_STORED) if store is None else store
    names, links = [*layout.names, "all kernels", "key"], list(layout.links)
    for layer in layers:
        runs: list[Run] = [Dealt(deal, run) for run in layer.runs]
        if kept:
            runs = [Stored(len(names) + n, run.size) for n, run in enumerate(runs)]
            names += [f"dealt {run}" for run in layer.runs]
        link = links[layer.link]
        assert isinstance(link, Link)
        before, _, after = parts(link.operators)
        links[layer.link] = link._replace(operators=(*before, *layer.unshared.operators(runs), *after))
    new = dataclasses.replace(layout, links=tuple(links), names=tuple(names), trained=(False,) * len(names))
    return _Plan(new, deal, layers, kept)


def _layers(layout: Layout, shapes: tuple[Shape, ...]) -> list[_Layer]:
    weights = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    layers, first = [], 0
    for n, link in enumerate(layout.links):
        mine = link.fans(weights)
        # A constant of the network's code, such as a matrix that resizes images, is no weight to shuffle.
        if mine and not any(layout.trained[w] for w in mine):
            continue
        unshared = link.unshared(layout.blocks, weights)
        if unshared is not None:
            layers.append(_Layer(n, unshared, tuple(range(first, first + len(unshared.counts)))))
            first += len(unshared.counts)
    return layers
