"""How alike wirings are: by their edges, and by their features."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from jprobe.connectivity.wiring import Wiring
from jprobe.errors import ArgumentError, ShapeError


def dice(a: Wiring, b: Wiring) -> float:
    """Dice coefficient of two sets of edges: 2 |A and B| / (|A| + |B|).

    Args:
        a: a wiring.
        b: another of as many nodes.

    Returns:
        In [0, 1]; 1 of two without edges.

    Raises:
        ShapeError: other numbers of nodes.

    Source:
        Paper 4, section D, which leaves out the factor of 2.

    Example:
        >>> from jprobe.connectivity import wiring
        >>> dice(wiring([[0, 1, 1], [0, 0, 0], [0, 0, 0]]), wiring([[0, 1, 0], [0, 0, 0], [0, 0, 0]]))
        0.6666666666666666
    """
    if a.edges.shape != b.edges.shape:
        raise ShapeError(f"Wirings of {len(a.stages)} and {len(b.stages)} nodes share no edges.")
    total = int(a.edges.sum() + b.edges.sum())
    return 2 * int((a.edges & b.edges).sum()) / total if total else 1.0


def dice_matrix(wirings: Sequence[Wiring]) -> np.ndarray:
    """Dice coefficients of all pairs, [W, W].

    Example:
        >>> from jprobe.connectivity import wiring
        >>> dice_matrix([wiring([[0, 1.0], [0, 0]])] * 2).tolist()
        [[1.0, 1.0], [1.0, 1.0]]
    """
    return np.array([[dice(a, b) for b in wirings] for a in wirings])


def rbf(table: xr.Dataset, gamma: float | None = None) -> np.ndarray:
    """Similarity of wirings by their features: exp(-gamma |f_a - f_b|^2), each feature standardised.

    Args:
        table: variables [wiring], of :func:`jprobe.connectivity.feature_table`; choose some by
            ``table[list(names)]``. Features that are the same of all wirings count nothing.
        gamma: default 1 / number of features.

    Returns:
        [W, W] in (0, 1]; NaN where a wiring has a feature that is NaN.

    Raises:
        ShapeError: no feature.

    Source:
        Paper 4, figure 4.

    Example:
        >>> rbf(xr.Dataset({"nodes": ("wiring", [1.0, 3.0])})).round(3).tolist()
        [[1.0, 0.018], [0.018, 1.0]]
    """
    scaled = standardised(table)
    apart = np.square(scaled[:, None] - scaled).sum(-1)
    return np.exp(-(1 / scaled.shape[1] if gamma is None else gamma) * apart)


def standardised(table: xr.Dataset) -> np.ndarray:
    """Features with mean 0 and standard deviation 1 over the wirings that have all of them, [W, F]; 0 of constant ones.

    Raises:
        ShapeError: no feature.

    Example:
        >>> standardised(xr.Dataset({"nodes": ("wiring", [1.0, 3.0])})).tolist()
        [[-1.0], [1.0]]
    """
    if not table.data_vars:
        raise ShapeError("No features to compare wirings by.")
    values = np.stack([table[name].values for name in table], 1).astype(np.float64)
    known = ~np.isnan(values).any(1)
    if not known.any():
        return values
    mean, deviation = values[known].mean(0), values[known].std(0)
    return (values - mean) / np.where(deviation > 0, deviation, 1)


class Separation(NamedTuple):
    """How much more alike wirings of one group are than those of two.

    Attributes:
        within: mean similarity of pairs of one group.
        between: of two.
        p_value: share of shuffled labels with as large a difference.
        chance: the differences that 95% of the shuffled labels lie between.

    Example:
        >>> separation(np.eye(4), ["a", "a", "b", "b"]).within
        0.0
    """

    within: float
    between: float
    p_value: float
    chance: tuple[float, float]


def separation(similarity: np.ndarray, groups: Sequence[Any], draws: int = 9999, seed: int = 0) -> Separation:
    """Whether similarity follows the groups: a permutation test of mean within - mean between.

    Args:
        similarity: [W, W], symmetric.
        groups: a label for each wiring.
        draws: shuffles of the labels.
        seed: of the shuffles.

    Raises:
        ArgumentError: fewer than two groups, or none of two wirings.

    Example:
        >>> alike = np.kron(np.eye(2), np.ones((5, 5)))
        >>> separation(alike, ["a"] * 5 + ["b"] * 5).p_value < 0.02
        True
    """
    _, labels = np.unique(np.asarray(groups), return_inverse=True)
    pairs = np.triu_indices(len(labels), 1)
    values = np.asarray(similarity)[pairs]

    # However labels are shuffled, as many pairs are of one group.
    same = labels[pairs[0]] == labels[pairs[1]]
    if not same.any() or same.all():
        raise ArgumentError("A separation needs two groups or more, and one of two wirings or more.")
    within, between = float(values[same].mean()), float(values[~same].mean())
    orders = np.random.default_rng(seed).permuted(np.tile(labels, (draws, 1)), axis=1)
    sums = (orders[:, pairs[0]] == orders[:, pairs[1]]) @ values
    shuffled = sums / same.sum() - (values.sum() - sums) / (~same).sum()
    # What differs from it by rounding alone is the same labelling under other names.
    gap = within - between
    shuffled = np.where(np.abs(shuffled - gap) < 1e-12, gap, shuffled)
    p_value = (1 + int((shuffled >= gap).sum())) / (1 + draws)
    low, high = np.quantile(shuffled, [0.025, 0.975], method="inverted_cdf")
    return Separation(within, between, p_value, (float(low), float(high)))
