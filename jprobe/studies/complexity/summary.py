"""Headline numbers of the study ``complexity``, computed from its Dataset."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from jprobe.complexity import Correlation, Stability, rank_correlation, rank_stability
from jprobe.studies.complexity.config import Config


def gaps(ds: xr.Dataset) -> xr.Dataset:
    """Means over living networks, of one dataset: base, gap_signed and gap_randomized, and ssim, over (pair)."""
    alive = ds.where(ds.dead == 0)
    return xr.Dataset(
        {
            "base": alive.base.mean("seed"),
            "gap_signed": (alive.base - alive.signed).mean("seed"),
            "gap_randomized": (alive.base - alive.randomized).mean("seed"),
            "ssim": ds.ssim,
        }
    )


def correlation(ds: xr.Dataset, a: str, b: str) -> Correlation:
    """Rank correlation over pairs of two of the measures that :func:`gaps` gives."""
    means = gaps(ds)[[a, b]].dropna("pair")
    return rank_correlation(means[a].values, means[b].values)


def stability(ds: xr.Dataset) -> Stability | None:
    """How alike networks rank the pairs by what signs cost; None for one network a pair, or a dead one in each."""
    gap = (ds.base - ds.signed).where(ds.dead == 0).transpose("seed", "pair").dropna("seed")
    return rank_stability(gap.values) if gap.sizes["seed"] > 1 else None


def summary(ds: xr.Dataset, config: Config) -> dict[str, float | str]:
    """Flat headline numbers: means over living networks, fractions of 1.

    Args:
        ds: the study's numbers.
        config: its configuration.

    Returns:
        ``dataset.quantity`` -> number, or the name of a pair.

    Example:
        >>> from jprobe.studies.complexity import Config
        >>> pairs, ones = ["0-1", "0-2", "1-2"], np.ones((1, 3, 1))
        >>> over = ("dataset", "pair", "seed")
        >>> ds = xr.Dataset({"base": (over, ones), "signed": (over, ones / 2), "randomized": (over, ones / 2),
        ...     "dead": (over, 0 * ones), "ssim": (over[:2], ones[..., 0])}, {"dataset": ["mnist"], "pair": pairs})
        >>> summary(ds, Config())["mnist.gap_signed.0-1"]
        0.5
    """
    out: dict[str, float | str] = {}
    for name, here in datasets(ds):
        means = gaps(here)
        rho = correlation(here, "gap_signed", "gap_randomized")
        out |= {f"{name}.spearman": _rounded(rho.value), f"{name}.spearman_low": _rounded(rho.low)}
        out[f"{name}.spearman_high"] = _rounded(rho.high)
        for measure in ("gap_signed", "gap_randomized", "base", "ssim"):
            for pair, value in zip(means.pair.values.tolist(), means[measure].values, strict=True):
                out[f"{name}.{measure}.{pair}"] = _rounded(float(value))
        out[f"{name}.ssim.min_pair"] = str(means.ssim.idxmin("pair").item())
        out[f"{name}.ssim.max_pair"] = str(means.ssim.idxmax("pair").item())
    return out


def points(gap: xr.DataArray, pair: str) -> str:
    """A gap in percentage points."""
    return f"{round(100 * float(gap.sel(pair=pair)), 1) + 0:.1f} points"


def datasets(ds: xr.Dataset) -> Iterator[tuple[str, xr.Dataset]]:
    """(name, results) of each dataset."""
    for name in ds.dataset.values.tolist():
        yield name, ds.sel(dataset=name, drop=True).dropna("pair", how="all")


def _rounded(value: float) -> float:
    return round(float(value), 6)


def extremes(means: xr.Dataset, measure: str, count: int = 3) -> tuple[list[str], list[str]]:
    """Names of the pairs with the smallest and with the largest values of a measure."""
    order = means.pair.values[np.argsort(means[measure].values, kind="stable")].tolist()
    return order[:count], order[::-1][:count]
