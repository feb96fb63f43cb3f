"""Headline numbers of the study ``probes``, computed from its Dataset."""

import math

import numpy as np
import xarray as xr

from jprobe.studies.probes.config import Config
from jprobe.studies.probes.variants import suffix_of

_REMOVED = (0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_AMPLITUDES = (0.0625, 0.25, 1.0)
_RANKS = (1, 2, 3, 8)


def living(ds: xr.Dataset) -> xr.Dataset:
    """The same Dataset with dead networks' numbers replaced by NaN."""
    over_seeds = [
        name for name, v in ds.data_vars.items() if "seed" in v.dims and name != "dead" and v.dtype.kind == "f"
    ]
    return ds.assign({name: ds[name].where(ds[f"dead{suffix_of(str(name))}"] == 0) for name in over_seeds})


def summary(ds: xr.Dataset, config: Config) -> dict[str, float]:
    """Flat headline numbers: medians over living networks and draws, accuracies in [0, 1].

    Args:
        ds: the study's numbers.
        config: its configuration.

    Returns:
        ``dataset.task.quantity`` -> number; groups of probes that were not run are absent.

    Example:
        >>> from jprobe.studies import compute, probes
        >>> config = probes.Config(seeds=2, epochs=1, pair=(0, 1), probes=("flip",))
        >>> 0.9 < summary(compute(probes.STUDY, config), config)["mnist.0-1.base"] <= 1
        True
    """
    out: dict[str, float] = {}
    alive = living(ds)
    for name, task in pairs(ds):
        here = alive.sel(dataset=name, task=task)
        key = f"{name}.{task}"
        out[f"{key}.base"] = _median(here.base)
        out[f"{key}.signed"] = _median(here.binarized)
        out[f"{key}.dead"] = int(ds.dead.sel(dataset=name, task=task).sum())
        out[f"{key}.weight_std"] = _median(here.weight_std)
        for removed in _REMOVED:
            if "prune_smallest" in here:
                for label, signed in (("original", False), ("signed", True)):
                    curve = here.prune_smallest.sel(signed=signed).sel(removed=removed, method="nearest")
                    out[f"{key}.prune.{label}.{removed}"] = _median(curve)
            for type_ in "BEF":
                if f"randomize_{type_}_pruned" in here:
                    curve = here[f"randomize_{type_}_pruned"].sel(removed=removed, method="nearest")
                    out[f"{key}.randomize.{type_}.pruned.{removed}"] = _median(curve)
        for variable, dim in (("noise", "amplitude"), ("flip", "flipped")):
            if variable in here:
                top, level = best_level(here[variable].sel(signed=True), dim)
                out[f"{key}.{variable}.signed.best"] = top
                out[f"{key}.{variable}.signed.best_level"] = level
        if "noise" in here:
            for amplitude in _AMPLITUDES:
                curve = here.noise.sel(signed=False).sel(amplitude=amplitude, method="nearest")
                out[f"{key}.noise.original.{amplitude:g}"] = _median(curve)
        for type_ in "ABCDEFG":
            if f"randomize_{type_}" in here:
                out[f"{key}.randomize.{type_}"] = _median(here[f"randomize_{type_}"])
        for rank in _RANKS:
            if "spectral" in here:
                out[f"{key}.spectral.original.{rank}"] = _median(here.spectral.sel(signed=False, rank=rank))
                out[f"{key}.spectral.signed.{rank}"] = _median(here.spectral_sign_first.sel(rank=rank))
    return dict(sorted(out.items()))


def pairs(ds: xr.Dataset) -> list[tuple[str, str]]:
    """(dataset, task) of each task that was run."""
    return [
        (name, task)
        for name in ds.dataset.values.tolist()
        for task in ds.task.values.tolist()
        if bool(ds.base.sel(dataset=name, task=task).notnull().any())
    ]


def _median(values: xr.DataArray) -> float:
    return round(float(np.nanmedian(values.values)), 6) if bool(values.notnull().any()) else math.nan


def best_level(curve: xr.DataArray, dim: str) -> tuple[float, float]:
    """Highest median over networks, and the level where it is; NaN where no network lives."""
    medians = curve.median([d for d in curve.dims if d != dim])
    if bool(medians.isnull().all()):
        return math.nan, math.nan
    place = int(medians.argmax(dim))
    return round(float(medians[place]), 6), round(float(medians[dim][place]), 6)
