"""The paper's claims on perturbations of growing strength: pruning, noise, sign flips (figures 1, 17, 18)."""

from collections.abc import Iterator

import xarray as xr

from jprobe.intervals import Estimate
from jprobe.report import Check, Finding
from jprobe.report.verdict import number, percent, points
from jprobe.studies.blocks import apart
from jprobe.studies.probes.estimates import Peak, best_ratio, half_lost, middle, peak

# "At chance" is within 5 points of it, "high" is above 85%, and a recovery gains 20 points or more.
NEAR, HIGH, RISE = 0.05, 0.85, 0.2

# A peak is sharp if it is reached and left within half of the axis.
SHARP = 0.5

# "Near the spread of the weights": within a factor of 4.
FACTOR = 4.0


def collapse(easy: xr.Dataset, hard: xr.Dataset) -> Iterator[Finding]:
    """Signs alone."""
    chance = float(hard.chance)
    yield Finding(
        "The signed hard model collapses to chance.",
        (Check("signed hard", middle(hard.binarized), "at most", chance + NEAR, percent),),
        f"original {percent(middle(hard.base).value)}, chance {percent(chance)}",
    )
    yield Finding(
        "The signed easy model stays high.",
        (Check("signed easy", middle(easy.binarized), "at least", HIGH, percent),),
        f"original {percent(middle(easy.base).value)}",
    )


def recovery(easy: xr.Dataset, hard: xr.Dataset) -> Iterator[Finding]:
    """Pruning."""
    if "prune_smallest" not in hard:
        return
    curve = hard.prune_smallest
    found = peak(curve.sel(signed=True), curve.sel(signed=True).isel(removed=0), "removed")
    yield Finding(
        "The signed hard model recovers in a sharp peak as weak weights are pruned.",
        transition("signed hard", found),
        f"highest, {percent(found.top)}, with {found.level:.0%} removed",
    )
    over = curve.sel(signed=True) - curve.sel(signed=False)
    above = peak(over, xr.zeros_like(over.isel(removed=0)), "removed")
    yield Finding(
        "The signed hard model surpasses the hard model at some sparsities.",
        (Check("signed hard over hard at the best level", above.rise, "above", 0.0, points),),
        f"most with {above.level:.0%} removed",
    )
    gains = {
        order: peak(hard[name].sel(signed=True), hard[name].sel(signed=True).isel(removed=0), "removed").rise
        for order in ("smallest", "random", "largest")
        if (name := f"prune_{order}") in hard
    }
    if len(gains) == 3:
        yield Finding(
            "Pruning helps the signed hard model only if the smallest weights go first.",
            (
                Check("smallest first: gained at the best level", gains["smallest"], "above", 0.0, points),
                *(
                    Check(f"{o} first: gained at the best level", gains[o], "at most", NEAR, points)
                    for o in ("random", "largest")
                ),
            ),
            "a network that gives one class only gains or loses a few points by giving the other",
        )


def falls(easy: xr.Dataset, hard: xr.Dataset) -> Iterator[Finding]:
    """Which of the two tasks falls first."""
    checks = []
    for name, dim, what in (
        ("prune_smallest", "removed", "share pruned"),
        ("noise", "amplitude", "amplitude of noise"),
        ("flip", "flipped", "share of signs flipped"),
    ):
        if name in hard:
            hard_level, easy_level = (
                half_lost(task[name].sel(signed=False), task.base, float(task.chance), dim) for task in (hard, easy)
            )
            found = apart(hard_level, easy_level)
            checks.append(
                Check(f"{what} that halves accuracy above chance, easy over hard", found, "above", 0.0, number)
            )
    if checks:
        yield Finding("The hard model falls earlier than the easy model.", tuple(checks))


def lifts(easy: xr.Dataset, hard: xr.Dataset) -> Iterator[Finding]:
    """Noise and flips that help signed models."""
    if "noise" in hard:
        peaks = [peak(t.noise.sel(signed=True), t.binarized, "amplitude") for t in (easy, hard)]
        ratio = best_ratio(hard.noise.sel(signed=True), hard.weight_std)
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
        peaks = [peak(t.flip.sel(signed=True), t.binarized, "flipped") for t in (easy, hard)]
        yield Finding(
            "Flipping weak signs lifts signed models.",
            _lifted(peaks),
            f"best share of signs flipped: easy {peaks[0].level:.0%}, hard {peaks[1].level:.0%}",
        )


def multiplied(easy: xr.Dataset, hard: xr.Dataset) -> Iterator[Finding]:
    """Multiplicative noise on the weakest weights, share by share."""
    if "multiplicative_30" not in hard:
        return
    plateau = (
        "the signed curves are level by construction: every amplitude above 0 deals the same random signs to the weights "
        "that it touches"
    )
    tasks = {"easy": easy, "hard": hard}
    yield Finding(
        "Multiplicative noise on 30% of the weights lowers both models and lifts the signed easy model slightly.",
        (
            *(Check(f"{name}: lost from the first amplitude to the last", _lost(t.multiplicative_30, False), "above", 0.0, points) for name, t in tasks.items()),
            Check("signed easy: gained over all amplitudes", _gained(easy, "multiplicative_30"), "above", 0.0, points),
        ),
        plateau,
    )  # fmt: skip
    yield Finding(
        "Multiplicative noise on 70% of the weights lifts the signed hard model, too.",
        (Check("signed hard: gained over all amplitudes", _gained(hard, "multiplicative_70"), "above", 0.0, points),),
        plateau,
    )
    yield Finding(
        "Multiplicative noise on 90% of the weights lowers all models rapidly.",
        tuple(
            Check(f"{'signed ' * signed}{name}: lost from the first amplitude to the last", _lost(t.multiplicative_90, signed), "at least", NEAR, points)
            for name, t in tasks.items()
            for signed in (False, True)
        ),
        "the first amplitude, 0, prunes these weights",
    )  # fmt: skip


def transition(what: str, found: Peak) -> tuple[Check, Check]:
    """The conditions of a sharp recovery."""
    return (
        Check(f"{what}: gained at the best level", found.rise, "at least", RISE, points),
        Check(f"{what}: width of the peak at half height, of the axis", found.width, "at most", SHARP, number),
    )


def _lifted(peaks: list[Peak]) -> tuple[Check, Check]:
    easy, hard = (
        Check(f"signed {task}: gained at the best level", found.rise, "above", 0.0, points)
        for task, found in zip(("easy", "hard"), peaks, strict=True)
    )
    return hard, easy


def _lost(curve: xr.DataArray, signed: bool) -> Estimate:
    ends = curve.sel(signed=signed)
    return middle(ends.isel(factor=0) - ends.isel(factor=-1))


def _gained(task: xr.Dataset, name: str) -> Estimate:
    curve = task[name].sel(signed=True)
    return middle(curve.where(curve.factor > 0, drop=True).mean("factor") - task.binarized)
