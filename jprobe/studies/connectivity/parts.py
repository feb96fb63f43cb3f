"""Training networks whose connections cost, and training again what is left of them."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from jprobe import connectivity as wirings
from jprobe import train
from jprobe.connectivity import Learned, Wiring
from jprobe.connectivity.learning import accuracies
from jprobe.data import Task
from jprobe.networks import unstack
from jprobe.studies.connectivity.again import KINDS, again
from jprobe.studies.connectivity.config import Config
from jprobe.studies.connectivity.training import STAGES, Clock, augmentation, regime
from jprobe.studies.study import Context, Part, Parts
from jprobe.studies.subject import Subject

# Images that SNIP's gradient and the spread of the nodes are taken of.
_SAMPLE = 256
# Seconds of an image, epoch, node and (channel x pixel)^1 on two cores, for the progress display only.
_SECONDS = 5e-8


def parts(config: Config, subject: Subject) -> Iterator[Part]:
    """For each dataset a part a network that learns its wiring, and one that trains what was found, and others, again."""
    for name, task in subject.inputs.items():
        learned = [f"learn.{name}.{seed}" for seed in range(config.networks)]
        cost = STAGES * config.nodes * config.channels * config.size**2 * len(task.x_train) * config.epochs * _SECONDS
        for seed, part in enumerate(learned):
            yield Part(part, f"{name}: network {seed}", partial(_learnt, config, name, task, seed), cost, "learn")
        count = config.networks + (len(KINDS) - 1) * min(config.baselines, config.networks)
        yield Part(
            f"again.{name}", f"{name}: training what was found", partial(again, config, name, task), count * cost / 2,
            "again", learned,
        )  # fmt: skip


def combine(config: Config, subject: Subject, done: Parts) -> xr.Dataset:
    """Everything over (dataset, network, ...)."""
    rows = []
    for name in subject.inputs:
        found = [done[f"learn.{name}.{seed}"] for seed in range(config.networks)]
        rows.append(xr.concat(found, "network").merge(done[f"again.{name}"]))
    return xr.concat(rows, xr.DataArray(list(subject.inputs), dims="dataset", name="dataset"), join="outer")


def _learnt(config: Config, name: str, task: Task, seed: int, context: Context) -> xr.Dataset:
    clock = Clock(lambda fraction: context.progress(0.9 * fraction))
    learned = wirings.learn_wiring(
        task, nodes=config.nodes, stages=STAGES, channels=config.channels, regime=regime(config), seeds=[seed],
        augment=augmentation(config, name), checkpoint=context.checkpoint(f"{name}.{seed}"), mesh=context.mesh, progress=clock,
    )  # fmt: skip
    (one,), (variables,) = learned.wirings(), unstack(learned.fit.params)
    (untrained,) = unstack(train.untrained(learned.model, task, [seed]))
    x, y = task.x_train[:_SAMPLE], task.y_train[:_SAMPLE]
    relative = wirings.relative(learned.model, variables, x)
    sweep = wirings.threshold_sweep(learned, task).isel(network=0)
    grid = ("source", "target")
    found = xr.Dataset(
        {
            "weights": (grid, one.weights),
            "possible": (grid, one.possible),
            "stage": ("source", one.stages),
            "relative": (grid, relative.weights),
            "snip": (grid, wirings.snip(learned.model, untrained, x, y).weights),
            "first": (grid, learned.wirings(epoch=1)[0].weights),
            "history": (("epoch", "edge"), learned.fit.recorded[0]),
            "test_accuracy": ("epoch", learned.fit.test_accuracy[0]),
            "train_loss": ("epoch", learned.fit.train_loss[0]),
            "seconds_per_epoch": clock.seconds(),
            **{f"sweep_{key}": value for key, value in sweep.items()},
            **_by_score(learned, task, one, relative, config.tau),
        },
        {"epoch": np.arange(1, config.epochs + 1)},
    )
    return found.merge(_features(one, sweep.threshold.values, config.tau))


def _by_score(learned: Learned, task: Task, one: Wiring, relative: Wiring, tau: float) -> dict[str, Any]:
    """Accuracies of the network cut by |tanh w|, and by what edges contribute, to as many edges."""
    cut = wirings.cut(one, tau)
    count = int(cut.edges.sum())
    by_share = wirings.largest(relative, count)
    kept = np.stack([one.edges, cut.edges, wirings.live(cut).edges, by_share.edges])[None]
    whole, thresholded, live, relative_too = accuracies(learned.model, learned.fit.params, kept, task)[0]
    return {
        "accuracy_full": whole,
        "accuracy_thresholded": thresholded,
        "accuracy_live": live,
        "accuracy_relative": relative_too,
        "dice_relative": wirings.dice(cut, by_share),
    }


def _features(one: Wiring, thresholds: np.ndarray, tau: float) -> xr.Dataset:
    """Features of the wiring cut at every threshold up to tau, [threshold, feature]; and where its nodes are drawn."""
    levels = [level for level in thresholds if level < tau] + [tau]
    rows = [wirings.features(wirings.cut(one, level)) for level in levels]
    names = list(rows[0])
    places = wirings.kamada_kawai(wirings.cut(one, tau))
    return xr.Dataset(
        {
            "features": (("level", "feature"), [[float(row[name]) for name in names] for row in rows]),
            "place": (("source", "axis"), places),
        },
        {"level": levels, "feature": names},
    )
