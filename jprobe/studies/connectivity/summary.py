"""Headline numbers of the study ``connectivity``, computed from its Dataset."""

import numpy as np
import xarray as xr

from jprobe.studies.connectivity.config import PRESETS, Config
from jprobe.studies.connectivity.findings import numbered
from jprobe.studies.connectivity.reading import datasets, feature, separations

_FEATURES = (
    "sparsity", "sparsity.stage_0", "sparsity.stage_1", "sparsity.stage_2", "edges", "nodes", "nodes.stage_0", "nodes.stage_1",
    "nodes.stage_2", "log_paths", "mean_path", "max_path", "ln_communicability", "edge_connectivity", "mean_degree", "pca_elongation",
)  # fmt: skip


def summary(ds: xr.Dataset, config: Config) -> dict[str, float | str | bool]:
    """Flat headline numbers, means over networks, standard deviations of two and more under ``.sd``.

    Args:
        ds: the study's numbers.
        config: its configuration.

    Returns:
        ``dataset.quantity`` -> number: accuracies, features of the cut wirings, parameters, kinds of retraining; ``similarity.within``
        and ``similarity.between`` by features, the same under ``similarity.dice.``; ``seconds_per_epoch``; ``scaled_down``;
        ``claims.L1`` and so on -> verdict.

    Example:
        >>> summary(xr.Dataset(coords={"dataset": []}), Config())
        {'scaled_down': True}
    """
    out: dict[str, float | str | bool] = {"scaled_down": scaled_down(config)}
    if not ds.sizes["dataset"]:
        return out
    for name in datasets(ds):
        one = ds.sel(dataset=name)
        rows = {f"accuracy.{key}": one[f"accuracy_{key}"] for key in ("full", "thresholded", "live", "relative")}
        rows["dice.relative"] = one.dice_relative
        for kind in one.kind.values.tolist():
            rows[f"accuracy.{kind}"] = one.again_accuracy.sel(kind=kind)
        rows["step_ratio"] = one.step_ratio
        rows["parameters"] = one.again_parameters.sel(kind="retrained")
        rows |= {key: feature(ds, key).sel(dataset=name) for key in _FEATURES}
        for key, values in rows.items():
            found = values.values[~np.isnan(values.values)]
            if found.size:
                out[f"{name}.{key}"] = _rounded(found.mean())
            # One number has no spread.
            if found.size > 1:
                out[f"{name}.{key}.sd"] = _rounded(found.std())
    for what, found in separations(ds).items():
        key = "similarity" if what == "features" else f"similarity.{what}"
        out |= {
            f"{key}.within": _rounded(found.within),
            f"{key}.between": _rounded(found.between),
            f"{key}.p": found.p_value,
        }
    seconds = ds.seconds_per_epoch.values
    if not np.isnan(seconds).all():
        out["seconds_per_epoch"] = _rounded(float(np.nanmedian(seconds)))
    return out | {f"claims.{claim}": finding.verdict.value for claim, finding in numbered(ds)}


def scaled_down(config: Config) -> bool:
    """Whether the networks, images or epochs are fewer or smaller than the paper's."""
    paper = PRESETS["paper"]
    return any(
        getattr(config, name) < getattr(paper, name)
        for name in ("networks", "nodes", "channels", "size", "images", "test_images", "epochs")
    )


def _rounded(value: float) -> float:
    return round(float(value), 6)
