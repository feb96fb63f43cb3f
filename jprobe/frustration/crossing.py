"""Lambda of lambda-monotonicity, read off the shares of outputs that move with an order; and what chance gives."""

from typing import Any

import numpy as np
import scipy.stats

from jprobe.errors import ArgumentError


def crossing(omega: Any, axis: int | tuple[int, ...] | None = None) -> Any:
    """The lambda of lambda-monotonicity: where P(|Omega - 0.5| >= lambda) crosses 2 lambda.

    Args:
        omega: alignment fractions, any shape, in [0, 1].
        axis: axes that hold the fractions of one lambda. Default: all.

    Returns:
        The largest lambda in [0, 0.5] with P(|Omega - 0.5| >= lambda) >= 2 lambda: a float, or an array over the
        axes that are left.

    Raises:
        ArgumentError: no fraction, or one out of range.

    Source:
        Paper 2, eq. (10) and supplement figure 7.

    Example:
        >>> crossing([0.0, 1.0, 1.0]), crossing([0.5, 0.5])
        (0.5, 0.0)
        >>> crossing([[0.5, 0.5], [0.0, 1.0]], axis=1).tolist()
        [0.0, 0.5]
    """
    away = np.abs(np.asarray(omega, np.float64) - 0.5)
    if not away.size or not (away <= 0.5).all():
        raise ArgumentError("Alignment fractions lie between 0 and 1, and there is one or more.")
    axes = tuple(range(away.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    last = np.moveaxis(away, axes, range(-len(axes), 0))
    rows = np.sort(last.reshape(*last.shape[: away.ndim - len(axes)], -1))[..., ::-1]
    found = _crossing(rows, np.arange(1, rows.shape[-1] + 1) / rows.shape[-1])
    return float(found) if axis is None else found


def _crossing(away: np.ndarray, share: np.ndarray) -> Any:
    """Lambda from falling deviations |Omega - 0.5| and the share that is at least as large as each, on the last axis."""
    # Down to the k-th largest deviation lambda may rise to that deviation, and to half of the share that reaches it.
    return np.minimum(away, share / 2).max(-1)


def coin_crossing(outputs: int) -> float:
    """The lambda of outputs that rise and fall like independent fair coins: Omega ~ Binomial(C, 1/2) / C.

    A network of few outputs has a large lambda by chance alone, so a lambda says something where it is above this.

    Args:
        outputs: C, 1 or more.

    Returns:
        The largest lambda with P(|Omega - 0.5| >= lambda) >= 2 lambda; it falls as 1 / sqrt(C).

    Raises:
        ArgumentError: no output.

    Source:
        Paper 2, eq. (10), for the null hypothesis that an order predicts nothing.

    Example:
        >>> [round(coin_crossing(outputs), 3) for outputs in (10, 100, 1000)]
        [0.172, 0.07, 0.03]
    """
    if outputs < 1:
        raise ArgumentError(f"A network has one output or more, not {outputs}.")
    # Ups and downs are alike, so only the counts from half on are needed, each with its mirror image.
    up = np.arange(outputs, (outputs - 1) // 2, -1)
    both = np.where(2 * up == outputs, 1, 2) * scipy.stats.binom.pmf(up, outputs, 0.5)
    return float(_crossing(up / outputs - 0.5, np.minimum(np.cumsum(both), 1.0)))


def survival(omega: Any, at: Any) -> np.ndarray:
    """P(|Omega - 0.5| >= l) for each l.

    Source:
        Paper 2, supplement figure 7.

    Example:
        >>> survival([0.0, 0.5, 0.9], [0.0, 0.3, 0.45]).round(2).tolist()
        [1.0, 0.67, 0.33]
    """
    away = np.abs(np.asarray(omega, np.float64).ravel() - 0.5)
    return np.array([(away >= level).mean() for level in np.asarray(at)])
