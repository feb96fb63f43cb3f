"""Whether the lenses of three papers rank tasks alike, and as known measures of difficulty do, held against a run."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from jprobe.figures.style import title
from jprobe.intervals import Estimate
from jprobe.report import Check, Finding
from jprobe.report.verdict import Side, number
from jprobe.studies.lenses.summary import LENSES, correlation, datasets, means

# Two lenses rank tasks alike if Spearman's rho of their ranks is 0.5 or more, in the direction that the claim says.
ALIKE = 0.5

# (claim, lens, lens, whether large goes with large). All are ours; the papers compare no lens with another.
_CLAIMS = (
    ("Networks lose more to signs on tasks that are hard for a linear classifier.", "gap_signed", "linear_error", True),
    ("Networks lose more to randomization B on tasks that are hard for a linear classifier.", "gap_randomized", "linear_error", True),
    ("Networks lose more to signs on tasks that are hard for a linear classifier, with the threshold moved.", "gap_threshold", "linear_error", True),
    ("Networks lose more area under the ROC curve to signs on tasks that are hard for a linear classifier.", "gap_auc", "linear_error", True),
    ("Networks are more frustrated, relative to N1, on tasks that are hard for a linear classifier.", "frustration_ratio", "linear_error", True),
    ("Strengths vary less on tasks that are hard for a linear classifier.", "fluctuation", "linear_error", False),
    ("In-strength goes less against what neurons receive on tasks that are hard for a linear classifier.", "strength_correlation", "linear_error", True),
    ("Papers 1 and 2 agree: networks that lose more to signs are more frustrated.", "gap_signed", "frustration_ratio", True),
    ("Papers 1 and 2 agree with the threshold moved: networks that lose more to signs are more frustrated.", "gap_threshold", "frustration_ratio", True),
    ("Papers 1 and 3 agree: where more is lost to signs, strengths vary less.", "gap_signed", "fluctuation", False),
    ("Papers 1 and 3 agree with the threshold moved: where more is lost to signs, strengths vary less.", "gap_threshold", "fluctuation", False),
    ("Papers 2 and 3 agree: more frustrated networks have strengths that vary less.", "frustration_ratio", "fluctuation", False),
)  # fmt: skip


def findings(ds: xr.Dataset) -> list[Finding]:
    """Each claim for each dataset; intervals of rank correlations are over pairs of classes.

    Example:
        >>> findings(xr.Dataset(coords={"dataset": []}))
        []
    """
    found = [(name, finding) for name, here in datasets(ds) for finding in _claims(means(here))]
    return [
        f._replace(
            remark="; ".join(filter(None, [title(name), f.remark])),
            figure=f"{'difficulty' if 'linear classifier' in f.claim else 'agreement'}_{name}",
        )
        for name, f in found
    ]


def _claims(table: xr.Dataset) -> Iterator[Finding]:
    for claim, a, b, together in _CLAIMS:
        side: Side = "at least" if together else "at most"
        rho = correlation(table, a, b)
        found = Estimate(rho.value, rho.low, rho.high, int(table[[a, b]].dropna("pair").sizes["pair"]))
        what = f"rank correlation of {LENSES[a]} and {LENSES[b]}"
        remark = _untrained(table) if a == "strength_correlation" else ""
        yield Finding(claim, (Check(what, found, side, ALIKE if together else -ALIKE, number),), remark)


def _untrained(table: xr.Dataset) -> str:
    """The same of untrained twins: what the images alone make of it."""
    rho = correlation(table, "strength_correlation_untrained", "linear_error").value
    return f"untrained networks: {number(rho)}" if np.isfinite(rho) else ""
