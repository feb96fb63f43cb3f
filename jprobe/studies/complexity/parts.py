"""Training and probing networks for every pair of classes."""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from jprobe import complexity, data, models, probes, train
from jprobe.figures.style import title
from jprobe.models import forward
from jprobe.studies.complexity.config import Config
from jprobe.studies.pairs import SSIM_SECONDS, pairs_of, ssim_distances
from jprobe.studies.study import Context, Part, Parts
from jprobe.studies.subject import Subject
from jprobe.typing import Metric, Params

# Measured on two cores, for the progress display only: seconds of a training image, a test image, and of
# compiling once.
_TRAINING, _EVALUATION, _COMPILING = 2.5e-6, 2e-6, 4.0


def subject(config: Config) -> Subject:
    """The datasets whose classes are paired; a subject of one's own has such ``inputs``: name -> Dataset.

    Raises:
        JprobeError: what :func:`jprobe.data.load` raises.

    Example:
        >>> list(subject(Config()).inputs)
        ['mnist']
    """
    inputs = {name: data.load(name) for name in dict.fromkeys(config.dataset)}
    sums = {file: value for dataset in inputs.values() for file, value in dataset.checksums.items()}
    return Subject(name=", ".join(inputs), inputs=inputs, checksums=sums)


def parts(config: Config, subject: Subject) -> Iterator[Part]:
    """For each dataset: the distances of its classes, a training for each pair, and what probes cost.

    Raises:
        ArgumentError: a dataset has fewer than three classes.
    """
    for name, dataset in subject.inputs.items():
        yield from _of_dataset(config, name, dataset)


def combine(config: Config, subject: Subject, done: Parts) -> xr.Dataset:
    """All parts as one Dataset.

    Returns:
        Over (dataset, pair, seed): base, signed and randomized accuracies in [0, 1], dead; over (dataset, pair): ssim, the
        SSIM distance of the two classes, and its standard error.
    """
    rows = [xr.merge([done[f"{name}.ssim"], done[f"{name}.gaps"]]) for name in subject.inputs]
    return xr.concat(rows, xr.DataArray(list(subject.inputs), dims="dataset", name="dataset"), join="outer")


def _of_dataset(config: Config, name: str, dataset: data.Dataset) -> Iterator[Part]:
    names, tasks, size = pairs_of(name, dataset)
    model = models.MLP(config.hidden, 2, config.activation)

    @functools.cache
    def fit(n: int, checkpoints: Path | None, mesh: Any) -> train.Fit:
        # Trained, or read from its checkpoint, once a process.
        return train.fit(
            model, tasks[n], config.seeds, epochs=config.epochs, keep=config.keep, pad_to=size, mesh=mesh,
            checkpoint=None if checkpoints is None else checkpoints / f"{name}.{names[n]}",
        )  # fmt: skip

    def trained(n: int, context: Context) -> xr.Dataset:
        found = fit(n, context.checkpoints, context.mesh)
        return xr.Dataset({"trained": ("seed", found.accuracy)}, {"seed": np.arange(config.seeds)})

    def distances(context: Context) -> xr.Dataset:
        return ssim_distances(dataset, names, config.image_pairs, context.progress)

    def gaps(context: Context) -> xr.Dataset:
        fits = [fit(n, context.checkpoints, context.mesh) for n in range(len(names))]
        return _gaps(config, accuracy_by_pair(model, tasks, size[1]), fits, names, context)

    seconds = len(names) * config.image_pairs * SSIM_SECONDS
    yield Part(f"{name}.ssim", f"{title(name)}: SSIM distances of the classes", distances, seconds, "ssim")
    for n, pair in enumerate(names):
        seconds = config.seeds * config.epochs * size[0] * _TRAINING + (n == 0) * _COMPILING
        yield Part(
            f"{name}.{pair}",
            f"{title(name)}: training on {pair.replace('-', ' and ')}",
            functools.partial(trained, n),
            seconds,
            "training",
        )
    seconds = len(names) * config.seeds * (2 + config.repeats) * size[1] * _EVALUATION + _COMPILING
    yield Part(f"{name}.gaps", f"{title(name)}: signs and randomization B of all networks", gaps, seconds, "gaps")


def _gaps(config: Config, metric: Metric, fits: list[train.Fit], names: list[str], context: Context) -> xr.Dataset:
    """Accuracies of all pairs' networks as trained, signed and randomized, all in one sweep each."""
    networks = {
        "network": jax.tree.map(lambda *leaves: np.concatenate(leaves), *(fit.params for fit in fits)),
        "pair": np.repeat(np.arange(len(names)), config.seeds),
    }
    by_pair: Callable[[Any], np.ndarray] = lambda values: np.asarray(values).reshape(len(names), -1)  # noqa: E731
    table: dict[str, Any] = {}
    for place, (name, probe) in enumerate({"signed": probes.binarize(), "randomized": probes.randomize("B")}.items()):
        context.progress(place / 2)
        found = complexity.drop(metric, networks, probe, repeats=config.repeats, mesh=context.mesh)
        table["base"], table[name] = (by_pair(found[v].values) for v in ("base", "perturbed"))
    table["dead"] = by_pair(np.concatenate([fit.dead for fit in fits]).astype(np.float32))
    return xr.Dataset(
        {name: (("pair", "seed"), values, {"units": "1"}) for name, values in table.items()},
        {"pair": names, "seed": np.arange(config.seeds)},
    )


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

    def accuracy(params: Params) -> jax.Array:
        n = params["pair"]
        right = jnp.argmax(run_model(params["network"], x[n]), -1) == y[n]
        return (right * weight[n]).sum() / weight[n].sum()

    return accuracy
