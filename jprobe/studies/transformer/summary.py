"""Headline numbers and findings of the study of layers, computed from its Dataset."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from jprobe.studies.outcome import Finding
from jprobe.studies.transformer.config import Config

_KEPT = (1, 0.5, 0.1)


def summary(ds: xr.Dataset, config: Config) -> dict[str, float | int | str | bool]:
    """Flat headline numbers: means over draws.

    Args:
        ds: what :func:`jprobe.studies.transformer.run` returned.
        config: its configuration.

    Returns:
        ``base_f1`` (``base_accuracy`` where the measure is another), ``LAYER.signed.P`` and so on.

    Example:
        >>> from jprobe.studies import transformer as study
        >>> config = study.Config(checkpoint="mlp", kept=(1,), amplitudes=(0.1,), flipped=(0.5,), cka_removed=())
        >>> sorted(summary(study.run(config), config))[:3]
        ['Dense_0.A.1', 'Dense_0.B.1', 'Dense_0.flip.0.5']
    """
    f1 = ds.attrs["measure"] == "span F1"
    out: dict[str, float | int | str | bool] = {"base_f1" if f1 else "base_accuracy": _rounded(ds.base)}
    for layer in ds.layer.values.tolist():
        here = ds.sel(layer=layer)
        for name in ("signed", "original", "A", "B"):
            for kept in (k for k in _KEPT if k in here.kept.values):
                out[f"{layer}.{name}.{kept:g}"] = _rounded(here[name].sel(kept=kept).mean())
        for name, dim in (("flip", "flipped"), ("noise", "amplitude")):
            for level in here[dim].values.tolist():
                out[f"{layer}.{name}.{level:g}"] = _rounded(here[name].sel({dim: level}).mean())
    return out | {
        "tokens": int(ds.examples),
        "tokens_per_second": round(float(ds.examples / ds.full_seconds), 1),
        "checkpoint": config.checkpoint,
        "scaled_down": not bool(ds.attrs["full"]),
    }


def findings(ds: xr.Dataset) -> list[Finding]:
    """The paper's findings on its six layers held against this run; none for other selections of layers.

    Example:
        >>> from jprobe.studies import transformer as study
        >>> config = study.Config(checkpoint="mlp", kept=(1,), amplitudes=(0.1,), flipped=(0.5,), cka_removed=())
        >>> findings(study.run(config))
        []
    """
    names = ds.layer.values.tolist()
    if len(names) != 6 or names[0] != "positions" or names[-1] != "classifier":
        return []
    return list(_findings(ds, names[:3], names[3:]))


def _findings(ds: xr.Dataset, early: list[str], late: list[str]) -> Iterator[Finding]:
    base = float(ds.base)
    whole = ds.sel(kept=ds.kept.max()).mean("repeat")
    lost = {name: base - whole[name].to_series() for name in ("signed", "A", "B")}

    def named(name: str, layers: list[str]) -> str:
        return ", ".join(f"{layer} {lost[name][layer]:.3f}" for layer in layers)

    yield Finding(
        "Early layers lose more than late ones when binarized.",
        f"lost of {base:.3f}: {named('signed', early + late)}",
        bool(lost["signed"][early].min() > lost["signed"][late].max()),
    )
    yield Finding(
        "Randomization B has virtually no effect in the late layers.",
        f"lost: {named('B', late)}",
        bool(lost["B"][late].max() < 0.05),
    )
    yield Finding(
        "In the early layers binarization costs substantially more than randomization B.",
        f"lost to binarization: {named('signed', early)}; to randomization B: {named('B', early)}",
        bool((lost["signed"][early] > lost["B"][early]).all()),
    )
    curve = ds.flip.sel(layer="positions").mean("repeat").values
    yield Finding(
        "Flipping signs of the position embeddings is not monotonic: all flipped is better than some.",
        f"lowest {np.min(curve):.3f}, with all flipped {curve[-1]:.3f}",
        bool(curve[-1] > np.min(curve) + 0.02),
    )


def _rounded(value: xr.DataArray) -> float:
    return round(float(value), 6)
