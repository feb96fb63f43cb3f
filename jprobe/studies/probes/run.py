"""Training and probing, task by task."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax.sharding import Mesh

from jprobe import data, metrics, models, probes, train
from jprobe.errors import ArgumentError
from jprobe.probes.randomize import Type
from jprobe.probes.select import everything
from jprobe.results import RunFolder
from jprobe.sharding import local_mesh
from jprobe.studies.probes.config import Config, Group
from jprobe.sweep import sweep

# Called with what runs now and the fraction of the whole study that is done.
Report = Callable[[str, float], None]


# The summary asks for these two amplitudes, which the paper's grid steps over.
_NOISE_LEVELS = tuple(sorted({*probes.noise().level.grid, 0.0625, 0.25}))

_FRACTIONS = (0.3, 0.7, 0.9)

# Figure 19's peak at 2 or 3 singular values depends on how far the networks are trained, so shorter trainings
# are truncated beside the full one.
EARLY_EPOCHS = (1, 3)

# Networks of other widths or shorter trainings; the paper has 20 of each width, too.
_VARIANT_SEEDS = 20

TYPES: tuple[Type, ...] = get_args(Type)
SIGN_KEEPING: tuple[Type, ...] = ("B", "E", "F")

# Training one network costs about as much as this many evaluations; for the progress display only.
_TRAINING_COST = 150


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


def run(config: Config, folder: RunFolder | None = None, report: Report | None = None) -> xr.Dataset:
    """Train and probe, task by task.

    Args:
        config: what to run.
        folder: where to keep each part as it is finished, and to find what is finished; None keeps nothing.
        report: called with what runs now and the fraction done, in [0, 1].

    Returns:
        Dataset over (dataset, task, seed, ...): accuracies of every sweep in [0, 1], weight_std, dead, the
        training history, and the mixing of randomization G.

    Raises:
        JprobeError: what :func:`jprobe.data.load`, :func:`jprobe.train.fit` and :func:`jprobe.sweep` raise.

    Source:
        Paper 1, figures 1 to 3, 7, 10 to 19.

    Example:
        >>> config = Config(seeds=2, epochs=1, probes=("flip",), pair=(0, 1))
        >>> run(config).flip.dims
        ('dataset', 'task', 'seed', 'flipped', 'repeat', 'signed')
    """
    mesh = local_mesh(config.mesh)
    chosen = list(tasks(config))
    checksums = {file: value for _, _, task in chosen for file, value in task.checksums.items()}
    parts = [part for name, label, task in chosen for part in _parts(config, name, label, task)]
    total = sum(part.cost for part in parts)
    done = 0.0
    grouped: dict[tuple[str, str], list[xr.Dataset]] = {}
    for part in parts:
        if report is not None:
            report(part.label, done / total)

        def tick(fraction: float, part: _Part = part, start: float = done) -> None:
            if report is not None:
                report(part.label, (start + fraction * part.cost) / total)

        dataset = _once(folder, part, mesh, tick)
        grouped.setdefault((part.dataset, part.task), []).append(dataset)
        done += part.cost
    if report is not None:
        report("finished", 1.0)
    rows = [
        xr.merge(pieces, join="outer").expand_dims(dataset=[name], task=[task])
        for (name, task), pieces in grouped.items()
    ]
    combined: xr.Dataset = xr.combine_by_coords(
        rows, data_vars="all", coords="different", compat="no_conflicts", join="outer", combine_attrs="drop_conflicts"
    )  # type: ignore[assignment]
    # Combining sorts names; figures and tables keep the order that was asked for.
    combined = combined.sel(dataset=list(config.dataset))
    for type_ in SIGN_KEEPING:
        if f"randomize_{type_}_pruned" in combined:
            whole = combined[f"randomize_{type_}_pruned"].sel(removed=0, drop=True)
            combined[f"randomize_{type_}"] = whole
    combined.attrs["checksums"] = json.dumps(checksums)
    return combined


class _Part(NamedTuple):
    dataset: str
    task: str
    name: str
    label: str
    cost: float
    compute: Callable[[RunFolder | None, Mesh | None, Callable[[float], None]], xr.Dataset]


def _once(folder: RunFolder | None, part: _Part, mesh: Mesh | None, tick: Callable[[float], None]) -> xr.Dataset:
    def compute() -> xr.Dataset:
        return part.compute(folder, mesh, tick)

    return compute() if folder is None else folder.piece(f"{part.dataset}.{part.task}.{part.name}", compute)


def tasks(config: Config) -> Iterator[tuple[str, str, data.Task]]:
    """(dataset, task, data) for each task of the study: easy and hard, or the pair that was asked for."""
    for name in config.dataset:
        loaded = data.load(name)
        if config.pair is not None:
            pairs = {f"{config.pair[0]}-{config.pair[1]}": config.pair}
        elif name in data.TASKS:
            pairs = data.TASKS[name]
        else:
            raise ArgumentError(
                f"The paper names no easy and hard pair for {name!r}: choose one with --pair A B "
                f"(classes 0 to {len(loaded.class_names) - 1})."
            )
        for label, pair in pairs.items():
            yield name, label, data.pair(loaded, pair)


def _parts(config: Config, name: str, label: str, task: data.Task) -> Iterator[_Part]:
    table = {job.name: job for job in jobs(config.probes)}
    yield from _network_parts(config, name, label, task, list(table.values()), suffix="")
    few = replace(config, seeds=min(config.seeds, _VARIANT_SEEDS))
    variants = []
    if "prune" in config.probes:
        variants += [(replace(few, hidden=(n,)), "prune_smallest", f"_hidden_{n}") for n in config.widths]
    if "spectral" in config.probes and label != "easy":
        early = [n for n in EARLY_EPOCHS if n < config.epochs]
        variants += [(replace(few, epochs=n), "spectral_sign_first", f"_epochs_{n}") for n in early]
    for variant, job, suffix in variants:
        yield from _network_parts(variant, name, label, task, [table[job]], suffix)


def _network_parts(
    config: Config, name: str, label: str, task: data.Task, table: list[Job], suffix: str
) -> Iterator[_Part]:
    model = models.MLP(config.hidden, task.num_classes, config.activation)
    fits: list[train.Fit] = []

    def fit(folder: RunFolder | None, mesh: Mesh | None, tick: Callable[[float], None]) -> train.Fit:
        # Trained, or read from its checkpoint, once for all sweeps, and only if one of them needs it.
        if not fits:
            checkpoint = None if folder is None else folder.path / "checkpoints" / f"{name}.{label}{suffix}"
            fits.append(
                train.fit(
                    model, task, config.seeds, epochs=config.epochs, keep=config.keep, checkpoint=checkpoint, mesh=mesh,
                    progress=tick,
                )
            )  # fmt: skip
        return fits[0]

    def networks(folder: RunFolder | None, mesh: Mesh | None, tick: Callable[[float], None]) -> xr.Dataset:
        trained = fit(folder, mesh, tick)
        described = _describe(trained, metrics.accuracy(model, task), mesh, suffix)
        if suffix:
            return described
        if task.num_classes == 2:
            described = described.merge(_margins(trained, model, task, mesh))
        return described.merge(_mixing(trained)) if "randomize" in config.probes else described

    where = f"{name} {label}" + suffix.replace("_", " ")
    yield _Part(
        name,
        label,
        f"networks{suffix}",
        f"{where}: training {config.seeds} networks",
        config.seeds * _TRAINING_COST,
        networks,
    )
    for job in table:

        def measure(
            folder: RunFolder | None, mesh: Mesh | None, tick: Callable[[float], None], job: Job = job
        ) -> xr.Dataset:
            params = fit(folder, mesh, lambda fraction: None).params
            metric = metrics.accuracy(model, task)
            found = sweep(
                job.probe,
                params,
                job.levels,
                metric,
                signed=job.signed,
                repeats=config.repeats,
                mesh=mesh,
                progress=tick,
            )
            return _name(found, job, suffix)

        evaluations = config.seeds * len(job.levels) * (2 if job.signed else 1) * config.repeats
        yield _Part(name, label, job.name + suffix, f"{where}: {job.name.replace('_', ' ')}", evaluations, measure)


def _describe(fit: train.Fit, metric: Any, mesh: Mesh | None, suffix: str) -> xr.Dataset:
    """What is known of the networks before they are probed."""
    signed = sweep(probes.binarize(), fit.params, metric, mesh=mesh).accuracy.isel(level=0, repeat=0, signed=0)
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
        values = sweep(probes.binarize(), fit.params, metric, mesh=mesh)[metric.__name__]
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
