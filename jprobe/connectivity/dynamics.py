"""How edges come and go while a network learns its wiring."""

from typing import Any, NamedTuple

import numpy as np

from jprobe.connectivity.threshold import TAU
from jprobe.connectivity.wiring import Wiring
from jprobe.errors import ShapeError

# An edge that is as many times tau again has come back.
BACK = 10


class Dynamics(NamedTuple):
    """Table 4 of paper 4, of one network. Epochs are their ends; NaN where there is no such edge.

    Attributes:
        retained_once_below: A, share of the edges above tau at the end that were below it after some epoch.
        retained_epochs_below: B, after how many epochs those edges (that share) were, in the mean.
        eliminated_came_back: C, share of the edges below tau at the end that exceeded 10 tau after first falling below tau.
        eliminated_epochs_above: D, after how many epochs, once below, they were above tau, in the mean over those that were.
        edges: how many are above tau at the end.

    Example:
        >>> dynamics(np.array([[0.5, 0.5], [0.001, 0.001], [0.5, 0.001]])).retained_once_below
        1.0
    """

    retained_once_below: float
    retained_epochs_below: float
    eliminated_came_back: float
    eliminated_epochs_above: float
    edges: int


def dynamics(history: np.ndarray, tau: float = TAU) -> Dynamics:
    """How often retained edges were below the threshold, and eliminated ones above it.

    Args:
        history: [epochs, E], weights after each epoch; signs do not matter.
        tau: the threshold.

    Raises:
        ShapeError: another shape, or no epoch.

    Source:
        Paper 4, table 4. Dead paths are not removed there.

    Example:
        >>> history = np.array([[0.5, 0.5, 0.5], [0.001, 0.001, 0.5], [0.5, 0.1, 0.5], [0.5, 0.001, 0.5]])
        >>> dynamics(history)
        Dynamics(retained_once_below=0.5, retained_epochs_below=1.0, eliminated_came_back=1.0, eliminated_epochs_above=1.0, edges=2)
    """
    sizes = np.abs(np.asarray(history, np.float64))
    if sizes.ndim != 2 or not len(sizes):
        raise ShapeError(f"The history of edges is [epochs, edges]; found {sizes.shape}.")
    below = sizes < tau
    kept = ~below[-1]
    once = below[:, kept].any(0)
    fallen = np.maximum.accumulate(below[:, ~kept], 0)
    above = (fallen & ~below[:, ~kept]).sum(0)
    back = (fallen & (sizes[:, ~kept] > BACK * tau)).any(0)
    return Dynamics(
        _mean(once), _mean(below[:, kept].sum(0)[once]), _mean(back), _mean(above[above > 0]), int(kept.sum())
    )


def strongest(wiring: Wiring, edges: int) -> Wiring:
    """The strongest edges, as few as connect all that they touch with input and output, but at least so many.

    Args:
        wiring: such as that of a network after its first epoch.
        edges: the least number k.

    Returns:
        Its k' >= k largest |w|: the smallest such set that is weakly connected with input and output in it, or all.

    Source:
        Paper 4, section D ("top-k" graphs).

    Example:
        >>> from jprobe.connectivity import wiring
        >>> strongest(wiring([[0, 0.9, 0.1], [0, 0, 0.5], [0, 0, 0]]), 1).edges.sum()
        np.int64(2)
    """
    import networkx as nx

    sizes = np.abs(wiring.weights)
    order = [(int(i), int(j)) for i, j in np.argwhere(wiring.edges)]
    order.sort(key=lambda edge: -sizes[edge])
    graph = nx.Graph([(0, 0), (len(sizes) - 1, len(sizes) - 1)])
    kept = np.zeros(sizes.shape, bool)
    for count, (i, j) in enumerate(order, 1):
        graph.add_edge(i, j)
        kept[i, j] = True
        if count >= edges and nx.is_connected(graph):
            break
    return wiring._replace(weights=np.where(kept, wiring.weights, 0.0))


def _mean(values: Any) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
