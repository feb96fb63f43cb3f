"""Numbers that the findings are about, with their intervals: medians, peaks of curves, levels where a curve has fallen.

Networks are the unit, resampled by blocks that share their minibatches. Curves are means over draws.
"""

from typing import NamedTuple

import numpy as np
import xarray as xr

from jprobe.intervals import Estimate, bootstrap, median
from jprobe.studies.blocks import blocks_of


class Peak(NamedTuple):
    """The best level of a curve.

    Attributes:
        rise: of the best level over the start, the level chosen on other networks.
        width: of the curve above half of its height, as a share of the axis.
        top: the highest median.
        level: where it is.
    """

    rise: Estimate
    width: Estimate
    top: float
    level: float


def peak(curve: xr.DataArray, start: xr.DataArray, dim: str) -> Peak:
    """How far a curve over ``dim`` rises above its start, and how sharply.

    The level where the median is highest would flatter any noisy curve, so it is chosen on every other network and the
    rise is measured on the rest, both ways round.
    """
    rows = by_network(curve, dim)
    at, first = curve[dim].values, by_network(start)
    blocks, half = blocks_of(curve), np.arange(len(rows)) % 2
    there = ~np.isnan(rows).any(1)
    medians = np.median(rows[there], axis=0) if there.any() else np.full(len(at), np.nan)
    rise = np.full(len(rows), np.nan)
    for side in (0, 1):
        chosen = rows[there & (half != side)]
        if len(chosen):
            place = int(np.argmax(np.median(chosen, axis=0)))
            rise[half == side] = rows[half == side, place] - first[half == side]
    place = int(np.argmax(medians))
    return Peak(
        rise=median(rise, blocks),
        width=bootstrap(rows, lambda some: _half_width(at, np.median(some, axis=1)), blocks),
        top=float(medians[place]),
        level=float(at[place]),
    )


def _half_width(at: np.ndarray, medians: np.ndarray) -> np.ndarray:
    """Width [K] of median curves [K, L] above half of their height, as a share of the axis."""
    above = medians >= (medians[:, :1] + medians.max(1, keepdims=True)) / 2
    first, last = above.argmax(1), len(at) - 1 - above[:, ::-1].argmax(1)
    return abs(at[last] - at[first]) / np.ptp(at)


def best_ratio(curve: xr.DataArray, spread: xr.DataArray) -> Estimate:
    """Standard deviation of the noise with the highest median accuracy, over that of the weights."""
    at = curve.amplitude.values
    rows = np.column_stack([by_network(curve, "amplitude"), spread.values])

    def best(some: np.ndarray) -> np.ndarray:
        medians = np.median(some, axis=1)
        # A uniform draw on (-a, a) has a standard deviation of a / sqrt(3).
        return at[medians[:, :-1].argmax(1)] / np.sqrt(3) / medians[:, -1]

    return bootstrap(rows, best, blocks_of(curve))


def half_lost(curve: xr.DataArray, start: xr.DataArray, chance: float, dim: str) -> xr.DataArray:
    """The level, over (seed), at which each network has lost half of what its accuracy is above chance.

    Between two levels the curve is a straight line; a curve that never falls so far gives the last level.
    """
    rows, at = by_network(curve, dim), curve[dim].values
    order = np.argsort(at)
    rows, at = np.column_stack([by_network(start), rows[:, order]]), np.concatenate([at[order][:1], at[order]])
    left = rows - chance - (rows[:, :1] - chance) / 2
    out = np.full(len(rows), np.nan)
    for n in np.flatnonzero(~np.isnan(rows).any(1)):
        fallen = np.flatnonzero(left[n] < 0)
        if not len(fallen):
            out[n] = at[-1]
        elif (i := fallen[0]) > 0:
            out[n] = at[i - 1] + (at[i] - at[i - 1]) * left[n, i - 1] / (left[n, i - 1] - left[n, i])
        else:
            out[n] = at[0]
    return xr.DataArray(out, {"seed": curve.seed.values}, ("seed",))


def middle(values: xr.DataArray) -> Estimate:
    """The median over networks."""
    return median(by_network(values), blocks_of(values))


def by_network(values: xr.DataArray, *dims: str) -> np.ndarray:
    """[S] or [S, levels]: means over draws."""
    over = [d for d in values.dims if d not in ("seed", *dims)]
    return values.mean(over, skipna=False).transpose("seed", *dims).values
