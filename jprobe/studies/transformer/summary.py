"""Headline numbers of the study of layers, computed from its Dataset."""

import xarray as xr

from jprobe.intervals import Estimate, proportion
from jprobe.studies.transformer.config import Config

_KEPT = (1, 0.5, 0.1)


def summary(ds: xr.Dataset, config: Config) -> dict[str, float | int | str | bool]:
    """Flat headline numbers: means over draws.

    Args:
        ds: the study's numbers.
        config: its configuration.

    Returns:
        ``base_f1`` (``base_accuracy`` where the measure is another), ``LAYER.signed.P`` and so on.

    Example:
        >>> curves = {name: (("layer", "kept", "repeat"), [[[0.5]]]) for name in ("original", "signed", "A", "B")}
        >>> curves |= {"noise": (("layer", "amplitude", "repeat"), [[[0.5]]]), "flip": (("layer", "flipped", "repeat"), [[[0.5]]])}
        >>> grid = {"layer": ["Dense_0"], "kept": [1.0], "repeat": [0], "amplitude": [0.1], "flipped": [0.5]}
        >>> ds = xr.Dataset(curves | {"base": 0.9, "examples": 100, "full_seconds": 0.1}, grid, {"measure": "accuracy", "full": 0})
        >>> sorted(summary(ds, Config(checkpoint="mlp")))[:3]
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


def borne(ds: xr.Dataset) -> dict[str, list[Estimate]]:
    """What each layer leaves of the score under each perturbation of a whole layer, means over draws.

    Args:
        ds: the study's numbers.

    Returns:
        Perturbation, in two lines -> the score for each layer; its interval is that of a share of as many cases as there are.
    """
    whole = ds.sel(kept=ds.kept.max()).mean("repeat")
    left = {"signs\nonly": whole.signed, "randomized\n(B)": whole.B, "randomized\n(A)": whole.A}
    pruned = ds.kept[ds.kept <= 0.1]
    if pruned.size:
        level = float(pruned.max())
        left[f"pruned,\n{1 - level:.0%} gone"] = ds.original.sel(kept=level).mean("repeat")
    noisy = ds.amplitude[(ds.amplitude > 0) & (ds.amplitude <= 0.1)]
    if noisy.size:
        level = float(noisy.max())
        left[f"noise,\nsd {level:.2g}"] = ds.noise.sel(amplitude=level).mean("repeat")
    if float(ds.flipped.max()) == 1:
        left["all signs\nflipped"] = ds.flip.sel(flipped=1).mean("repeat")
    return {words: [proportion(float(value), int(ds.cases)) for value in values] for words, values in left.items()}


def _rounded(value: xr.DataArray) -> float:
    return round(float(value), 6)
