"""Training and probing networks for every pair of classes."""

import itertools
import json
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax.sharding import Mesh

from jprobe import complexity, data, models, probes, train
from jprobe.errors import ArgumentError
from jprobe.models import forward
from jprobe.results import RunFolder
from jprobe.sharding import local_mesh
from jprobe.studies.complexity.config import Config
from jprobe.typing import Metric

Report = Callable[[str, float], None]

# Rough shares of the time that the steps of one dataset take; for the progress display only.
_SSIM, _TRAIN = 0.08, 0.8


def run(config: Config, folder: RunFolder | None = None, report: Report | None = None) -> xr.Dataset:
    """Train networks for all pairs of classes, probe them, and compare the classes' images.

    Args:
        config: what to run.
        folder: where to keep each part as it is finished, and to find what is finished; None keeps nothing.
        report: called with what runs now and the fraction done, in [0, 1].

    Returns:
        Dataset over (dataset, pair, seed): base, signed and randomized accuracies in [0, 1], dead; and over
        (dataset, pair): ssim, the SSIM distance of the two classes.

    Raises:
        JprobeError: what :func:`jprobe.data.load`, :func:`jprobe.train.fit` and :func:`jprobe.sweep` raise.

    Source:
        Paper 1, figures 4, 6 and 8.

    Example:
        >>> config = Config(seeds=1, epochs=1, image_pairs=10)
        >>> run(config).base.dims
        ('dataset', 'pair', 'seed')
    """
    mesh = local_mesh(config.mesh)
    rows, checksums = [], {}
    for n, name in enumerate(config.dataset):

        def tick(label: str, fraction: float, n: int = n, name: str = name) -> None:
            if report is not None:
                report(f"{name}: {label}", (n + fraction) / len(config.dataset))

        dataset = data.load(name)
        if len(dataset.class_names) < 3:
            raise ArgumentError(f"A map of pairs needs three classes or more; {name!r} has {len(dataset.class_names)}.")
        checksums.update(dataset.checksums)
        rows.append(xr.merge([_ssim(config, dataset, folder, tick), _gaps(config, dataset, folder, mesh, tick)]))
    if report is not None:
        report("finished", 1.0)
    combined = xr.concat(rows, xr.DataArray(list(config.dataset), dims="dataset", name="dataset"), join="outer")
    combined.attrs["checksums"] = json.dumps(checksums)
    return combined


def pairs_of(dataset: data.Dataset) -> list[tuple[int, int]]:
    """Every pair (a, b) of labels, a < b."""
    return list(itertools.combinations(range(len(dataset.class_names)), 2))


def _ssim(config: Config, dataset: data.Dataset, folder: RunFolder | None, tick: Report) -> xr.Dataset:
    pairs = pairs_of(dataset)

    def compute() -> xr.Dataset:
        found = []
        for n, pair in enumerate(pairs):
            tick("SSIM distances", _SSIM * n / len(pairs))
            found.append(data.ssim_distance(dataset, pair, config.image_pairs))
        attrs = {"long_name": "SSIM distance, mean of 1 - SSIM", "units": "1"}
        return xr.Dataset({"ssim": ("pair", found, attrs)}, {"pair": _names(pairs)})

    return compute() if folder is None else folder.piece(f"{dataset.name}.ssim", compute)


def _gaps(
    config: Config, dataset: data.Dataset, folder: RunFolder | None, mesh: Mesh | None, tick: Report
) -> xr.Dataset:
    pairs = pairs_of(dataset)
    model = models.MLP(config.hidden, 2, config.activation)

    def compute() -> xr.Dataset:
        tasks = [data.pair(dataset, pair) for pair in pairs]
        # Padded to one size, all pairs share one compilation.
        size = max(len(t.x_train) for t in tasks), max(len(t.x_test) for t in tasks)
        fits = []
        for n, (task, name) in enumerate(zip(tasks, _names(pairs), strict=True)):
            tick(f"training on {name}", _SSIM + _TRAIN * n / len(pairs))
            checkpoint = None if folder is None else folder.path / "checkpoints" / f"{dataset.name}.{name}"
            fits.append(
                train.fit(
                    model, task, config.seeds, epochs=config.epochs, keep=config.keep, checkpoint=checkpoint,
                    pad_to=size, mesh=mesh,
                )
            )  # fmt: skip
        networks = {
            "network": jax.tree.map(lambda *leaves: np.concatenate(leaves), *(fit.params for fit in fits)),
            "pair": np.repeat(np.arange(len(pairs)), config.seeds),
        }
        metric = accuracy_by_pair(model, tasks, size[1])
        table: dict[str, Any] = {}
        for place, (name, probe) in enumerate(
            {"signed": probes.binarize(), "randomized": probes.randomize("B")}.items()
        ):
            start, share = _SSIM + _TRAIN, 1 - _SSIM - _TRAIN
            tick(f"{name} networks", start + share * place / 2)
            found = complexity.drop(metric, networks, probe, repeats=config.repeats, mesh=mesh)
            table["base"], table[name] = (_by_pair(found[v].values, pairs) for v in ("base", "perturbed"))
        table["dead"] = _by_pair(np.concatenate([fit.dead for fit in fits]).astype(np.float32), pairs)
        return xr.Dataset(
            {name: (("pair", "seed"), values, {"units": "1"}) for name, values in table.items()},
            {"pair": _names(pairs), "seed": np.arange(config.seeds)},
        )

    return compute() if folder is None else folder.piece(f"{dataset.name}.gaps", compute)


def accuracy_by_pair(model: models.MLP, tasks: list[data.Task], size: int) -> Metric:
    """Test accuracy of {"network": params, "pair": n} on the n-th task: one metric, and one compilation, for all.

    Args:
        model: the networks'.
        tasks: tasks whose examples have one shape.
        size: number of test examples to pad each to.
    """

    def padded(arrays: list[np.ndarray]) -> jax.Array:
        return jnp.stack([np.pad(a, [(0, size - len(a))] + [(0, 0)] * (a.ndim - 1)) for a in arrays])

    run_model = forward(model)
    x, y = padded([t.x_test for t in tasks]), padded([t.y_test for t in tasks])
    weight = padded([np.ones(len(t.x_test), np.float32) for t in tasks])

    def accuracy(params: Any) -> jax.Array:
        n = params["pair"]
        right = jnp.argmax(run_model(params["network"], x[n]), -1) == y[n]
        return (right * weight[n]).sum() / weight[n].sum()

    return accuracy


def _by_pair(values: np.ndarray, pairs: list[tuple[int, int]]) -> np.ndarray:
    return values.reshape(len(pairs), -1)


def _names(pairs: list[tuple[int, int]]) -> list[str]:
    return [f"{a}-{b}" for a, b in pairs]
