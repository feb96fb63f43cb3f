"""Training, and what is left of each network under signs in several readings."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr

from jprobe import metrics, models, probes, train
from jprobe.data import Task
from jprobe.errors import ArgumentError
from jprobe.figures.style import title
from jprobe.studies.collapse.config import Config
from jprobe.studies.study import Context, Part, Parts
from jprobe.studies.subject import Subject
from jprobe.typing import Params

_PIXELS = {"signed": "pixels in [-1, 1]", "unit": "pixels in [0, 1]", "standardised": "standardised pixels"}

# What stands in the place of the weights.
WEIGHTS = ("original", "signs", "scales", "biases_kept", "biases_refitted", "inked")

MEASURES: dict[str, Callable[..., Any]] = {
    "accuracy": metrics.accuracy,
    "threshold": metrics.recalibrated_accuracy,
    "auc": metrics.auc,
}

# Of biases alone, and of the training before.
_RATE = 0.01

# A pixel is inked if more than this share of the training images differ there from its commonest value.
INKED = 0.01

# Measured on two cores, for the progress display only: seconds of a training image.
_TRAINING = 3e-6


def parts(config: Config, subject: Subject) -> Iterator[Part]:
    """One part for each dataset, task and scale of the pixels.

    Raises:
        ArgumentError: a task has not two classes.
    """
    for name, tasks in subject.inputs.items():
        for label, scales in tasks.items():
            for scale, task in scales.items():
                if task.num_classes != 2:
                    raise ArgumentError(f"The study is of two classes; {name} {label} has {task.num_classes}.")
                where = f"{name}.{label}.{scale}"
                seconds = config.seeds * (config.epochs + config.refit) * task.x_train.size / 784 * _TRAINING
                compute = functools.partial(_measured, config, task, where)
                yield Part(where, f"{title(name)} {label}: networks on {_PIXELS[scale]}", compute, seconds, "training")


def combine(config: Config, subject: Subject, done: Parts) -> xr.Dataset:
    """All parts as one Dataset.

    Returns:
        ``value`` over (dataset, task, pixels, weights, measure, seed): accuracies and areas in [0, 1]; ``dead``, ``chance``
        and ``inked``, the share of pixels that are.
    """
    rows = []
    for name, found in done.items():
        dataset, task, scale = name.split(".")
        rows.append(found.expand_dims(dataset=[dataset], task=[task], pixels=[scale]))
    combined: xr.Dataset = xr.combine_by_coords(rows, join="outer", combine_attrs="drop_conflicts")  # type: ignore[assignment]
    scales = dict.fromkeys(scale for tasks in subject.inputs.values() for kinds in tasks.values() for scale in kinds)
    return combined.sel(dataset=list(subject.inputs), pixels=list(scales))


def _measured(config: Config, task: Task, name: str, context: Context) -> xr.Dataset:
    model = models.MLP(config.hidden, 2, config.activation)
    fit = train.fit(
        model, task, config.seeds, epochs=config.epochs, checkpoint=context.checkpoint(name), mesh=context.mesh,
        progress=lambda done: context.progress(0.8 * done),
    )  # fmt: skip
    inked = _inked(task.x_train)
    after = {
        "original": fit.params,
        "signs": _probed(probes.binarize(), fit.params),
        "scales": _probed(probes.binarize(scale=True), fit.params),
        "biases_kept": _probed(probes.binarize(select=None), fit.params),
        "biases_refitted": _refitted(config, model, task, fit.params, context),
        "inked": _rows(_probed(probes.binarize(), fit.params), inked),
    }
    measures = {measure: make(model, task) for measure, make in MEASURES.items()}
    # One network at a time: the training set is read for the threshold.
    measure_all = jax.jit(lambda params: jax.lax.map(lambda one: {m: f(one) for m, f in measures.items()}, params))
    found = {weights: measure_all(jax.tree.map(jnp.asarray, params)) for weights, params in after.items()}
    values = np.array([[found[weights][measure] for measure in MEASURES] for weights in WEIGHTS], np.float32)
    return xr.Dataset(
        {
            "value": (("weights", "measure", "seed"), values, {"long_name": "accuracy, or area under the ROC curve", "units": "1"}),
            "dead": ("seed", fit.dead.astype(np.float32), {"long_name": "1 where accuracy is at chance"}),
            "chance": ((), fit.chance, {"long_name": "accuracy of the commonest class", "units": "1"}),
            "inked": ((), inked.mean(), {"long_name": f"share of pixels that differ from their commonest value in over {INKED:.0%} of the images", "units": "1"}),
        },
        {"weights": list(WEIGHTS), "measure": list(MEASURES), "seed": fit.seeds},
    )  # fmt: skip


def _probed(probe: probes.Probe, params: Params) -> Params:
    """Weights of all networks after a probe that neither draws nor reads a level."""
    return jax.vmap(lambda one: probe.apply(jax.random.key(0), one, probe.init(one), jnp.float32(0)))(params)


def _refitted(config: Config, model: models.MLP, task: Task, params: Params, context: Context) -> Params:
    """Networks whose kernels are scaled signs and whose biases are trained once more."""
    # Scaled: of plain signs the outputs are so large that steps of a bias move nothing.
    start = _probed(probes.binarize(scale=True), params)
    return train.fit(
        model, task, config.seeds, epochs=config.refit, initial=start, optimizer=_biases_alone(), mesh=context.mesh,
        progress=lambda done: context.progress(0.8 + 0.2 * done), diverged="keep",
    ).params  # fmt: skip


@functools.cache
def _biases_alone() -> optax.GradientTransformation:
    """Adam on leaves of one dimension; all others stay."""
    others = lambda params: jax.tree.map(lambda w: w.ndim > 1, params)  # noqa: E731
    return optax.chain(optax.adam(_RATE), optax.masked(optax.set_to_zero(), others))


def _inked(x: np.ndarray) -> np.ndarray:
    """Of each input [D], whether training examples differ there from its median in more than a share of INKED."""
    flat = x.reshape(len(x), -1)
    return (flat != np.median(flat, axis=0)).mean(0) > INKED


def _rows(params: Params, kept: np.ndarray) -> Params:
    """The same weights with first-layer rows of other inputs set to 0."""
    first = params["params"]["Dense_0"]
    kernel = first["kernel"] * kept[:, None]
    return {"params": {**params["params"], "Dense_0": {**first, "kernel": kernel}}}
