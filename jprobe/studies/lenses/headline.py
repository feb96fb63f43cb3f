"""What a run of the study ``lenses`` found, first: a sentence and key numbers."""

import xarray as xr

from jprobe.figures.style import title
from jprobe.intervals import Estimate
from jprobe.report import KeyNumber, key_number
from jprobe.report.verdict import number
from jprobe.studies.lenses.summary import correlation, datasets, means

_SAID = {
    "gap_signed": "what signs cost",
    "gap_threshold": "the same with the threshold moved",
    "frustration_ratio": "frustration over N1's",
    "fluctuation": "the fluctuation of strength",
}


def headline(ds: xr.Dataset) -> str:
    """How the measure of each paper goes with a known difficulty.

    Example:
        >>> headline(xr.Dataset(coords={"dataset": []}))
        ''
    """
    for name, here in datasets(ds):
        table = means(here)
        each = [f"{words} {correlation(table, lens, 'linear_error').value:.2f}" for lens, words in _SAID.items()]
        return f"{title(name)}: rank correlation with the error of a linear classifier: {', '.join(each)}."
    return ""


def key_numbers(ds: xr.Dataset) -> list[KeyNumber]:
    """Rank correlations over the pairs of the first dataset."""
    for _, here in datasets(ds):
        table = means(here)
        pairs = [(lens, "linear_error", f"{words} and difficulty") for lens, words in _SAID.items()]
        pairs += [("gap_signed", "fluctuation", "what signs cost and the fluctuation of strength")]
        return [key_number(f"rank correlation: {words}", _estimate(table, a, b), number) for a, b, words in pairs]
    return []


def _estimate(table: xr.Dataset, a: str, b: str) -> Estimate:
    rho = correlation(table, a, b)
    return Estimate(rho.value, rho.low, rho.high, int(table[[a, b]].dropna("pair").sizes["pair"]))
