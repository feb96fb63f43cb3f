"""The paper's claims on frustration and monotonicity, held against a run, and what a certificate adds."""

from collections.abc import Iterator

import numpy as np
import scipy.stats
import xarray as xr

from jprobe.frustration import crossing
from jprobe.intervals import Estimate, bootstrap, difference, exact, share
from jprobe.report import Check, Finding
from jprobe.report.verdict import four, number, percent
from jprobe.studies.frustration.summary import (
    bound,
    least,
    majority,
    null_energies,
    welch,
)

# The paper's replicas and null models of each kind, and the p of its t-tests.
PAPER_SAMPLE, PAPER_LOG_P = 80, -50.0

# "Almost never", "in about 90% of the cases", "nearly always".
MOST = 0.9


def findings(ds: xr.Dataset) -> list[Finding]:
    """The paper's claims held against this run, and what a certificate adds.

    Args:
        ds: the study's numbers.

    Example:
        >>> rng, kinds = np.random.default_rng(0), ["n1", "n2", "n3_xavier", "n3_he"]
        >>> nulls = np.array([0.425, 0.446, 0.452, 0.444])[:, None, None] + 0.001 * rng.normal(size=(4, 20, 2))
        >>> ds = xr.Dataset({"energy": ("replica", 0.41 + 0.001 * rng.normal(size=20)),
        ...     "null_energy": (("kind", "null", "start"), nulls)}, {"kind": kinds})
        >>> findings(ds)[0].verdict.value
        'holds'
    """
    return [*_energies(ds), *_certified(ds), *_active(ds), *(_monotone(ds) if "omega" in ds else ())]


def _energies(ds: xr.Dataset) -> Iterator[Finding]:
    real, n1 = ds.energy.values, null_energies(ds, "n1")
    others = {"N2": "n2", "N3 (Xavier)": "n3_xavier", "N3 (He)": "n3_he"}
    # Two starts of one null model are no two null models.
    by_model = {kind: ds.null_energy.sel(kind=kind).mean("start").values for kind in ("n1", *others.values())}
    yield Finding(
        "The trained network is less frustrated than its null models: real < N1 < N2 and N1 < N3.",
        (
            Check("N1 less the network", difference(real, by_model["n1"]), "above", 0.0, four),
            *(
                Check(f"{name} less N1", difference(by_model["n1"], by_model[kind]), "above", 0.0, four)
                for name, kind in others.items()
            ),
        ),
        f"means: network {real.mean():.4f}, N1 {n1.mean():.4f}, "
        + ", ".join(f"{name} {null_energies(ds, kind).mean():.4f}" for name, kind in others.items()),
    )
    p = {name: welch(ds, kind) for name, kind in (("N1", "n1"), ("N2", "n2"))}
    sizes = {"N1": min(len(real), len(n1)), "N2": min(len(real), null_energies(ds, "n2").size)}
    yield Finding(
        "The differences are significant by Welch's t-test (p below 1e-50 with 80 replicas).",
        tuple(
            Check(f"log10 p against {name}", _log_p(value, sizes[name]), "at most", PAPER_LOG_P, number)
            for name, value in p.items()
            if value is not None
        ),
        f"{len(real)} and {len(n1)} values",
    )
    # The distance to N1 is what makes a spread small or large.
    gap = difference(real, n1).value
    freedom = len(real) - 1
    low, high = (
        float(np.sqrt(freedom / scipy.stats.chi2.ppf(q, freedom))) if freedom else np.nan for q in (0.975, 0.025)
    )
    ratio = float(np.float64(real.std(ddof=1)) / max(abs(gap), 1e-12)) if freedom else np.nan
    relative = Estimate(ratio, low * ratio, high * ratio, len(real))
    yield Finding(
        "Local minima lie close together: the landscape is not rugged.",
        (Check("standard deviation of the minima, of the distance to N1", relative, "at most", 0.5, number),),
    )


def _log_p(p: float, count: int) -> Estimate:
    """log10 of a p-value; with fewer values than the paper's it can only be too large."""
    value = float(np.log10(max(p, 1e-300)))
    return Estimate(value, value if count >= PAPER_SAMPLE else -np.inf, value, count)


def _certified(ds: xr.Dataset) -> Iterator[Finding]:
    for model, name in (("n3_he", "freshly initialised (He)"), ("n1", "shuffled within layers (N1)")):
        low = bound(ds, model)
        if low is not None:
            yield Finding(
                f"Beyond the paper, by a numerical certificate: the ground state lies below that of the network {name}.",
                (
                    Check(
                        "certified bound of the null model less the network's best spins",
                        exact(low - least(ds)),
                        "above",
                        0.0,
                        four,
                    ),
                ),
                f"spins of energy {least(ds):.4f} exist for the network; no spins of one null model go below {low:.4f}",
            )


def _active(ds: xr.Dataset) -> Iterator[Finding]:
    if "active_energy" in ds:
        below = share(ds.active_energy.values < float(ds.energy.min()))
        yield Finding(
            "Active subnetworks are nearly always less frustrated still.",
            (Check("images whose subnetwork is", below, "at least", MOST, percent),),
            f"mean {float(ds.active_energy.mean()):.4f}",
        )


def _monotone(ds: xr.Dataset) -> Iterator[Finding]:
    found = {order: _lambda(ds, order) for order in ("real", "n3", "random")}
    yield Finding(
        "The network is nearer to monotone along its own order (lambda 0.1 to 0.25) than its null models (0.05 at most).",
        (
            Check("lambda of the network", found["real"], "at least", 0.1, number),
            Check("of fresh weights", found["n3"], "at most", 0.05, number),
            Check("of a random order", found["random"], "at most", 0.05, number),
        ),
    )
    majorities = majority(ds, "real")
    yield Finding(
        "All perturbations of one image move the outputs to one side.",
        (
            Check(
                "images with nine in ten perturbations on one side",
                share((majorities >= 0.9) | (majorities <= 0.1)),
                "at least",
                MOST,
                percent,
            ),
        ),
    )
    near = int(np.argmin(abs(ds.norm.values - 4)))
    yield Finding(
        "At a perturbation of norm 4 about 90% of the images keep their class.",
        (
            Check(
                f"images that do, at norm {float(ds.norm[near]):.1f}",
                share(ds.same_class.sel(order="real").isel(norm=near).values > 0.5),
                "at least",
                MOST,
                percent,
            ),
        ),
    )


def _lambda(ds: xr.Dataset, order: str) -> Estimate:
    """Lambda, with images as the unit: perturbations of one image are not independent."""
    rows = ds.omega.sel(order=order).transpose("image", "norm").values
    return bootstrap(rows, lambda some: np.array([crossing(each) for each in some]))
