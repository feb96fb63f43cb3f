"""Pairs of a dataset's classes, for the studies that train on every one of them."""

import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import xarray as xr

from jprobe import data, metrics
from jprobe.errors import ArgumentError

# Image pairs are drawn in so many parts, whose distances tell the error of their mean.
_BATCHES = 10

# Measured on two cores, for progress displays only: seconds of the SSIM of two images.
SSIM_SECONDS = 9e-5


class Pairs(NamedTuple):
    """Every pair (a, b) of labels, a < b, of a dataset.

    Attributes:
        names: "a-b" of each.
        tasks: each as a task.
        size: the most training and the most test examples of a task: filled up to these, all share what they compile.
    """

    names: list[str]
    tasks: list[data.Task]
    size: tuple[int, int]


def pairs_of(name: str, dataset: data.Dataset) -> Pairs:
    """All pairs of classes.

    Raises:
        ArgumentError: the dataset has fewer than three classes.

    Example:
        >>> found = pairs_of("mnist", data.load("mnist"))
        >>> found.names[:3], found.size
        (['0-1', '0-2', '0-3'], (13007, 2167))
    """
    if len(dataset.class_names) < 3:
        raise ArgumentError(f"A map of pairs needs three classes or more; {name!r} has {len(dataset.class_names)}.")
    labels = list(itertools.combinations(range(len(dataset.class_names)), 2))
    tasks = [data.pair(dataset, pair) for pair in labels]
    size = max(len(t.x_train) for t in tasks), max(len(t.x_test) for t in tasks)
    return Pairs([f"{a}-{b}" for a, b in labels], tasks, size)


def ssim_distances(
    dataset: data.Dataset, names: list[str], count: int, progress: Callable[[float], None]
) -> xr.Dataset:
    """The SSIM distance of the two classes of each pair, and its standard error.

    Args:
        dataset: the images.
        names: of pairs, "a-b".
        count: image pairs drawn for each.
        progress: called with the fraction done.

    Returns:
        ``ssim`` and ``ssim_error`` over (pair); the error is NaN where one image pair was drawn.
    """
    batches = min(_BATCHES, count)
    found = np.empty((len(names), batches))
    for n, name in enumerate(names):
        progress(n / len(names))
        a, b = map(int, name.split("-"))
        found[n] = [metrics.ssim_distance(dataset, (a, b), count // batches, seed) for seed in range(batches)]
    error = found.std(1, ddof=1) / np.sqrt(batches) if batches > 1 else np.full(len(names), np.nan)
    return xr.Dataset(
        {
            "ssim": ("pair", found.mean(1), {"long_name": "SSIM distance, mean of 1 - SSIM", "units": "1"}),
            "ssim_error": ("pair", error, {"long_name": "standard error of ssim", "units": "1"}),
        },
        {"pair": names},
    )
