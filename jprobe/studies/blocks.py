"""Medians over networks, with intervals from networks drawn with replacement by blocks that share their minibatches."""

import numpy as np
import xarray as xr

from jprobe.intervals import Estimate, bootstrap, median
from jprobe.train import BLOCK


def blocks_of(values: xr.DataArray) -> np.ndarray:
    """Which block of shared minibatches each network is of, [S], from the coordinate ``seed``.

    Example:
        >>> blocks_of(xr.DataArray(np.zeros(3), {"seed": [0, 9, 10]}, ["seed"])).tolist()
        [0, 0, 1]
    """
    return values.seed.values // BLOCK


def median_of(values: xr.DataArray) -> Estimate:
    """The median of values over (seed); NaN is left out.

    Example:
        >>> median_of(xr.DataArray(np.arange(7.0), {"seed": range(7)}, ["seed"])).value
        3.0
    """
    return median(values.values, blocks_of(values))


def apart(a: xr.DataArray, b: xr.DataArray) -> Estimate:
    """median(b) - median(a) of two tasks, over (seed) each, drawn together: a seed starts from the same weights in both.

    Example:
        >>> zeros = xr.DataArray(np.zeros(7), {"seed": range(7)}, ["seed"])
        >>> apart(zeros, zeros + 2).value
        2.0
    """
    rows = np.column_stack([a.values, b.values])
    return bootstrap(rows, lambda some: np.median(some[..., 1], 1) - np.median(some[..., 0], 1), blocks_of(a))
