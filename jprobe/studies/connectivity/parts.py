"""Training networks whose connections cost, and training again what is left of them."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import numpy as np
import xarray as xr

from jprobe import connectivity as wirings
from jprobe import train
from jprobe.connectivity import Learned, Wiring
from jprobe.connectivity.learning import SAMPLE, accuracies
from jprobe.data import Task
from jprobe.networks import unstack
from jprobe.studies.connectivity.again import KINDS, again
from jprobe.studies.connectivity.config import Config
from jprobe.studies.connectivity.material import TITLES
from jprobe.studies.connectivity.reading import networks_of
from jprobe.studies.connectivity.training import STAGES, Clock, augmentation, blocks, regime
from jprobe.studies.study import Context, Part, Parts
from jprobe.studies.subject import Subject

# Seconds of an image, epoch, node and (channel x pixel)^1 on two cores, for the progress display only.
_SECONDS = 5e-8


def parts(config: Config, subject: Subject) -> Iterator[Part]:
    """For each dataset parts in which networks learn their wiring, and one that trains what was found, and others, again."""
    for name, task in subject.inputs.items():
        title = TITLES.get(name, name)
        cost = STAGES * config.nodes * config.channels * config.size**2 * len(task.x_train) * config.epochs * _SECONDS
        learned = {f"learn.{name}.{part}": seeds for part, seeds in blocks(config).items()}
        for part, seeds in learned.items():
            which = f"wiring {seeds[0] + 1}" if len(seeds) == 1 else f"wirings {seeds[0] + 1} to {seeds[-1] + 1}"
            work = partial(_learnt, config, name, task, seeds)
            yield Part(part, f"{title}: learning {which} of {config.networks}", work, cost * len(seeds), "learn")
        retrained = min(config.retrained, config.networks)
        count = retrained + (len(KINDS) - 1) * min(config.baselines, retrained)
        yield Part(
            f"again.{name}", f"{title}: training the wirings that were found", partial(again, config, name, task), count * cost / 2,
            "again", list(learned),
        )  # fmt: skip


def combine(config: Config, subject: Subject, done: Parts) -> xr.Dataset:
    """Everything over (dataset, network, ...)."""
    rows = [networks_of(config, name, done).merge(done[f"again.{name}"]) for name in subject.inputs]
    return xr.concat(rows, xr.DataArray(list(subject.inputs), dims="dataset", name="dataset"), join="outer")


def _learnt(config: Config, name: str, task: Task, seeds: range, context: Context) -> xr.Dataset:
    """What is kept of some networks, [network, ...]."""
    clock = Clock(lambda fraction: context.progress(0.9 * fraction), len(seeds))
    learned = wirings.learn_wiring(
        task, nodes=config.nodes, stages=STAGES, channels=config.channels, regime=regime(config), seeds=seeds,
        augment=augmentation(config, name), dtype=config.dtype, checkpoint=context.checkpoint(f"{name}.{seeds[0]}"),
        mesh=context.mesh, progress=clock,
    )  # fmt: skip
    sweep = wirings.threshold_sweep(learned, task)
    first = unstack(train.untrained(learned.model, task, seeds))
    networks = zip(learned.wirings(), learned.wirings(epoch=1), unstack(learned.fit.params), first, strict=True)
    x, y = task.x_train[:SAMPLE], task.y_train[:SAMPLE]
    out = []
    for n, (one, after_one, variables, untrained) in enumerate(networks):
        relative = wirings.relative(learned.model, variables, x)
        grid = ("source", "target")
        found = xr.Dataset(
            {
                "weights": (grid, one.weights),
                "possible": (grid, one.possible),
                "stage": ("source", one.stages),
                "relative": (grid, relative.weights),
                "snip": (grid, wirings.snip(learned.model, untrained, x, y).weights),
                "first": (grid, after_one.weights),
                "history": (("epoch", "edge"), learned.fit.recorded[n]),
                "test_accuracy": ("epoch", learned.fit.test_accuracy[n]),
                "train_loss": ("epoch", learned.fit.train_loss[n]),
                "seconds_per_epoch": clock.seconds(),
                **{f"sweep_{key}": value for key, value in sweep.isel(network=n).items()},
                **_by_score(learned, n, task, one, relative, sweep.threshold.values, config.tau),
            },
            {"epoch": np.arange(1, config.epochs + 1)},
        )
        out.append(found.merge(_features(one, sweep.threshold.values, config.tau)))
    return xr.concat(out, "network")


def _by_score(
    learned: Learned, number: int, task: Task, one: Wiring, relative: Wiring, thresholds: np.ndarray, tau: float
) -> dict[str, Any]:
    """Accuracies of a network cut by |tanh w|, and by what edges contribute, so that as many are alive."""
    cut = wirings.cut(one, tau)
    live, *levels = (wirings.live(wirings.cut(one, level)) for level in (tau, *thresholds))
    by_share, *sweep = (wirings.largest_alive(relative, int(left.edges.sum())) for left in (live, *levels))
    kept = np.stack([left.edges for left in (one, cut, live, by_share, *sweep)])[None]
    only = jax.tree.map(lambda leaf: leaf[number : number + 1], learned.fit.params)
    accuracy = accuracies(learned.model, only, kept, task)[0]
    return {
        **dict(
            zip(("accuracy_full", "accuracy_thresholded", "accuracy_live", "accuracy_relative"), accuracy, strict=False)
        ),
        "dice_relative": wirings.dice(live, by_share),
        "sweep_accuracy_relative": ("threshold", accuracy[4:]),
        "sweep_edges_relative": ("threshold", [left.edges.sum() for left in sweep]),
    }


def _features(one: Wiring, thresholds: np.ndarray, tau: float) -> xr.Dataset:
    """Features of the wiring cut at every threshold up to tau, [level, feature], and of a random one with the degrees of the last; where nodes are drawn."""
    levels = [level for level in thresholds if level < tau] + [tau]
    rows = [wirings.features(wirings.cut(one, level)) for level in levels]
    names = list(rows[0])
    left = wirings.live(wirings.cut(one, tau))
    random = wirings.features(wirings.rewired(left) if left.edges.any() else left)
    return xr.Dataset(
        {
            "features": (("level", "feature"), [[float(row[name]) for name in names] for row in rows]),
            "features_rewired": ("feature", [float(random[name]) for name in names]),
            "place": (("source", "axis"), wirings.kamada_kawai(left)),
        },
        {"level": levels, "feature": names},
    )
