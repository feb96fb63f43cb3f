"""What the study of layers shows: its figures, and a sentence on each from the run's own numbers."""

import json

import numpy as np
import xarray as xr

from jprobe.figures import layers as draw
from jprobe.report import About, Panel
from jprobe.studies.transformer.config import Config
from jprobe.studies.transformer.headline import headline, numbers
from jprobe.studies.transformer.summary import borne


def about(ds: xr.Dataset, config: Config) -> About:
    """Title, lead and notes of the report."""
    name = ds.attrs["subject"]
    lead = f"{name[0].upper()}{name[1:]}: one layer perturbed at a time, after Jankowski et al., arXiv:2508.05463, section 5."
    return About("How robust each layer is", lead, _notes(ds, config), headline(ds), numbers(ds))


def _notes(ds: xr.Dataset, config: Config) -> list[str]:
    rate = float(ds.examples / ds.full_seconds)
    savings = ", ".join(
        f"{name} {float(ds.full_seconds / s):.1f}" for name, s in zip(ds.layer.values, ds.seconds.values, strict=True)
    )
    out = [*json.loads(ds.attrs["notes"])]
    out.append(
        f"One evaluation takes {float(ds.full_seconds):.2f} s, {rate:,.0f} {ds.attrs['unit']} a second. What comes before the "
        f"probed layer is computed once; an evaluation of a probed layer is this many times faster than a whole one: {savings}. "
        "Biases stay as they are; noise is Gaussian."
    )
    if not ds.attrs["full"]:
        out.append(
            f"Scaled down: {int(ds.examples):,} {ds.attrs['unit']}, {len(config.kept)} kept fractions and {config.repeats} "
            f"draw{'s' * (config.repeats > 1)}, where the paper has dslim/distilbert-NER on the whole CoNLL-2003 test set, 30 and 5."
        )
    return out


def panels(ds: xr.Dataset, config: Config) -> list[Panel]:
    """The figures of a run, each with what it shows."""
    signed = ds.signed.sel(kept=ds.kept.max()).mean("repeat")
    worst, best = (str(ds.layer.values[int(place)]) for place in (np.argmin(signed.values), np.argmax(signed.values)))
    measure = ds.attrs["measure"]
    out = [
        Panel("layers_borne", "What each layer bears", _says_borne(ds), draw.borne(borne(ds), ds.layer.values.tolist(), float(ds.base), measure)),
        Panel(
            "figure_5_layers", "Figure 5. Pruning, signs and randomizations of one layer at a time",
            f"Unperturbed: {measure} {float(ds.base):.3f}. With signs for its weights the network keeps most in {best} "
            f"({float(signed.max()):.3f}) and least in {worst} ({float(signed.min()):.3f}). The lower panels are of the whole layer, nothing pruned.",
            draw.layer_curves(ds),
        ),
        Panel("figure_9_noise_and_flips", "Figure 9. Noise and sign flips of one layer at a time", _says_noise(ds), draw.noise_and_flips(ds)),
    ]  # fmt: skip
    if "cka" in ds:
        lowest = ds.cka.where(ds.cka == ds.cka.min(), drop=True)
        says = (
            f"Lowest: {float(ds.cka.min()):.2f}, seen in {lowest.seen.values[0]} with {float(lowest.removed[0]):.0%} of "
            f"{lowest.layer.values[0]} removed."
        )
        out.append(
            Panel("figure_20_cka", "Figure 20. CKA of activations with one layer pruned", says, draw.cka_curves(ds))
        )
    return out


def _says_borne(ds: xr.Dataset) -> str:
    parts = []
    for words, found in borne(ds).items():
        order = sorted(zip(ds.layer.values.tolist(), found, strict=True), key=lambda pair: pair[1].value)
        (worst, least), (best, most) = order[0], order[-1]
        parts.append(f"{words.replace(chr(10), ' ')} from {least.value:.3f} in {worst} to {most.value:.3f} in {best}")
    return (
        f"The score that is left when one whole layer is perturbed, of {float(ds.base):.3f} without: {'; '.join(parts)}. Intervals are those of a "
        f"share of {int(ds.cases):,} cases."
    )


def _says_noise(ds: xr.Dataset) -> str:
    noise, flip = ds.noise.mean("repeat").isel(amplitude=-1), ds.flip.mean("repeat").isel(flipped=-1)
    listed = [
        ", ".join(
            f"{layer} {round(float(v), 2) + 0.0:.2f}" for layer, v in zip(ds.layer.values, values.values, strict=True)
        )
        for values in (noise, flip)
    ]
    return f"At the strongest noise: {listed[0]}. With all signs flipped: {listed[1]}."
