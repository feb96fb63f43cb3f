"""The study's Dataset, read: pools by what they are, layers, distributions."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import xarray as xr

from jprobe.metrics import Distribution

ARCHITECTURES = {"fc": "fully connected", "cnn": "convolutional", "rnn": "recurrent", "ae": "autoencoder"}

# The activation that figure 2 and the claims about it take.
FIGURE_2 = "sigmoid"

STATES = ("trained", "untrained")

# What is kept of the spectra of kernels.
SPECTRAL = ("alpha", "stable_rank", "spectral_norm")


class Pool(NamedTuple):
    """Networks of one kind.

    Attributes:
        dataset: that they are trained on.
        architecture: "fc", "cnn", "rnn" or "ae".
        depth: layers of nodes.
        activation: of the hidden layers.

    Example:
        >>> Pool("mnist", "fc", 3, "relu").name, Pool.of("mnist.ae.7.linear").title
        ('mnist.fc.3.relu', 'AE-7 linear')
    """

    dataset: str
    architecture: str
    depth: int
    activation: str

    @property
    def name(self) -> str:
        """As files, keys and the Dataset's ``pool`` have it."""
        return f"{self.dataset}.{self.architecture}.{self.depth}.{self.activation}"

    @property
    def title(self) -> str:
        """As figures have it."""
        number = "" if self.architecture == "rnn" else f"-{self.depth}"
        return f"{self.architecture.upper()}{number} {self.activation}"

    @classmethod
    def of(cls, name: str) -> "Pool":
        """The pool of that name."""
        dataset, architecture, depth, activation = name.split(".")
        return cls(dataset, architecture, int(depth), activation)


Pools = dict[Pool, xr.Dataset]


def pools(ds: xr.Dataset) -> Iterator[tuple[Pool, xr.Dataset]]:
    """Each pool and its part of the Dataset."""
    for name in ds.pool.values.tolist():
        yield Pool.of(name), ds.sel(pool=name)


def found_in(ds: xr.Dataset, *, state: str, layer: int, quantity: str) -> Distribution:
    """A distribution of one pool, networks that diverged left out."""
    one = ds.sel(state=state, layer=layer, quantity=quantity)
    there = ~np.isnan(one.sums.values).any(1)
    return Distribution(
        sums=one.sums.values[there],
        below=one.below.values[there],
        histogram=one.histogram.values[there],
        edges=one.edges.values,
        center=float(one.center),
        scale=float(one.scale),
    )


def layers(pool: Pool, *, hidden: bool = False) -> range:
    """Numbers of the layers after the input; the hidden ones alone."""
    return range(2, pool.depth + (not hidden))


def kept_by_order(pool: Pool, ds: xr.Dataset) -> xr.DataArray:
    """What pruned networks still do [network, order, removed]: accuracy, or the share of the variance that they explain, at least 0."""
    if pool.architecture != "ae":
        return ds.pruned
    # Error of the mean image: performance is 1 - explained of it.
    constant = float((ds.performance / (1 - ds.explained)).mean())
    return (1 - ds.pruned / constant).clip(0)


def some(
    found: Pools, architecture: str = "", activation: str = "", depth: int = 3
) -> Iterator[tuple[Pool, xr.Dataset]]:
    """The pools of an architecture, an activation and a depth; "" and 0: of any."""
    for pool, ds in found.items():
        if (pool.architecture, pool.activation, pool.depth) == (
            architecture or pool.architecture, activation or pool.activation, depth or pool.depth,
        ):  # fmt: skip
            yield pool, ds
