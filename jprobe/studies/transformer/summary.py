"""Headline numbers of the study of layers, computed from its Dataset."""

import xarray as xr

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


def _rounded(value: xr.DataArray) -> float:
    return round(float(value), 6)
