"""What a wiring looks like in numbers: paper 4's tables 1, 2 and 6."""

import math
from collections.abc import Iterable

import numpy as np
import scipy.linalg
import scipy.sparse
import xarray as xr

from jprobe.connectivity.layout import kamada_kawai
from jprobe.connectivity.paths import paths
from jprobe.connectivity.threshold import alive, live
from jprobe.connectivity.wiring import Wiring


def features(wiring: Wiring) -> dict[str, float]:
    """Size, sparsity, paths and shape of what is alive of a wiring: dead paths count nowhere.

    With N nodes and E edges alive, of E' possible ones:

    - nodes, edges, and nodes in each stage; sparsity 1 - E / E', and of the edges within each stage.
    - log_paths: natural logarithm of the number of paths from input to output; mean_path and max_path: their lengths.
    - ln_communicability: ln exp(A)[input, output], A the undirected graph's adjacency matrix.
    - edge_connectivity: the fewest edges whose removal leaves no path.
    - mean_degree: 2 E / N.
    - pca_elongation: 2 (V - 1/2), V the share of the variance along the longer axis of the drawing by
      :func:`kamada_kawai`: 0 for a round one, 1 for a line.

    Args:
        wiring: whole, or cut by :func:`cut`.

    Returns:
        Name -> number. Where no path is left, sizes are 0, sparsities 1 and the others NaN.

    Source:
        Paper 4, tables 1, 2 and 6. Its formula of the elongation lacks a bracket; communicability of the directed
        complete graph (10.5) would lie below what the paper finds of cut ones, so theirs is undirected.

    Example:
        >>> from jprobe.connectivity import wiring
        >>> full = features(wiring(np.triu(np.ones((60, 60)), 1), np.repeat([0, 1, 2], 20)))
        >>> [round(full[name], 4) for name in ("log_paths", "mean_path", "ln_communicability", "edge_connectivity")]
        [40.2025, 30.0, 54.9057, 59.0]
    """
    there, left = alive(wiring), live(wiring)
    edges, count = left.edges, int(there.sum())
    total = int(edges.sum())
    out: dict[str, float] = {"nodes": count, "edges": total, "sparsity": _sparsity(edges, wiring.possible)}
    for stage in range(int(wiring.stages.max()) + 1):
        here = wiring.stages == stage
        within = np.ix_(here, here)
        out[f"nodes.stage_{stage}"] = int((there & here).sum())
        out[f"sparsity.stage_{stage}"] = _sparsity(edges[within], wiring.possible[within])
    if not count:
        return out | dict.fromkeys(_OF_PATHS, math.nan)
    found, among = paths(left), edges[np.ix_(there, there)]
    numbers = (
        math.log(found.number),
        float(found.mean or 0),
        found.longest,
        _communicability(among),
        _edge_connectivity(among),
        2 * total / count,
        elongation(kamada_kawai(left)[there]),
    )
    return out | dict(zip(_OF_PATHS, map(float, numbers), strict=True))


_OF_PATHS = (
    "log_paths", "mean_path", "max_path", "ln_communicability", "edge_connectivity", "mean_degree", "pca_elongation",
)  # fmt: skip


def feature_table(wirings: Iterable[Wiring]) -> xr.Dataset:
    """The features of several wirings, each a variable [wiring].

    Example:
        >>> from jprobe.connectivity import wiring
        >>> feature_table([wiring([[0, 1.0], [0, 0]])] * 2).edges.values.tolist()
        [1.0, 1.0]
    """
    rows = [features(one) for one in wirings]
    names = dict.fromkeys(name for row in rows for name in row)
    return xr.Dataset({name: ("wiring", [float(row.get(name, math.nan)) for row in rows]) for name in names})


def elongation(places: np.ndarray) -> float:
    """2 (V - 1/2), V the share of the variance along the first principal axis of points in the plane, [N, 2].

    Returns:
        From 0, as long as wide, to 1, a line; 1 of fewer than three points.

    Source:
        Janik, Nowak, arXiv:2002.08104; paper 4, table 6.

    Example:
        >>> elongation(np.array([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0]]))
        1.0
    """
    if len(places) < 3:
        return 1.0
    spread = np.linalg.svd(places - places.mean(0), compute_uv=False) ** 2
    return float(2 * (spread[0] / spread.sum() - 0.5))


def _sparsity(edges: np.ndarray, possible: np.ndarray) -> float:
    """Share of the possible edges that are not there; NaN where none is possible."""
    return 1 - float(edges.sum()) / float(possible.sum()) if possible.any() else math.nan


def _communicability(edges: np.ndarray) -> float:
    # Of nonnegative entries scipy's exponential is accurate entry by entry; eigenvectors would lose the smallest ones.
    return math.log(scipy.linalg.expm((edges | edges.T).astype(np.float64))[0, -1])


def _edge_connectivity(edges: np.ndarray) -> int:
    flow = scipy.sparse.csgraph.maximum_flow(scipy.sparse.csr_array(edges.astype(np.int32)), 0, len(edges) - 1)
    return int(flow.flow_value)
