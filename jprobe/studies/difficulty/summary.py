"""Headline numbers of the study ``difficulty``, and the series of settings that its findings and figures read."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from jprobe.studies.difficulty.config import Config, Lens
from jprobe.studies.difficulty.settings import BASE, LEVELS

GAPS = {
    "gap_signed": "lost to signs",
    "gap_threshold": "lost to signs, threshold moved",
    "gap_auc": "lost to signs, area under ROC",
    "gap_randomized": "lost to randomization B",
}


def living(ds: xr.Dataset) -> xr.Dataset:
    """The same Dataset without dead networks' values."""
    return ds.where(ds.dead == 0).assign(dead=ds.dead)


def series(ds: xr.Dataset, lens: Lens) -> list[str]:
    """Names of the settings of a lens that were run, the task as it is first; empty if none was."""
    there = ds.setting.values.tolist()
    found = [f"{lens} {level}" for level in LEVELS[lens] if f"{lens} {level}" in there]
    return [BASE, *found] if found else []


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
        ``dataset.task.setting.quantity`` -> number, with underscores for blanks.

    Example:
        >>> over = ("dataset", "task", "setting", "seed")
        >>> half, zero = (over, np.full((1, 1, 1, 2), 0.5)), (over, np.zeros((1, 1, 1, 2)))
        >>> ds = xr.Dataset({"error": half, **dict.fromkeys(GAPS, half), "dead": zero, "chance": half},
        ...     {"dataset": ["mnist"], "task": ["easy"], "setting": ["depth 2"]})
        >>> summary(ds, Config())["mnist.easy.depth_2.gap_signed"]
        0.5
    """
    medians = living(ds)[["error", *GAPS]].median("seed")
    out: dict[str, float] = {}
    for name in ds.dataset.values.tolist():
        for task in ds.task.values.tolist():
            for setting in ds.setting.values.tolist():
                here = medians.sel(dataset=name, task=task, setting=setting)
                if np.isfinite(here.error):
                    key = f"{name}.{task}.{setting.replace(' ', '_')}"
                    out |= {f"{key}.{quantity}": round(float(here[quantity]), 6) for quantity in here.data_vars}
        out[f"{name}.dead"] = int(ds.dead.sel(dataset=name).sum())
    return out
