"""What a found wiring is held against: others of as many edges."""

import numpy as np

from jprobe.connectivity.threshold import live
from jprobe.connectivity.wiring import Wiring
from jprobe.errors import ArgumentError

# Exchanges tried for each edge.
_TRIED = 100


def rewired(wiring: Wiring, seed: int = 0) -> Wiring:
    """A random wiring in which every live node has as many inputs and outputs as here.

    Pairs of edges a -> b, c -> d become a -> d, c -> b where both are possible and new. So nodes, edges, stages and
    degrees stay, and no path dies. All weights are 1.

    Args:
        wiring: dead paths are left out first.
        seed: of the exchanges.

    Raises:
        ArgumentError: no path from input to output.

    Example:
        >>> from jprobe.connectivity import wiring
        >>> rewired(wiring(np.triu(np.ones((6, 6)), 1))).edges.sum()  # complete: there is no other
        np.int64(15)
    """
    edges, free = live(wiring).edges.copy(), wiring.possible
    if not edges.any():
        raise ArgumentError("No path leads from the input of this wiring to its output.")
    pairs, rng = np.argwhere(edges), np.random.default_rng(seed)
    for one, other in rng.integers(len(pairs), size=(_TRIED * len(pairs), 2)):
        (a, b), (c, d) = pairs[one], pairs[other]
        if free[a, d] and free[c, b] and not edges[a, d] and not edges[c, b]:
            edges[[a, c], [b, d]], edges[[a, c], [d, b]] = False, True
            pairs[one], pairs[other] = (a, d), (c, b)
    return wiring._replace(weights=edges.astype(np.float64))
