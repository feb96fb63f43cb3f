"""The paper's claims on the layers of a transformer, held against a run."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from jprobe.intervals import Estimate, proportion
from jprobe.report import Check, Finding
from jprobe.report.verdict import number

# "Virtually no impact" is less than 5 points.
NO_IMPACT = 0.05


def findings(ds: xr.Dataset) -> list[Finding]:
    """The paper's claims on its six layers held against this run; none for other selections of layers.

    Intervals are those of a share of as many cases as there are words; draws of a probe add to them.

    Args:
        ds: the study's numbers.

    Example:
        >>> findings(xr.Dataset(coords={"layer": ["Dense_0", "Dense_1"]}))
        []
    """
    names = ds.layer.values.tolist()
    if len(names) != 6 or names[0] != "positions" or names[-1] != "classifier":
        return []
    return list(_claims(ds, names[:3], names[3:]))


def _claims(ds: xr.Dataset, early: list[str], late: list[str]) -> Iterator[Finding]:
    whole = ds.sel(kept=ds.kept.max()).mean("repeat")

    def lost(probe: str, layer: str) -> Estimate:
        left = proportion(float(whole[probe].sel(layer=layer)), int(ds.cases))
        base = float(ds.base)
        return Estimate(base - left.value, base - left.high, base - left.low, left.size)

    def difference(a: Estimate, b: Estimate) -> Estimate:
        """a - b; both are of the same words, so the interval is a wide one."""
        value = a.value - b.value
        spread = np.hypot(a.high - a.low, b.high - b.low) / 2
        return Estimate(value, float(value - spread), float(value + spread), a.size)

    least = min((lost("signed", layer) for layer in early), key=lambda e: e.value)
    most = max((lost("signed", layer) for layer in late), key=lambda e: e.value)
    yield Finding(
        "Early layers lose more than late ones when binarized.",
        (
            Check(
                "least lost by an early layer, less the most lost by a late one",
                difference(least, most),
                "above",
                0.0,
                number,
            ),
        ),
        f"of {float(ds.base):.3f}: " + _listed({layer: lost("signed", layer) for layer in early + late}),
    )
    yield Finding(
        "Randomization B has virtually no effect in the late layers.",
        tuple(Check(f"lost in {layer}", lost("B", layer), "at most", NO_IMPACT, number) for layer in late),
    )
    yield Finding(
        "In the early layers binarization costs substantially more than randomization B.",
        tuple(
            Check(f"{layer}: more", difference(lost("signed", layer), lost("B", layer)), "above", 0.0, number)
            for layer in early
        ),
    )
    curve = ds.flip.sel(layer="positions").mean("repeat").values
    ends = [proportion(float(v), int(ds.cases)) for v in (curve[-1], curve[:-1].min())]
    yield Finding(
        "Flipping signs of the position embeddings is not monotonic: all flipped is better than some.",
        (Check("all flipped, less the lowest", difference(*ends), "above", 0.0, number),),
    )


def _listed(lost: dict[str, Estimate]) -> str:
    return ", ".join(f"{layer} {estimate.value:.3f}" for layer, estimate in lost.items())
