"""What the study's findings, figures and headline numbers read from its Dataset of one network."""

from typing import NamedTuple

import numpy as np
import scipy.stats
import xarray as xr

from jprobe.frustration import coin_crossing, crossing
from jprobe.intervals import Estimate, difference

# Null models as the paper writes them.
NULLS = {"n1": "N1", "n2": "N2", "n3_xavier": "N3 (Xavier)", "n3_he": "N3 (He)"}


def minimisers(ds: xr.Dataset) -> list[str]:
    """Every minimiser of a run, the one that was asked for first."""
    return [ds.attrs["minimiser"], *(ds.minimiser.values.tolist() if "compared" in ds else [])]


def energies(ds: xr.Dataset, minimiser: str) -> dict[str, np.ndarray]:
    """Energies of the network ("real") and of its null models by one minimiser, a value a start or a null model.

    Two starts of one null model are no two null models: their mean is taken.
    """
    if minimiser == ds.attrs["minimiser"]:
        found = {"real": ds.energy.values} if "energy" in ds else {}
        return found | {kind: ds.null_energy.sel(kind=kind).mean("start").values for kind in ds.kind.values.tolist()}
    by = ds.compared.sel(minimiser=minimiser)
    return {model: by.sel(model=model).dropna("draw").values for model in ds.model.values.tolist()}


def mean_energy(ds: xr.Dataset, minimiser: str, model: str) -> float | None:
    """Mean energy of a model by a minimiser; None where that was not run."""
    found = energies(ds, minimiser) if minimiser in minimisers(ds) else {}
    return float(found[model].mean()) if model in found else None


def null_energies(ds: xr.Dataset, *kinds: str) -> np.ndarray:
    """Energies of the null models of these kinds by the minimiser that was asked for, all starts."""
    return ds.null_energy.sel(kind=[kind for kind in kinds if kind in ds.kind]).values.ravel()


def student(values: np.ndarray) -> Estimate:
    """The mean of starts or null models by Student's t: their energies are close, so that two say something."""
    return difference(np.zeros(len(values)), values)


class Ground(NamedTuple):
    """What is certain of a ground state: no spins have less than ``low``, and spins of energy ``high`` are known."""

    low: float
    high: float


def ground(ds: xr.Dataset, model: str) -> list[Ground]:
    """Of the network, or of each null model of a kind that has a certificate, where its ground state lies."""
    if "certified" not in ds or model not in ds.certified_model:
        return []
    lows = ds.certified.sel(certified_model=model).dropna("certificate")
    if model == "real":
        return [Ground(float(lows[0]), least(ds))]
    tops = np.full(max(lows.sizes["certificate"], ds.sizes["null"]), np.inf)
    tops[: ds.sizes["null"]] = ds.null_energy.sel(kind=model).min("start").values
    if "compared" in ds:
        others = ds.compared.sel(model=model).min("minimiser").dropna("draw").values
        tops[: len(others)] = np.fmin(tops[: len(others)], others[: len(tops)])
    # Of a draw that was certified and not minimised nothing is known from above but chance.
    tops = np.minimum(tops, 0.5)
    return [
        Ground(float(low), float(tops[int(n)])) for n, low in zip(lows.certificate.values, lows.values, strict=True)
    ]


def least_by_minimiser(ds: xr.Dataset, model: str) -> dict[str, float]:
    """The least energy that each minimiser found for the network, or for the null models of a kind.

    Of a kind that has certificates, those null models count that were certified: of the others no bound is known.
    """
    certified = ground(ds, model) if model != "real" else []
    only = ds.certified.sel(certified_model=model).dropna("certificate").certificate.values if certified else None
    out = {}
    for name in minimisers(ds):
        if name != ds.attrs["minimiser"]:
            values = ds.compared.sel(minimiser=name, model=model).values
        elif model == "real":
            values = ds.energy.values
        else:
            values = ds.null_energy.sel(kind=model).min("start").values
        values = values if only is None else values[[n for n in only if n < len(values)]]
        if not np.isnan(values).all():
            out[name] = float(np.nanmin(values))
    if model == "real" and "annealed" in ds:
        out["anneal"] = min(float(ds.annealed), out.get("anneal", np.inf))
    return out


def bound(ds: xr.Dataset, model: str) -> float | None:
    """Certified lower bound of the network, or of the first null model of a kind."""
    found = ground(ds, model)
    return found[0].low if found else None


def least_bound(ds: xr.Dataset, model: str) -> float | None:
    """The least of the certified lower bounds of a kind's null models."""
    return min((one.low for one in ground(ds, model)), default=None)


def least(ds: xr.Dataset) -> float:
    """The least energy found for the network, by whatever means."""
    found = [float(ds.energy.min())]
    if "annealed" in ds:
        found.append(float(ds.annealed))
    if "compared" in ds:
        found.append(float(ds.compared.sel(model="real").min()))
    return min(found)


def interval(ds: xr.Dataset) -> float | None:
    """Width between certificate and best spins of the network, as a share of the latter: 0 is a proven ground state."""
    return next((1 - one.low / one.high for one in ground(ds, "real") if one.high > 0), None)


def welch(ds: xr.Dataset, kind: str) -> float | None:
    """p of Welch's t-test that the network's energies and a null model's have one mean; None for single values."""
    a, b = ds.energy.values, null_energies(ds, kind)
    if min(len(a), len(b)) < 2:
        return None
    return float(scipy.stats.ttest_ind(a, b, equal_var=False).pvalue)


def omegas(ds: xr.Dataset, order: str) -> np.ndarray:
    """Omega along each draw of an order, [draw, image, norm]."""
    found = ds.omega.sel(order=order).dropna("order_draw", how="all")
    return found.transpose("order_draw", "image", "norm").values


def lambda_of(ds: xr.Dataset, *orders: str) -> float | None:
    """The lambda of monotonicity along orders: the mean over their draws."""
    if "omega" not in ds:
        return None
    return float(np.concatenate([crossing(omegas(ds, order), axis=(1, 2)) for order in orders]).mean())


def fair_lambda(ds: xr.Dataset, order: str) -> float:
    """Lambda with outputs that do not move counted half, in place of as risen."""
    return float(crossing(omegas(ds.assign(omega=ds.omega - ds.still / 2), order), axis=(1, 2)).mean())


def still(ds: xr.Dataset, order: str) -> float:
    """Share of the outputs that do not move at all."""
    return float(ds.still.sel(order=order).mean())


def coins(ds: xr.Dataset) -> float | None:
    """The lambda of coin flips in the place of the network's outputs."""
    return coin_crossing(int(ds.attrs["outputs"])) if "omega" in ds else None


def majority(ds: xr.Dataset, order: str) -> np.ndarray:
    """Of each image and draw of an order, the share of perturbations that more than half of the outputs follow."""
    return (omegas(ds, order) > 0.5).mean(2)


def one_sided(ds: xr.Dataset, order: str) -> np.ndarray:
    """Of each image, the share of draws in which nine of ten perturbations agree on the side."""
    share = majority(ds, order)
    return ((share >= 0.9) | (share <= 0.1)).mean(0)


def same_class(ds: xr.Dataset, norm: float = 4.0) -> tuple[float, np.ndarray]:
    """The norm nearest to one, and whether each image keeps its class there, along the network's first order."""
    at = int(np.argmin(abs(ds.norm.values - norm)))
    return float(ds.norm[at]), ds.same_class.sel(order="real").isel(norm=at, order_draw=0).values > 0.5
