"""Anybody's graph, from a list of its edges."""

from typing import Any

import jax
import numpy as np
import scipy.sparse

from jprobe.errors import ShapeError
from jprobe.graph.block import Block
from jprobe.graph.checks import check_finite
from jprobe.graph.constant import Constant
from jprobe.graph.edge_list import EdgeList
from jprobe.graph.graph import Graph
from jprobe.graph.layout import Layout


def from_edges(source: Any, target: Any, weight: Any, nodes: int | None = None) -> Graph:
    """A signed graph from a list of its edges.

    Nodes are gathered into blocks within which no edge runs (a greedy colouring), which is all that the
    minimisers ask of a graph. Each block takes a fraction of a second to compile: of dense graphs, which have as many
    blocks as nodes, ``greedy`` takes hundreds of nodes at once. An edge and its reverse add up in A_u. Parallel edges
    stay apart: they are counted, and weigh in the energy, one by one.

    Args:
        source: node that each edge leaves [E], whole numbers from 0.
        target: node that each edge enters [E].
        weight: weights [E], finite; kept in single precision.
        nodes: N. Default: one more than the largest node number.

    Returns:
        The graph; its nodes keep their numbers. Its weights are one layer. ``from_edges(*edge_list(graph),
        nodes=graph.num_nodes)`` has the matrix of ``graph``.

    Raises:
        ShapeError: the three lists differ in length, a node has an edge to itself, a number that is not whole or is out
            of range; or there is no edge and no number of nodes.
        WeightsError: a weight is complex, NaN or infinite.

    Example:
        >>> triangle = from_edges([0, 1, 2], [1, 2, 0], [1.0, 1.0, -1.0])
        >>> triangle.num_nodes, triangle.num_edges
        (3, 3)
        >>> triangle.matvec(jax.numpy.array([1.0, 1.0, 1.0])).tolist()
        [0.0, 2.0, 0.0]
    """
    source, target = _numbers(source, "source"), _numbers(target, "target")
    check_finite(weight)
    weight = np.array(weight, np.float32)  # a copy, which nobody changes
    if not source.shape == target.shape == weight.shape or source.ndim != 1:
        raise ShapeError(f"An edge is a source, a target and a weight: {source.shape}, {target.shape}, {weight.shape}.")
    if nodes is None:
        if not source.size:
            raise ShapeError("There are no edges; say how many nodes there are: nodes=.")
        nodes = int(max(source.max(), target.max()) + 1)
    if source.size and (min(source.min(), target.min()) < 0 or max(source.max(), target.max()) >= nodes):
        raise ShapeError(f"Node numbers lie between 0 and {nodes - 1}.")
    if (source == target).any():
        raise ShapeError(
            f"Node {source[source == target][0]} has an edge to itself, which no spin can change; leave it out."
        )
    color = _coloring(source, target, nodes)
    order = np.argsort(color, kind="stable").astype(np.int32)
    sizes = np.bincount(color, minlength=1)
    place = np.empty(nodes, np.int32)
    place[order] = np.arange(nodes)
    blocks = tuple(Block(f"color {n}", "nodes", (int(size),)) for n, size in enumerate(sizes))
    offsets = tuple(np.cumsum([0, *sizes]).tolist())
    edges = EdgeList(0, Constant(place[source]), Constant(place[target]), offsets)
    layout = Layout(blocks, (edges,), (), ("edges",), (True,), weight.size, Constant(order))
    return Graph((jax.device_put(weight),), layout)


def _numbers(nodes: Any, what: str) -> np.ndarray:
    """Node numbers as integers."""
    array = np.asarray(nodes)
    if array.dtype.kind not in "iuf" or isinstance(nodes, str | dict):
        raise ShapeError(f"{what} is a list of node numbers, not {type(nodes).__name__} of {array.dtype}.")
    whole = array.astype(np.int64) if np.isfinite(array).all() else np.zeros(0)
    if whole.shape != array.shape or (whole != array).any():
        raise ShapeError(f"Node numbers are whole numbers from 0; {what} holds others.")
    return whole


def _coloring(source: np.ndarray, target: np.ndarray, nodes: int) -> np.ndarray:
    """A color for each node, different over each edge; greedily, nodes of many edges first."""
    ends = np.concatenate([source, target]), np.concatenate([target, source])
    around = scipy.sparse.csr_array((np.ones(ends[0].size, bool), ends), (nodes, nodes))
    color = np.full(nodes, -1)
    for node in np.argsort(-np.diff(around.indptr), kind="stable"):
        taken = color[around.indices[around.indptr[node] : around.indptr[node + 1]]]
        free = np.ones(len(taken) + 1, bool)
        free[taken[(taken >= 0) & (taken <= len(taken))]] = False
        color[node] = np.argmax(free)
    return color
