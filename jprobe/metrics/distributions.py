"""How numbers of many networks are distributed: counts and sums by network, from which statistics and intervals follow.

Neurons of one network are not independent, so intervals come from networks drawn with replacement. What a statistic
needs is kept by network in a few hundred numbers, so resampling does not touch the values again.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from jprobe.errors import ShapeError, WeightsError
from jprobe.intervals import Estimate, bootstrap

# Below which values are counted exactly: signs, and tenths of activations between 0 and 1.
CUTS = tuple(n / 10 for n in range(11))


class Distribution(NamedTuple):
    """Numbers of S networks, as sums and counts by network.

    Attributes:
        sums: float64 [S, 5], sums of u^0 to u^4, u = (value - center) / scale.
        below: int64 [S, 11], how many values are below 0, 0.1, ... 1 (the last: at most 1).
        histogram: int64 [S, bins], how many values are in each bin.
        edges: float64 [bins + 1], of the bins, from the least value to the largest.
        center: of u, the mean of all values.
        scale: of u, their standard deviation; 1 where they are equal.

    Example:
        >>> found = distribution(np.arange(10.0).reshape(2, 5), bins=3)
        >>> found.histogram.tolist(), found.edges.tolist(), found.center
        ([[3, 2, 0], [0, 1, 4]], [0.0, 3.0, 6.0, 9.0], 4.5)
    """

    sums: np.ndarray
    below: np.ndarray
    histogram: np.ndarray
    edges: np.ndarray
    center: float
    scale: float


def distribution(values: np.ndarray, bins: int = 200) -> Distribution:
    """Count the values of S networks.

    Args:
        values: [S, ...], a row a network.
        bins: of the histogram, all of one width.

    Raises:
        ShapeError: no values.
        WeightsError: values that are NaN or infinite.

    Example:
        >>> distribution(np.array([[0.0, 1.0], [1.0, 3.0]]), bins=2).below[:, -1].tolist()  # at most 1
        [2, 1]
    """
    rows = np.asarray(values, np.float64)
    if not rows.size:
        raise ShapeError("A distribution needs one network or more, of one value or more each.")
    rows = rows.reshape(len(rows), -1)
    if not np.isfinite(rows).all():
        raise WeightsError("Values that are NaN or infinite have no distribution; leave diverged networks out.")
    center, scale = float(rows.mean()), float(rows.std())
    # Equal values differ from their mean by rounding alone.
    scale = scale if scale > 1e-12 * abs(center) else 1.0
    low, high = float(rows.min()), float(rows.max())
    edges = np.linspace(low, high if high > low else low + 1, bins + 1)
    places = np.clip(((rows - low) / (edges[-1] - low) * bins).astype(np.int64), 0, bins - 1)
    count = lambda row: np.bincount(row, minlength=bins)  # noqa: E731
    u = (rows - center) / scale
    cuts = np.array(CUTS)
    below = np.stack([(rows < cut).sum(1) for cut in cuts[:-1]] + [(rows <= cuts[-1]).sum(1)], 1)
    return Distribution(
        sums=np.stack([(u**n).sum(1) for n in range(5)], 1),
        below=below,
        histogram=np.stack([count(row) for row in places]),
        edges=edges,
        center=center,
        scale=scale,
    )


def estimate(found: Distribution, statistic: str) -> Estimate:
    """A statistic of all networks' values together, with its interval over networks.

    Args:
        found: from :func:`distribution`.
        statistic: "mean", "std", "skew", "kurtosis" (excess: 0 for a normal distribution), "median", "quantile_10" and
            the like (percent; exact to a bin), "below_0", "share_00_10" (from 0 to 0.1), "share_40_60", "share_90_100",
            "share_ends" (below 0.1 or above 0.9), "largest_decile" (the most that a tenth of [0, 1] holds).

    Returns:
        Estimate; NaN where the statistic does not exist, as the skew of equal values.

    Raises:
        KeyError: another statistic.

    Example:
        >>> values = np.random.default_rng(0).exponential(size=(20, 1000))
        >>> [round(estimate(distribution(values), name).value, 1) for name in ("mean", "skew", "median")]
        [1.0, 2.0, 0.7]
    """
    return bootstrap(*_statistic(found, statistic))


def statistic(found: Distribution, name: str) -> float:
    """The number of :func:`estimate` without its interval.

    Args:
        found: from :func:`distribution`.
        name: as for :func:`estimate`.

    Example:
        >>> statistic(distribution(np.arange(10.0).reshape(2, 5)), "mean")
        4.5
    """
    rows, run = _statistic(found, name)
    return float(run(rows[None])[0])


def _statistic(found: Distribution, name: str) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """What a statistic needs of each network [S, ...], and the function of resamples [K, S, ...] of that."""
    if name.startswith("quantile_") or name == "median":
        part = 0.5 if name == "median" else int(name.removeprefix("quantile_")) / 100
        return found.histogram, lambda rows: _quantile(rows.sum(1), found.edges, part)
    if name in _MOMENTS:
        return found.sums, lambda rows: _MOMENTS[name](_central(rows.sum(1)), found)
    share = _SHARES[name]
    return np.concatenate([found.below, found.sums[:, :1]], 1), lambda rows: share(
        (s := rows.sum(1))[:, :-1] / s[:, -1:]
    )


def _central(sums: np.ndarray) -> np.ndarray:
    """Mean and central moments 2 to 4 of u, [4, K], from sums [K, 5]."""
    with np.errstate(invalid="ignore", divide="ignore"):
        m1, m2, m3, m4 = (sums[:, 1:] / sums[:, :1]).T
    return np.stack([m1, m2 - m1**2, m3 - 3 * m1 * m2 + 2 * m1**3, m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4])


def _over(top: np.ndarray, variance: np.ndarray, power: float) -> np.ndarray:
    """NaN where there is no spread."""
    there = variance > 1e-12
    return np.where(there, top / np.where(there, variance, 1) ** power, np.nan)


_MOMENTS: dict[str, Callable[[np.ndarray, Distribution], np.ndarray]] = {
    "mean": lambda m, found: found.center + found.scale * m[0],
    "std": lambda m, found: found.scale * np.sqrt(np.maximum(m[1], 0)),
    "skew": lambda m, found: _over(m[2], m[1], 1.5),
    "kurtosis": lambda m, found: _over(m[3], m[1], 2) - 3,
}

_SHARES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "below_0": lambda below: below[:, 0],
    "share_00_10": lambda below: below[:, 1] - below[:, 0],
    "share_40_60": lambda below: below[:, 6] - below[:, 4],
    "share_90_100": lambda below: below[:, 10] - below[:, 9],
    "share_ends": lambda below: below[:, 1] + 1 - below[:, 9],
    "largest_decile": lambda below: np.diff(below, axis=1).max(1),
}

STATISTICS = ("mean", "std", "skew", "kurtosis", "median", *_SHARES)


def _quantile(counts: np.ndarray, edges: np.ndarray, part: float) -> np.ndarray:
    """Where so large a part of the values is below, by straight lines within bins, [K]."""
    total = np.concatenate([np.zeros((len(counts), 1)), np.cumsum(counts, 1)], 1)
    return np.array([np.interp(part * row[-1], row, edges) for row in total])


def distance(one: Distribution, other: Distribution, *, standardised: bool = True) -> float:
    """Kolmogorov-Smirnov distance of two distributions: the largest difference of their cumulative shares, in [0, 1].

    Args:
        one: a distribution.
        other: another.
        standardised: whether each is first shifted to mean 0 and scaled to standard deviation 1.

    Returns:
        The distance, exact to what one bin holds.

    Example:
        >>> values = np.random.default_rng(0).normal(size=(5, 2000))
        >>> round(distance(distribution(values), distribution(3 * values + 1)), 2)
        0.0
    """
    curves = []
    for found in (one, other):
        at = (found.edges - found.center) / found.scale if standardised else found.edges
        counts = np.concatenate([[0], np.cumsum(found.histogram.sum(0))])
        curves.append((at, counts / counts[-1]))
    grid = np.union1d(curves[0][0], curves[1][0])
    first, second = (np.interp(grid, at, share, left=0, right=1) for at, share in curves)
    return float(np.abs(first - second).max())
