"""Training and probing, task by task."""

import functools
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax.sharding import Mesh

from jprobe import data, metrics, models, probes, train
from jprobe.errors import ArgumentError
from jprobe.figures.style import title
from jprobe.probes.randomize import Type
from jprobe.selection import everything
from jprobe.studies.probes.config import Config, Group
from jprobe.studies.probes.variants import SEEDS, variants, words
from jprobe.studies.study import Context, Part, Parts
from jprobe.studies.subject import Subject
from jprobe.sweeping import sweep

# The summary asks for these two amplitudes, which the paper's grid steps over.
_NOISE_LEVELS = tuple(sorted({*probes.noise().level.grid, 0.0625, 0.25}))

_FRACTIONS = (0.3, 0.7, 0.9)

TYPES: tuple[Type, ...] = get_args(Type)
SIGN_KEEPING: tuple[Type, ...] = ("B", "E", "F")

# Measured on two cores, for the progress display only: seconds of a training image, of a test image, of compiling a sweep.
TRAINING, EVALUATION, _COMPILING = 2e-6, 7e-7, 1.5


class Job(NamedTuple):
    """One sweep of the study."""

    name: str  # of the variable in the results
    group: Group
    probe: probes.Probe
    dim: str  # name of the level's dimension; "" where the probe ignores its level
    levels: tuple[float, ...]
    signed: bool = True


def jobs(groups: tuple[Group, ...]) -> list[Job]:
    """The sweeps of the chosen groups.

    The authors perturb biases as they do kernels, each tensor by itself, except in the randomizations and the
    spectral truncation, which are of matrices. Randomizations are not measured signed: those that keep
    accuracies keep signs, so their signed networks are the unshuffled ones.
    """
    p = probes
    table = [
        Job("prune_smallest", "prune", p.prune("smallest", select=everything), "removed", p.prune().level.grid),
        Job("prune_random", "prune", p.prune("random", select=everything), "removed", p.prune().level.grid),
        Job("prune_largest", "prune", p.prune("largest", select=everything), "removed", p.prune().level.grid),
        Job("noise", "noise", p.noise(select=everything), "amplitude", _NOISE_LEVELS),
        Job("flip", "flip", p.flip(select=everything), "flipped", p.flip().level.grid),
    ]
    for fraction in _FRACTIONS:
        probe = p.multiplicative_noise(fraction, select=everything)
        table.append(Job(f"multiplicative_{fraction * 100:.0f}", "multiplicative", probe, "factor", probe.level.grid))
    low_rank = p.truncate_spectrum()
    sign_first = p.chain(p.binarize(), low_rank)
    table += [
        Job("spectral", "spectral", low_rank, "rank", low_rank.level.grid),
        Job("spectral_sign_first", "spectral", sign_first, "rank", low_rank.level.grid, signed=False),
    ]
    # The randomizations that keep signs follow pruned networks; theirs of whole networks is the first level.
    for type_ in (t for t in TYPES if t not in SIGN_KEEPING):
        table.append(Job(f"randomize_{type_}", "randomize", p.randomize(type_), "", (0.0,), signed=False))
    for type_ in SIGN_KEEPING:
        probe = p.chain(p.prune(), p.randomize(type_))
        table.append(Job(f"randomize_{type_}_pruned", "randomize", probe, "removed", probe.level.grid, signed=False))
    return [job for job in table if job.group in groups]


_SAID = {
    "prune_smallest": "pruning, smallest weights first",
    "prune_random": "pruning in random order",
    "prune_largest": "pruning, largest weights first",
    "noise": "noise on the weights",
    "flip": "flipping signs, smallest weights first",
    "spectral": "fewer singular values",
    "spectral_sign_first": "fewer singular values of the signs",
}


def said(job: str) -> str:
    """A sweep in words, by its name.

    Example:
        >>> [said(job) for job in ("flip", "multiplicative_30", "randomize_A", "randomize_B_pruned")][1:]
        ['multiplicative noise on 30% of the weights', 'randomization A', 'pruning, then randomization B']
    """
    kind, _, which = job.partition("_")
    if kind == "multiplicative":
        return f"multiplicative noise on {which}% of the weights"
    if kind == "randomize":
        return f"{'pruning, then ' * job.endswith('_pruned')}randomization {which[0]}"
    return _SAID[job]


