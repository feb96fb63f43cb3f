"""The paper's claims on the layers of a transformer, held against a run."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from jprobe.intervals import Estimate, exact, proportion
from jprobe.report import Check, Finding
from jprobe.report.verdict import number

# "Virtually no impact" is less than 5 points; "high" keeps eight tenths of the unperturbed score, "reasonable" half of it; CKA
# "remains high" above 0.9. "Extreme" pruning removes 90% or more, pruning at all half or more.
NO_IMPACT, HIGH, REASONABLE, SIMILAR, EXTREME, PRUNED = 0.05, 0.8, 0.5, 0.9, 0.1, 0.5


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
    return [
        *_claims(ds, names[:3], names[3:]),
        *(finding._replace(figure="figure_5_layers") for finding in _pruned(ds, names[3:])),
        *(finding._replace(figure="figure_20_cka") for finding in (_similar(ds) if "cka" in ds else [])),
    ]


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
        "layers_borne",
    )
    yield Finding(
        "Randomization B has virtually no effect in the late layers.",
        tuple(Check(f"lost in {layer}", lost("B", layer), "at most", NO_IMPACT, number) for layer in late),
        figure="layers_borne",
    )
    yield Finding(
        "In the early layers binarization costs substantially more than randomization B.",
        tuple(
            Check(f"{layer}: more", difference(lost("signed", layer), lost("B", layer)), "above", 0.0, number)
            for layer in early
        ),
        figure="layers_borne",
    )
    curve = ds.flip.sel(layer="positions").mean("repeat").values
    ends = [proportion(float(v), int(ds.cases)) for v in (curve[-1], curve[:-1].min())]
    yield Finding(
        "Flipping signs of the position embeddings is not monotonic: all flipped is better than some.",
        (Check("all flipped, less the lowest", difference(*ends), "above", 0.0, number),),
        figure="figure_9_noise_and_flips",
    )


def _pruned(ds: xr.Dataset, late: list[str]) -> Iterator[Finding]:
    """What is left of the score after pruning: of signed late layers, and of any layer after randomization A."""
    # A network that finds nothing has nothing to lose.
    base, names = float(ds.base) or np.nan, ds.layer.values.tolist()

    def left(probe: str, layer: str, most: float) -> Estimate:
        """The score as a share of the unperturbed one, at the first level that keeps no more than this fraction."""
        curve = ds[probe].sel(layer=layer).mean("repeat")
        # A level that is fixed beforehand: the best of several would flatter a noisy curve.
        score = proportion(float(curve.sel(kept=curve.kept[curve.kept <= most].max())), int(ds.cases))
        return Estimate(score.value / base, score.low / base, score.high / base, score.size)

    if float(ds.kept.min()) <= EXTREME:
        yield Finding(
            "Late layers keep high scores as signs under extreme pruning.",
            tuple(Check(f"{layer}: share of the score left, with 90% removed", left("signed", layer, EXTREME), "at least", HIGH, number) for layer in late),
        )  # fmt: skip
    if float(ds.kept.min()) <= PRUNED:
        yield Finding(
            "After randomization A the network keeps a reasonable score as edges are removed.",
            tuple(Check(f"{layer}: share of the score left, with half removed", left("A", layer, PRUNED), "at least", REASONABLE, number) for layer in names),
        )  # fmt: skip


def _similar(ds: xr.Dataset) -> Iterator[Finding]:
    """Activations under pruning of the position embeddings, as CKA sees them; all examples are looked at, so it is exact."""
    cka = ds.cka.sel(layer="positions")
    early = cka.sel(removed=cka.removed[cka.removed <= 0.4 + 1e-9])
    lowest = {str(layer): float(ds.cka.sel(layer=layer, removed=early.removed).min()) for layer in ds.layer.values}
    checks = [
        Check(
            "lowest CKA with up to 40% of the positions removed", exact(float(early.min())), "at least", SIMILAR, number
        )
    ]
    yield Finding(
        "CKA remains high in all layers up to 40% of the position embeddings removed.",
        tuple(checks),
        "layer by layer: " + ", ".join(f"{layer} {value:.2f}" for layer, value in lowest.items()),
    )
    first = str(ds.layer.values[1])
    late = cka.sel(removed=cka.removed[(cka.removed > 0.4) & (cka.removed < 1)])
    if late.sizes["removed"] and {first, "positions"} <= set(ds.seen.values.tolist()):
        gap = (late.sel(seen=first) - late.sel(seen="positions")).mean()
        yield Finding(
            "Beyond that, the first layer of the first block stays more similar than the pruned position embeddings themselves.",
            (Check("its mean CKA, less theirs", exact(float(gap)), "above", 0.0, number),),
        )


def _listed(lost: dict[str, Estimate]) -> str:
    return ", ".join(f"{layer} {estimate.value:.3f}" for layer, estimate in lost.items())
