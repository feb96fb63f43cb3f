"""The matrix of a graph that is small enough for one."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import scipy.sparse
from jax.experimental import sparse

from jprobe.errors import ArgumentError, MissingExtraError
from jprobe.graph.entries import entries
from jprobe.graph.graph import Graph

# 16 bytes an edge make 3.2 GB of these, and twice that while they are put in order.
LARGEST = 200_000_000


def edge_list(graph: Graph) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every edge of a graph: (node it enters [E], node it leaves [E], weight [E] float64).

    Raises:
        ArgumentError: more edges than a matrix should have.
        WeightsError: the graph has shapes alone.

    Example:
        >>> from jprobe.graph import bipartite
        >>> [x.tolist() for x in edge_list(bipartite(jnp.array([[1.0, -2.0]])))]
        [[1, 2], [0, 0], [1.0, -2.0]]
    """
    graph.check()
    if graph.num_edges > LARGEST:
        raise ArgumentError(
            f"{graph.num_edges:,} edges are too many for a matrix; graph.matvec and the minimisers need none."
        )
    starts = graph.layout.offsets
    found: list[list[np.ndarray]] = [[], [], []]
    if (edges := graph.layout.edges) is not None:
        found = [[edges.into], [edges.out_of], [np.asarray(graph.weights[0], np.float64)]]
    for link in graph.layout.links:
        for some in entries(link.steps, graph.blocks[link.source].shape, graph.weights):
            found[0].append(some.into + starts[link.target])
            found[1].append(some.out_of + starts[link.source])
            found[2].append(some.weight)
    into, out_of, weight = (np.concatenate(x) if x else np.zeros(0) for x in found)
    into, out_of = into.astype(np.int64), out_of.astype(np.int64)
    if graph.alive is not None:
        alive = np.concatenate([np.asarray(a).ravel() for a in graph.alive]) > 0
        kept = alive[into] & alive[out_of]
        into, out_of, weight = into[kept], out_of[kept], weight[kept]
    if graph.layout.order is not None:
        into, out_of = graph.layout.order[into], graph.layout.order[out_of]
    return into, out_of, weight


def to_scipy(graph: Graph) -> scipy.sparse.csr_array:
    """A as a SciPy matrix [N, N], float64: entry (i, j) is the edge from j to i.

    Raises:
        ArgumentError: more edges than a matrix should have.
        WeightsError: the graph has shapes alone.

    Example:
        >>> from jprobe.graph import bipartite
        >>> to_scipy(bipartite(jnp.array([[1.0], [-2.0]]))).toarray().tolist()
        [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [1.0, -2.0, 0.0]]
    """
    into, out_of, weight = edge_list(graph)
    size = (graph.num_nodes, graph.num_nodes)
    return scipy.sparse.coo_array((weight, (into, out_of)), size).tocsr()


def to_bcoo(graph: Graph) -> sparse.BCOO:
    """A as a JAX sparse matrix [N, N], rows in order: entry (i, j) is the edge from j to i.

    Raises:
        ArgumentError: more edges than a matrix should have.
        WeightsError: the graph has shapes alone.

    Example:
        >>> from jprobe.graph import bipartite
        >>> to_bcoo(bipartite(jnp.array([[1.0], [-2.0]]))).todense().sum().item()
        -1.0
    """
    matrix = to_scipy(graph).tocoo()
    indices = np.stack([matrix.row, matrix.col], 1).astype(np.int32)
    values = jnp.asarray(matrix.data, jnp.float32)
    return sparse.BCOO((values, jnp.asarray(indices)), shape=matrix.shape, indices_sorted=True, unique_indices=True)


def to_networkx(graph: Graph) -> Any:
    """The graph as a ``networkx.DiGraph`` with the attribute ``weight``; parallel edges are one.

    Raises:
        ArgumentError: more edges than a matrix should have.
        MissingExtraError: networkx is not installed.
        WeightsError: the graph has shapes alone.

    Example:
        >>> from jprobe.graph import bipartite
        >>> to_networkx(bipartite(jnp.array([[1.0, -2.0]]))).edges(data="weight")
        OutEdgeDataView([(0, 1, 1.0), (0, 2, -2.0)])
    """
    try:
        import networkx
    except ImportError as error:
        raise MissingExtraError("A networkx graph", "networkx>=3.4") from error
    matrix = to_scipy(graph).tocoo()
    out = networkx.DiGraph()
    out.add_nodes_from(range(graph.num_nodes))
    out.add_weighted_edges_from(zip(matrix.col.tolist(), matrix.row.tolist(), matrix.data.tolist(), strict=True))
    return out
