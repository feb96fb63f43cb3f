"""Wirings as points in the plane, by their features."""

from typing import Literal, get_args

import numpy as np
import xarray as xr

from jprobe.connectivity.similarity import standardised
from jprobe.errors import MissingExtraError, UnknownNameError

Method = Literal["pca", "umap"]


def embedding(table: xr.Dataset, method: Method = "pca", seed: int = 0) -> np.ndarray:
    """Places of wirings in the plane, near each other where their standardised features are.

    Args:
        table: variables [wiring], of :func:`jprobe.connectivity.feature_table`; choose some by ``table[list(names)]``.
        method: "pca", the two directions of most variance, or "umap", which the package umap-learn has.
        seed: of umap.

    Returns:
        [W, 2]; NaN of wirings with a feature that is NaN.

    Raises:
        UnknownNameError: another method.
        MissingExtraError: umap is not installed.

    Source:
        Paper 4, figure 8 (umap).

    Example:
        >>> embedding(xr.Dataset({"nodes": ("wiring", [1.0, 3.0, 8.0]), "edges": ("wiring", [2.0, 5.0, 9.0])})).shape
        (3, 2)
    """
    if method not in get_args(Method):
        raise UnknownNameError("embedding", method, get_args(Method))
    values, places = standardised(table), np.full((table.sizes["wiring"], 2), np.nan)
    known = ~np.isnan(values).any(1)
    places[known] = _pca(values[known]) if method == "pca" else _umap(values[known], seed)
    return places


def _pca(values: np.ndarray) -> np.ndarray:
    left, sizes, right = np.linalg.svd(values - values.mean(0), full_matrices=False)
    # A direction may be turned around at will: the largest entry points up.
    turn = np.sign(right[np.arange(len(right)), np.abs(right).argmax(1)])
    found = left * sizes * turn
    return np.pad(found, ((0, 0), (0, max(0, 2 - found.shape[1]))))[:, :2]


def _umap(values: np.ndarray, seed: int) -> np.ndarray:
    try:
        import umap  # type: ignore[import-not-found]
    except ImportError as error:
        raise MissingExtraError("An embedding by umap", "umap-learn>=0.5") from error
    return np.asarray(umap.UMAP(n_neighbors=min(15, len(values) - 1), random_state=seed).fit_transform(values))
