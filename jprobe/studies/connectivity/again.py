"""What was found, trained again from scratch, beside other wirings of as many edges."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
import xarray as xr

from jprobe import connectivity as wirings
from jprobe import train
from jprobe.connectivity import Wiring
from jprobe.connectivity.learning import train_wiring
from jprobe.data import Task
from jprobe.models import DAG
from jprobe.networks import unstack
from jprobe.studies.connectivity.config import Config
from jprobe.studies.connectivity.reading import networks_of, wiring_in
from jprobe.studies.connectivity.speed import step_ratio
from jprobe.studies.connectivity.training import STAGES, augmentation, regime
from jprobe.studies.study import Context, Parts

# The found wiring from another start, with channels for the whole network's parameters, from its first weights; a random one
# of the same degrees, the best of SNIP before training, the largest after one epoch.
KINDS = ("retrained", "fitted", "rewound", "rewired", "snip", "first")

# Seeds of what is trained again: none of those that learn.
_OTHER = 1000


class Job(NamedTuple):
    """A wiring to train.

    Attributes:
        kind: one of :data:`KINDS`.
        network: which learned it.
        wiring: its live edges.
        channels: of the first stage.
        weights: to start from; None: random ones.
    """

    kind: str
    network: int
    wiring: Wiring
    channels: int
    weights: tuple[DAG, Any] | None = None


def again(config: Config, name: str, task: Task, context: Context) -> xr.Dataset:
    """Train all jobs of a dataset: those of as many channels together.

    Returns:
        "again_accuracy", "again_edges", "again_parameters", "again_channels" [kind, network], "again_test_accuracy" [kind, network,
        epoch] and "step_ratio" [network], the time of a step of the whole network over that of the found one; NaN where
        nothing was trained, as of a wiring without a path.
    """
    jobs = list(_jobs(config, task, context.needed, name))
    shape, rows = (len(KINDS), config.networks), {}
    for key in ("accuracy", "edges", "parameters", "channels"):
        rows[key] = np.full(shape, np.nan)
    curves, done = np.full((*shape, config.epochs), np.nan), 0
    for channels in dict.fromkeys(job.channels for job in jobs):
        some = [job for job in jobs if job.channels == channels]
        progress = _share(context.progress, done, len(some), len(jobs))
        many = wirings.compact([job.wiring for job in some], channels, task.num_classes or 0)
        fit = train_wiring(
            many.model.clone(dtype=config.dtype), task, regime(config), [_OTHER + n for n in range(len(some))], _start(many, some, task),
            augmentation(config, name), context.checkpoint(f"{name}.again.{channels}"), context.mesh, progress,
        )  # fmt: skip
        done += len(some)
        for n, job in enumerate(some):
            at = KINDS.index(job.kind), job.network
            size = wirings.parameters(job.wiring, channels, task.num_classes or 0, task.x_train.shape[-1])
            numbers = (fit.accuracy[n], job.wiring.edges.sum(), size, channels)
            for key, value in zip(rows, numbers, strict=True):
                rows[key][at] = value
            curves[at] = fit.test_accuracy[n]
    ratio = np.full(config.networks, np.nan)
    for job in jobs:
        if job.kind == "retrained":
            ratio[job.network] = step_ratio(config, task, job.wiring)
    return xr.Dataset(
        {f"again_{key}": (("kind", "network"), values) for key, values in rows.items()}
        | {"again_test_accuracy": (("kind", "network", "epoch"), curves), "step_ratio": ("network", ratio)},
        {"kind": list(KINDS), "epoch": np.arange(1, config.epochs + 1)},
    )


def _share(progress: Callable[[float], None], done: int, some: int, all_of_them: int) -> Callable[[float], None]:
    return lambda fraction: progress((done + fraction * some) / all_of_them)


def _start(many: wirings.Compact, jobs: list[Job], task: Task) -> Any:
    start = jax.tree.map(np.array, many.start(task.x_train[:1], [_OTHER + n for n in range(len(jobs))]))
    for n, job in enumerate(jobs):
        if job.weights is not None:
            own = many.carried(n, *job.weights, task.x_train[:1])
            for into, leaf in zip(jax.tree.leaves(start), jax.tree.leaves(own), strict=True):
                into[n] = leaf
    return start


def _jobs(config: Config, task: Task, learned: Parts, name: str) -> Iterator[Job]:
    """Every wiring that is trained again, without those from whose input no path leads to the output."""
    features = task.num_classes or 0
    networks = networks_of(config, name, learned)
    for network in range(min(config.retrained, config.networks)):
        ds = networks.isel(network=network)
        found = wirings.live(wirings.cut(wiring_in(ds, "weights"), config.tau))
        count = int(found.edges.sum())
        if not count:
            continue
        yield Job("retrained", network, found, config.channels)
        if network >= config.baselines:
            continue
        whole = wirings.parameters(wiring_in(ds, "weights"), config.channels, features)
        yield Job("fitted", network, found, wirings.fitted_channels(found, whole, features))
        model = DAG((config.nodes,) * STAGES, config.channels, features)
        (first,) = unstack(train.untrained(model, task, [network]))
        yield Job("rewound", network, found, config.channels, (model, first))
        size = wirings.parameters(found, config.channels, features)
        others = {
            "rewired": wirings.rewired(found, network),
            "snip": wirings.strongest(wiring_in(ds, "snip"), count),
            "first": wirings.strongest(wiring_in(ds, "first"), count),
        }
        for kind, other in others.items():
            left = wirings.live(other)
            if left.edges.any():
                # As many edges, and as many parameters as whole channels allow.
                yield Job(kind, network, left, wirings.fitted_channels(left, size, features))
