"""Training pools of networks, and measuring them beside their untrained twins."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, lru_cache, partial
from typing import Any

import jax
import numpy as np
import xarray as xr

from jprobe import data, metrics, models, train
from jprobe.errors import ArgumentError
from jprobe.figures.style import title
from jprobe.models.architectures import DEPTHS
from jprobe.studies.cnt.config import Config
from jprobe.studies.cnt.measuring import described, links, row_profile
from jprobe.studies.cnt.pruning import pruned
from jprobe.studies.cnt.reading import FIGURE_2, SPECTRAL, Pool
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
        label = f"{title(pool.dataset)}: {config.networks} networks {pool.title}"
        yield Part(pool.name, label, partial(_measured, config, pool, how, dataset), seconds, pool.architecture)
        if _read_twice(pool):
            again = f"{label}, the other initialisation"
            yield Part(_other(pool), again, partial(_otherwise, config, pool, how, dataset), seconds, "rnn")


def _read_twice(pool: Pool) -> bool:
    """Whether its networks are trained from both readings of the paper's initialisation."""
    return (pool.architecture, pool.activation) == ("rnn", FIGURE_2)


def _other(pool: Pool) -> str:
    return f"{pool.name}.other"


def _kind(architecture: str) -> Any:
    """The models' name of it."""
    return architecture.upper()


def combine(config: Config, subject: Subject, done: Parts) -> xr.Dataset:
    """All pools as one Dataset over (pool, state, layer, quantity, network, ...); NaN where a pool has no such thing."""
    found = {pool.name: done[pool.name] for pool in kinds(config)}
    for pool in filter(_read_twice, kinds(config)):
        one = found[pool.name]
        found[pool.name] = one.merge(xr.concat([_by_init(one, config.init), done[_other(pool)]], "init"))
    return xr.concat(
        list(found.values()), xr.DataArray(list(found), dims="pool", name="pool"), join="outer", fill_value=np.nan
    )


@lru_cache(maxsize=2)
def _task(dataset: data.Dataset, pixels: Any, autoencoding: bool) -> data.Task:
    return data.reconstruction(dataset, pixels) if autoencoding else data.task(dataset, pixels)


def _measured(config: Config, pool: Pool, how: Training, dataset: data.Dataset, context: Context) -> xr.Dataset:
    """One pool, trained and measured."""
    task, model = _networks(config, pool, dataset)
    recurrent = pool.architecture == "rnn"
    record = _record(model, task.x_train.shape[1:], recurrent)
    fit = train.pool(
        model, task, how, config.networks, record=record, checkpoint=context.checkpoint(pool.name),
        mesh=context.mesh, progress=lambda done: context.progress(0.8 * done),
    )  # fmt: skip
    x, output = _sample(config, task), None if pool.architecture == "ae" else jax.nn.softmax
    states = {"untrained": train.untrained(model, task, config.networks), "trained": fit.params}
    ds = xr.concat(
        [_of_finite(partial(described, model, x=x, output=output, recurrent=recurrent), some) for some in states.values()],
        xr.DataArray(list(states), dims="state", name="state"),
        join="outer",
    )  # fmt: skip
    if recurrent:
        ds = ds.merge(_centre(ds.profile, states, x))
    found = [
        ds,
        _of_finite(partial(pruned, model, task=task, x=x), fit.params),
        _spectra(states),
        _performance(task, fit),
        _history(fit, ds.sel(state="untrained", drop=True)),
    ]
    return xr.merge(found, join="outer")


def _otherwise(config: Config, pool: Pool, how: Training, dataset: data.Dataset, context: Context) -> xr.Dataset:
    """A recurrent pool from the other reading of the initialisation: where in the image it is driven."""
    other = replace(config, init="sd" if config.init == "variance" else "variance")
    task, model = _networks(config, pool, dataset)
    x, start = _sample(config, task), train.untrained(_model(pool, task, other), task, config.networks)
    # From another start the same training, which is compiled already.
    fit = train.pool(
        model, task, how, config.networks, initial=start, record=_record(model, x.shape[1:], True),
        checkpoint=context.checkpoint(_other(pool)), mesh=context.mesh, progress=lambda done: context.progress(0.9 * done),
    )  # fmt: skip
    states = {"untrained": start, "trained": fit.params}
    profiles = [_of_finite(partial(row_profile, model, x=x), some) for some in states.values()]
    profile = xr.concat(profiles, xr.DataArray(list(states), dims="state", name="state")).profile
    found = _centre(profile, states, x)[list(_BY_INIT)].assign(performance=("network", fit.accuracy))
    return _by_init(found, other.init)


