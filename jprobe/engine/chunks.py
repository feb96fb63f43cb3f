"""How many networks, levels and draws are evaluated at once, and which come in each chunk."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import jax
import numpy as np

from jprobe.memory import limit

# On a CPU a chunk, and what its perturbations need beside it, should stay in the last-level cache; larger ones run at
# three quarters of the speed.
CPU_BUDGET = 32 * 2**20


def default_budget() -> int:
    """Bytes that a chunk may take on a device: half of what a run may take; on a CPU, no more than its cache holds.

    Example:
        >>> default_budget() <= 32 * 2**20 or jax.default_backend() != "cpu"
        True
    """
    half = limit() // 2
    return min(half, CPU_BUDGET) if jax.default_backend() == "cpu" else half


def chunk_shape(shape: tuple[int, int, int], devices: int, each: int, once: int, budget: int) -> tuple[int, int, int]:
    """Networks, levels and repeats of one chunk: whole networks if they fit, so that init is done once for each.

    Args:
        shape: networks S, levels L and repeats R of the sweep.
        devices: over which the networks are spread.
        each: bytes of one evaluation.
        once: bytes that a network takes beside its evaluations.
        budget: bytes of a chunk on each device.

    Returns:
        Networks, over all devices together, levels and repeats of one chunk.

    Example:
        >>> chunk_shape((100, 30, 1), devices=1, each=1000, once=0, budget=90_000)
        (2, 30, 1)
    """
    seeds, levels, repeats = shape
    fit = max(1, budget // max(each, 1))
    repeats_each = min(repeats, fit)
    levels_each = min(levels, max(1, fit // repeats))
    nets = min(math.ceil(seeds / devices), max(1, min(fit // (levels * repeats), budget // max(once, 1))))
    nets_each = devices * _even(math.ceil(seeds / devices), nets)
    return nets_each, _even(levels, levels_each), _even(repeats, repeats_each)


def _even(total: int, most: int) -> int:
    """Chunk size, between half of ``most`` and all of it, that pads the last chunk least."""
    return min(range((most + 1) // 2, most + 1), key=lambda size: (math.ceil(total / size) * size, -size))


class Window(NamedTuple):
    """Part of an axis.

    Attributes:
        places: along the axis; the last window is padded with the last place, so that all are of one size.
        start: its first place.
        size: how many of the places are real.
    """

    places: np.ndarray
    start: int
    size: int

    @property
    def real(self) -> slice:
        """The places that are real."""
        return slice(self.start, self.start + self.size)


def windows(total: int, size: int) -> Iterator[Window]:
    """An axis in windows of one size.

    Example:
        >>> [(window.places.tolist(), window.size) for window in windows(5, 3)]
        [([0, 1, 2], 3), ([3, 4, 4], 2)]
    """
    for start in range(0, total, size):
        yield Window(np.minimum(np.arange(start, start + size), total - 1), start, min(size, total - start))