def parts(config: Config, subject: Subject) -> Iterator[Part]:
    """Training and every sweep, task by task.

    Args:
        config: what to run.
        subject: ``inputs`` is dataset -> task -> data.
    """
    table = {job.name: job for job in jobs(config.probes)}
    every = [task for tasks in subject.inputs.values() for task in tasks.values()]
    for name, tasks in subject.inputs.items():
        for label, task in tasks.items():
            filled = _filled(task, every)
            found = [list(_of_networks(config, name, label, task, filled, list(table.values())))]
            for variant in variants(config, label):
                some = [table[sweep] for sweep in variant.sweeps if sweep in table]
                if some:
                    found.append(list(_of_networks(variant.config, name, label, task, filled, some, variant.suffix)))
            # Networks first: a training runs on one core, beside which the other one has sweeps to do.
            yield from sorted((part for some in found for part in some), key=lambda part: part.needs != ())
    if "randomize" in config.probes:
        yield Part(
            "example", "a small layer, shuffled", lambda context: _example(), len(TYPES) * _COMPILING / 2, "examples"
        )


def _example() -> xr.Dataset:
    """One small layer after each randomization, by the very functions that the study runs, for figure 2."""
    weights = np.random.default_rng(3).normal(size=(6, 5)).round(1)
    weights[np.random.default_rng(1).random((6, 5)) < 0.2] = 0
    layers = [weights]
    for type_ in TYPES:
        after = probes.randomize(type_).apply(jax.random.key(4), {"w": jnp.asarray(weights)}, (), jnp.zeros(()))
        layers.append(np.asarray(after["w"]))
    where = ("shuffling", "example_input", "example_output")
    return xr.Dataset(
        {"example_layer": (where, np.array(layers), {"units": "weight"})}, {"shuffling": ["none", *TYPES]}
    )


def _filled(task: data.Task, every: list[data.Task]) -> tuple[int, int]:
    """Training and test examples that tasks of one shape are filled up to, so that what they compile is one."""
    alike = [other for other in every if other.x_train.shape[1:] == task.x_train.shape[1:]]
    return max(len(other.x_train) for other in alike), max(len(other.x_test) for other in alike)


def combine(config: Config, subject: Subject, done: Parts) -> xr.Dataset:
    """All parts as one Dataset over (dataset, task, seed, ...).

    Returns:
        Accuracies of every sweep in [0, 1], weight_std, dead, the training history, and the mixing of randomization G.
    """
    rows = []
    for name, tasks in subject.inputs.items():
        for label in tasks:
            pieces = [found for part, found in done.items() if part.startswith(f"{name}.{label}.")]
            rows.append(xr.merge(pieces, join="outer").expand_dims(dataset=[name], task=[label]))
    combined: xr.Dataset = xr.combine_by_coords(
        rows, data_vars="all", coords="different", compat="no_conflicts", join="outer", combine_attrs="drop_conflicts"
    )  # type: ignore[assignment]
    if "example" in done:
        combined = combined.merge(done["example"])
    # Combining sorts names; figures and tables keep the order that was asked for.
    combined = combined.sel(dataset=list(subject.inputs))
    for type_ in SIGN_KEEPING:
        if f"randomize_{type_}_pruned" in combined:
            whole = combined[f"randomize_{type_}_pruned"].sel(removed=0, drop=True)
            combined[f"randomize_{type_}"] = whole
    return combined


def _of_networks(
    config: Config, name: str, label: str, task: data.Task, filled: tuple[int, int], table: list[Job], suffix: str = ""
) -> Iterator[Part]:
    if task.num_classes is None:
        raise ArgumentError(f"The study is of classes; the targets of {name} {label} are no labels.")
    model = models.MLP(config.hidden, task.num_classes, config.activation)
    accuracy = metrics.accuracy(model, task, pad_to=filled[1])

    kept: list[train.Fit] = []
    lock = threading.Lock()

    def fit(context: Context) -> train.Fit:
        # Trained, or read from its checkpoint: once a process for all sweeps, and only if one of them needs it.
        with lock:
            if not kept:
                checkpoint = context.checkpoint(f"{name}.{label}{suffix}")
                kept.append(
                    train.fit(
                        model, task, config.seeds, epochs=config.epochs, keep=config.keep, checkpoint=checkpoint,
                        pad_to=filled, mesh=context.mesh, progress=context.progress,
                    )
                )  # fmt: skip
            return kept[0]

    def networks(context: Context) -> xr.Dataset:
        trained = fit(context)
        described = _describe(trained, accuracy, context.mesh, suffix)
        if suffix:
            return described
        if task.num_classes == 2:
            described = described.merge(_margins(trained, model, task, context.mesh))
        return described.merge(_mixing(trained)) if "randomize" in config.probes else described

    def measure(job: Job, context: Context) -> xr.Dataset:
        networks = fit(context).params
        if suffix and job.group != "randomize":
            networks = jax.tree.map(lambda w: w[:SEEDS], networks)
        found = sweep(
            job.probe, networks, metric=accuracy, levels=job.levels,
            signed=job.signed, repeats=config.repeats, mesh=context.mesh, progress=context.progress,
        )  # fmt: skip
        return _name(found, job, suffix)

    where = f"{title(name)} {label}" + (f", {words(suffix)}" if suffix else "")
    training = f"{where}: training {config.seeds} networks"
    seconds = config.seeds * config.epochs * len(task.x_train) * TRAINING
    first = f"{name}.{label}.networks{suffix}"
    yield Part(first, training, networks, seconds, "training")
    for job in table:
        evaluations = (
            (min(config.seeds, SEEDS) if suffix else config.seeds)
            * len(job.levels)
            * (2 if job.signed else 1)
            * config.repeats
        )
        seconds = evaluations * len(task.x_test) * EVALUATION + _COMPILING
        probing = f"{where}: {said(job.name)}"
        yield Part(
            f"{name}.{label}.{job.name}{suffix}", probing, functools.partial(measure, job), seconds, "sweeps", (first,)
        )


