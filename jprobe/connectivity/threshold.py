"""What is left of a wiring when weak edges are cut, and dead paths with them."""

import numpy as np

from jprobe.connectivity.wiring import Wiring
from jprobe.errors import LevelError

# Paper 4's threshold of |tanh w|.
TAU = 0.006


def cut(wiring: Wiring, tau: float = TAU) -> Wiring:
    """Remove the edges of weights below tau: w <- w [|w| >= tau].

    Args:
        wiring: what is cut.
        tau: threshold, at least 0.

    Raises:
        LevelError: a threshold below 0.

    Source:
        Paper 4, section 3.

    Example:
        >>> from jprobe.connectivity import wiring
        >>> cut(wiring([[0, 0.5, 0.001], [0, 0, -0.2], [0, 0, 0]])).edges.sum()
        np.int64(2)
    """
    if not tau >= 0:
        raise LevelError("threshold", tau, 0, float("inf"))
    return wiring._replace(weights=np.where(np.abs(wiring.weights) >= tau, wiring.weights, 0.0))


def largest(wiring: Wiring, edges: int) -> Wiring:
    """Keep so many edges, those of the largest |w|; of equal ones the first.

    Example:
        >>> from jprobe.connectivity import wiring
        >>> largest(wiring([[0, 0.5, 0.1], [0, 0, -0.2], [0, 0, 0]]), 2).weights[1].tolist()
        [0.0, 0.0, -0.2]
    """
    places = np.argwhere(wiring.edges)
    order = np.argsort(-np.abs(wiring.weights[tuple(places.T)]), kind="stable")[:edges]
    kept = np.zeros(wiring.weights.shape, bool)
    kept[tuple(places[order].T)] = True
    return wiring._replace(weights=np.where(kept, wiring.weights, 0.0))


def largest_alive(wiring: Wiring, edges: int) -> Wiring:
    """What is alive of the edges of the largest |w|, of as few of them as leave so many alive.

    Wirings by different scores are held against each other so: an edge into a node that hands on nothing counts in none.

    Args:
        wiring: by any score.
        edges: that are alive at least; all that can be, if they are fewer.

    Example:
        >>> from jprobe.connectivity import wiring
        >>> scores = wiring([[0, 0.9, 0.1, 0.2], [0, 0, 0.01, 0], [0, 0, 0, 0.3], [0, 0, 0, 0]])  # node 1 hands on little
        >>> largest_alive(scores, 2).edges.sum(), largest_alive(scores, 2).weights[0].tolist()
        (np.int64(3), [0.0, 0.0, 0.1, 0.2])
    """
    low, high = 0, int(wiring.edges.sum())
    while low < high:
        # The more edges, the more are alive.
        middle = (low + high) // 2
        low, high = (low, middle) if live(largest(wiring, middle)).edges.sum() >= edges else (middle + 1, high)
    return live(largest(wiring, low))


def alive(wiring: Wiring) -> np.ndarray:
    """Nodes on a path from the input to the output, [N] of truth values; all False if there is no path.

    Example:
        >>> from jprobe.connectivity import wiring
        >>> alive(wiring([[0, 0, 1.0], [0, 0, 1.0], [0, 0, 0]])).tolist()  # nothing enters the node in the middle
        [True, False, True]
    """
    edges, count = wiring.edges, len(wiring.stages)
    reached, reaching = np.zeros(count, bool), np.zeros(count, bool)
    reached[0] = reaching[-1] = True
    for node in range(1, count):
        reached[node] = (reached & edges[:, node]).any()
    for node in range(count - 2, -1, -1):
        reaching[node] = (reaching & edges[node]).any()
    return reached & reaching


def live(wiring: Wiring) -> Wiring:
    """Remove dead paths: edges at nodes that the input does not reach, or that do not reach the output.

    Of the network they are not all without effect: a node without inputs still hands on a constant, the bias of its
    normalisation. Removing a node without outputs changes nothing.

    Source:
        Paper 4, section 3, which says that dead paths do not contribute.

    Example:
        >>> from jprobe.connectivity import wiring
        >>> live(wiring([[0, 0, 1.0], [0, 0, 1.0], [0, 0, 0]])).edges.sum()
        np.int64(1)
    """
    kept = alive(wiring)
    return wiring._replace(weights=np.where(kept[:, None] & kept, wiring.weights, 0.0))