# What is told of both readings of the initialisation.
_BY_INIT = ("centre_ratio", "pixel_centre_ratio")


def _by_init(ds: xr.Dataset, init: str) -> xr.Dataset:
    """Numbers of one reading: [init, ...]."""
    names = (*_BY_INIT, "performance")
    return xr.Dataset({f"{name}_by_init": ds[name].expand_dims(init=[init]) for name in names})


def _networks(config: Config, pool: Pool, dataset: data.Dataset) -> tuple[data.Task, Any]:
    """What a pool's networks learn, and the networks."""
    task = _task(dataset, config.pixels, pool.architecture == "ae")
    return task, _model(pool, task, config)


def _sample(config: Config, task: data.Task) -> np.ndarray:
    """The same images for all networks."""
    sample = np.random.default_rng(0).permutation(len(task.x_train))[: config.samples]
    return task.x_train[np.sort(sample)]


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


def _of_finite(measure: Callable[[Any], xr.Dataset], params: Any) -> xr.Dataset:
    """What is measured of the networks that have not diverged; NaN of the others."""
    leaves = jax.tree.leaves(params)
    finite = np.all([np.isfinite(np.asarray(w)).reshape(len(w), -1).all(1) for w in leaves], 0)
    if not finite.any():
        return xr.Dataset(coords={"network": np.arange(finite.size)})
    there = np.flatnonzero(finite)
    found = measure(jax.tree.map(lambda w: np.asarray(w)[there], params))
    here = found.network.values if "network" in found.coords else np.arange(there.size)
    return found.assign_coords(network=there[here]).reindex(network=np.arange(finite.size))


def _centre(profile: xr.DataArray, states: dict[str, Any], x: np.ndarray) -> xr.Dataset:
    """Where in the image a recurrent network is driven: by its neurons' strengths, and by pixels."""
    steps, edge = profile.sizes["step"], profile.sizes["step"] // 4
    middle = np.zeros(steps, bool)
    middle[edge : steps - edge] = True
    pixels = np.abs(x).mean(0).reshape(len(x[0]), -1)
    weights = [np.nanmean(np.abs(params["params"]["input"]["kernel"]), (0, 2)) for params in states.values()]
    maps = xr.DataArray(np.stack([pixels * w for w in weights]), dims=("state", "step", "column"))

    def ratio(rows: xr.DataArray) -> xr.DataArray:
        return rows[..., middle].mean("step") / rows[..., ~middle].mean("step")

    of_pixels = ratio(maps.mean("column"))
    return xr.Dataset({"centre_ratio": ratio(profile), "pixels": maps, "pixel_centre_ratio": of_pixels})


def _spectra(states: dict[str, Any]) -> xr.Dataset:
    """Of every kernel, trained and untrained."""
    found = [metrics.spectra(params, stacked=True)[list(SPECTRAL)] for params in states.values()]
    return xr.concat(found, xr.DataArray(list(states), dims="state", name="state"))


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


# What is recorded of every epoch, and what is measured of it before training.
_HISTORY = {"mean": "link_mean", "variance": "link_variance", "fluctuation": "fluctuation"}


def _history(fit: Fit, start: xr.Dataset) -> xr.Dataset:
    """Link weights and fluctuation by layer, before training and after every epoch: [network, epoch, layer]."""
    networks, epochs, count = fit.recorded["mean"].shape
    layers = np.arange(2, count + 2)

    def joined(name: str, before: str) -> np.ndarray:
        first = np.full((networks, count), np.nan)
        # There is none where every network has overflowed.
        if before in start:
            first = start[before].sel(layer=layers).transpose("network", "layer").values
        return np.concatenate([first[:, None], fit.recorded[name]], 1)

    found = {name: joined(name, before) for name, before in _HISTORY.items()}
    return xr.Dataset(
        {f"history_{name}": (("network", "epoch", "layer"), values) for name, values in found.items()},
        {"layer": layers, "epoch": np.arange(epochs + 1)},
    )
