"""Headline numbers of the study ``lenses``: what each lens sees of each pair, and how alike the lenses rank them."""

import itertools
from collections.abc import Iterator

import xarray as xr

from jprobe.complexity import Correlation, rank_correlation
from jprobe.studies.lenses.config import Config

# Lens -> its words. The first are known measures of difficulty; then papers 1, 2 and 3.
LENSES = {
    "linear_error": "error of a linear classifier",
    "error": "error of the networks",
    "separation": "separation of the outputs",
    "ssim": "SSIM distance",
    "dimension": "intrinsic dimension",
    "gap_signed": "lost to signs",
    "gap_randomized": "lost to randomization B",
    "gap_threshold": "lost to signs, threshold moved",
    "gap_auc": "lost to signs, area under ROC",
    "frustration_ratio": "frustration, as a share of N1's",
    "strength_correlation": "strength correlation",
    "fluctuation": "fluctuation of strength",
}


def means(here: xr.Dataset) -> xr.Dataset:
    """Means over living networks of one dataset, over (pair)."""
    alive = here.where(here.dead == 0)
    names = [*LENSES, "strength_correlation_untrained"]
    return xr.Dataset({n: alive[n].mean("seed") if "seed" in here[n].dims else here[n] for n in names if n in here})


def correlation(table: xr.Dataset, a: str, b: str) -> Correlation:
    """Rank correlation over pairs of what two lenses see, from :func:`means`."""
    both = table[[a, b]].dropna("pair")
    return rank_correlation(both[a].values, both[b].values)


def matrix(table: xr.Dataset) -> xr.DataArray:
    """Spearman's rho of every two lenses, over (a, b)."""
    names = there(table)
    ranks = table[names].to_dataframe()[names].rank()
    return xr.DataArray(ranks.corr().values, {"a": names, "b": names}, ("a", "b"))


def there(table: xr.Dataset) -> list[str]:
    """The lenses that a run looked through; intrinsic dimension only if it was asked for."""
    return [lens for lens in LENSES if lens in table]


def datasets(ds: xr.Dataset) -> Iterator[tuple[str, xr.Dataset]]:
    """(name, results) of each dataset."""
    for name in ds.dataset.values.tolist():
        yield name, ds.sel(dataset=name, drop=True).dropna("pair", how="all")


def summary(ds: xr.Dataset, config: Config) -> dict[str, float]:
    """Flat headline numbers.

    Args:
        ds: the study's numbers.
        config: its configuration.

    Returns:
        ``dataset.lens.pair`` -> mean over living networks, and ``dataset.rho.a.b`` -> Spearman's rank correlation.

    Example:
        >>> import numpy as np
        >>> from jprobe.studies.lenses.config import Config
        >>> over, values = ("dataset", "pair", "seed"), np.arange(3.0)[None, :, None]
        >>> columns = {name: (over, values) for name in LENSES} | {"dead": (over, 0 * values)}
        >>> ds = xr.Dataset(columns, {"dataset": ["mnist"], "pair": ["0-1", "0-2", "1-2"]})
        >>> found = summary(ds, Config())
        >>> found["mnist.gap_signed.0-2"], found["mnist.rho.linear_error.gap_signed"]
        (1.0, 1.0)
    """
    out: dict[str, float] = {}
    for name, here in datasets(ds):
        table, rho = means(here), matrix(means(here))
        for lens in there(table):
            for pair, value in zip(table.pair.values.tolist(), table[lens].values, strict=True):
                out[f"{name}.{lens}.{pair}"] = round(float(value), 6)
        for a, b in itertools.combinations(there(table), 2):
            out[f"{name}.rho.{a}.{b}"] = round(float(rho.sel(a=a, b=b)), 4)
    return out
