"""Estimates with their 95% intervals: medians and means over networks, shares of images, differences of means."""

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import scipy.stats

if TYPE_CHECKING:
    import xarray as xr

RESAMPLES = 2000

# Fewer networks than this give no bootstrap interval that could be trusted.
FEWEST = 5


class Estimate(NamedTuple):
    """A number, and the interval that it lies in with a confidence of 95%.

    Attributes:
        value: the number.
        low: lower end; NaN where there are too few values for an interval.
        high: upper end; equal to ``low`` where the number is exact.
        size: how many independent values it rests on; None where it is exact.

    Example:
        >>> Estimate(0.5, 0.4, 0.6, 20).high
        0.6
    """

    value: float
    low: float
    high: float
    size: int | None = None


def exact(value: float) -> Estimate:
    """A number without an error of sampling, such as a certified bound."""
    return Estimate(float(value), float(value), float(value))


def median(values: np.ndarray, blocks: np.ndarray | None = None) -> Estimate:
    """The median of values, one a network, with its bootstrap interval; see :func:`bootstrap`.

    Example:
        >>> median(np.arange(101.0)).value
        50.0
    """
    return bootstrap(np.asarray(values, float).ravel(), lambda rows: np.median(rows, axis=1), blocks)


def mean(values: np.ndarray, blocks: np.ndarray | None = None) -> Estimate:
    """The mean of values, one a network, with its bootstrap interval; see :func:`bootstrap`.

    Example:
        >>> mean(np.array([1.0, 2.0, 3.0])).value
        2.0
    """
    return bootstrap(np.asarray(values, float).ravel(), lambda rows: rows.mean(1), blocks)


# [K, S, ...] rows of K resamples -> [K] numbers.
Statistic = Callable[[np.ndarray], np.ndarray]


