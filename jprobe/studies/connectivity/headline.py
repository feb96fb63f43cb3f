"""What a run of the study ``connectivity`` found, in one sentence, and the numbers to take away."""

import xarray as xr

from jprobe.intervals import mean
from jprobe.report import Check, Finding, KeyNumber, Verdict, key_number
from jprobe.report.verdict import number, points
from jprobe.studies.connectivity.findings import numbered
from jprobe.studies.connectivity.reading import datasets, feature, title

# Claim -> the words of the check that stands for it, and what the paper has.
_KEYS = {
    "L1": ("accuracy lost by cutting", "almost none"),
    "L7": ("accuracy, retrained less whole", "as good or better"),
    "L8": ("beyond chance", "structure changes"),
}

_GROWS = {
    Verdict.HOLDS: "as the paper says, edges, nodes and paths grow with the difficulty of the dataset",
    Verdict.DIFFERS: "edges, nodes and paths do not all grow with the difficulty of the dataset, as the paper says they do",
    Verdict.INCONCLUSIVE: "whether edges, nodes and paths grow with the difficulty of the dataset is open at this scale",
}


def headline(ds: xr.Dataset) -> str:
    """How many connections each dataset keeps, what cutting the others costs, and whether harder data keep more.

    Args:
        ds: the study's numbers.
    """
    if not ds.sizes["dataset"]:
        return ""
    found = dict(numbered(ds))
    kept = ", ".join(f"{_edges(ds, name):.1f} for {title(name)}" for name in datasets(ds))
    possible = int(ds.possible.isel(dataset=0, network=0).sum())
    lost = float((ds.accuracy_full - ds.accuracy_thresholded).mean())
    told = f"Of {possible} connections networks keep, in the mean, {kept}; cutting the others changes accuracy by {points(round(-lost, 4) + 0.0)}"
    return f"{told}; {_GROWS[found['L2'].verdict]}." if "L2" in found else f"{told}."


def numbers(ds: xr.Dataset) -> list[KeyNumber]:
    """Edges of the easiest and the hardest dataset, and a check of each of up to three claims."""
    names, found = datasets(ds), dict(numbered(ds))
    ends = dict.fromkeys(name for name in (names[:1] + names[-1:]))
    out = [
        key_number(f"edges kept, {title(name)}", mean(feature(ds, name="edges").sel(dataset=name).values), number)
        for name in ends
    ]
    for claim, (words, paper) in _KEYS.items():
        check = _check(found.get(claim), words)
        if check is not None:
            out.append(key_number(check.what, check.found, check.form, paper))
    return out


def _edges(ds: xr.Dataset, name: str) -> float:
    return float(feature(ds, "edges").sel(dataset=name).mean())


def _check(finding: Finding | None, words: str) -> Check | None:
    return next((check for check in (finding.checks if finding else ()) if words in check.what), None)
