"""The paper's claims on easy and hard tasks, held against a run."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import xarray as xr

from jprobe.intervals import Estimate, bootstrap, median
from jprobe.report import Check, Finding
from jprobe.report.verdict import number, percent, points
from jprobe.studies.probes.summary import living, pairs, variant
from jprobe.train import BLOCK

# "At chance" is within 5 points of it, "high" is above 85%, and a recovery gains 20 points or more.
NEAR, HIGH, RISE = 0.05, 0.85, 0.2

# A peak is sharp if it is reached and left within half of the axis.
SHARP = 0.5

# "Near the spread of the weights": within a factor of 4.
FACTOR = 4.0


def findings(ds: xr.Dataset) -> list[Finding]:
    """The paper's claims for each dataset that has both an easy and a hard task, with this run's numbers.

    Medians over living networks; intervals are bootstrapped over blocks of networks that share their minibatches.

    Example:
        >>> findings(xr.Dataset(coords={"dataset": [], "task": []}))  # no easy and hard task
        []
    """
    alive, tasks, out = living(ds), set(pairs(ds)), []
    for name in ds.dataset.values.tolist():
        if {(name, "easy"), (name, "hard")} <= tasks:
            easy, hard = (alive.sel(dataset=name, task=task) for task in ("easy", "hard"))
            found = [finding for claims in _CLAIMS for finding in claims(easy, hard)]
            out += [finding._replace(remark="; ".join(filter(None, [name, finding.remark]))) for finding in found]
    return out


def _collapse(easy: xr.Dataset, hard: xr.Dataset) -> Iterator[Finding]:
    chance = float(hard.chance)
    yield Finding(
        "The signed hard model collapses to chance.",
        (Check("signed hard", _median(hard.binarized), "at most", chance + NEAR, percent),),
        f"original {percent(_median(hard.base).value)}, chance {percent(chance)}",
    )
    yield Finding(
        "The signed easy model stays high.",
        (Check("signed easy", _median(easy.binarized), "at least", HIGH, percent),),
        f"original {percent(_median(easy.base).value)}",
    )


def _recovery(easy: xr.Dataset, hard: xr.Dataset) -> Iterator[Finding]:
    if "prune_smallest" in hard:
        curve = hard.prune_smallest.sel(signed=True)
        peak = _peak(curve, curve.isel(removed=0), "removed")
        yield Finding(
            "The signed hard model recovers in a sharp peak as weak weights are pruned.",
            _transition("signed hard", peak),
            f"highest, {percent(peak.top)}, with {peak.level:.0%} removed",
        )


def _lifts(easy: xr.Dataset, hard: xr.Dataset) -> Iterator[Finding]:
    if "noise" in hard:
        peaks = [_peak(t.noise.sel(signed=True), t.binarized, "amplitude") for t in (easy, hard)]
        # A uniform draw on (-a, a) has a standard deviation of a / sqrt(3).
        ratio = _ratio(hard.noise.sel(signed=True), hard.weight_std)
        yield Finding(
            "Moderate noise lifts signed models, most where it is as large as the spread of the weights.",
            (
                *_lifted(peaks),
                Check("best noise over the weights' standard deviation", ratio, "at least", 1 / FACTOR, number),
                Check("the same", ratio, "at most", FACTOR, number),
            ),
            f"best amplitude: easy {peaks[0].level:.2g}, hard {peaks[1].level:.2g}",
        )
    if "flip" in hard:
        peaks = [_peak(t.flip.sel(signed=True), t.binarized, "flipped") for t in (easy, hard)]
        yield Finding(
            "Flipping weak signs lifts signed models.",
            _lifted(peaks),
            f"best share of signs flipped: easy {peaks[0].level:.0%}, hard {peaks[1].level:.0%}",
        )


def _randomizations(easy: xr.Dataset, hard: xr.Dataset) -> Iterator[Finding]:
    if "randomize_A" in easy:
        chance = float(easy.chance)
        after = {type_: _median(easy[f"randomize_{type_}"]) for type_ in "ABCDEFG"}
        yield Finding(
            "Randomizations B, E, F keep the easy task; A, C, D, G leave chance.",
            (
                *(Check(f"easy after {t}", after[t], "at least", HIGH, percent) for t in "BEF"),
                *(Check(f"easy after {t}", after[t], "at most", chance + NEAR, percent) for t in "ACDG"),
            ),
            f"chance {percent(chance)}",
        )
    if "randomize_B_pruned" in hard:
        curves = {type_: hard[f"randomize_{type_}_pruned"] for type_ in "BEF"}
        peaks = {type_: _peak(curve, curve.isel(removed=0), "removed") for type_, curve in curves.items()}
        yield Finding(
            "The randomized hard model has the same transition under pruning.",
            tuple(check for type_, peak in peaks.items() for check in _transition(f"hard after {type_}", peak)),
        )


def _low_rank(easy: xr.Dataset, hard: xr.Dataset) -> Iterator[Finding]:
    if "spectral_sign_first" in hard:
        names = [str(n) for n in hard.data_vars if str(n).startswith("spectral_sign_first")]
        peaks = {}
        for name in names:
            few = hard[name].sel(rank=[2, 3])
            peaks[name] = _peak(few, hard[name].isel(rank=-1), "rank")
        early = [
            f"{points(peak.rise.value)} after {name.rpartition('_')[2]} epoch{'s' * (not name.endswith('_1'))}"
            for name, peak in peaks.items()
            if variant(name)
        ]
        yield Finding(
            "The signed hard model does better with 2 or 3 singular values than with all (figure 19).",
            (Check("gained by keeping 2 or 3", peaks["spectral_sign_first"].rise, "above", 0.0, points),),
            f"trained more briefly: {', '.join(early)}" if early else "",
        )


_CLAIMS: tuple[Callable[[xr.Dataset, xr.Dataset], Iterator[Finding]], ...] = (
    _collapse, _recovery, _lifts, _randomizations, _low_rank,
)  # fmt: skip


class _Peak(NamedTuple):
    rise: Estimate  # of the best level over the start, the level chosen on other networks
    width: Estimate  # of the curve above half of its height, as a share of the axis
    top: float  # the highest median
    level: float  # where it is


def _transition(what: str, peak: _Peak) -> tuple[Check, Check]:
    return (
        Check(f"{what}: gained at the best level", peak.rise, "at least", RISE, points),
        Check(f"{what}: width of the peak at half height, of the axis", peak.width, "at most", SHARP, number),
    )


def _lifted(peaks: list[_Peak]) -> tuple[Check, Check]:
    easy, hard = (
        Check(f"signed {task}: gained at the best level", peak.rise, "above", 0.0, points)
        for task, peak in zip(("easy", "hard"), peaks, strict=True)
    )
    return hard, easy


def _peak(curve: xr.DataArray, start: xr.DataArray, dim: str) -> _Peak:
    """How far a curve rises above its start, and how sharply.

    The level where the median is highest would flatter any noisy curve, so it is chosen on every other network and the
    rise is measured on the rest, both ways round.
    """
    rows = _by_network(curve, dim)
    at, first = curve[dim].values, _by_network(start)
    blocks, half = _blocks(curve), np.arange(len(rows)) % 2
    there = ~np.isnan(rows).any(1)
    medians = np.median(rows[there], axis=0) if there.any() else np.full(len(at), np.nan)
    rise = np.full(len(rows), np.nan)
    for side in (0, 1):
        chosen = rows[there & (half != side)]
        if len(chosen):
            place = int(np.argmax(np.median(chosen, axis=0)))
            rise[half == side] = rows[half == side, place] - first[half == side]
    place = int(np.argmax(medians))
    return _Peak(
        rise=median(rise, blocks),
        width=bootstrap(rows, lambda some: _half_width(at, np.median(some, axis=1)), blocks),
        top=float(medians[place]),
        level=float(at[place]),
    )


def _half_width(at: np.ndarray, medians: np.ndarray) -> np.ndarray:
    """Width [K] of median curves [K, L] above half of their height, as a share of the axis."""
    above = medians >= (medians[:, :1] + medians.max(1, keepdims=True)) / 2
    first, last = above.argmax(1), len(at) - 1 - above[:, ::-1].argmax(1)
    return abs(at[last] - at[first]) / np.ptp(at)


def _ratio(curve: xr.DataArray, spread: xr.DataArray) -> Estimate:
    """Standard deviation of the noise with the highest median accuracy, over that of the weights."""
    at = curve.amplitude.values
    rows = np.column_stack([_by_network(curve, "amplitude"), spread.values])

    def best(some: np.ndarray) -> np.ndarray:
        medians = np.median(some, axis=1)
        return at[medians[:, :-1].argmax(1)] / np.sqrt(3) / medians[:, -1]

    return bootstrap(rows, best, _blocks(curve))


def _median(values: xr.DataArray) -> Estimate:
    return median(_by_network(values), _blocks(values))


def _by_network(values: xr.DataArray, *dims: str) -> np.ndarray:
    """[S] or [S, levels]: means over draws."""
    over = [d for d in values.dims if d not in ("seed", *dims)]
    return values.mean(over, skipna=False).transpose("seed", *dims).values


def _blocks(values: xr.DataArray) -> np.ndarray:
    return values.seed.values // BLOCK
