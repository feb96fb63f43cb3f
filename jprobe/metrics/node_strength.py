"""How much weight enters and leaves each node of a network."""

from typing import Any, NamedTuple

import jax

from jprobe.graph import as_graph

Blocks = tuple[jax.Array, ...]


class Strength(NamedTuple):
    """Sums over the edges of each node, by block of the graph.

    Attributes:
        inward: over the edges that enter, [*shape] of each block.
        outward: over the edges that leave, likewise.

    Example:
        >>> from jprobe.graph import bipartite
        >>> found = node_strength(bipartite([[1.0, -2.0], [3.0, 0.5]]))
        >>> found.inward[1].tolist(), found.outward[0].tolist()
        ([4.0, -1.5], [-1.0, 3.5])
    """

    inward: Blocks
    outward: Blocks


def node_strength(graph: Any) -> Strength:
    """Node strength: s_in,k = sum_i w_ik and s_out,k = sum_j w_kj, without a matrix.

    One product with the graph and one against its direction, so convolutions are exact at their borders, whatever
    their stride, padding and groups. Strengths of ``graph.absolute()`` are sums of |w|; half their sum with the signed
    ones, and half their difference, are the sums of positive and of negative weights.

    Args:
        graph: whatever :func:`jprobe.graph.as_graph` takes. :func:`jprobe.metrics.neurons` has biases, too.

    Returns:
        Strength; a pure function of the graph's weights, for use under jit and vmap.

    Raises:
        WeightsError: the graph has shapes alone.

    Source:
        Paper 3, eq. (3), without its biases.

    Example:
        >>> from jprobe.graph import from_edges
        >>> node_strength(from_edges([0, 0], [1, 2], [2.0, -3.0])).outward[0].tolist()
        [-1.0]
    """
    graph = as_graph(graph)
    ones = graph.ones()
    return Strength(graph.forward(ones), graph.backward(ones))
