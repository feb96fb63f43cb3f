"""Headline numbers and findings of the study ``complexity``, computed from its Dataset."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from jprobe.complexity import Correlation, Stability, rank_correlation, rank_stability
from jprobe.studies.outcome import Finding


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


def summary(ds: xr.Dataset) -> dict[str, float | str]:
    """Flat headline numbers: means over living networks, fractions of 1.

    Args:
        ds: what :func:`jprobe.studies.complexity.run` returned.

    Returns:
        ``dataset.quantity`` -> number, or the name of a pair.

    Example:
        >>> from jprobe.studies import complexity as study
        >>> found = summary(study.run(study.Config(seeds=1, epochs=1, image_pairs=10)))
        >>> 0.5 < found["mnist.base.0-1"] <= 1
        True
    """
    out: dict[str, float | str] = {}
    for name, here in _datasets(ds):
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


def findings(ds: xr.Dataset) -> list[Finding]:
    """The paper's findings held against this run; those on single digits for MNIST only.

    Example:
        >>> from jprobe.studies import complexity as study
        >>> len(findings(study.run(study.Config(seeds=1, epochs=1, image_pairs=10))))
        4
    """
    return [finding for name, here in _datasets(ds) for finding in _for_dataset(name, here)]


def _for_dataset(name: str, here: xr.Dataset) -> Iterator[Finding]:
    means = gaps(here)
    rho = correlation(here, "gap_signed", "gap_randomized")
    yield Finding(
        "Binarization and randomization B rank the pairs alike (Spearman 0.96 on MNIST).",
        f"{name}: {rho.value:.2f}, 95% interval {rho.low:.2f} to {rho.high:.2f}",
        rho.value >= 0.9,
    )
    if name != "mnist":
        return
    lowest = str(means.base.idxmin("pair").item())
    yield Finding(
        "Networks tell every pair of digits apart in more than 98% of the test images.",
        f"lowest: {lowest} with {float(means.base.min()):.1%}",
        float(means.base.min()) > 0.98,
    )
    order = means.gap_signed.sortby(means.gap_signed).pair.values.tolist()
    signed = means.base - means.gap_signed
    yield Finding(
        "0 and 3 lose very little without magnitudes; 1 and 7 fall to around 50%.",
        f"0-3 loses {points(means.gap_signed, '0-3')} (rank {order.index('0-3') + 1} of {len(order)}), 1-7 falls to "
        f"{float(signed.sel(pair='1-7')):.1%} (rank {order.index('1-7') + 1})",
        order.index("0-3") < len(order) // 3 and abs(float(signed.sel(pair="1-7")) - 0.5) < 0.1,
    )
    yield Finding(
        "The pair that SSIM calls easy, 0 and 7, loses little; the hard one, 7 and 9, close to 50 points.",
        f"0-7 loses {points(means.gap_signed, '0-7')}, 7-9 {points(means.gap_signed, '7-9')}",
        float(means.gap_signed.sel(pair="0-7")) < 0.15 and float(means.gap_signed.sel(pair="7-9")) > 0.4,
    )


def points(gap: xr.DataArray, pair: str) -> str:
    """A gap in percentage points."""
    return f"{100 * float(gap.sel(pair=pair)):.1f} points"


def _datasets(ds: xr.Dataset) -> Iterator[tuple[str, xr.Dataset]]:
    for name in ds.dataset.values.tolist():
        yield name, ds.sel(dataset=name, drop=True).dropna("pair", how="all")


def _rounded(value: float) -> float:
    return round(float(value), 6)


def extremes(means: xr.Dataset, measure: str, count: int = 3) -> tuple[list[str], list[str]]:
    """Names of the pairs with the smallest and with the largest values of a measure."""
    order = means.pair.values[np.argsort(means[measure].values, kind="stable")].tolist()
    return order[:count], order[::-1][:count]
