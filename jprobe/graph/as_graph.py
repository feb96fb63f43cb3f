"""A graph from what people have: a matrix, or a graph of another library."""

from typing import Any

import jax
import numpy as np
from jax.experimental import sparse

from jprobe.errors import ShapeError
from jprobe.graph.from_edges import from_edges
from jprobe.graph.graph import Graph


def as_graph(graph: Any) -> Graph:
    """A graph from a :class:`Graph`, a matrix, or a networkx graph.

    Args:
        graph: one of

            - a :class:`Graph`, which is returned as it is;
            - an adjacency matrix: BCOO, SciPy sparse, or a dense NumPy or JAX array [N, N]. Entry (i, j) is the edge
              from j to i; what is 0 in a dense matrix is no edge. Entries that a sparse matrix holds twice are
              parallel edges;
            - a networkx graph. Its nodes are numbered in its own order, ``list(graph)``; weights are the attribute
              ``weight``, 1 where there is none. An edge without direction is one edge, from the earlier node.

    Raises:
        ShapeError: the matrix is not square, a node has an edge to itself, or it is something else.
        WeightsError: a weight is complex, NaN, infinite, or no number.

    Example:
        >>> as_graph(sparse.BCOO.fromdense(jax.numpy.array([[0.0, 0.0], [-1.0, 0.0]]))).num_edges
        1
        >>> as_graph(np.array([[0.0, 0.0], [-1.0, 0.0]])).num_edges
        1
    """
    if isinstance(graph, Graph):
        return graph
    if isinstance(graph, sparse.BCOO):
        _check_square(graph.shape)
        there = (np.asarray(graph.indices) < graph.shape).all(-1)  # what only fills the arrays lies outside
        rows, columns = np.asarray(graph.indices)[there].T
        return from_edges(columns, rows, np.asarray(graph.data)[there], graph.shape[0])
    if hasattr(graph, "tocoo"):
        matrix = graph.tocoo()
        _check_square(matrix.shape)
        return from_edges(matrix.col, matrix.row, matrix.data, matrix.shape[0])
    if isinstance(graph, np.ndarray | jax.Array):
        matrix = np.asarray(graph)
        _check_square(matrix.shape)
        rows, columns = np.nonzero(matrix)
        return from_edges(columns, rows, matrix[rows, columns], matrix.shape[0])
    if hasattr(graph, "is_directed") and hasattr(graph, "adj"):
        return _from_networkx(graph)
    raise ShapeError(
        f"A graph is a jprobe Graph, a square matrix (NumPy, JAX, BCOO or SciPy) or a networkx graph, not "
        f"{type(graph).__name__}. jprobe.graph.trace makes one of a network, from_edges of a list of edges, read_edges of a "
        "file of them, from_matvec of a product."
    )


def _check_square(shape: tuple[int, ...]) -> None:
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ShapeError(
            f"An adjacency matrix is square; this has shape {shape}. A layer's weights are a graph by bipartite."
        )


def _from_networkx(graph: Any) -> Graph:
    number = {node: n for n, node in enumerate(graph)}
    ends = np.array([(number[a], number[b]) for a, b in graph.edges()], np.int64).reshape(-1, 2)
    if not graph.is_directed():
        ends.sort(axis=1)
    weights = [1.0 if weight is None else weight for *_, weight in graph.edges(data="weight")]
    source, target = ends.T
    return from_edges(source, target, np.asarray(weights, None if weights else np.float32), len(number))
