"""Headline numbers and findings of the study ``frustration``, computed from its Dataset."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.stats
import xarray as xr

from jprobe.frustration import crossing
from jprobe.studies.outcome import Finding


def summary(ds: xr.Dataset) -> dict[str, Any]:
    """Flat headline numbers; frustration and lambda are fractions of 1.

    Args:
        ds: what :func:`jprobe.studies.frustration.run` returned.

    Returns:
        Quantity -> number. What a run left out is None.

    Example:
        >>> from jprobe.studies import frustration as study
        >>> config = study.Config(network="mnist", replicas=2, nulls=2, anneal=20, bound=5, images=2, sizes=3)
        >>> 0 < summary(study.run(config))["real.best"] < 0.5
        True
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


def findings(ds: xr.Dataset) -> list[Finding]:
    """The paper's findings held against this run, and what a certificate adds.

    Example:
        >>> from jprobe.studies import frustration as study
        >>> config = study.Config(network="mnist", replicas=2, nulls=2, anneal=20, bound=5, images=2, sizes=3)
        >>> len(findings(study.run(config)))
        8
    """
    return list(_findings(ds))


def _findings(ds: xr.Dataset) -> Iterator[Finding]:
    real, n1, n2 = ds.energy.values, null_energies(ds, "n1"), null_energies(ds, "n2")
    n3 = null_energies(ds, "n3_xavier", "n3_he")
    p = {kind: welch(ds, kind) for kind in ("n1", "n2")}
    yield Finding(
        "The trained network is less frustrated than its null models: real < N1 < N2 and N3.",
        f"means {real.mean():.4f} < {n1.mean():.4f} (N1), {n2.mean():.4f} (N2), {n3.mean():.4f} (N3)"
        if real.mean() < n1.mean()
        else f"means {real.mean():.4f} (real), {n1.mean():.4f} (N1), {n2.mean():.4f} (N2), {n3.mean():.4f} (N3)",
        bool(real.mean() < n1.mean() < min(n2.mean(), n3.mean())),
    )
    if p["n1"] is not None and p["n2"] is not None:
        yield Finding(
            "The differences are significant by Welch's t-test (p below 1e-50 with 80 replicas).",
            f"p = {p['n1']:.1g} against N1, {p['n2']:.1g} against N2, with {len(real)} and {len(n1)} values",
            max(p["n1"], p["n2"]) < 1e-3,
        )
    yield Finding(
        "Local minima lie close together: the landscape is not rugged.",
        f"standard deviation {real.std():.1g} over {len(real)} replicas, {real.std() / (n1.mean() - real.mean()):.1%} of the distance to N1",
        bool(real.std() < abs(n1.mean() - real.mean()) / 2),
    )
    for model, name in (("n3_he", "freshly initialised (He)"), ("n1", "shuffled within layers (N1)")):
        low = bound(ds, model)
        if low is not None:
            yield Finding(
                f"Beyond the paper, as a theorem about ground states: less frustrated than the network {name}.",
                f"spins of energy {least(ds):.4f} exist for the network; no spins of the null model go below {low:.4f}",
                least(ds) < low,
            )
    if "active_energy" in ds:
        below = float((ds.active_energy < float(ds.energy.min())).mean())
        yield Finding(
            "Active subnetworks are nearly always less frustrated still.",
            f"{below:.0%} of {ds.sizes['image']} images; mean {float(ds.active_energy.mean()):.4f}",
            below > 0.9,
        )
    if "omega" in ds:
        values = {order: lambda_of(ds, order) or 0.0 for order in ("real", "n3", "random")}
        yield Finding(
            "The network is nearer to monotone along its own order than its null models (lambda 0.1 to 0.25 against 0.05).",
            f"lambda {values['real']:.3f}; fresh weights {values['n3']:.3f}, random order {values['random']:.3f}",
            values["real"] > max(values["n3"], values["random"]),
        )
        share = one_sided(ds, "real")
        yield Finding(
            "All perturbations of one image move the outputs to one side.",
            f"{share:.0%} of images have 90% or more of their perturbations on one side; along a random order {one_sided(ds, 'random'):.0%}",
            share > max(0.5, one_sided(ds, "random")),
        )


def majority(ds: xr.Dataset, order: str) -> np.ndarray:
    """Of each image, the share of perturbations that more than half of the outputs follow."""
    return (ds.omega.sel(order=order) > 0.5).mean("norm").values


def one_sided(ds: xr.Dataset, order: str) -> float:
    """Share of images for which nine in ten perturbations agree on the side."""
    share = majority(ds, order)
    return float(((share >= 0.9) | (share <= 0.1)).mean())
