"""Headline numbers of the study ``frustration``, computed from its Dataset."""

from typing import Any

import numpy as np
import scipy.stats
import xarray as xr

from jprobe.frustration import crossing
from jprobe.studies.frustration.config import Config


def summary(ds: xr.Dataset, config: Config) -> dict[str, Any]:
    """Flat headline numbers; frustration and lambda are fractions of 1.

    Args:
        ds: the study's numbers.
        config: its configuration.

    Returns:
        Quantity -> number. What a run left out is None.

    Example:
        >>> ds = xr.Dataset(
        ...     {"energy": ("replica", [0.41, 0.42]), "null_energy": (("kind", "null", "start"), np.full((4, 1, 2), 0.44)),
        ...      "seconds_per_sweep": 0.1},
        ...     {"kind": ["n1", "n2", "n3_xavier", "n3_he"]},
        ...     {"network": "mine", "nodes": "9", "edges": "20", "params": "20"})
        >>> found = summary(ds, Config())
        >>> found["real.best"], found["n1.mean"], found["anneal.best"]
        (0.41, 0.44, None)
    """
    n3 = null_energies(ds, "n3_xavier", "n3_he")
    seconds = float(ds.seconds_per_sweep)
    active = ds.active_energy.values if "active_energy" in ds else None
    out = {
        "network": ds.attrs["network"],
        "nodes": int(ds.attrs["nodes"]),
        "edges": int(ds.attrs["edges"]),
        "params": int(ds.attrs["params"]),
        "real.best": float(ds.energy.min()),
        "real.mean": float(ds.energy.mean()),
        "real.std": float(ds.energy.std()),
        "real.lower_bound": bound(ds, "real"),
        "n1.mean": float(null_energies(ds, "n1").mean()),
        "n1.lower_bound": bound(ds, "n1"),
        "n2.mean": float(null_energies(ds, "n2").mean()),
        "n3.mean": float(n3.mean()),
        "n3.lower_bound": bound(ds, "n3_he"),
        "anneal.best": annealed(ds, "real"),
        "anneal.n1": annealed(ds, "n1"),
        "active.mean": None if active is None else float(active.mean()),
        "active.below_real": None if active is None else float((active < float(ds.energy.min())).mean()),
        **{f"lambda.{order}": lambda_of(ds, order) for order in ("real", "n3", "random")},
        **{f"welch_p.{kind}": welch(ds, kind) for kind in ("n1", "n2")},
        "seconds_per_sweep": seconds,
        "edges_per_second": int(ds.attrs["edges"]) / seconds,
    }
    return {key: round(value, 6) if isinstance(value, float) and not key.startswith("welch") else value for key, value in out.items()}  # fmt: skip


def null_energies(ds: xr.Dataset, *kinds: str) -> np.ndarray:
    """Energies of the null models of these kinds, all starts."""
    return ds.null_energy.sel(kind=list(kinds)).values.ravel()


def annealed(ds: xr.Dataset, model: str) -> float | None:
    """Energy that annealing reached."""
    return float(ds.annealed.sel(model=model)) if "annealed" in ds else None


def bound(ds: xr.Dataset, model: str) -> float | None:
    """Certified lower bound."""
    return float(ds.certified.sel(model=model)) if "certified" in ds else None


def least(ds: xr.Dataset) -> float:
    """The least energy found for the network, by whatever means."""
    found = [float(ds.energy.min()), annealed(ds, "real")]
    return min(value for value in found if value is not None)


def lambda_of(ds: xr.Dataset, order: str) -> float | None:
    """The lambda of monotonicity along an order."""
    return crossing(ds.omega.sel(order=order).values) if "omega" in ds else None


def welch(ds: xr.Dataset, kind: str) -> float | None:
    """p of Welch's t-test that the network's energies and a null model's have one mean; None for single values."""
    a, b = ds.energy.values, null_energies(ds, kind)
    if min(len(a), len(b)) < 2:
        return None
    return float(scipy.stats.ttest_ind(a, b, equal_var=False).pvalue)


def majority(ds: xr.Dataset, order: str) -> np.ndarray:
    """Of each image, the share of perturbations that more than half of the outputs follow."""
    return (ds.omega.sel(order=order) > 0.5).mean("norm").values


def one_sided(ds: xr.Dataset, order: str) -> float:
    """Share of images for which nine in ten perturbations agree on the side."""
    share = majority(ds, order)
    return float(((share >= 0.9) | (share <= 0.1)).mean())
