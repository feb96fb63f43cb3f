"""Headline numbers of the study ``collapse``, and the gaps that its findings and figures read."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from jprobe.studies.collapse.config import Config

# Readings of what signs cost: (weights, measure), in the order in which they are shown.
READINGS = {
    "signs": ("signs", "accuracy"),
    "threshold moved": ("signs", "threshold"),
    "a scale a tensor": ("scales", "accuracy"),
    "trained biases kept": ("biases_kept", "accuracy"),
    "biases refitted": ("biases_refitted", "accuracy"),
    "inked pixels only": ("inked", "accuracy"),
    "inked, threshold moved": ("inked", "threshold"),
    "area under the curve": ("signs", "auc"),
}


def living(ds: xr.Dataset) -> xr.Dataset:
    """The same Dataset without dead networks' values."""
    return ds.assign(value=ds.value.where(ds.dead == 0))


def gap(here: xr.Dataset, reading: str) -> xr.DataArray:
    """What each network loses in one reading, in the unit of its measure."""
    weights, measure = READINGS[reading]
    of = here.value.sel(measure=measure)
    return of.sel(weights="original") - of.sel(weights=weights)


def gaps(ds: xr.Dataset) -> xr.DataArray:
    """Median over living networks of what each reading of the signs loses, over (dataset, task, pixels, reading)."""
    alive = living(ds)
    found = [gap(alive, reading).median("seed") for reading in READINGS]
    return xr.concat(
        found, xr.DataArray(list(READINGS), dims="reading", name="reading"), coords="minimal", compat="override"
    )


def datasets(ds: xr.Dataset) -> Iterator[tuple[str, xr.Dataset]]:
    """(name, results) of each dataset."""
    for name in ds.dataset.values.tolist():
        yield name, ds.sel(dataset=name, drop=True)


def summary(ds: xr.Dataset, config: Config) -> dict[str, float]:
    """Flat headline numbers: medians over living networks, fractions of 1.

    Args:
        ds: the study's numbers.
        config: its configuration.

    Returns:
        ``dataset.task.pixels.weights.measure`` -> number.

    Example:
        >>> over = ("dataset", "task", "pixels", "weights", "measure", "seed")
        >>> ds = xr.Dataset(
        ...     {"value": (over, np.full((1, 1, 1, 1, 1, 2), 0.5)), "dead": ((*over[:3], "seed"), np.zeros((1, 1, 1, 2)))},
        ...     {"dataset": ["mnist"], "task": ["hard"], "pixels": ["unit"], "weights": ["signs"], "measure": ["auc"]})
        >>> summary(ds, Config())
        {'mnist.hard.unit.signs.auc': 0.5}
    """
    medians = living(ds).value.median("seed").stack(key=["dataset", "task", "pixels", "weights", "measure"])
    return {
        ".".join(key): round(float(v), 6)
        for key, v in zip(medians.key.values, medians.values, strict=True)
        if np.isfinite(v)
    }
