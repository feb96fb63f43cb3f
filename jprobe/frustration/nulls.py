"""Null models: the same graph with its weights in other places, or with new ones."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp

from jprobe.errors import ArgumentError, CheckpointError
from jprobe.graph import Graph, as_graph
from jprobe.keys import as_key
from jprobe.paths import leaves_by_path
from jprobe.typing import Params

Distribution = Literal["xavier_uniform", "he_normal"]


def shuffle_layers(graph: Any, *, key: Any = None) -> Graph:
    """N1: the weights of each layer in a random order within the layer.

    A convolution stays one: a parameter goes to another place in the kernel, and all its copies with it. Pools keep
    their weights. A matrix or a list of edges is one layer: its weights change places among its edges. Factors that were
    folded into the edges (``fold_bn``) stay where they are, so there the magnitudes of the edges change with the order.

    Args:
        graph: a network, or whatever :func:`jprobe.graph.as_graph` takes.
        key: JAX random key. Default: ``jax.random.key(0)``.

    Returns:
        A graph over the same layout, so nothing is compiled again.

    Raises:
        ArgumentError: no trained weights, as of a graph whose edges are shuffled already.
        WeightsError: the graph has shapes alone.

    Source:
        Paper 2, Results, 'Frustration', N1.

    Example:
        >>> from jprobe.graph import bipartite
        >>> null = shuffle_layers(bipartite(jnp.array([[1.0, -2.0, 3.0]])), key=jax.random.key(0))
        >>> sorted(null.weights[0].ravel().tolist())
        [-2.0, 1.0, 3.0]
    """
    graph = as_graph(graph)
    return _each_layer(graph, lambda _, w, k: _permuted(k, w), key)


@jax.jit
def _permuted(key: jax.Array, w: jax.Array) -> jax.Array:
    return jax.random.permutation(key, w.ravel()).reshape(w.shape)


def reinitialize(graph: Any, distribution: Distribution = "he_normal", *, key: Any = None) -> Graph:
    """N3: new weights for each layer, as before training.

    Xavier uniform: U(-a, a), a = sqrt(6 / (fan_in + fan_out)). He normal: N(0, 2 / fan_in).

    Args:
        graph: a network. A matrix or a list of edges has no layers, so no fan-in, and is refused.
        distribution: "xavier_uniform" or "he_normal".
        key: JAX random key. Default: ``jax.random.key(0)``.

    Returns:
        A graph over the same layout.

    Raises:
        ArgumentError: another distribution, a graph with edges that belong to no layer, or without trained weights.
        WeightsError: the graph has shapes alone.

    Source:
        Paper 2, Results, 'Frustration', N3.

    Example:
        >>> from jprobe.graph import bipartite
        >>> null = reinitialize(bipartite(jnp.ones((1000, 10))), key=jax.random.key(0))
        >>> bool(abs(float(null.weights[0].var()) - 2 / 1000) < 1e-4)
        True
    """
    if distribution not in ("xavier_uniform", "he_normal"):
        raise ArgumentError(f"A distribution is 'xavier_uniform' or 'he_normal', not {distribution!r}.")
    graph = as_graph(graph)
    graph.check()
    fans = _fans(graph)

    def draw(n: int, w: jax.Array, k: jax.Array) -> jax.Array:
        if n not in fans:
            return w  # read by layers alone that the output does not depend on
        if distribution == "he_normal":
            return math.sqrt(2 / fans[n][0]) * jax.random.normal(k, w.shape)
        return math.sqrt(6 / sum(fans[n])) * jax.random.uniform(k, w.shape, minval=-1.0)

    return _each_layer(graph, draw, key)


def with_weights(params: Params, graph: Graph) -> Params:
    """Flax variables with a null model's weights, so that the network can be run: biases 0, normalisations plain.

    Args:
        params: the variables that the graph was traced with.
        graph: a null model of that graph.

    Raises:
        CheckpointError: a weight of the graph is no leaf of the variables, or one leaf is two weights.

    Example:
        >>> from jprobe.graph import trace
        >>> params = {"w": jnp.ones((2, 2)), "bias": jnp.ones(2)}
        >>> graph = trace(lambda p, x: x @ p["w"] + p["bias"], params, jnp.ones((1, 2)))
        >>> with_weights(params, shuffle_layers(graph, key=jax.random.key(0)))["bias"].tolist()
        [0.0, 0.0]
    """
    layout = graph.layout
    trained = [(name, w) for name, w, mine in zip(layout.names, graph.weights, layout.trained, strict=True) if mine]
    new = dict(trained)
    if len(new) < len(trained):
        raise CheckpointError("The network reads a parameter in two ways, of which a null model makes two parameters.")
    plain = {"bias": jnp.zeros_like, "mean": jnp.zeros_like, "scale": jnp.ones_like, "var": jnp.ones_like}

    leaves = []
    for path, _, value in leaves_by_path(params):
        if path in new and jnp.shape(new[path]) == jnp.shape(value):
            leaves.append(new.pop(path))
        else:
            leaves.append(plain.get(path.rpartition("/")[2], jnp.asarray)(value))
    if new:
        raise CheckpointError(f"These weights of the graph are no leaves of the parameters: {', '.join(new)}.")
    return jax.tree.unflatten(jax.tree.structure(params), leaves)


def _each_layer(graph: Graph, draw: Callable[[int, jax.Array, jax.Array], jax.Array], key: Any) -> Graph:
    graph.check()
    if not any(graph.layout.trained):
        raise ArgumentError("The graph has no trained weights; that of a null model has none: take the network's own.")
    key = as_key(key)
    weights = [
        draw(n, w, jax.random.fold_in(key, n)) if trained else w
        for n, (w, trained) in enumerate(zip(graph.weights, graph.layout.trained, strict=True))
    ]
    return dataclasses.replace(graph, weights=tuple(weights))


def _fans(graph: Graph) -> dict[int, tuple[int, int]]:
    """(inputs of a unit, units that an input reaches) for each weight, as the initialisers count them."""
    out: dict[int, tuple[int, int]] = {}
    for link in graph.layout.links:
        fans = link.fans(graph.weights)
        if fans is None:
            raise ArgumentError(
                "A graph made from a matrix or a list of edges has no layers to initialise; shuffle_layers and "
                "shuffle_edges put its weights in another order."
            )
        out |= fans
    return out
