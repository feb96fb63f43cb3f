"""The paper's claims on what carries a network: signs and their places, spread of weights, rank (figures 2, 3, 7, 19)."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from jprobe.report import Check, Finding
from jprobe.report.verdict import Side, number, percent, points
from jprobe.studies.blocks import apart
from jprobe.studies.probes.claims_curves import HIGH, NEAR, RISE, transition
from jprobe.studies.probes.estimates import middle, peak
from jprobe.studies.probes.variants import suffix_of

# Which way the weights' spread differs between the tasks, by dataset (figure 7).
_EASY_MINUS_HARD: dict[str, Side] = {"mnist": "below", "fashion_mnist": "above"}


def randomizations(easy: xr.Dataset, hard: xr.Dataset) -> Iterator[Finding]:
    """Shuffled weights."""
    if "randomize_A" in easy:
        chance = float(easy.chance)
        after = {type_: middle(easy[f"randomize_{type_}"]) for type_ in "ABCDEFG"}
        lost = {type_: middle(hard.base - hard[f"randomize_{type_}"]) for type_ in "BEF"}
        yield Finding(
            "Randomizations B, E, F keep the easy task and the hard one only in part; A, C, D, G leave chance.",
            (
                *(Check(f"easy after {t}", after[t], "at least", HIGH, percent) for t in "BEF"),
                *(Check(f"hard after {t}: lost", lost[t], "at least", NEAR, points) for t in "BEF"),
                *(Check(f"easy after {t}", after[t], "at most", chance + NEAR, percent) for t in "ACDG"),
            ),
            f"chance {percent(chance)}",
        )
    if "randomize_B_pruned" in hard:
        curves = {type_: hard[f"randomize_{type_}_pruned"] for type_ in "BEF"}
        peaks = {type_: peak(curve, curve.isel(removed=0), "removed") for type_, curve in curves.items()}
        yield Finding(
            "The randomized hard model has the same transition under pruning.",
            tuple(check for type_, found in peaks.items() for check in transition(f"hard after {type_}", found)),
        )


def low_rank(easy: xr.Dataset, hard: xr.Dataset) -> Iterator[Finding]:
    """Few singular values."""
    if "spectral" not in hard:
        return
    kept = {name: t.spectral.sel(signed=False) for name, t in (("easy", easy), ("hard", hard))}
    lost = {name: middle(curve.isel(rank=-1) - curve.sel(rank=2)) for name, curve in kept.items()}
    yield Finding(
        "Two singular values suffice for the easy task; the hard task needs more.",
        (
            Check("easy: lost by keeping 2", lost["easy"], "at most", NEAR, points),
            Check("hard: lost by keeping 2", lost["hard"], "at least", NEAR, points),
        ),
    )
    signed = easy.spectral_sign_first
    yield Finding(
        "The signed easy model declines gradually as singular values go.",
        (
            Check("signed easy: lost by keeping 2", middle(signed.isel(rank=-1) - signed.sel(rank=2)), "above", 0.0, points),
            Check("the same", middle(signed.isel(rank=-1) - signed.sel(rank=2)), "at most", RISE, points),
        ),
        f"with 1, {percent(middle(signed.sel(rank=1)).value)}",
    )  # fmt: skip
    names = [str(n) for n in hard.data_vars if str(n).startswith("spectral_sign_first")]
    peaks = {name: peak(hard[name].sel(rank=[2, 3]), hard[name].isel(rank=-1), "rank") for name in names}
    early = [
        f"{points(found.rise.value)} after {name.rpartition('_')[2]} epoch{'s' * (not name.endswith('_1'))}"
        for name, found in peaks.items()
        if suffix_of(name)
    ]
    yield Finding(
        "The signed hard model does better with 2 or 3 singular values than with all (figure 19).",
        (Check("gained by keeping 2 or 3", peaks["spectral_sign_first"].rise, "above", 0.0, points),),
        f"trained more briefly: {', '.join(early)}" if early else "",
    )


def spread(easy: xr.Dataset, hard: xr.Dataset) -> Iterator[Finding]:
    """Standard deviations of the weights."""
    name = str(np.asarray(easy.dataset).item())
    if name in _EASY_MINUS_HARD:
        side = _EASY_MINUS_HARD[name]
        found = apart(hard.weight_std, easy.weight_std)
        yield Finding(
            f"The easy model's weights spread {'less' if side == 'below' else 'more'} than the hard model's.",
            (Check("standard deviation of the weights, easy less hard", found, side, 0.0, number),),
            f"easy {middle(easy.weight_std).value:.4f}, hard {middle(hard.weight_std).value:.4f}; "
            "the paper has it the other way round on the other dataset",
        )
