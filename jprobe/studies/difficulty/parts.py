"""Training at every setting, and what signs cost there."""

import functools
from collections.abc import Iterator, Mapping

import jax
import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from jprobe import probes, train
from jprobe.complexity import gap
from jprobe.data import Task
from jprobe.errors import ArgumentError
from jprobe.figures.style import title
from jprobe.studies.difficulty.config import Config
from jprobe.studies.difficulty.settings import ALL, BATCH, Setting, in_words, settings
from jprobe.studies.study import Context, Part, Parts
from jprobe.studies.subject import Subject
from jprobe.studies.two_classes import filled, gaps_of
from jprobe.typing import Params

# Measured on two cores, for the progress display only: seconds of a training image.
_PERCEPTRON, _CONVOLUTION = 4e-6, 6e-5


def parts(config: Config, subject: Subject) -> Iterator[Part]:
    """One part for each dataset, task and setting.

    Raises:
        ArgumentError: a task other than that of all classes has not two.
    """
    found = []
    for name, tasks in subject.inputs.items():
        for label, task in tasks.items():
            if task.num_classes is None or (task.num_classes > 2 and label != ALL):
                raise ArgumentError(
                    f"{name} {label} has not two classes; a task of more classes is given by the name {ALL!r}."
                )
            for setting in settings(config, task):
                where = _where(name, label, setting.name)
                work = _CONVOLUTION if setting.name == "network cnn" else _PERCEPTRON
                seconds = config.seeds * min(setting.epochs, config.epochs) * len(task.y_train) * work
                compute = functools.partial(_measured, config, setting, where, len(task.y_train))
                found.append(
                    Part(where, f"{title(name)} {label}: {in_words(setting.name)}", compute, seconds, "training")
                )
    # The longest first, so that none is left alone at the end.
    yield from sorted(found, key=lambda part: -part.cost)


def combine(config: Config, subject: Subject, done: Parts) -> xr.Dataset:
    """All parts as one Dataset.

    Returns:
        Over (dataset, task, setting, seed): error of the networks, and what they lose to signs and randomization B; dead; chance.
        What only two classes have is NaN for the task of all.
    """
    names = {
        name: [setting.name for setting in settings(config, task)]
        for tasks in subject.inputs.values() for name, task in tasks.items()
    }  # fmt: skip
    order = max(names.values(), key=len)
    rows = []
    for name, tasks in subject.inputs.items():
        of_tasks = [
            xr.concat([done[_where(name, label, setting)] for setting in names[label]], "setting").reindex(
                setting=order
            )
            for label in tasks
        ]
        rows.append(xr.concat(of_tasks, xr.Variable("task", list(tasks))))
    return xr.concat(rows, xr.Variable("dataset", list(subject.inputs)), join="outer")


def _where(name: str, label: str, setting: str) -> str:
    return f"{name}.{label}.{setting.replace(' ', '_')}"


def _measured(config: Config, setting: Setting, name: str, size: int, context: Context) -> xr.Dataset:
    seeds, model = range(config.seeds), setting.model
    tasks = [setting.task(draw) for draw in (seeds if setting.drawn else [0])]
    fit = train.fit(
        model, tasks if setting.drawn else tasks[0], config.seeds, epochs=setting.epochs, batch=BATCH,
        checkpoint=context.checkpoint(name), mesh=context.mesh, progress=lambda done: context.progress(0.9 * done),
    )  # fmt: skip
    rows = [
        _gaps(setting, networks, of, size, context.key(name, n))
        for n, (networks, of) in enumerate(zip(_by_task(fit, len(tasks)), tasks, strict=True))
    ]
    found = {key: np.concatenate([row[key] for row in rows]) for key in rows[0]}
    found |= {"dead": fit.dead, "chance": np.broadcast_to(fit.chance, len(fit.seeds))}
    return xr.Dataset(
        {key: (("setting", "seed"), np.asarray(values, np.float32)[None]) for key, values in found.items()},
        {"setting": [setting.name], "seed": fit.seeds},
    )


def _gaps(setting: Setting, networks: Params, of: Task, size: int, key: jax.Array) -> Mapping[str, ArrayLike]:
    """Error of networks, and what they lose; a moved threshold and the area under the ROC curve are of two classes."""
    if of.num_classes == 2:
        return gaps_of(setting.model)(
            networks, filled(of.x_test, of.y_test, len(of.y_test)), filled(of.x_train, of.y_train, size), key
        )
    signed, shuffled = (gap(setting.model, networks, of, probe, key=key) for probe in (None, probes.randomize("B")))
    unknown = dict.fromkeys(("separation", "gap_threshold", "gap_auc"), np.full(len(signed.seed), np.nan))
    return unknown | {
        "error": 1 - signed.base.values, "gap_signed": signed.gap.values, "gap_randomized": shuffled.gap.values,
    }  # fmt: skip


def _by_task(fit: train.Fit, count: int) -> list[Params]:
    """All networks of the one task, or each of its own."""
    if count == 1:
        return [fit.params]
    return [jax.tree.map(lambda w, n=n: w[n : n + 1], fit.params) for n in range(count)]
