"""The study's Dataset, read: wirings, features, what is shown by which name."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from jprobe import connectivity as wirings
from jprobe.connectivity import Wiring
from jprobe.studies.connectivity.config import Config
from jprobe.studies.connectivity.material import PAPER, TITLES
from jprobe.studies.connectivity.training import blocks
from jprobe.studies.study import Parts

# Features that wirings are compared by: tables 1 and 2 without parameters.
COMPARED = (
    "sparsity", "sparsity.stage_0", "sparsity.stage_1", "sparsity.stage_2", "nodes", "nodes.stage_0", "nodes.stage_1",
    "nodes.stage_2", "log_paths", "mean_path", "max_path", "ln_communicability", "edge_connectivity", "mean_degree", "pca_elongation",
)  # fmt: skip


def networks_of(config: Config, dataset: str, done: Parts) -> xr.Dataset:
    """All networks of a dataset, from the parts that they were learned in."""
    return xr.concat([done[f"learn.{dataset}.{part}"] for part in blocks(config)], "network")


def wiring_in(ds: xr.Dataset, weights: str) -> Wiring:
    """The wiring of one network that a Dataset keeps under a name.

    Args:
        ds: of one network: [source, target] and "stage" [source].
        weights: "weights", "relative", "snip" or "first".
    """
    return wirings.wiring(ds[weights].values, ds.stage.values.astype(int), possible=ds.possible.values.astype(bool))


def title(dataset: str) -> str:
    """Name of a dataset as the paper writes it."""
    return TITLES.get(dataset, dataset)


def datasets(ds: xr.Dataset) -> list[str]:
    """The datasets, those of the paper first, from easy to hard."""
    names = ds.dataset.values.tolist()
    return sorted(names, key=lambda name: PAPER.index(name) if name in PAPER else len(PAPER))


def feature(ds: xr.Dataset, name: str) -> xr.DataArray:
    """A feature of the cut wirings, [dataset, network]."""
    return ds.features.isel(level=-1).sel(feature=name)


def each(ds: xr.Dataset) -> Iterator[tuple[str, int, xr.Dataset]]:
    """Dataset, number and Dataset of every network."""
    for name in datasets(ds):
        for network in range(ds.sizes["network"]):
            yield name, network, ds.sel(dataset=name).isel(network=network)


def cut_wirings(ds: xr.Dataset) -> tuple[list[str], list[Wiring]]:
    """Every live cut wiring, and the dataset that it is of."""
    rows = [
        (name, wirings.live(wirings.cut(wiring_in(one, "weights"), float(one.level[-1])))) for name, _, one in each(ds)
    ]
    return [name for name, _ in rows], [wiring for _, wiring in rows]


def compared(ds: xr.Dataset) -> xr.Dataset:
    """Features of the cut wirings that they are compared by, variables [wiring]."""
    rows = np.stack([one.features.isel(level=-1).sel(feature=list(COMPARED)).values for _, _, one in each(ds)])
    return xr.Dataset({name: ("wiring", rows[:, n]) for n, name in enumerate(COMPARED)})


def from_the_first(ds: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Of each network: the share of its edges above tau that are among as many largest ones of the first epoch, and chance.

    Chance is the share that as many edges drawn at random would have: that of all edges which stayed.
    """
    shared, chance = [], []
    for _, _, one in each(ds):
        final = wirings.cut(wiring_in(one, "weights"), float(one.level[-1])).edges
        first = wirings.largest(wiring_in(one, "first"), int(final.sum())).edges
        shared.append((final & first).sum() / max(final.sum(), 1))
        chance.append(final.sum() / one.possible.values.sum())
    return np.array(shared), np.array(chance)


def separations(ds: xr.Dataset) -> dict[str, wirings.Separation]:
    """How much more alike wirings of one dataset are than those of two, by their features and by the edges that they share.

    Empty of a run with one dataset, or one network of each.
    """
    names, cut = cut_wirings(ds)
    out = {}
    if len(set(names)) > 1 and len(names) > len(set(names)):
        for what, similarity in (("features", wirings.rbf(compared(ds))), ("dice", wirings.dice_matrix(cut))):
            known = ~np.isnan(similarity).all(1)
            labels = [name for name, yes in zip(names, known, strict=True) if yes]
            out[what] = wirings.separation(similarity[np.ix_(known, known)], labels)
    return out
