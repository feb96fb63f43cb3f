"""Headline numbers of the study ``cnt``, computed from its Dataset."""

import numpy as np
import xarray as xr

from jprobe.metrics import statistic
from jprobe.studies.cnt.config import Config
from jprobe.studies.cnt.findings import numbered
from jprobe.studies.cnt.measuring import QUANTITIES
from jprobe.studies.cnt.reading import FIGURE_2, SPECTRAL, Pool, found_in, kept_by_order, layers, pools

_STATISTICS = ("mean", "std", "skew", "kurtosis")


def summary(ds: xr.Dataset, config: Config) -> dict[str, float | str]:
    """Flat headline numbers: of a pool all networks' neurons together.

    Args:
        ds: the study's numbers.
        config: its configuration.

    Returns:
        ``dataset.architecture.depth.activation.quantity`` -> number, the same under ``untrained.``, ``claims.C1`` and so on
        -> verdict. Performance is test accuracy, of autoencoders mean squared error.

    Example:
        >>> summary(xr.Dataset(coords={"pool": []}), Config())
        {}
    """
    out: dict[str, float | str] = {}
    for pool, one in pools(ds):
        out |= _of_pool(pool, one)
    for claim, finding in numbered(ds):
        # Of several datasets the first has the plain key.
        key = f"claims.{claim}"
        out[key if key not in out else f"{key}.{finding.claim.partition(':')[0]}"] = finding.verdict.value
    return out


def _of_pool(pool: Pool, ds: xr.Dataset) -> dict[str, float | str]:
    key = pool.name
    out: dict[str, float | str] = {f"{key}.performance": _rounded(np.nanmean(ds.performance))}
    if pool.architecture == "ae":
        out[f"{key}.explained"] = _rounded(np.nanmean(ds.explained))
    out[f"{key}.dead"] = int(ds.dead.sum())
    out[f"{key}.parameters"] = int(ds.parameters)
    for state, prefix in (("trained", ""), ("untrained", "untrained.")):
        here = ds.sel(state=state)
        for layer in range(1, pool.depth + 1):
            place = f"{prefix}{key}.layer_{layer}"
            out[f"{place}.fluctuation"] = _rounded(np.nanmean(here.fluctuation.sel(layer=layer)))
            for quantity in QUANTITIES:
                found = found_in(ds, state=state, layer=layer, quantity=quantity)
                for name in _STATISTICS if len(found.sums) else ():
                    out[f"{place}.{quantity}.{name}"] = _rounded(statistic(found, name))
        for layer in layers(pool, hidden=True):
            out[f"{prefix}{key}.layer_{layer}.never_on"] = _rounded(float(here.never_on.sel(layer=layer).mean()))
        for layer in layers(pool):
            correlation = here.pooled.sel(layer=layer, against="neuron_strength")
            out[f"{prefix}{key}.layer_{layer}.strength_correlation"] = _rounded(float(correlation))
    for order, left in kept_by_order(pool, ds).sel(removed=0.8).groupby("order"):
        out[f"{key}.pruned_80.{order}"] = _rounded(float(left.mean()))
    for state, prefix in (("trained", ""), ("untrained", "untrained.")):
        of_kernels = ds[list(SPECTRAL)].sel(state=state).mean("network").dropna("kernel", how="all")
        for kernel, numbers in of_kernels.groupby("kernel"):
            for name in SPECTRAL:
                if not np.isnan(numbers[name]).all():
                    out[f"{prefix}{key}.{kernel}.{name}"] = _rounded(float(numbers[name].squeeze()))
    if pool.architecture == "rnn":
        for state in ("trained", "untrained"):
            ratio = float(ds.centre_ratio.sel(state=state).mean())
            out[f"{pool.dataset}.rnn.{pool.activation}.centre_ratio.{state}"] = _rounded(ratio)
            for init in ds.init.values.tolist() if pool.activation == FIGURE_2 else ():
                ratio = float(ds.centre_ratio_by_init.sel(state=state, init=init).mean())
                out[f"{pool.dataset}.rnn.{pool.activation}.{init}.centre_ratio.{state}"] = _rounded(ratio)
    return out


def _rounded(value: float) -> float:
    return round(float(value), 6)
