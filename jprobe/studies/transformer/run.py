"""Probing a network layer by layer."""

import json
import time
from collections.abc import Callable

import jax
import numpy as np
import xarray as xr

from jprobe.errors import UnknownLayerError
from jprobe.results import RunFolder
from jprobe.robustness import cka_by_layer, probe_layer
from jprobe.studies.transformer.config import Config
from jprobe.studies.transformer.subjects import Subject, subject
from jprobe.typing import Params

Report = Callable[[str, float], None]


def run(
    config: Config, folder: RunFolder | None = None, report: Report | None = None, network: Subject | None = None
) -> xr.Dataset:
    """Probe every layer of a network, one at a time.

    Args:
        config: what to run.
        folder: where to keep each part as it is finished, and to find what is finished; None keeps nothing.
        report: called with what runs now and the fraction done, in [0, 1].
        network: a network of your own. Default: the one that the configuration names.

    Returns:
        Dataset over (layer, ...): the metric under each probe, cka, and seconds of an evaluation.

    Raises:
        JprobeError: what loading the network and :func:`jprobe.sweep` raise.

    Source:
        Paper 1, figures 5, 9 and 20.

    Example:
        >>> config = Config(checkpoint="mlp", kept=(1, 0.5), amplitudes=(0.1,), flipped=(0.5,), cka_removed=())
        >>> run(config).signed.dims
        ('layer', 'kept', 'repeat')
    """
    tell = report or (lambda label, fraction: None)
    tell("loading the network", 0.0)
    network = network or subject(config)
    selections = {path: matrices_of(network.params, path) for path in network.layers.values()}
    base, seconds = _base(network)
    rows = []
    for n, (name, path) in enumerate(network.layers.items()):

        def tick(label: str, fraction: float, n: int = n, name: str = name) -> None:
            tell(f"{name}: {label}", (n + fraction) / len(network.layers))

        def probed(path: str = path, tick: Report = tick) -> xr.Dataset:
            return probe_layer(
                network.metric, network.params, selections[path], config.grids(),
                progress=lambda fraction: tick("probes", 0.8 * fraction),
            )  # fmt: skip

        def compared(path: str = path, tick: Report = tick) -> xr.Dataset:
            tick("CKA", 0.8)
            return cka_by_layer(
                network.activations, network.batches, network.params, selections[path], config.cka_removed
            )

        tick("probes", 0.0)
        pieces = [_once(folder, f"{name}.probes", probed)]
        if config.cka_removed:
            pieces.append(_once(folder, f"{name}.cka", compared))
        rows.append(xr.merge(pieces))
    tell("finished", 1.0)
    out = xr.concat(rows, xr.DataArray(list(network.layers), dims="layer", name="layer"))
    if config.cka_removed:
        # Functions that JAX compiles return names in the order of the alphabet.
        out = out.sel(seen=list(network.layers))
    out = out.assign(base=base, full_seconds=seconds, examples=network.examples)
    out.attrs = {
        "name": network.name, "measure": network.measure, "unit": network.unit, "notes": json.dumps(network.notes),
        "full": int(network.full), "checksums": json.dumps(network.checksums),
    }  # fmt: skip
    return out


def matrices_of(params: Params, path: str) -> list[str]:
    """Paths of a layer's leaves of two or more dimensions, without its biases.

    Raises:
        UnknownLayerError: there is none.
    """
    leaves = jax.tree_util.tree_leaves_with_path(params)
    found = [(jax.tree_util.keystr(keys, simple=True, separator="/"), np.ndim(leaf)) for keys, leaf in leaves]
    chosen = [leaf for leaf, ndim in found if ndim >= 2 and (leaf == path or leaf.startswith(f"{path}/"))]
    if not chosen:
        raise UnknownLayerError(path, [leaf for leaf, ndim in found if ndim >= 2])
    return chosen


def _base(network: Subject) -> tuple[float, float]:
    """The metric of the unperturbed network, and the seconds that it takes: the median of three."""
    measure = jax.jit(network.metric)
    base, times = float(measure(network.params)), []
    for _ in range(3):
        start = time.perf_counter()
        measure(network.params).block_until_ready()
        times.append(time.perf_counter() - start)
    return base, float(np.median(times))


def _once(folder: RunFolder | None, name: str, compute: Callable[[], xr.Dataset]) -> xr.Dataset:
    return compute() if folder is None else folder.piece(name.replace("/", "_"), compute)
