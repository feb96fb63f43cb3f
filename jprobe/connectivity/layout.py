"""Where the nodes of a wiring are drawn."""

import numpy as np

from jprobe.connectivity.threshold import alive
from jprobe.connectivity.wiring import Wiring


def kamada_kawai(wiring: Wiring) -> np.ndarray:
    """Places in the plane whose distances are as near as can be to those in the undirected graph.

    Nodes enter in index order: the layout starts from a circle, and another order may end in another drawing.

    Args:
        wiring: whole or cut.

    Returns:
        [N, 2]; NaN of nodes that are not alive.

    Source:
        Kamada, Kawai, Information Processing Letters 31, 7 (1989), by networkx; paper 4, figure 3.

    Example:
        >>> from jprobe.connectivity import wiring
        >>> kamada_kawai(wiring([[0, 1.0], [0, 0]])).shape
        (2, 2)
    """
    import networkx as nx

    nodes = np.flatnonzero(alive(wiring)).tolist()
    graph = nx.Graph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from((i, j) for i, j in np.argwhere(wiring.edges).tolist() if i in graph and j in graph)
    places = np.full((len(wiring.stages), 2), np.nan)
    for node, place in nx.kamada_kawai_layout(graph, weight=None).items():
        places[node] = place
    return places


def laid_flat(places: np.ndarray) -> np.ndarray:
    """The same places about their mean, turned so that the longest extent is level, and the first node left of the last.

    Args:
        places: [N, 2], NaN of nodes that are not drawn.

    Returns:
        [N, 2].

    Example:
        >>> abs(laid_flat(np.array([[0, 2.0], [0, 1], [0, 0]]))).round(6).tolist()
        [[1.0, 0.0], [0.0, 0.0], [1.0, 0.0]]
    """
    turned = places - np.nanmean(places, 0)
    there = ~np.isnan(turned[:, 0])
    if there.sum() > 1:
        turned = turned @ np.linalg.svd(turned[there], full_matrices=False)[2].T
    # Mirrored where need be, which changes no distance.
    return turned * np.where(turned[0] > turned[-1], -1, 1)
