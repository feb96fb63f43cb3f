"""The ground state itself, for small graphs, by integer programming."""

from typing import Any

import numpy as np
import scipy.optimize
import scipy.sparse

from jprobe.errors import ArgumentError
from jprobe.frustration.minimum import Minimum, finished
from jprobe.graph import as_graph, edge_list


def exact(graph: Any, *, seconds: float | None = None) -> Minimum:
    """The ground state of a small graph, proven so.

    Nodes have a bit x_i, pairs of neighbours a variable d_ij = |x_i - x_j|; the frustrated weight
    sum_(a > 0) a d_ij + sum_(a < 0) |a| (1 - d_ij) is minimised by HiGHS (``scipy.optimize.milp``). Parallel edges
    act on spins by their sum; the energy still counts them one by one, as :func:`energy` does, so it differs from that of
    the matrix of the graph, where they are one edge.

    Args:
        graph: whatever :func:`jprobe.graph.as_graph` takes; tens of nodes, or hundreds if sparse.
        seconds: time allowed. Default: as long as it takes.

    Returns:
        Minimum of one replica; its energy is the frustration index, paper 2's eq. (2).

    Raises:
        ArgumentError: the time did not suffice; or the graph is too large for a matrix.
        WeightsError: the graph has shapes alone.

    Source:
        Paper 2, eq. (2); the linearisation is the usual one of MAX-CUT.

    Example:
        >>> from jprobe.graph import from_edges
        >>> triangle = from_edges([0, 1, 2], [1, 2, 0], [1.0, 1.0, -1.0])
        >>> exact(triangle).energy.round(4).tolist()
        [0.3333]
    """
    graph = as_graph(graph)
    into, out_of, weight = edge_list(graph)
    nodes = graph.num_nodes
    size = (nodes, nodes)
    low, high = np.minimum(into, out_of), np.maximum(into, out_of)
    # Edges that join one pair add up: their common sign decides together.
    pairs = scipy.sparse.coo_array((weight, (low, high)), size).tocsr().tocoo()
    i, j, a = pairs.row, pairs.col, pairs.data
    count = len(a)
    # HiGHS stops at an absolute gap of 1e-6, so the largest weight is brought to a million.
    cost = np.concatenate([np.zeros(nodes), 1e6 * a / np.abs(a).max(initial=1e-300)])
    k = np.arange(count)
    # d >= |x_i - x_j| where a > 0 pulls d down; d <= min(x_i + x_j, 2 - x_i - x_j) where a < 0 pushes it up.
    rows = np.concatenate([k, k, k, k + count, k + count, k + count])
    columns = np.concatenate([i, j, nodes + k] * 2)
    up = a > 0
    first = np.concatenate([np.where(up, 1, -1), np.where(up, -1, -1), np.where(up, -1, 1)])
    second = np.concatenate([np.where(up, -1, 1), np.where(up, 1, 1), np.where(up, -1, 1)])
    matrix = scipy.sparse.csr_array((np.concatenate([first, second]), (rows, columns)), (2 * count, nodes + count))
    bound = np.concatenate([np.zeros(count), np.where(up, 0, 2)])
    upper = np.ones(nodes + count)
    upper[0] = 0  # all spins flipped are the same configuration, so one is free to choose
    found = scipy.optimize.milp(
        cost,
        integrality=np.concatenate([np.ones(nodes), np.zeros(count)]),
        bounds=scipy.optimize.Bounds(0, upper),
        constraints=scipy.optimize.LinearConstraint(matrix, ub=bound),
        options={"mip_rel_gap": 0.0} | ({} if seconds is None else {"time_limit": seconds}),
    )
    if not found.success:
        raise ArgumentError(
            f"No proof within the time: {found.message} Give more seconds, or use anneal and lower_bound."
        )
    spins = np.where(np.round(found.x[:nodes]) > 0, 1, -1).astype(np.int8)[None]
    return finished(graph, spins, np.zeros(1, int), np.zeros(1, int), np.zeros((1, 0)), np.ones(1, bool))
