"""How hard a task is for a network: what the network loses when a probe takes something away."""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import numpy as np
import scipy.stats
import xarray as xr

from jprobe import metrics
from jprobe.errors import ArgumentError, ShapeError
from jprobe.probes import Probe, binarize
from jprobe.sweeping import sweep
from jprobe.typing import Forward, Metric, Params


def gap(
    model: nn.Module | Forward,
    params: Params,
    task: Any,
    probe: Probe | None = None,
    *,
    metric: Callable[[Any, Any], Metric] | None = None,
    recalibrate: bool = False,
    **options: Any,
) -> xr.Dataset:
    """What networks lose on a task under a probe: m(w) - m(probe(w)). The larger the loss, the harder the task.

    This compares tasks of any kind of data, as long as the networks and the preparation of the data are alike. Much of what
    accuracy loses to signs may be a shift of all outputs past the decision threshold, which depends on how pixels are scaled
    (``jprobe run collapse`` measures it): ``recalibrate=True`` asks for what is lost besides.

    Args:
        model: a Flax Linen module, or a function (params, x [B, ...]) -> logits [B, C].
        params: weights of S networks trained on the task, every leaf [S, ...]; :func:`jprobe.stack` makes that.
        task: the data: a :class:`jprobe.data.Task`, or whatever the metric takes.
        probe: what is taken away. Default: magnitudes, ``binarize()``; the paper also takes ``randomize("B")``.
        metric: function of (model, task) that gives a metric, such as ``jp.metrics.auc``. Default: test accuracy.
        recalibrate: measure accuracy with the threshold of the training outputs, before and after the probe; for two
            classes (:func:`jprobe.metrics.recalibrated_accuracy`).
        options: of :func:`drop`.

    Returns:
        What :func:`drop` returns.

    Raises:
        ArgumentError: a metric beside ``recalibrate``.
        ShapeError: ``recalibrate`` for a task without two classes.
        JprobeError: what :func:`drop` raises.

    Source:
        Paper 1, section 4 (figure 4).

    Example:
        >>> import numpy as np, jprobe as jp
        >>> x = np.random.default_rng(0).normal(size=(100, 5)).astype(np.float32)
        >>> task = jp.data.Task(x, x[:, 0] > 0, x, x[:, 0] > 0, num_classes=2)
        >>> model = jp.models.MLP((8,))
        >>> fit = jp.train.fit(model, task, seeds=3, epochs=5, batch=10)
        >>> gap(model, fit.params, task).gap.dims
        ('seed',)
    """
    if recalibrate and metric is not None:
        raise ArgumentError("recalibrate=True measures accuracy with another threshold; it goes with no other metric.")
    measure = metrics.recalibrated_accuracy if recalibrate else (metric or metrics.accuracy)
    return drop(measure(model, task), params, probe, **options)


def drop(
    metric: Metric,
    params: Params,
    probe: Probe | None = None,
    *,
    level: float | None = None,
    repeats: int = 1,
    key: jax.Array | None = None,
    **options: Any,
) -> xr.Dataset:
    """How far a metric of networks falls under a probe: m(w) - m(probe(w)).

    Args:
        metric: params of one network -> scalar, such as ``metrics.accuracy(model, task)`` or your own.
        params: weights of S networks, every leaf [S, ...].
        probe: any probe. Default: ``binarize()``.
        level: of the probe, where it reads one, as pruning and noise do; ``binarize`` and ``randomize`` do not.
        repeats: independent draws of a random probe, over which the fall is averaged.
        key: JAX random key; default ``jax.random.key(0)``.
        options: ``mesh``, ``memory`` and ``progress`` of :func:`jprobe.sweep`.

    Returns:
        Dataset over (seed S): ``base``, ``perturbed`` and ``gap``, in the metric's unit.

    Raises:
        ArgumentError: no level where the probe reads one, or one where it does not.
        JprobeError: what :func:`jprobe.sweep` raises.

    Example:
        >>> import jax.numpy as jnp
        >>> drop(lambda p: p["kernel"].max(), {"kernel": jnp.array([[[0.5, 3.0]]])}).gap.values
        array([2.], dtype=float32)
    """
    probe = binarize() if probe is None else probe
    if level is not None and not probe.level.read:
        raise ArgumentError(f"This probe ignores its level; leave level={level} out.")
    if level is None and probe.level.read:
        raise ArgumentError(f"drop() and gap() need level= for this probe, {probe.level.described()}.")
    untouched = Probe(lambda params: (), lambda key, params, state, level: params)
    base, perturbed = (
        next(iter(sweep(each, params, metric, at, key=key, repeats=draws, **options).data_vars.values()))
        .mean("repeat")
        .isel(level=0, signed=0, drop=True)
        for each, at, draws in ((untouched, None, 1), (probe, level, repeats))
    )
    return xr.Dataset({"base": base, "perturbed": perturbed, "gap": base - perturbed})


