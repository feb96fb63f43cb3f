"""Training at every setting, and what signs cost there."""

import functools
from collections.abc import Iterator

import jax
import numpy as np
import xarray as xr

from jprobe import train
from jprobe.errors import ArgumentError
from jprobe.studies.difficulty.config import Config
from jprobe.studies.difficulty.settings import BATCH, Setting, settings
from jprobe.studies.study import Context, Part, Parts
from jprobe.studies.subject import Subject
from jprobe.studies.two_classes import filled, gaps_of
from jprobe.typing import Params

# Measured on two cores, for the progress display only: seconds of a training image.
_PERCEPTRON, _CONVOLUTION = 4e-6, 6e-5


def parts(config: Config, subject: Subject) -> Iterator[Part]:
    """One part for each dataset, task and setting.

    Raises:
        ArgumentError: a task has not two classes.
    """
    found = []
    for name, tasks in subject.inputs.items():
        for label, task in tasks.items():
            if task.num_classes != 2:
                raise ArgumentError(f"The study is of two classes; {name} {label} has {task.num_classes}.")
            for setting in settings(config, task):
                where = f"{name}.{label}.{setting.name.replace(' ', '_')}"
                work = _CONVOLUTION if setting.name == "network cnn" else _PERCEPTRON
                seconds = config.seeds * min(setting.epochs, config.epochs) * len(task.y_train) * work
                compute = functools.partial(_measured, config, setting, where, len(task.y_train))
                found.append(Part(where, f"{name} {label}, {setting.name}", compute, seconds, "training"))
    # The longest first, so that none is left alone at the end.
    yield from sorted(found, key=lambda part: -part.cost)


def combine(config: Config, subject: Subject, done: Parts) -> xr.Dataset:
    """All parts as one Dataset.

    Returns:
        Over (dataset, task, setting, seed): error of the networks, and what they lose to signs and randomization B; dead.
    """
    rows = []
    for name, tasks in subject.inputs.items():
        for label in tasks:
            found = [part for where, part in done.items() if where.startswith(f"{name}.{label}.")]
            rows.append(xr.concat(found, "setting").expand_dims(dataset=[name], task=[label]))
    combined: xr.Dataset = xr.combine_by_coords(rows, join="outer", combine_attrs="drop_conflicts")  # type: ignore[assignment]
    tasks = next(iter(subject.inputs.values()))
    order = [setting.name for setting in settings(config, next(iter(tasks.values())))]
    return combined.sel(dataset=list(subject.inputs), setting=order)


def _measured(config: Config, setting: Setting, name: str, size: int, context: Context) -> xr.Dataset:
    seeds, model = range(config.seeds), setting.model
    tasks = [setting.task(draw) for draw in (seeds if setting.drawn else [0])]
    fit = train.fit(
        model, tasks if setting.drawn else tasks[0], config.seeds, epochs=setting.epochs, batch=BATCH,
        checkpoint=context.checkpoint(name), mesh=context.mesh, progress=lambda done: context.progress(0.9 * done),
    )  # fmt: skip
    rows = [
        gaps_of(model)(networks, filled(of.x_test, of.y_test, len(of.y_test)), filled(of.x_train, of.y_train, size), context.key(name, n))
        for n, (networks, of) in enumerate(zip(_by_task(fit, len(tasks)), tasks, strict=True))
    ]  # fmt: skip
    found = {key: np.concatenate([row[key] for row in rows]) for key in rows[0]} | {"dead": fit.dead}
    return xr.Dataset(
        {key: (("setting", "seed"), np.asarray(values, np.float32)[None]) for key, values in found.items()},
        {"setting": [setting.name], "seed": fit.seeds},
    )


def _by_task(fit: train.Fit, count: int) -> list[Params]:
    """All networks of the one task, or each of its own."""
    if count == 1:
        return [fit.params]
    return [jax.tree.map(lambda w, n=n: w[n : n + 1], fit.params) for n in range(count)]
