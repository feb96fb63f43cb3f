"""How fast this machine is: a short measurement of what studies do most, beside the costs that their parts declare."""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jprobe import data, metrics, models, probes, train
from jprobe.studies.probes.parts import EVALUATION, TRAINING
from jprobe.sweeping import sweep
from jprobe.typing import Metric

# Of the measurement: enough for a tenth of a second on two cores.
_NETWORKS, _LEVELS, _ROUNDS = 10, 20, 3


class Speed(NamedTuple):
    """What was measured here.

    Attributes:
        training: seconds of training over those that the study ``probes`` declares for it.
        sweeps: seconds of a sweep over those that it declares.
        product: float32 operations a second of a plain matrix product.
        seconds: that the measurement took, compilation included.

    Example:
        >>> Speed(training=1.2, sweeps=1.5, product=1e11, seconds=8.0).sweeps
        1.5
    """

    training: float
    sweeps: float
    product: float
    seconds: float


def measured() -> Speed:
    """Train and sweep ten perceptrons on MNIST's digits 7 and 9, and multiply; medians, compilation left out.

    Example:
        >>> measured().product > 1e8
        True
    """
    started = time.perf_counter()
    task, model = data.pair(data.load("mnist"), (7, 9)), models.MLP()
    fit = train.fit(model, task, _NETWORKS, epochs=1)
    training = _median(lambda: train.fit(model, task, _NETWORKS, epochs=1))
    each = training / (_NETWORKS * len(task.x_train))

    metric = metrics.accuracy(model, task)
    evaluated = statistics.mean(_evaluation(probe, fit, metric) for probe in (probes.prune(), probes.noise()))
    evaluated /= len(task.x_test)
    return Speed(each / TRAINING, evaluated / EVALUATION, _product(), time.perf_counter() - started)


def _evaluation(probe: probes.Probe, fit: train.Fit, metric: Metric) -> float:
    """Seconds of one evaluation of a sweep of networks and of their signs."""
    ticks: list[tuple[float, float]] = []
    levels = np.linspace(0.0, 0.95, _LEVELS)
    sweep(probe, fit.params, metric, levels, signed=True, progress=lambda d: ticks.append((time.perf_counter(), d)))
    (first, early), (last, late) = ticks[0], ticks[-1]
    if early == late:  # all in one chunk, which compiled: another one does not
        first, early = time.perf_counter(), 0.0
        sweep(probe, fit.params, metric, levels, signed=True)
        last = time.perf_counter()
    return (last - first) / ((late - early) * 2 * len(fit.seeds) * _LEVELS)


def _product(size: int = 1024) -> float:
    """Operations a second of a product of two square matrices."""
    a = jnp.ones((size, size), jnp.float32)
    multiply = jax.jit(lambda a: jnp.dot(a, a, precision=jax.lax.Precision.HIGHEST))
    multiply(a).block_until_ready()
    return 2 * size**3 / _median(lambda: multiply(a).block_until_ready(), rounds=15)


def _median(run: Callable[[], object], rounds: int = _ROUNDS) -> float:
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)