class Correlation(NamedTuple):
    """A rank correlation with its bootstrap interval.

    Attributes:
        value: Spearman's rho, in [-1, 1].
        low: lower end of the 95% interval.
        high: upper end.
    """

    value: float
    low: float
    high: float


def rank_correlation(a: np.ndarray, b: np.ndarray, resamples: int = 9999, seed: int = 0) -> Correlation:
    """Spearman's rank correlation of two measures of the same tasks, and its 95% bootstrap interval.

    Tasks are resampled with replacement, in pairs; the interval is bias-corrected and accelerated (BCa).

    Args:
        a: one measure of n tasks, [n].
        b: another, [n].
        resamples: bootstrap resamples.
        seed: of the resampling.

    Returns:
        The correlation; NaN where a measure is constant.

    Raises:
        ShapeError: lengths that differ, or fewer than three tasks.

    Source:
        Paper 1, figure 4c (without an interval); Efron, J. Am. Stat. Assoc. 82 (1987) 171.

    Example:
        >>> import numpy as np
        >>> rank_correlation(np.arange(20.0), np.arange(20.0) ** 3).value
        1.0
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape or a.ndim != 1 or len(a) < 3:
        raise ShapeError(f"A rank correlation is of two measures [n] of 3 or more tasks, not {a.shape} and {b.shape}.")

    def spearman(a: np.ndarray, b: np.ndarray, axis: int = -1) -> np.ndarray:
        ranks = [scipy.stats.rankdata(x, axis=axis) for x in (a, b)]
        ranks = [x - x.mean(axis, keepdims=True) for x in ranks]
        norm = np.sqrt((ranks[0] ** 2).sum(axis) * (ranks[1] ** 2).sum(axis))
        with np.errstate(invalid="ignore"):
            return (ranks[0] * ranks[1]).sum(axis) / norm

    value = float(spearman(a, b))
    if not np.isfinite(value) or abs(value) > 1 - 1e-12:
        return Correlation(round(value, 12), *[round(value, 12)] * 2)
    found = scipy.stats.bootstrap(
        (a, b), spearman, paired=True, vectorized=True, n_resamples=resamples, rng=np.random.default_rng(seed)
    ).confidence_interval
    return Correlation(value, float(found.low), float(found.high))


class Stability(NamedTuple):
    """How alike networks rank tasks.

    Attributes:
        ranks: [S, n], the rank of each task in each network, 1 for the smallest gap.
        concordance: Kendall's W, from 0 (no agreement) to 1 (every network ranks alike).
    """

    ranks: np.ndarray
    concordance: float


def rank_stability(gaps: np.ndarray) -> Stability:
    """Whether one network is enough to rank tasks: ranks by network, and Kendall's coefficient of concordance.

    W = chi2 / (S (n - 1)) with Friedman's chi2, which takes ties into account.

    Args:
        gaps: [S, n], gap of each of n tasks in each of S networks; the s-th networks of all tasks make one ranking.

    Returns:
        The ranks and W.

    Raises:
        ArgumentError: fewer than two networks or three tasks, or values that are not finite.

    Example:
        >>> import numpy as np
        >>> rank_stability(np.array([[0.1, 0.2, 0.5], [0.0, 0.3, 0.4]])).concordance
        1.0
    """
    gaps = np.asarray(gaps, float)
    if gaps.ndim != 2 or gaps.shape[0] < 2 or gaps.shape[1] < 3 or not np.isfinite(gaps).all():
        raise ArgumentError(f"Ranks need finite gaps [S >= 2, n >= 3]; found an array of shape {gaps.shape}.")
    chi2 = scipy.stats.friedmanchisquare(*gaps.T).statistic
    return Stability(scipy.stats.rankdata(gaps, axis=1), float(chi2 / (gaps.shape[0] * (gaps.shape[1] - 1))))
