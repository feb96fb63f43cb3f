"""Node strength of a recurrent layer as it is written: its steps are one layer, and each weight counts once."""

from typing import Any

import jax.numpy as jnp

from jprobe.errors import ShapeError
from jprobe.graph import as_graph
from jprobe.graph.link import Link
from jprobe.metrics.node_strength import Strength
from jprobe.selection import Layers, selected_layers


def folded_strength(graph: Any, steps: Layers) -> Strength:
    """Strengths of the units of a recurrent layer whose steps are one: s_in = sum Omega + sum U, s_out = sum U + sum V.

    A graph has such a network unrolled, h^t = f(x^t Omega + h^(t-1) U), with a layer for each step; there the first step has no
    U, and V leaves the last alone. Folded, the weights that enter any step count once each, and so do those that leave
    any, whatever the number of steps.

    Args:
        graph: whatever :func:`jprobe.graph.as_graph` takes; weights that are shared must be so in it, as in what
            :func:`jprobe.graph.trace` reads of a scan or of a loop written out.
        steps: the layers that are steps, by names, globs or a function of a name.

    Returns:
        Strength of arrays [*units], biases apart; a pure function of the graph's weights.

    Raises:
        UnknownLayerError: no layer of such a name.
        ShapeError: the layers differ in shape, or their edges are a list and no layer's.

    Source:
        Paper 3, section 3 (the network unfolded in time), which says only how neuron strengths unfold.

    Example:
        >>> import jax, jprobe as jp
        >>> model, x = jp.models.RNN(units=4, features=2), jnp.ones((1, 5, 3))
        >>> params = model.init(jax.random.key(0), x)
        >>> graph = jp.graph.trace(model.apply, params, x, residual="merged")
        >>> folded = folded_strength(graph, lambda name: name not in ("input", "output"))
        >>> kernel = lambda name: params["params"][name]["kernel"]
        >>> bool(jnp.allclose(folded.inward[0], kernel("input").sum(0) + kernel("recurrent").sum(0)))
        True
    """
    graph = as_graph(graph)
    found = selected_layers([block.name for block in graph.blocks], steps)
    shape = graph.blocks[found[0]].shape
    links = [link for link in graph.layout.links if isinstance(link, Link)]
    if len(links) < len(graph.layout.links) or any(graph.blocks[n].shape != shape for n in found):
        raise ShapeError(f"{steps!r} are not the steps of one layer: they differ in shape, or are no layers.")
    inward = outward = jnp.zeros(shape)
    entered, left = set(), set()
    for link in links:
        # Layers are values: the same weights, read the same way, are one.
        if link.target in found and link.layer not in entered:
            entered.add(link.layer)
            inward = inward + link(jnp.ones(graph.blocks[link.source].shape), graph.weights)
        if link.source in found and link.layer not in left:
            left.add(link.layer)
            ones = jnp.ones(graph.blocks[link.target].shape)
            outward = outward + link.back(ones, shape, graph.weights)
    return Strength((inward,), (outward,))
