"""Headline numbers and findings of the study ``probes``, computed from its Dataset."""

import math
import re
from collections.abc import Iterator

import numpy as np
import xarray as xr

from jprobe.studies.outcome import Finding

_REMOVED = (0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_AMPLITUDES = (0.0625, 0.25, 1.0)
_RANKS = (1, 2, 3, 8)


def living(ds: xr.Dataset) -> xr.Dataset:
    """The same Dataset with dead networks' numbers replaced by NaN."""
    over_seeds = [
        name for name, v in ds.data_vars.items() if "seed" in v.dims and name != "dead" and v.dtype.kind == "f"
    ]
    return ds.assign({name: ds[name].where(ds[f"dead{_variant(str(name))}"] == 0) for name in over_seeds})


def _variant(name: str) -> str:
    """Which networks a variable is of: '' the study's own, or the suffix of a variant."""
    found = re.search(r"_(hidden|epochs)_\d+$", name)
    return found.group() if found else ""


def summary(ds: xr.Dataset) -> dict[str, float]:
    """Flat headline numbers: medians over living networks and draws, accuracies in [0, 1].

    Args:
        ds: what :func:`jprobe.studies.probes.run` returned.

    Returns:
        ``dataset.task.quantity`` -> number; groups of probes that were not run are absent.

    Example:
        >>> from jprobe.studies import probes as study
        >>> ds = study.run(study.Config(seeds=2, epochs=1, pair=(0, 1), probes=("flip",)))
        >>> 0.9 < summary(ds)["mnist.0-1.base"] <= 1
        True
    """
    out: dict[str, float] = {}
    alive = living(ds)
    for name, task in _pairs(ds):
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
                best, level = _best(here[variable].sel(signed=True), dim)
                out[f"{key}.{variable}.signed.best"] = best
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


def findings(ds: xr.Dataset) -> list[Finding]:
    """The paper's findings for each dataset that has both an easy and a hard task, with this run's numbers.

    Example:
        >>> from jprobe.studies import probes as study
        >>> findings(study.run(study.Config(seeds=2, epochs=1, pair=(0, 1), probes=("flip",))))  # no easy and hard task
        []
    """
    alive = living(ds)
    out = []
    tasks = set(_pairs(ds))
    for name in ds.dataset.values.tolist():
        if {(name, "easy"), (name, "hard")} <= tasks:
            out += list(_for_dataset(name, alive.sel(dataset=name, task="easy"), alive.sel(dataset=name, task="hard")))
    return out


def _for_dataset(name: str, easy: xr.Dataset, hard: xr.Dataset) -> Iterator[Finding]:
    chance = float(hard.chance)
    signed_easy, signed_hard = _median(easy.binarized), _median(hard.binarized)
    base_easy, base_hard = _median(easy.base), _median(hard.base)
    near = chance + 0.1
    seen = f"{name}: signed hard {percent(signed_hard)} (original {percent(base_hard)}, chance {percent(chance)})"
    if "prune_smallest" in hard:
        best, level = _best(hard.prune_smallest.sel(signed=True), "removed")
        width = _half_width(hard.prune_smallest.sel(signed=True), "removed", signed_hard, best)
        seen += f"; with the weakest {level:.0%} of the weights removed {percent(best)}, a peak {width:.2f} wide at half height"
        holds = signed_hard <= near and best >= signed_hard + 0.2
    else:
        holds = signed_hard <= near
    yield Finding(
        "The signed hard model collapses to chance and recovers in a sharp peak as weak weights go.", seen, holds
    )
    yield Finding(
        "The signed easy model stays high.",
        f"{name}: signed easy {percent(signed_easy)} (original {percent(base_easy)}), the signed hard model {percent(signed_hard)}",
        signed_easy >= 0.85 and signed_easy > signed_hard + 0.2,
    )
    for variable, dim, claim, at_level in (
        ("noise", "amplitude", "Moderate noise lifts signed models.", "at amplitude {:.2g}"),
        ("flip", "flipped", "Flipping weak signs lifts signed models.", "with {:.0%} of the signs flipped"),
    ):
        if variable in hard:
            parts, lifts = [], []
            for task, data, start in (("easy", easy, signed_easy), ("hard", hard, signed_hard)):
                best, level = _best(data[variable].sel(signed=True), dim)
                parts.append(f"signed {task} from {percent(start)} to {percent(best)} {at_level.format(level)}")
                lifts.append(best - start)
            yield Finding(claim, f"{name}: " + "; ".join(parts), lifts[1] >= 0.05 and lifts[0] > 0)
    if "randomize_A" in easy:
        after = {t: _median(easy[f"randomize_{t}"]) for t in "ABCDEFG"}
        kept = {t for t, v in after.items() if v >= 0.85}
        yield Finding(
            "Randomizations B, E, F keep the easy task; A, C, D, G do not.",
            f"{name}, easy: "
            + ", ".join(f"{t} {percent(v)}" for t, v in after.items())
            + f"; kept by {', '.join(sorted(kept)) or 'none'}",
            kept == set("BEF"),
        )
    if "randomize_B_pruned" in hard:
        parts, rises = [], []
        for type_ in "BEF":
            curve = hard[f"randomize_{type_}_pruned"]
            start = _median(curve.sel(removed=0, method="nearest"))
            best, level = _best(curve, "removed")
            parts.append(f"{type_} from {percent(start)} to {percent(best)} at {level:.0%} removed")
            rises.append(best - start)
        yield Finding(
            "The randomized hard model has the same transition under pruning.",
            f"{name}, hard: " + "; ".join(parts),
            min(rises) >= 0.1,
        )
    if "spectral_sign_first" in hard:
        holds, parts = False, []
        names = [str(n) for n in hard.data_vars if str(n).startswith("spectral_sign_first")]
        for variable in sorted(names, key=lambda n: int(n.rpartition("_")[2]) if _variant(n) else 99):
            curve = hard[variable]
            few = {k: _median(curve.sel(rank=k)) for k in (2, 3)}
            every = _median(curve.isel(rank=-1))
            epochs = variable.rpartition("_")[2]
            trained = f"after {epochs} epoch{'s' * (epochs != '1')}" if _variant(variable) else "fully trained"
            parts.append(
                f"{trained}: "
                + ", ".join(f"{percent(v)} at k = {k}" for k, v in few.items())
                + f", {percent(every)} with all"
            )
            holds |= not _variant(variable) and max(few.values()) >= every + 0.05
        yield Finding(
            "The signed hard model does best with 2 or 3 singular values (figure 19).",
            f"{name}: " + "; ".join(parts),
            holds,
        )


def _pairs(ds: xr.Dataset) -> list[tuple[str, str]]:
    return [
        (name, task)
        for name in ds.dataset.values.tolist()
        for task in ds.task.values.tolist()
        if bool(ds.base.sel(dataset=name, task=task).notnull().any())
    ]


def _median(values: xr.DataArray) -> float:
    return round(float(np.nanmedian(values.values)), 6) if bool(values.notnull().any()) else math.nan


def _best(curve: xr.DataArray, dim: str) -> tuple[float, float]:
    """Highest median over networks, and the level where it is."""
    medians = curve.median([d for d in curve.dims if d != dim])
    place = int(medians.argmax(dim))
    return round(float(medians[place]), 6), round(float(medians[dim][place]), 6)


def _half_width(curve: xr.DataArray, dim: str, floor: float, top: float) -> float:
    medians = curve.median([d for d in curve.dims if d != dim])
    above = medians[dim].values[medians.values >= (floor + top) / 2]
    return float(above.max() - above.min()) if above.size else 0.0


def percent(fraction: float) -> str:
    """A fraction as a percentage with one decimal."""
    return f"{100 * fraction:.1f}%"