def bootstrap(values: np.ndarray, statistic: Statistic, blocks: np.ndarray | None = None) -> Estimate:
    """Any number computed from networks, with a percentile interval from networks drawn with replacement.

    Args:
        values: [S, ...], a row a network; rows with NaN are left out.
        statistic: [K, S, ...] -> [K], the number for each of K resamples.
        blocks: [S], equal for networks that share their minibatches, which fluctuate together: every block is replaced
            by a drawn one, and its networks by networks drawn from that. Default: every network is a block.

    Source:
        Davison and Hinkley, Bootstrap Methods and their Application (1997), section 3.8, for the two stages.

    Example:
        >>> bootstrap(np.ones((6, 2)), lambda rows: rows.sum(2).mean(1))
        Estimate(value=2.0, low=2.0, high=2.0, size=6)
    """
    values = np.asarray(values, float)
    blocks = np.arange(len(values)) if blocks is None else np.asarray(blocks)
    kept = ~np.isnan(values).any(axis=tuple(range(1, values.ndim)))
    values, blocks = values[kept], blocks[kept]
    if not len(values):
        return Estimate(np.nan, np.nan, np.nan, 0)
    value = float(statistic(values[None])[0])
    if len(values) < FEWEST:
        return Estimate(value, np.nan, np.nan, len(values))
    # In portions, so that large samples do not have to be in memory two thousand times.
    portions = np.array_split(_resamples(blocks), max(1, RESAMPLES * values.size // 2**22))
    low, high = np.quantile(np.concatenate([statistic(values[rows]) for rows in portions]), [0.025, 0.975])
    return Estimate(value, float(low), float(high), len(values))


def _resamples(blocks: np.ndarray) -> np.ndarray:
    """Row numbers of each resample, [K, S]."""
    rng = np.random.default_rng(0)
    _, mine, sizes = np.unique(blocks, return_inverse=True, return_counts=True)
    members, starts = np.argsort(mine, kind="stable"), np.cumsum(sizes) - sizes
    drawn = rng.integers(len(sizes), size=(RESAMPLES, len(sizes)))[:, mine]
    within = np.floor(rng.random(drawn.shape) * sizes[drawn]).astype(int)
    return members[starts[drawn] + within]


class Spread(NamedTuple):
    """A curve over networks: medians, quartiles, and the interval of each median.

    Attributes:
        median: [L].
        lower: lower quartiles, [L].
        upper: upper quartiles, [L].
        low: lower ends of the medians' 95% intervals, [L]; NaN with fewer than five networks.
        high: upper ends, [L].
        size: how many networks there are.

    Example:
        >>> import xarray as xr
        >>> spread(xr.DataArray(np.arange(12.0).reshape(4, 3), dims=["seed", "level"]), "level").median
        array([4.5, 5.5, 6.5])
    """

    median: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    low: np.ndarray
    high: np.ndarray
    size: int


def spread(curve: "xr.DataArray", x: str, block: int = 10) -> Spread:
    """Median and quartiles over networks and draws at each level, and the bootstrap interval of the median over networks.

    Args:
        curve: over ``x``, ``seed`` and any draws; networks with NaN everywhere are left out.
        x: the dimension that levels are along.
        block: networks of so many consecutive seeds share their minibatches, and are drawn by block.

    Example:
        >>> import xarray as xr
        >>> found = spread(xr.DataArray(np.zeros((6, 3)), dims=["seed", "level"]), "level")
        >>> found.size, found.high
        (6, array([0., 0., 0.]))
    """
    every = curve.transpose(x, ...).values.reshape(curve.sizes[x], -1).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # levels without any network stay NaN
        lower, middle, upper = np.nanquantile(every, [0.25, 0.5, 0.75], axis=1)
    if "seed" not in curve.dims:
        nothing = np.full(len(middle), np.nan)
        return Spread(middle, lower, upper, nothing, nothing, 1)
    rows = curve.mean([d for d in curve.dims if d not in (x, "seed")]).transpose("seed", x)
    seeds = rows["seed"].values if "seed" in rows.coords else np.arange(rows.sizes["seed"])
    kept = ~np.isnan(rows.values).any(1)
    values, blocks = rows.values[kept].astype(float), seeds[kept] // block
    if len(values) < FEWEST:
        nothing = np.full(len(middle), np.nan)
        return Spread(middle, lower, upper, nothing, nothing, len(values))
    # Fewer resamples than for a number that is printed: the ends of a band are a line's width.
    drawn = np.median(values[_resamples(blocks)[:500]], axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return Spread(middle, lower, upper, low, high, len(values))


def share(yes: np.ndarray) -> Estimate:
    """The share of cases that are true, with Wilson's interval.

    Args:
        yes: [n] bools.

    Example:
        >>> found = share(np.array([True] * 20))
        >>> found.value, round(found.low, 2), found.high
        (1.0, 0.84, 1.0)
    """
    yes = np.asarray(yes, bool).ravel()
    return proportion(float(yes.mean()), yes.size) if yes.size else Estimate(np.nan, np.nan, np.nan, 0)


def proportion(value: float, count: int) -> Estimate:
    """A share of ``count`` cases, or a mean of as many numbers in [0, 1], with Wilson's interval.

    Example:
        >>> proportion(0.5, 100).size
        100
    """
    z = scipy.stats.norm.ppf(0.975)
    clipped = min(max(value, 0.0), 1.0)
    middle = (clipped + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(clipped * (1 - clipped) / count + z**2 / (4 * count**2))
    return Estimate(value, float(min(middle - half, value)), float(max(middle + half, value)), count)


def difference(a: np.ndarray, b: np.ndarray, step: float = 0.0) -> Estimate:
    """mean(b) - mean(a) of two independent samples, with Welch's interval; NaN ends where a sample is a single value.

    Args:
        a: values.
        b: values.
        step: what values are multiples of, 1 for counts. A sample's variance is taken to be step^2 / 12 at least, that of
            rounding: three networks of nine nodes each do not show that all have nine.

    Example:
        >>> difference(np.zeros(3), np.array([1.0, 1.1, 0.9])).value
        1.0
        >>> difference(np.array([9, 9]), np.array([9, 9]), step=1).high.__round__(2)
        1.24
    """
    samples = [np.asarray(one, float).ravel() for one in (a, b)]
    value, count = float(samples[1].mean() - samples[0].mean()), min(map(len, samples))
    if count < 2:
        return Estimate(value, np.nan, np.nan, count)
    errors = np.array([max(one.var(ddof=1), step**2 / 12) / len(one) for one in samples])
    if not errors.any():
        return Estimate(value, value, value, count)
    freedom = errors.sum() ** 2 / sum(error**2 / (len(one) - 1) for error, one in zip(errors, samples, strict=True))
    half = float(scipy.stats.t.ppf(0.975, freedom) * np.sqrt(errors.sum()))
    return Estimate(value, value - half, value + half, count)
