"""Graphs that are no traced network: one layer, a list of edges, a matrix."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.experimental import sparse

from jprobe.errors import ShapeError, WeightsError
from jprobe.graph.edge_list import EdgeList
from jprobe.graph.graph import Block, Graph, Layout, Link
from jprobe.graph.steps import Dot


def bipartite(kernel: Any) -> Graph:
    """The graph of one dense layer: inputs, outputs, an edge for each weight.

    Args:
        kernel: [inputs, outputs].

    Returns:
        Graph of inputs + outputs nodes, the inputs first.

    Raises:
        ShapeError: the kernel has not two axes.
        WeightsError: it holds NaN or infinity.

    Example:
        >>> bipartite(jnp.ones((3, 2))).num_edges
        6
    """
    kernel = jnp.asarray(kernel, jnp.float32)
    if kernel.ndim != 2:
        raise ShapeError(f"A layer's kernel is [inputs, outputs]; this has shape {kernel.shape}.")
    _finite(kernel)
    blocks = (Block("input", "input", kernel.shape[:1]), Block("output", "dense", kernel.shape[1:]))
    link = Link(0, 1, (Dot(0, (((0,), (0,)), ((), ())), weights_left=False),))
    return Graph((kernel,), Layout(blocks, (link,), (1,), ("kernel",), (True,), kernel.size))


def from_edges(out_of: Any, into: Any, weight: Any, nodes: int | None = None) -> Graph:
    """Anybody's signed graph from a list of its edges.

    Nodes are gathered into blocks within which no edge runs (a greedy colouring), which is all that the
    minimisers ask of a graph. Each block takes a fraction of a second to compile: of dense graphs, which have as many
    blocks as nodes, ``greedy`` takes hundreds of nodes at once. An edge and its reverse add up in A_u.

    Args:
        out_of: node that each edge leaves [E].
        into: node that each edge enters [E].
        weight: weights [E], finite.
        nodes: N. Default: one more than the largest node number.

    Returns:
        The graph; its nodes keep their numbers. Its weights are one layer.

    Raises:
        ShapeError: the three lists differ in length, a node has an edge to itself or a number out of range.
        WeightsError: a weight is NaN or infinite.

    Example:
        >>> triangle = from_edges([0, 1, 2], [1, 2, 0], [1.0, 1.0, -1.0])
        >>> triangle.num_nodes, triangle.num_edges
        (3, 3)
        >>> triangle.matvec(jnp.array([1.0, 1.0, 1.0])).tolist()
        [0.0, 2.0, 0.0]
    """
    out_of, into = (np.asarray(x, np.int64) for x in (out_of, into))
    weight = np.asarray(weight, np.float32)
    if not out_of.shape == into.shape == weight.shape or out_of.ndim != 1:
        raise ShapeError(f"An edge is a source, a target and a weight: {out_of.shape}, {into.shape}, {weight.shape}.")
    _finite(weight)
    nodes = int(max(out_of.max(initial=-1), into.max(initial=-1)) + 1) if nodes is None else nodes
    if out_of.size and (min(out_of.min(), into.min()) < 0 or max(out_of.max(), into.max()) >= nodes):
        raise ShapeError(f"Node numbers lie between 0 and {nodes - 1}.")
    if (out_of == into).any():
        raise ShapeError(
            f"Node {out_of[out_of == into][0]} has an edge to itself, which no spin can change; leave it out."
        )
    color = _coloring(out_of, into, nodes)
    order = np.argsort(color, kind="stable").astype(np.int32)
    sizes = np.bincount(color, minlength=1) if nodes else np.zeros(1, int)
    place = np.empty(nodes, np.int32)
    place[order] = np.arange(nodes)
    blocks = tuple(Block(f"color {n}", "nodes", (int(size),)) for n, size in enumerate(sizes))
    edges = EdgeList(place[into], place[out_of], tuple(np.cumsum([0, *sizes]).tolist()))
    layout = Layout(blocks, (), (), ("edges",), (True,), weight.size, order, edges)
    return Graph((jnp.asarray(weight),), layout)


def as_graph(graph: Any) -> Graph:
    """A graph from what people have: a :class:`Graph`, a BCOO or SciPy matrix (entry (i, j): edge from j to i).

    Raises:
        ShapeError: the matrix is not square, or it is something else.

    Example:
        >>> as_graph(sparse.BCOO.fromdense(jnp.array([[0.0, 0.0], [-1.0, 0.0]]))).num_edges
        1
    """
    if isinstance(graph, Graph):
        return graph
    if isinstance(graph, sparse.BCOO):
        there = (np.asarray(graph.indices) < graph.shape).all(-1)  # what only fills the arrays lies outside
        rows, columns = np.asarray(graph.indices)[there].T
        values, shape = np.asarray(graph.data)[there], graph.shape
    elif hasattr(graph, "tocoo"):
        matrix = graph.tocoo()
        rows, columns, values, shape = matrix.row, matrix.col, matrix.data, matrix.shape
    else:
        raise ShapeError(
            f"A graph is a jprobe Graph, a BCOO matrix or a SciPy matrix, not {type(graph).__name__}. "
            "jprobe.graph.trace makes one of a network, from_edges of a list of edges."
        )
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ShapeError(f"An adjacency matrix is square; this has shape {shape}.")
    return from_edges(columns, rows, values, shape[0])


def _finite(weights: Any) -> None:
    if not np.isfinite(np.asarray(weights)).all():
        raise WeightsError("The weights hold NaN or infinity; a graph's weights are finite.")


def _coloring(out_of: np.ndarray, into: np.ndarray, nodes: int) -> np.ndarray:
    """A color for each node, different over each edge; greedily, nodes of many edges first."""
    import scipy.sparse

    ends = np.concatenate([out_of, into]), np.concatenate([into, out_of])
    around = scipy.sparse.csr_array((np.ones(ends[0].size, bool), ends), (nodes, nodes))
    color = np.full(nodes, -1)
    for node in np.argsort(-np.diff(around.indptr), kind="stable"):
        taken = color[around.indices[around.indptr[node] : around.indptr[node + 1]]]
        free = np.ones(len(taken) + 1, bool)
        free[taken[(taken >= 0) & (taken <= len(taken))]] = False
        color[node] = np.argmax(free)
    return color
