"""Training pools of networks, and measuring them beside their untrained twins."""

from collections.abc import Iterator
from functools import cache, lru_cache, partial
from typing import Any

import jax
import numpy as np
import xarray as xr

from jprobe import data, models, train
from jprobe.errors import ArgumentError
from jprobe.models.architectures import DEPTHS
from jprobe.studies.cnt.config import Config
from jprobe.studies.cnt.measuring import described, links
from jprobe.studies.cnt.reading import Pool
from jprobe.studies.study import Context, Part, Parts
from jprobe.studies.subject import Subject
from jprobe.train import Fit, Training

# Seconds of an image, epoch and network, measured on two cores, for the progress display only.
_SECONDS = {"fc": 7e-6, "cnn": 3e-5, "rnn": 5e-5, "ae": 7e-6}


def subject(config: Config) -> Subject:
    """The datasets whose images the networks learn; a subject of one's own has such ``inputs``: name -> Dataset.

    Raises:
        JprobeError: what :func:`jprobe.data.load` raises.

    Example:
        >>> list(subject(Config()).inputs)
        ['mnist']
    """
    inputs = {name: data.load(name) for name in dict.fromkeys(config.dataset)}
    sums = {file: value for dataset in inputs.values() for file, value in dataset.checksums.items()}
    return Subject(name=", ".join(inputs), inputs=inputs, checksums=sums)


def kinds(config: Config) -> Iterator[Pool]:
    """The pools of a configuration; depths that an architecture has not are left out.

    Example:
        >>> [pool.name for pool in kinds(Config(activations=("relu",), depths=(5,)))]
        ['mnist.fc.5.relu', 'mnist.cnn.5.relu', 'mnist.ae.5.relu']
    """
    for dataset in dict.fromkeys(config.dataset):
        for architecture in dict.fromkeys(config.architectures):
            for depth in sorted(set(config.depths) & set(DEPTHS[_kind(architecture)])):
                for activation in dict.fromkeys(config.activations):
                    yield Pool(dataset, architecture, depth, activation)


def parts(config: Config, subject: Subject) -> Iterator[Part]:
    """A part for each pool: train its networks, and measure them trained and untrained.

    Raises:
        ArgumentError: no architecture has one of the depths.
    """
    pools = list(kinds(config))
    if not pools:
        raise ArgumentError(f"None of {', '.join(config.architectures)} has {config.depths} layers of nodes.")
    for pool in pools:
        dataset = subject.inputs[pool.dataset]
        how = train.training(_kind(pool.architecture), pool.depth, pool.activation)  # type: ignore[arg-type]
        seconds = config.networks * how.epochs * len(dataset.x_train) * _SECONDS[pool.architecture] + 10.0
        label = f"{pool.dataset}: {config.networks} networks {pool.title}"
        yield Part(pool.name, label, partial(_measured, config, pool, how, dataset), seconds, pool.architecture)


def _kind(architecture: str) -> Any:
    """The models' name of it."""
    return architecture.upper()


def combine(config: Config, subject: Subject, done: Parts) -> xr.Dataset:
    """All pools as one Dataset over (pool, state, layer, quantity, network, ...); NaN where a pool has no such thing."""
    names = list(done)
    return xr.concat(
        [done[name] for name in names], xr.DataArray(names, dims="pool", name="pool"), join="outer", fill_value=np.nan
    )


@lru_cache(maxsize=2)
def _task(dataset: data.Dataset, pixels: Any, autoencoding: bool) -> data.Task:
    return data.reconstruction(dataset, pixels) if autoencoding else data.task(dataset, pixels)


