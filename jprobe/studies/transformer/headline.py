"""What a run of the study of layers found, in one sentence, and the numbers to take away."""

import xarray as xr

from jprobe.intervals import Estimate, proportion
from jprobe.report import KeyNumber, key_number
from jprobe.report.verdict import Verdict
from jprobe.studies.transformer.findings import findings


def headline(ds: xr.Dataset) -> str:
    """Which layers bear to be signs alone, and for the paper's six layers whether that is as the paper has it.

    Args:
        ds: the study's numbers.
    """
    signs, b = _left(ds, "signed"), _left(ds, "B")
    worst, best = min(signs, key=lambda layer: signs[layer].value), max(signs, key=lambda layer: signs[layer].value)
    told = (
        f"With one layer's weights replaced by their signs, {ds.attrs['measure']} falls from {_three(float(ds.base))} to {_three(signs[worst].value)} in "
        f"{worst}, and stays at {_three(signs[best].value)} in {best}"
        if worst != best
        else f"With the weights of {worst} replaced by their signs, {ds.attrs['measure']} is {_three(signs[best].value)}, of {_three(float(ds.base))}"
    )
    early = next((finding for finding in findings(ds) if finding.claim.startswith("Early layers lose more")), None)
    if early is not None:
        words = {
            Verdict.HOLDS: "every early layer loses more than every late one",
            Verdict.DIFFERS: "early layers do not all lose more than late ones",
            Verdict.INCONCLUSIVE: "whether every early layer loses more than every late one is open",
        }
        told += f"; {words[early.verdict]}"
    least = min(b, key=lambda layer: b[layer].value)
    return f"{told}. Randomization B leaves {_three(b[least].value)} or more."


def numbers(ds: xr.Dataset) -> list[KeyNumber]:
    """The unperturbed score, and the least and the most that is left of it as signs, and after randomizations B and A."""
    measure = ds.attrs["measure"]
    out = [key_number(f"{measure}, unperturbed", proportion(float(ds.base), int(ds.cases)), _three)]
    for probe, words in (("signed", "signs only"), ("B", "randomization B"), ("A", "randomization A")):
        left = _left(ds, probe)
        order = sorted(left, key=lambda layer: left[layer].value)
        for layer in dict.fromkeys((order[-1], order[0]) if probe != "A" else order[:1]):
            out.append(key_number(f"{measure}, {words}, {layer}", left[layer], _three))
    return out


def _left(ds: xr.Dataset, probe: str) -> dict[str, Estimate]:
    """Layer -> what is left of the score when a probe is applied to the whole layer."""
    whole = ds[probe].sel(kept=ds.kept.max()).mean("repeat")
    return {layer: proportion(float(whole.sel(layer=layer)), int(ds.cases)) for layer in ds.layer.values.tolist()}


def _three(value: float) -> str:
    return f"{round(value, 3) + 0.0:.3f}"
