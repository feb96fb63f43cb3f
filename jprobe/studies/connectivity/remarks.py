"""What stands beside a claim: the numbers by dataset, and by another measure."""

from collections.abc import Callable

import numpy as np
import xarray as xr

from jprobe import connectivity as wirings
from jprobe.report.verdict import number, percent, points
from jprobe.studies.connectivity.reading import datasets, each, feature, from_the_first, title

# Of the paper's networks: time of an epoch, whole over retrained (table 3).
_PAPER_RATIOS = {"cmnist": 7.0, "ckmnist": 5.6, "cfashion": 3.6, "cifar10": 1.6, "cifar10_t8": 1.4}


def _by_dataset(ds: xr.Dataset, values: xr.DataArray, form: Callable[[float], str]) -> str:
    return ", ".join(
        f"{title(name)} {form(float(values.sel(dataset=name).mean()))} ± {form(float(values.sel(dataset=name).std())).lstrip('+')}"
        for name in datasets(ds)
        if not np.isnan(values.sel(dataset=name)).all()
    )


def _lost(ds: xr.Dataset) -> str:
    return f"lost: {_by_dataset(ds, ds.accuracy_full - ds.accuracy_thresholded, points)}"


def _edges(ds: xr.Dataset) -> str:
    apart, overlapping = pairs(ds)
    said = "; ".join(
        f"{words}: {', '.join(some)}"
        for words, some in (("ranges of edges do not overlap", apart), ("ranges of edges overlap", overlapping))
        if some
    )
    return f"edges: {_by_dataset(ds, feature(ds, 'edges'), number)}; {said}"


def pairs(ds: xr.Dataset) -> tuple[list[str], list[str]]:
    """Pairs of datasets, in words: those whose ranges of edges lie apart, and those whose ranges overlap."""
    rows = [(title(name), feature(ds, "edges").sel(dataset=name)) for name in datasets(ds)]
    out: tuple[list[str], list[str]] = ([], [])
    for n, (one, a) in enumerate(rows):
        for other, b in rows[n + 1 :]:
            out[int(a.min() <= b.max() and b.min() <= a.max())].append(f"{one} and {other}")
    return out


def _elongation(ds: xr.Dataset) -> str:
    random = ds.features_rewired.sel(feature="pca_elongation")
    return (
        f"elongation: {_by_dataset(ds, feature(ds, 'pca_elongation'), number)}; of random wirings with the same degrees: "
        f"{_by_dataset(ds, random, number)}"
    )


def _first(ds: xr.Dataset) -> str:
    shared, chance = from_the_first(ds)
    return (
        f"{percent(shared.mean())} are; of as many edges drawn at random {percent(chance.mean())} would be, and of the paper's sparser "
        "networks 1 to 21%"
    )


def _speed(ds: xr.Dataset) -> str:
    paper = ", ".join(f"{title(name)} {_PAPER_RATIOS[name]:g}" for name in datasets(ds) if name in _PAPER_RATIOS)
    return f"time of a step, whole over retrained: {_by_dataset(ds, ds.step_ratio, number)}" + (
        f"; the paper, of an epoch on a GPU: {paper}" if paper else ""
    )


def _back(ds: xr.Dataset) -> str:
    rows: dict[str, list[wirings.Dynamics]] = {}
    for name, _, one in each(ds):
        rows.setdefault(name, []).append(wirings.dynamics(one.history.values, float(one.level[-1])))
    words = []
    for name, found in rows.items():
        b, c, d = (
            float(np.mean([v for v in values if not np.isnan(v)] or [np.nan]))
            for values in zip(
                *((f.retained_epochs_below, f.eliminated_came_back, f.eliminated_epochs_above) for f in found),
                strict=True,
            )
        )
        words.append(
            f"{title(name)} {number(b)} epochs below; of cut edges {percent(c)} came back tenfold, {number(d)} epochs above"
        )
    return "; ".join(words)


def _constants(ds: xr.Dataset) -> str:
    change = ds.accuracy_live - ds.accuracy_thresholded
    return (
        "a node without inputs still hands on a constant, the shift of its normalisation; a node without outputs changes nothing. "
        f"Changes: {_by_dataset(ds, change, points)}"
    )


REMARKS: dict[str, Callable[[xr.Dataset], str]] = {
    "L1": _lost,
    "L2": _edges,
    "L5": _elongation,
    "L7": _speed,
    "L8": _first,
    "L9": _back,
    "L10": _constants,
}
