"""A weighted DAG from an input to an output: what a network's wiring is, whatever its nodes compute."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jprobe.errors import ArgumentError, ShapeError, WeightsError

if TYPE_CHECKING:
    import networkx as nx


class Wiring(NamedTuple):
    """A DAG in topological order: node 0 is the input, the last one the output.

    Attributes:
        weights: [N, N] float64, the weight of the edge i -> j at [i, j], i < j; 0 where there is none.
        possible: [N, N] of truth values, the edges that there could be: what sparsity counts.
        stages: [N], the stage of each node, from 0; it never falls.

    Example:
        >>> from jprobe.connectivity import wiring
        >>> wiring([[0, 0.5, 0.1], [0, 0, 2.0], [0, 0, 0]]).edges.sum()
        np.int64(3)
    """

    weights: np.ndarray
    possible: np.ndarray
    stages: np.ndarray

    @property
    def edges(self) -> np.ndarray:
        """Which edges there are, [N, N] of truth values."""
        return self.weights != 0

    def __repr__(self) -> str:
        """How large it is."""
        return f"Wiring({len(self.stages)} nodes, {self.edges.sum():,} edges, {self.stages.max() + 1} stages)"


def wiring(weights: Any, stages: Sequence[int] | np.ndarray | None = None, *, possible: Any = None) -> Wiring:
    """A wiring from its matrix.

    Args:
        weights: [N, N] finite numbers, above the diagonal alone; the sign does not matter to what is measured of a wiring.
        stages: [N] whole numbers from 0 that never fall; default: one stage.
        possible: [N, N], edges that there could be. Default: all above the diagonal.

    Raises:
        ShapeError: no square matrix of two nodes or more, or stages of another number.
        WeightsError: weights that are NaN or infinite.
        ArgumentError: edges on or below the diagonal, or that are not possible; stages that fall.

    Example:
        >>> wiring(np.triu(np.ones((4, 4)), 1), [0, 0, 1, 1])
        Wiring(4 nodes, 6 edges, 2 stages)
    """
    matrix = np.asarray(weights, np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or len(matrix) < 2:
        raise ShapeError(f"A wiring is a square matrix of two nodes or more; found {matrix.shape}.")
    if not np.isfinite(matrix).all():
        raise WeightsError("The weights of the wiring are NaN or infinite at some edges.")
    above = np.triu(np.ones(matrix.shape, bool), 1)
    allowed = above if possible is None else np.asarray(possible, bool)
    if allowed.shape != matrix.shape or (allowed & ~above).any():
        raise ArgumentError("possible is of the shape of weights, and has edges above the diagonal alone.")
    if (matrix != 0)[~allowed].any():
        raise ArgumentError(
            "Edges go from earlier to later nodes: weights below the diagonal, on it or outside of possible must be 0."
        )
    order = np.zeros(len(matrix), int) if stages is None else np.asarray(stages)
    if order.shape != (len(matrix),):
        raise ShapeError(f"stages has {order.shape}, the wiring {len(matrix)} nodes.")
    if not np.issubdtype(order.dtype, np.integer) or order[0] < 0 or (np.diff(order) < 0).any():
        raise ArgumentError("Stages are whole numbers from 0 that never fall along the nodes.")
    return Wiring(matrix, allowed, order)


def from_networkx(
    graph: "nx.DiGraph", source: Any, target: Any, *, weight: str = "weight", stage: str = "stage"
) -> Wiring:
    """A wiring from any networkx DAG; nodes that no path from source to target can pass are left out.

    Args:
        graph: a directed graph without cycles.
        source: its input.
        target: its output.
        weight: attribute of the edges; 1 where an edge has none.
        stage: attribute of the nodes; 0 where a node has none.

    Raises:
        ArgumentError: a cycle, a node that is not there, or no path.

    Example:
        >>> import networkx as nx
        >>> from_networkx(nx.DiGraph([("in", "a"), ("a", "out"), ("in", "out"), ("b", "out")]), "in", "out")
        Wiring(3 nodes, 3 edges, 1 stages)
    """
    import networkx as nx

    if source not in graph or target not in graph:
        raise ArgumentError(f"The graph has no node {source if source not in graph else target!r}.")
    if not graph.is_directed() or not nx.is_directed_acyclic_graph(graph):
        raise ArgumentError("A wiring is a directed graph without cycles.")
    between = (nx.descendants(graph, source) | {source}) & (nx.ancestors(graph, target) | {target})
    if not {source, target} <= between:
        raise ArgumentError(f"No path leads from {source!r} to {target!r}.")
    stages = {node: graph.nodes[node].get(stage, 0) for node in between}
    # Of all topological orders one in which stages do not fall, if there is one.
    order = list(nx.lexicographical_topological_sort(graph.subgraph(between), key=lambda node: stages[node]))
    place = {node: n for n, node in enumerate(order)}
    weights = np.zeros((len(order), len(order)))
    for a, b, found in graph.subgraph(between).edges(data=weight, default=1.0):
        weights[place[a], place[b]] = found
    return wiring(weights, [stages[node] for node in order])


def to_networkx(wiring: Wiring) -> "nx.DiGraph":
    """The wiring as a networkx graph, nodes numbered in order, with "stage" of nodes and "weight" of edges.

    Write it with ``nx.write_graphml`` for other programs.

    Example:
        >>> from jprobe.connectivity import wiring
        >>> to_networkx(wiring([[0, 0.5], [0, 0]])).edges(data="weight")
        OutEdgeDataView([(0, 1, 0.5)])
    """
    import networkx as nx

    graph = nx.DiGraph()
    graph.add_nodes_from((n, {"stage": int(stage)}) for n, stage in enumerate(wiring.stages))
    rows, columns = np.nonzero(wiring.edges)
    graph.add_weighted_edges_from(
        (int(i), int(j), float(wiring.weights[i, j])) for i, j in zip(rows, columns, strict=True)
    )
    return graph
