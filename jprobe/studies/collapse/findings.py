"""What the collapse is made of: the paper's claim at every scale of the pixels, and our hypotheses, held against a run."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from jprobe.figures.style import title
from jprobe.intervals import Estimate, bootstrap
from jprobe.report import Check, Finding
from jprobe.report.verdict import number, percent, points
from jprobe.studies.blocks import apart, blocks_of, median_of
from jprobe.studies.collapse.summary import datasets, gap, living

# "At chance" is within 5 points of it; "most of the gap" is more than half; "none" leaves nine tenths.
NEAR, MOST, NONE = 0.05, 0.5, 0.9


def findings(ds: xr.Dataset) -> list[Finding]:
    """Each claim for each dataset that has an easy and a hard task; medians over living networks.

    Example:
        >>> findings(xr.Dataset(coords={"dataset": [], "task": []}))
        []
    """
    if not {"easy", "hard"} <= set(ds.task.values.tolist()):
        return []
    found = [(name, finding) for name, here in datasets(living(ds)) for finding in _claims(here)]
    return [f._replace(figure=_figure(f), remark="; ".join(filter(None, [title(name), f.remark]))) for name, f in found]


def _figure(finding: Finding) -> str:
    """The claim about accuracies is seen network by network, those about shares of the gap in its table."""
    return "signed_accuracy" if "collapses" in finding.claim else "what_is_left"


def _claims(here: xr.Dataset) -> Iterator[Finding]:
    easy, hard = (here.sel(task=task) for task in ("easy", "hard"))
    scales = [scale for scale in here.pixels.values.tolist() if hard.value.sel(pixels=scale).notnull().any()]
    if not scales:
        return
    signed = {scale: hard.sel(pixels=scale) for scale in scales}
    yield Finding(
        "The signed hard model collapses to chance, whatever the scale of the pixels.",
        tuple(
            Check(f"pixels {scale}: signed hard", median_of(one.value.sel(weights="signs", measure="accuracy")), "at most", float(one.chance) + NEAR, percent)
            for scale, one in signed.items()
        ),
        "the paper's pixels are in [-1, 1]; all other claims are ours",
    )  # fmt: skip
    paper = signed[scales[0]]
    for claim, reading, side, threshold in (
        ("Moving the decision threshold closes most of the gap.", "threshold moved", "below", MOST),
        ("Leaving out the weights of pixels that hardly ever change closes most of the gap.", "inked pixels only", "below", MOST),
        ("Training the biases again, under scaled signs, closes most of the gap.", "biases refitted", "below", MOST),
        ("A scale for each tensor closes none of the gap.", "a scale a tensor", "at least", NONE),
        ("The trained biases in the place of their signs close none of the gap.", "trained biases kept", "at least", NONE),
    ):  # fmt: skip
        yield Finding(
            claim,
            (Check("share of the gap left", share_left(paper, reading), side, threshold, number),),  # type: ignore[arg-type]
            f"pixels {scales[0]}; signs alone lose {points(median_of(gap(paper, 'signs')).value).removeprefix('+')}",
        )
    for reading, what in (
        ("threshold moved", "with the threshold moved"),
        ("area under the curve", "in area under the ROC curve"),
    ):
        yield Finding(
            f"The hard task loses more to signs than the easy one, {what}.",
            tuple(
                Check(f"pixels {scale}: hard less easy", apart(gap(easy.sel(pixels=scale), reading), gap(one, reading)), "above", 0.0, points)
                for scale, one in signed.items()
            ),
        )  # fmt: skip


def share_left(here: xr.Dataset, reading: str) -> Estimate:
    """The median gap in a reading over the median gap of signs alone."""
    plain, other = gap(here, "signs"), gap(here, reading)
    rows = np.column_stack([other.values, plain.values])

    def ratio(some: np.ndarray) -> np.ndarray:
        medians = np.median(some, axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return medians[:, 0] / medians[:, 1]

    return bootstrap(rows, ratio, blocks_of(plain))
