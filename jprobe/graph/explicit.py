"""The matrix of a graph that is small enough for one."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import scipy.sparse
from jax.experimental import sparse

from jprobe.errors import ArgumentError, MissingExtraError
from jprobe.graph.as_graph import as_graph
from jprobe.graph.checks import check_finite
from jprobe.graph.edges import Edges

# 16 bytes an edge make 3.2 GB of these, and twice that while they are put in order.
LARGEST = 200_000_000


def edge_list(graph: Any) -> Edges:
    """Every edge of a graph, parallel edges one by one.

    Args:
        graph: whatever :func:`jprobe.graph.as_graph` takes.

    Returns:
        Edges: the node that each leaves [E], the node that it enters [E], its weight [E] float64.

    Raises:
        ArgumentError: more edges than a matrix should have.
        WeightsError: the graph has shapes alone, or weights that are NaN or infinite.

    Example:
        >>> from jprobe.graph import bipartite
        >>> edges = edge_list(bipartite(jnp.array([[1.0, -2.0]])))
        >>> edges.source.tolist(), edges.target.tolist(), edges.weight.tolist()
        ([0, 0], [1, 2], [1.0, -2.0])
    """
    graph = as_graph(graph)
    graph.check()
    if graph.num_edges > LARGEST:
        raise ArgumentError(
            f"{graph.num_edges:,} edges are too many for a matrix; graph.matvec and the minimisers need none."
        )
    none = Edges(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    found = [none] + [
        some for link in graph.layout.links for some in link.edges(graph.blocks, graph.layout.offsets, graph.weights)
    ]
    source, target, weight = map(np.concatenate, zip(*found, strict=True))
    check_finite(weight)
    if graph.alive is not None:
        alive = np.concatenate([np.asarray(a).ravel() for a in graph.alive]) > 0
        kept = alive[source] & alive[target]
        source, target, weight = source[kept], target[kept], weight[kept]
    if graph.layout.order is not None:
        order = graph.layout.order.array.astype(np.int64)
        source, target = order[source], order[target]
    return Edges(source, target, weight)


def to_scipy(graph: Any) -> scipy.sparse.csr_array:
    """A as a SciPy matrix [N, N], float64: entry (i, j) is the edge from j to i; parallel edges add up to one entry.

    Args:
        graph: whatever :func:`jprobe.graph.as_graph` takes.

    Raises:
        ArgumentError: more edges than a matrix should have.
        WeightsError: the graph has shapes alone.

    Example:
        >>> from jprobe.graph import bipartite
        >>> to_scipy(bipartite(jnp.array([[1.0], [-2.0]]))).toarray().tolist()
        [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [1.0, -2.0, 0.0]]
    """
    graph = as_graph(graph)
    source, target, weight = edge_list(graph)
    size = (graph.num_nodes, graph.num_nodes)
    return scipy.sparse.coo_array((weight, (target, source)), size).tocsr()


def to_bcoo(graph: Any) -> sparse.BCOO:
    """A as a JAX sparse matrix [N, N], float32, rows in order: entry (i, j) is the edge from j to i.

    Parallel edges add up to one entry.

    Args:
        graph: whatever :func:`jprobe.graph.as_graph` takes.

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


def to_networkx(graph: Any) -> Any:
    """The graph as a ``networkx.DiGraph`` with the attribute ``weight``; parallel edges add up to one edge.

    Args:
        graph: whatever :func:`jprobe.graph.as_graph` takes.

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
    out.add_nodes_from(range(matrix.shape[0]))
    out.add_weighted_edges_from(zip(matrix.col.tolist(), matrix.row.tolist(), matrix.data.tolist(), strict=True))
    return out
