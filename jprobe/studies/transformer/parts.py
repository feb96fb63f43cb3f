"""Probing a network layer by layer."""

import functools
import time
from collections.abc import Iterator

import jax
import numpy as np
import xarray as xr

from jprobe.errors import UnknownLayerError
from jprobe.paths import leaves_by_path
from jprobe.robustness import Perturbed, cka_by_layer, probe_layer
from jprobe.studies.study import Context, Part, Parts
from jprobe.studies.transformer.config import Config
from jprobe.studies.transformer.subjects import Layered
from jprobe.typing import Params

# Measured on two cores, for the progress display only: seconds of an evaluation of one example of a transformer.
_EXAMPLE = 5e-4

_WORDS: dict[Perturbed, str] = {
    "prune": "pruning, with and without signs", "A": "pruning, then randomization A", "B": "pruning, then randomization B",
    "noise": "noise", "flip": "sign flips",
}  # fmt: skip


def parts(config: Config, subject: Layered) -> Iterator[Part]:
    """The whole network, and for each layer a part for each perturbation and one for the CKA of activations.

    Raises:
        UnknownLayerError: a layer that the network does not have.
    """
    selections = {name: matrices_of(subject.params, path) for name, path in subject.layers.items()}
    grids, once = config.grids(), subject.examples * _EXAMPLE

    def probed(name: str, by: Perturbed, context: Context) -> xr.Dataset:
        return probe_layer(subject.metric, subject.params, selections[name], grids, by=(by,), progress=context.progress)

    def compared(name: str, context: Context) -> xr.Dataset:
        return cka_by_layer(
            subject.activations, subject.params, selections[name], config.cka_removed, batches=subject.batches
        )

    yield Part("whole", "the unperturbed network", lambda context: _whole(subject), 4 * once, "whole")
    randomized = len(grids.kept) * grids.repeats
    evaluations: dict[Perturbed, int] = {
        "prune": 2 * len(grids.kept) + 6, "A": randomized, "B": randomized,
        "noise": 2 * len(grids.amplitudes) * grids.repeats, "flip": 2 * len(grids.flipped),
    }  # fmt: skip
    for name in subject.layers:
        for by, count in evaluations.items():
            yield Part(
                f"{name}.{by}", f"{name}: {_WORDS[by]}", functools.partial(probed, name, by), count * once, "probes"
            )
        if config.cka_removed:
            seconds = 2 * len(config.cka_removed) * once
            yield Part(f"{name}.cka", f"{name}: CKA of activations", functools.partial(compared, name), seconds, "cka")


def combine(config: Config, subject: Layered, done: Parts) -> xr.Dataset:
    """All parts as one Dataset.

    Returns:
        Over (layer, ...): the metric under each probe, cka, and seconds of an evaluation.
    """
    names = list(subject.layers)
    rows = [xr.merge([found for part, found in done.items() if part.rpartition(".")[0] == n]) for n in names]
    out = xr.concat(rows, xr.DataArray(names, dims="layer", name="layer"))
    if config.cka_removed:
        # Functions that JAX compiles return names in the order of the alphabet.
        out = out.sel(seen=names)
    out = out.merge(done["whole"]).assign(examples=subject.examples, cases=subject.cases)
    out.attrs = {"measure": subject.measure, "unit": subject.unit, "full": int(subject.full)}
    return out


def matrices_of(params: Params, path: str) -> list[str]:
    """Paths of a layer's leaves of two or more dimensions, without its biases.

    Raises:
        UnknownLayerError: there is none.
    """
    matrices = [leaf for leaf, trained, value in leaves_by_path(params) if trained and np.ndim(value) >= 2]
    chosen = [leaf for leaf in matrices if leaf == path or leaf.startswith(f"{path}/")]
    if not chosen:
        raise UnknownLayerError(path, matrices)
    return chosen


def _whole(subject: Layered) -> xr.Dataset:
    """The metric of the unperturbed network, and the seconds that it takes: the median of three."""
    measure = jax.jit(subject.metric)
    base, times = float(measure(subject.params)), []
    for _ in range(3):
        start = time.perf_counter()
        measure(subject.params).block_until_ready()
        times.append(time.perf_counter() - start)
    return xr.Dataset({"base": base, "full_seconds": float(np.median(times))})