def _describe(fit: train.Fit, metric: Any, mesh: Mesh | None, suffix: str) -> xr.Dataset:
    """What is known of the networks before they are probed."""
    signed = sweep(probes.binarize(), fit.params, metric=metric, mesh=mesh).accuracy.isel(level=0, repeat=0, signed=0)
    kernels = [w for w in jax.tree.leaves(fit.params) if w.ndim > 2]
    flat = np.concatenate([np.asarray(w).reshape(len(fit.seeds), -1) for w in kernels], axis=1)
    epochs = np.arange(1, fit.test_accuracy.shape[1] + 1)
    described = xr.Dataset(
        {
            "base": ("seed", fit.accuracy, {"long_name": "test accuracy", "units": "1"}),
            "binarized": (
                "seed",
                signed.values,
                {"long_name": "test accuracy, weights replaced by signs", "units": "1"},
            ),
            "dead": ("seed", fit.dead.astype(np.float32), {"long_name": "1 where accuracy is at chance"}),
            "kept_epoch": ("seed", fit.epoch.astype(np.float32), {"long_name": "epoch of the weights kept"}),
            "weight_std": ("seed", flat.std(1), {"long_name": "standard deviation of the weights", "units": "weight"}),
            "test_accuracy": (("seed", "epoch"), fit.test_accuracy, {"units": "1"}),
            "train_loss": (("seed", "epoch"), fit.train_loss, {"units": "nat"}),
            "chance": ((), fit.chance, {"long_name": "accuracy of the commonest class", "units": "1"}),
        },
        {"seed": fit.seeds, "epoch": epochs},
    )
    names = {name: f"{name}{suffix}" for name in described.data_vars} if suffix else {}
    return described.rename(names)


def _margins(fit: train.Fit, model: models.MLP, task: data.Task, mesh: Mesh | None) -> xr.Dataset:
    """Where the signed networks put the two classes: far apart or not, and off the threshold or not."""
    attrs = {"long_name": "of the signed networks' two classes", "units": "standard deviation"}
    found = {}
    for metric in (metrics.separation(model, task), metrics.offset(model, task)):
        values = sweep(probes.binarize(), fit.params, metric=metric, mesh=mesh)[metric.__name__]
        found[f"binarized_{metric.__name__}"] = ("seed", values.isel(level=0, repeat=0, signed=0).values, attrs)
    return xr.Dataset(found, {"seed": fit.seeds})


def _mixing(fit: train.Fit) -> xr.Dataset:
    """How swaps (randomization G) wash out the first network's first layer."""
    kernel = next(w for w in jax.tree.leaves(fit.params) if w.ndim > 2)
    weights = jnp.asarray(kernel[0]).reshape(-1, kernel.shape[-1])
    positive = weights > 0
    edges = int(positive.sum())
    rounds, overlap, made, attempted = (0, 1, 2, 4, 8, 16, 32, 64), [], [], []
    for n in rounds:
        mixed, swaps = probes.swap_edges(jax.random.key(0), weights, n)
        overlap.append(float(((mixed > 0) & positive).sum() / edges))
        made.append(int(swaps.made))
        attempted.append(int(swaps.attempted))
    return xr.Dataset(
        {
            "swap_overlap": ("round", overlap, {"long_name": "positive edges still in place", "units": "1"}),
            "swaps_made": ("round", made, {"long_name": "swaps made"}),
            "swaps_attempted": ("round", attempted, {"long_name": "swaps attempted"}),
            "positive_edges": ((), edges, {"long_name": "positive edges of the first layer"}),
        },
        {"round": list(rounds)},
    )


def _name(found: xr.Dataset, job: Job, suffix: str) -> xr.Dataset:
    if not job.dim:
        return found.isel(level=0, signed=0, drop=True).rename(accuracy=job.name + suffix)
    found = found if job.signed else found.isel(signed=0, drop=True)
    return found.rename(level=job.dim, accuracy=job.name + suffix)
