"""Training pools of networks, and measuring them beside their untrained twins."""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from jprobe import data, train
from jprobe.models import forward
from jprobe.studies.cnt.config import Config
from jprobe.studies.cnt.kinds import Kind, kind_of
from jprobe.studies.cnt.measuring import described
from jprobe.studies.cnt.reading import Pool
from jprobe.studies.study import Context, Part, Parts
from jprobe.studies.subject import Subject


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
    """The pools of a configuration; depths that an architecture has not are left out."""
    for dataset in dict.fromkeys(config.dataset):
        for architecture in dict.fromkeys(config.architectures):
            for depth in sorted(set(config.depths) & set(DEPTHS[architecture])):
                for activation in dict.fromkeys(config.activations):
                    yield Pool(dataset, architecture, depth, activation)


DEPTHS = {"fc": (3, 5, 7, 9), "cnn": (3, 5), "rnn": (3,), "ae": (3, 5, 7, 9)}


def parts(config: Config, subject: Subject) -> Iterator[Part]:
    """A part for each pool: train its networks, and measure them trained and untrained."""
    for pool in kinds(config):
        dataset = subject.inputs[pool.dataset]
        kind = kind_of(pool, dataset.x_train.shape[1:], config.init)

        def compute(context: Context, pool: Pool = pool, kind: Kind = kind, dataset: Any = dataset) -> xr.Dataset:
            return _pool(config, pool, kind, _task(dataset, config.pixels, pool.architecture == "ae"), context)

        cost = config.networks * kind.seconds * len(dataset.x_train) + 10.0
        yield Part(
            pool.name, f"{pool.dataset}: {config.networks} networks {pool.title}", compute, cost, pool.architecture
        )


def combine(config: Config, subject: Subject, done: Parts) -> xr.Dataset:
    """All pools as one Dataset over (pool, state, layer, quantity, network, ...); NaN where a pool has no such thing."""
    names = list(done)
    return xr.concat(
        [done[name] for name in names], xr.DataArray(names, dims="pool", name="pool"), join="outer", fill_value=np.nan
    )


@lru_cache(maxsize=4)
def _task(dataset: data.Dataset, pixels: Any, autoencoding: bool) -> data.Task:
    task = data.task(dataset, pixels)
    if not autoencoding:
        return task
    targets = {f"y_{split}": (x := getattr(task, f"x_{split}")).reshape(len(x), -1) for split in ("train", "test")}
    return replace(task, **targets, num_classes=None, class_names=())


def _pool(config: Config, pool: Pool, kind: Kind, task: data.Task, context: Context) -> xr.Dataset:
    """One pool, trained and measured."""
    seeds, count = config.networks, config.samples
    # The same images for all networks, in the order of the file.
    sample = np.random.default_rng(0).permutation(len(task.x_train))[:count]
    x = task.x_train[np.sort(sample)]
    fit = train.fit(
        kind.model, task, seeds, epochs=kind.epochs, batch=kind.batch, optimizer=kind.optimizer, loss=kind.loss,
        together=kind.together, record=kind.record, checkpoint=context.checkpoint(pool.name), mesh=context.mesh,
        progress=lambda done: context.progress(0.9 * done),
    )  # fmt: skip
    states = {"untrained": train.untrained(kind.model, task, seeds), "trained": fit.params}
    recurrent = pool.architecture == "rnn"
    found = [described(kind.model, params, x, kind.output, recurrent=recurrent) for params in states.values()]
    ds = xr.concat(found, xr.DataArray(list(states), dims="state", name="state"), join="outer")
    if recurrent:
        ds = _rows(ds, states, x)
    return xr.merge([ds, _performance(kind, task, fit), _history(fit, states["untrained"], kind)], join="outer")


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


def _performance(kind: Kind, task: data.Task, fit: train.Fit) -> xr.Dataset:
    """Test accuracy, or error and the share of the images' variance that it leaves explained."""
    size = sum(w[0].size for w in jax.tree.leaves(fit.params))
    out = xr.Dataset({"performance": ("network", fit.accuracy), "parameters": float(size)})
    if task.num_classes is not None:
        return out.assign(dead=("network", fit.dead.astype(float)))
    spread = float(np.square(task.y_test - task.y_train.mean(0)).mean())
    explained = 1 - fit.accuracy / spread
    # An autoencoder is dead if it gives every image one and the same answer.
    run = jax.jit(lambda params, x: jax.lax.map(lambda one: jnp.ptp(forward(kind.model)(one, x), axis=0).max(), params))
    constant = np.asarray(run(fit.params, jnp.asarray(task.x_test[:200]))) < 1e-3
    return out.assign(explained=("network", explained), dead=("network", constant.astype(float)))


def _history(fit: train.Fit, start: Any, kind: Kind) -> xr.Dataset:
    """Link weights and fluctuation by layer, before training and after every epoch: [network, epoch, layer]."""
    first = jax.jit(jax.vmap(lambda params: kind.record(params, None)))(start)
    dims = ("network", "epoch", "layer")
    found = {name: np.concatenate([np.asarray(first[name])[:, None], fit.recorded[name]], 1) for name in first}
    _, epochs, count = found["mean"].shape
    return xr.Dataset(
        {f"history_{name}": (dims, values) for name, values in found.items()},
        {"layer": np.arange(2, count + 2), "epoch": np.arange(epochs)},
    )
