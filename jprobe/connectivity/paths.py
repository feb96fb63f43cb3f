"""The paths of a wiring from its input to its output, in exact integers: there are 2^58 of the complete one of 60 nodes."""

from fractions import Fraction
from typing import NamedTuple

from jprobe.connectivity.wiring import Wiring


class Paths(NamedTuple):
    """Paths from input to output; lengths count edges.

    Attributes:
        number: how many, exact; 0 if there is none.
        mean: their mean length, exact; None if there is none.
        longest: length of the longest, 0 if there is none.

    Example:
        >>> from jprobe.connectivity import wiring
        >>> paths(wiring([[0, 1, 1], [0, 0, 1], [0, 0, 0]]))
        Paths(number=2, mean=Fraction(3, 2), longest=2)
    """

    number: int
    mean: Fraction | None
    longest: int


def paths(wiring: Wiring) -> Paths:
    """Number, mean length and greatest length of the paths from the input to the output.

    Source:
        Paper 4, table 6.

    Example:
        >>> import numpy as np
        >>> from jprobe.connectivity import wiring
        >>> paths(wiring(np.triu(np.ones((60, 60)), 1))) == Paths(2**58, Fraction(30), 59)
        True
    """
    nodes = len(wiring.stages)
    counts, lengths, longest = [1] + [0] * (nodes - 1), [0] * nodes, [0] * nodes
    for node in range(1, nodes):
        for before in wiring.edges[:, node].nonzero()[0].tolist():
            if counts[before]:
                counts[node] += counts[before]
                lengths[node] += lengths[before] + counts[before]
                longest[node] = max(longest[node], longest[before] + 1)
    total = counts[-1]
    return Paths(total, Fraction(lengths[-1], total) if total else None, longest[-1])
