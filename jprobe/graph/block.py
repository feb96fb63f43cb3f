"""The nodes of a graph, by blocks."""

import math
from typing import NamedTuple


class Block(NamedTuple):
    """Nodes that no edge joins: one tensor of a network.

    Attributes:
        name: where it is in the network.
        kind: "input", "conv", "dense", "pool", "add", "product" of two activations (local graphs), or "nodes" of a graph that is no network.
        shape: of the tensor.

    Example:
        >>> Block("conv1", "conv", (1, 8, 8, 16)).size
        1024
    """

    name: str
    kind: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of nodes."""
        return math.prod(self.shape)
