"""Edges one by one, as three lists."""

from typing import NamedTuple

import numpy as np


class Edges(NamedTuple):
    """Directed, weighted edges: A[target, source] = weight.

    Parallel edges stand one by one; where a matrix is made of them they add up.

    Attributes:
        source: node that each edge leaves, int [E].
        target: node that each edge enters, int [E].
        weight: float64 [E].

    Example:
        >>> import jax.numpy as jnp
        >>> from jprobe.graph import bipartite, edge_list
        >>> edges = edge_list(bipartite(jnp.array([[1.0, -2.0]])))
        >>> edges.source.tolist(), edges.target.tolist(), edges.weight.tolist()
        ([0, 0], [1, 2], [1.0, -2.0])
    """

    source: np.ndarray
    target: np.ndarray
    weight: np.ndarray
