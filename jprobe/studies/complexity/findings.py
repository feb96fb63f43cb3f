"""The paper's claims on pairs of classes, held against a run."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from jprobe.figures.style import title
from jprobe.intervals import Estimate, bootstrap, mean
from jprobe.report import Check, Finding
from jprobe.report.verdict import Side, number, percent, points
from jprobe.studies.complexity.summary import correlation, datasets, gaps

# The paper's words as numbers: "very high" correlation, "very little" lost, "around 50%", "a small drop".
RHO, LITTLE, NEAR, SMALL = 0.9, 0.05, 0.05, 0.15

# The error of an SSIM distance is from so many parts of its image pairs.
_PARTS = 10


def findings(ds: xr.Dataset) -> list[Finding]:
    """The paper's claims held against this run; those on single digits for MNIST only.

    Intervals: of the rank correlation over pairs of classes, of everything else over networks.

    Args:
        ds: the study's numbers.

    Example:
        >>> pairs, values = [f"{a}-{b}" for a in range(4) for b in range(a)], np.linspace(0.5, 0.9, 6)
        >>> over = ("dataset", "pair", "seed")
        >>> columns = {name: (over, values[None, :, None]) for name in ("signed", "randomized")}
        >>> ones = (over, np.ones((1, 6, 1)))
        >>> ds = xr.Dataset(columns | {"base": ones, "dead": (over, np.zeros((1, 6, 1))), "ssim": (over[:2], values[None])},
        ...     {"dataset": ["mine"], "pair": pairs})
        >>> [finding.verdict.value for finding in findings(ds)]
        ['holds']
    """
    return [
        finding._replace(figure=f"{_figure(finding)}_{name}")
        for name, here in datasets(ds)
        for finding in _claims(name, here)
    ]


def _figure(finding: Finding) -> str:
    """Which of the maps shows a claim."""
    if "SSIM picks" in finding.claim:
        return "ssim"
    return "base" if "every pair" in finding.claim else "gaps"


def _claims(name: str, here: xr.Dataset) -> Iterator[Finding]:
    rho = correlation(here, "gap_signed", "gap_randomized")
    found = Estimate(rho.value, rho.low, rho.high, here.sizes["pair"])
    yield Finding(
        "Binarization and randomization B rank the pairs alike (Spearman 0.96 on MNIST).",
        (Check("rank correlation", found, "at least", RHO, number),),
        title(name),
    )
    if name == "mnist":
        yield from _digits(here.where(here.dead == 0), gaps(here))
        yield _similarity(here)


def _digits(alive: xr.Dataset, means: xr.Dataset) -> Iterator[Finding]:
    lost, signed = alive.base - alive.signed, alive.signed
    order = means.gap_signed.sortby(means.gap_signed).pair.values.tolist()
    lowest = str(means.base.idxmin("pair").item())
    least = bootstrap(alive.base.transpose("seed", "pair").values, lambda rows: np.nanmean(rows, axis=1).min(-1))
    yield Finding(
        "Networks tell every pair of digits apart in more than 98% of the test images.",
        (Check("lowest accuracy of a pair", least, "above", 0.98, percent),),
        lowest,
    )
    yield Finding(
        "0 and 3 lose very little without magnitudes; 1 and 7 fall to around 50%.",
        (
            Check("0-3 loses", mean(lost.sel(pair="0-3").values), "at most", LITTLE, points),
            Check("signed 1-7", mean(signed.sel(pair="1-7").values), "at most", 0.5 + NEAR, percent),
        ),
        f"by what is lost 0-3 is pair {order.index('0-3') + 1} and 1-7 pair {order.index('1-7') + 1} of {len(order)}",
    )
    yield Finding(
        "The pair that SSIM calls easy, 0 and 7, loses little; the hard one, 7 and 9, falls to around 50%.",
        (
            Check("0-7 loses", mean(lost.sel(pair="0-7").values), "at most", SMALL, points),
            Check("signed 7-9", mean(signed.sel(pair="7-9").values), "at most", 0.5 + NEAR, percent),
        ),
    )


def _similarity(here: xr.Dataset) -> Finding:
    """Whether the SSIM distance picks the paper's easy and hard pairs."""
    distance, error = here.ssim, here.ssim_error
    checks = []
    claims: tuple[tuple[str, str, Side, str], ...] = (
        ("0-7", "idxmax", "at least", "largest"), ("7-9", "idxmin", "at most", "smallest"),
    )  # fmt: skip
    for pair, best, side, what in claims:
        rival = str(getattr(distance.where(distance.pair != pair), best)("pair").item())
        value = float(distance.sel(pair=pair) - distance.sel(pair=rival))
        half = 1.96 * float(np.hypot(error.sel(pair=pair), error.sel(pair=rival)))
        found = Estimate(value, value - half, value + half, _PARTS)
        checks.append(Check(f"distance of {pair} less the {what} other one, of {rival},", found, side, 0.0, number))
    return Finding("SSIM picks 0 and 7 as the least alike digits, 7 and 9 as the most alike.", tuple(checks))
