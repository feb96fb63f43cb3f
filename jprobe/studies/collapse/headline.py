"""What a run of the study ``collapse`` found, first: a sentence and key numbers."""

from collections.abc import Iterator

import xarray as xr

from jprobe.figures.style import title
from jprobe.report import KeyNumber, key_number
from jprobe.report.verdict import percent
from jprobe.studies.blocks import median_of
from jprobe.studies.collapse.findings import NEAR, share_left
from jprobe.studies.collapse.summary import datasets, living

_SCALES = {"signed": "pixels in [-1, 1]", "unit": "pixels in [0, 1]", "standardised": "standardised pixels"}


def headline(ds: xr.Dataset) -> str:
    """Accuracy of the signed networks by scale of the pixels, and what a moved threshold leaves of the gap.

    Example:
        >>> headline(xr.Dataset(coords={"dataset": [], "task": []}))
        ''
    """
    for name, hard in _hard(ds):
        scales = hard.pixels.values.tolist()
        each = [f"{percent(_accuracy(hard, s))} with {_SCALES.get(s, s)}" for s in scales]
        first = hard.sel(pixels=scales[0])
        chance = " (chance)" if _accuracy(hard, scales[0]) <= float(first.chance) + NEAR else ""
        each[0] += chance
        left = share_left(first, "threshold moved").value
        return (
            f"{title(name)}, hard task: signed networks have {', '.join(each)}. With {_SCALES.get(scales[0], scales[0])} a moved "
            f"decision threshold leaves {left:.0%} of what signs cost."
        )
    return ""


def key_numbers(ds: xr.Dataset) -> list[KeyNumber]:
    """Numbers of the first dataset with a hard task."""
    return next((list(_numbers(hard)) for _, hard in _hard(ds)), [])


def _numbers(hard: xr.Dataset) -> Iterator[KeyNumber]:
    for n, scale in enumerate(hard.pixels.values.tolist()):
        values = hard.value.sel(pixels=scale, weights="signs", measure="accuracy")
        words = _SCALES.get(scale, scale)
        yield key_number(f"hard task, signs alone, {words}", median_of(values), percent, "" if n else "chance")
    first = hard.isel(pixels=0)
    for reading, words in (
        ("threshold moved", "of the gap left, threshold moved"),
        ("inked pixels only", "of the gap left, inked pixels only"),
        ("a scale a tensor", "of the gap left, a scale a tensor"),
    ):
        yield key_number(words, share_left(first, reading), percent)


def _accuracy(hard: xr.Dataset, scale: str) -> float:
    return median_of(hard.value.sel(pixels=scale, weights="signs", measure="accuracy")).value


def _hard(ds: xr.Dataset) -> Iterator[tuple[str, xr.Dataset]]:
    """(name, living networks of the hard task) of each dataset that has one."""
    if "hard" not in ds.task.values.tolist():
        return
    for name, here in datasets(living(ds)):
        hard = here.sel(task="hard")
        scales = [s for s in hard.pixels.values.tolist() if bool(hard.value.sel(pixels=s).notnull().any())]
        if scales:
            yield name, hard.sel(pixels=scales)
