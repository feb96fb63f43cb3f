"""What a run of the study ``complexity`` found, first: a sentence and key numbers."""

from collections.abc import Iterator

import xarray as xr

from jprobe.figures.style import title
from jprobe.intervals import Estimate
from jprobe.report import KeyNumber, key_number
from jprobe.report.verdict import number
from jprobe.studies.complexity.summary import correlation, datasets, extremes, gaps, points


def headline(ds: xr.Dataset) -> str:
    """How alike the two gaps rank the pairs, and which pairs lose least and most.

    Example:
        >>> headline(xr.Dataset(coords={"dataset": []}))
        ''
    """
    return " ".join(_sentence(name, here) for name, here in datasets(ds))


def _sentence(name: str, here: xr.Dataset) -> str:
    means = gaps(here)
    least, most = (found[0] for found in extremes(means, "gap_signed", 1))
    rho = correlation(here, "gap_signed", "gap_randomized")
    return (
        f"{title(name)}: without magnitudes {least} loses least ({points(means.gap_signed, least)}) and {most} most "
        f"({points(means.gap_signed, most)}); signs and randomization B rank the {here.sizes['pair']} pairs with correlation {rho.value:.2f}."
    )


def key_numbers(ds: xr.Dataset) -> list[KeyNumber]:
    """Numbers of the first dataset."""
    return next((list(_numbers(name, here)) for name, here in datasets(ds)), [])


def _numbers(name: str, here: xr.Dataset) -> Iterator[KeyNumber]:
    means = gaps(here)
    for a, b, words, paper in (
        (
            "gap_signed",
            "gap_randomized",
            "rank correlation, signs and randomization B",
            "0.96" if name == "mnist" else "",
        ),
        ("ssim", "gap_signed", "rank correlation, SSIM distance and signs", ""),
    ):
        rho = correlation(here, a, b)
        yield key_number(words, Estimate(rho.value, rho.low, rho.high, here.sizes["pair"]), number, paper)
    least, most = (found[0] for found in extremes(means, "gap_signed", 1))
    yield KeyNumber(f"lost to signs by {least}, the least", points(means.gap_signed, least))
    yield KeyNumber(f"lost to signs by {most}, the most", points(means.gap_signed, most))
    lowest = extremes(means, "base", 1)[0][0]
    yield KeyNumber(f"lowest accuracy as trained, of {lowest}", f"{float(means.base.min()):.1%}")