def _measured(config: Config, pool: Pool, how: Training, dataset: data.Dataset, context: Context) -> xr.Dataset:
    """One pool, trained and measured."""
    autoencoding, recurrent = pool.architecture == "ae", pool.architecture == "rnn"
    task = _task(dataset, config.pixels, autoencoding)
    model = _model(pool, task, config)
    record = _record(model, task.x_train.shape[1:], recurrent)
    fit = train.pool(
        model, task, how, config.networks, record=record, checkpoint=context.checkpoint(pool.name),
        mesh=context.mesh, progress=lambda done: context.progress(0.9 * done),
    )  # fmt: skip
    # The same images for all networks.
    sample = np.random.default_rng(0).permutation(len(task.x_train))[: config.samples]
    x, output = task.x_train[np.sort(sample)], None if autoencoding else jax.nn.softmax
    states = {"untrained": train.untrained(model, task, config.networks), "trained": fit.params}
    ds = xr.concat(
        [_of_finite(model, params, x, output, recurrent) for params in states.values()],
        xr.DataArray(list(states), dims="state", name="state"),
        join="outer",
    )
    if recurrent:
        ds = _rows(ds, states, x)
    return xr.merge([ds, _performance(task, fit), _history(fit, states["untrained"], record)], join="outer")


def _model(pool: Pool, task: data.Task, config: Config) -> Any:
    model = models.architecture(
        _kind(pool.architecture), pool.depth, pool.dataset, activation=pool.activation, init=config.init  # type: ignore[arg-type]
    )  # fmt: skip
    # Images of a subject of one's own may have another size.
    return model.clone(features=task.y_train.shape[1]) if pool.architecture == "ae" else model


@cache
def _record(model: Any, shape: tuple[int, ...], recurrent: bool) -> Any:
    """One object for one model: :func:`jprobe.train.fit` looks up by it what it has compiled."""
    return lambda params, state: links(model, params, shape, recurrent=recurrent)


def _of_finite(model: Any, params: Any, x: np.ndarray, output: Any, recurrent: bool) -> xr.Dataset:
    """What is measured of the networks that have not diverged; NaN of the others."""
    leaves = jax.tree.leaves(params)
    finite = np.all([np.isfinite(np.asarray(w)).reshape(len(w), -1).all(1) for w in leaves], 0)
    if not finite.any():
        return xr.Dataset(coords={"network": np.arange(finite.size)})
    there = np.flatnonzero(finite)
    found = described(model, jax.tree.map(lambda w: np.asarray(w)[there], params), x, output, recurrent=recurrent)
    return found.assign_coords(network=there).reindex(network=np.arange(finite.size))


def _rows(ds: xr.Dataset, states: dict[str, Any], x: np.ndarray) -> xr.Dataset:
    """Where in the image a recurrent network is driven: by its neurons' strengths, and by pixels."""
    steps, edge = ds.sizes["step"], ds.sizes["step"] // 4
    centre = np.zeros(steps, bool)
    centre[edge : steps - edge] = True
    ds["centre_ratio"] = ds.profile[..., centre].mean("step") / ds.profile[..., ~centre].mean("step")
    pixels = np.abs(x).mean(0).reshape(len(x[0]), -1)
    weights = [np.abs(params["params"]["input"]["kernel"]).mean((0, 2)) for params in states.values()]
    ds["pixels"] = ("state", "step", "column"), np.stack([pixels * w for w in weights])
    of_pixels = ds.pixels.mean("column")
    ds["pixel_centre_ratio"] = of_pixels[:, centre].mean("step") / of_pixels[:, ~centre].mean("step")
    return ds


def _performance(task: data.Task, fit: Fit) -> xr.Dataset:
    """Test accuracy, or error and the share of the images' variance that it leaves explained."""
    size = sum(w[0].size for w in jax.tree.leaves(fit.params))
    out = xr.Dataset(
        {
            "performance": ("network", fit.accuracy),
            "parameters": float(size),
            "dead": ("network", train.dead(fit, task).astype(float)),
        }
    )
    return out if task.num_classes is not None else out.assign(explained=("network", train.explained(fit, task)))


def _history(fit: Fit, start: Any, record: Any) -> xr.Dataset:
    """Link weights and fluctuation by layer, before training and after every epoch: [network, epoch, layer]."""
    first = jax.jit(jax.vmap(lambda params: record(params, None)))(start)
    found = {name: np.concatenate([np.asarray(first[name])[:, None], fit.recorded[name]], 1) for name in first}
    _, epochs, count = found["mean"].shape
    return xr.Dataset(
        {f"history_{name}": (("network", "epoch", "layer"), values) for name, values in found.items()},
        {"layer": np.arange(2, count + 2), "epoch": np.arange(epochs)},
    )
