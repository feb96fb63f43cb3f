"""What a run of the study ``cnt`` found, in one sentence, and the numbers to take away."""

import re
from collections.abc import Sequence

import numpy as np
import xarray as xr

from jprobe.metrics import statistic
from jprobe.report import Check, Finding, KeyNumber, Verdict, key_number
from jprobe.studies.cnt.findings import numbered
from jprobe.studies.cnt.reading import FIGURE_2, Pools, found_in, layers, pools, some

# Claim -> words of the check that stands for it, what it is in short, and what the paper has.
_KEYS = {
    "C1": ("neuron strength below 0", "strengths of hidden neurons below 0", "most"),
    "C8": ("centre ratio", "middle rows over the rest, trained over untrained", "localised by training"),
    "C12": ("within 0.1 of 0 or 1", "hidden activations within 0.1 of 0 or 1", "most"),
    "C14": ("with neuron strength", "|r| of in-strength and strength, hidden", "none"),
    "pruning": ("signal of the neuron", "points over random neurons, pruned by signal", "weak neurons may go"),
}


def headline(ds: xr.Dataset) -> str:
    """How many claims hold, and the two numbers that most of them are about.

    Args:
        ds: the study's numbers.
    """
    found = [finding for _, finding in numbered(ds)]
    counts = {verdict: sum(one.verdict is verdict for one in found) for verdict in Verdict}
    told = (
        f"Of {len(found)} published claims {counts[Verdict.HOLDS]} hold, {counts[Verdict.DIFFERS]} differ and {counts[Verdict.INCONCLUSIVE]} "
        "are open at this scale"
    )
    mine = dict(pools(ds))
    return ". ".join(filter(None, [told, *_numbers_in_words(mine)])) + "." if found else ""


def _numbers_in_words(found: Pools) -> list[str]:
    sigmoid = dict(some(found, "", FIGURE_2, depth=3))
    if not sigmoid:
        return []
    below = {
        state: [
            statistic(found_in(ds, state=state, layer=2, quantity="neuron_strength"), "below_0")
            for ds in sigmoid.values()
        ]
        for state in ("trained", "untrained")
    }
    # Of the hidden layer: the mean over networks of its correlation.
    r = [
        float(np.nanmean(values))
        for pool, ds in sigmoid.items()
        for layer in layers(pool, hidden=True)
        if not np.isnan(
            values := ds.correlation.sel(state="trained", layer=layer, against="neuron_strength").values
        ).all()
    ]
    out = [f"In hidden layers of {FIGURE_2} networks {_range(below['trained'])} of the neuron strengths are below 0, before training {_range(below['untrained'])}"]  # fmt: skip
    if r:
        out.append(
            f"in-strength and mean neuron strength of hidden neurons correlate with r of {_between([f'{v:.2f}' for v in sorted(r)])}"
        )
    return [f"{out[0]}; {out[1]}" if len(out) > 1 else out[0]]


def _range(shares: Sequence[float]) -> str:
    return _between([f"{100 * share:.0f}%" for share in sorted(shares)])


def _between(ordered: Sequence[str]) -> str:
    first, last = ordered[0], ordered[-1]
    return first if first == last else f"{first} to {last}"


def numbers(ds: xr.Dataset) -> list[KeyNumber]:
    """A check of each of up to five claims, with its interval, of the first dataset."""
    by_claim: dict[str, Finding] = {}
    for claim, finding in numbered(ds):
        by_claim.setdefault(claim, finding)
    out = []
    for claim, (words, short, paper) in _KEYS.items():
        check = _check(by_claim[claim].checks, words) if claim in by_claim else None
        if check is not None:
            kind = re.split("[,:]", check.what)[0]
            out.append(key_number(f"{kind}: {short}", check.found, check.form, paper))
    return out


def _check(checks: Sequence[Check], words: str) -> Check | None:
    return next((check for check in checks if words in check.what), None)
