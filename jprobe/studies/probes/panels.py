"""What the study ``probes`` shows: its figures, and a sentence on each from the run's own numbers."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import xarray as xr

from jprobe.figures import probes as draw
from jprobe.figures.style import title
from jprobe.report import About, Panel
from jprobe.report.verdict import percent
from jprobe.studies.probes.config import Config
from jprobe.studies.probes.headline import headline, key_numbers
from jprobe.studies.probes.parts import TYPES
from jprobe.studies.probes.summary import living
from jprobe.studies.probes.variants import CURVES, RANDOMIZED, of_variant, suffixes, words


def about(ds: xr.Dataset, config: Config) -> About:
    """Title, lead and notes of the report."""
    lead = (
        f"{config.seeds} networks a task ({'-'.join(map(str, config.hidden))} hidden nodes, {config.activation}) on "
        f"{', '.join(title(d) for d in ds.dataset.values.tolist())}, after Jankowski et al., arXiv:2508.05463."
    )
    return About(
        "How networks stand up to perturbation: easy and hard tasks",
        lead,
        _notes(ds, config),
        headline(ds),
        key_numbers(ds),
    )


def panels(ds: xr.Dataset, config: Config) -> list[Panel]:
    """The figures of a run, in the paper's order, each with what it shows.

    Args:
        ds: the study's numbers.
        config: its configuration.
    """
    shown = (living(ds) if config.living else ds).assign_attrs(hidden="-".join(map(str, config.hidden)))
    numbers = _paper_numbers(config)
    table: list[tuple[str, int | None, str, Any, Any, tuple[str, ...]]] = [
        ("perturbations", numbers[0], "Pruning, noise and sign flips", draw.perturbation_curves, _perturbations, ("prune_smallest", "noise", "flip")),
        ("randomizations", 2, "Bipartite randomizations", lambda ds: draw.randomization_boxes(ds, _small_layers(ds)), _randomizations, ("randomize_A",)),
        ("randomized_pruning", numbers[1], "Pruning, then randomizing", draw.randomized_pruning, _randomized_pruning, ("randomize_B_pruned",)),
        ("weights", 7, "Standard deviations of the trained weights", draw.weight_deviations, _weights, ("weight_std",)),
        ("widths", 14, "Pruning at several widths", draw.widths, _widths, tuple(f"prune_smallest_hidden_{w}" for w in config.widths[:1])),
        ("orders", 17, "Pruning orders", draw.pruning_orders, _orders, ("prune_random",)),
        ("multiplicative", 18, "Multiplicative noise on the weakest weights", draw.multiplicative_noise, _multiplicative, ("multiplicative_30",)),
        ("spectral", 19, "Spectral truncation", draw.spectral_truncation, _spectral, ("spectral",)),
        ("swaps", None, "How the swaps of randomization G mix", draw.swap_mixing, _swaps, ("swap_overlap",)),
        *_of_variants(shown),
    ]  # fmt: skip
    out = []
    for name, number, heading, figure, says, needs in sorted(table, key=lambda row: row[1] or math.inf):
        if needs and any(need in ds for need in needs):
            label = f"Figure {number}. {heading}" if number else heading
            file = f"{f'figure_{number}_' if number else ''}{name}"
            out.append(Panel(file, label, says(shown), figure(shown), diagnostic=name == "swaps"))
    return out


# Suffix of a variant -> the paper's figures of it: perturbations, randomized pruning.
_VARIANT_NUMBERS: dict[str, tuple[int, int | None]] = {
    "_hidden_32": (10, 11), "_hidden_128": (12, 13), "_activation_tanh": (15, None), "_activation_hard_sigmoid": (16, None),
}  # fmt: skip


def _of_variants(ds: xr.Dataset) -> Iterator[tuple[str, int | None, str, Any, Any, tuple[str, ...]]]:
    """Rows of the table of figures for other widths and activations."""
    for suffix in suffixes(ds, "hidden", "activation"):
        numbers = _VARIANT_NUMBERS.get(suffix, (None, None))
        kinds = (
            ("perturbations", "Pruning, noise and sign flips", draw.perturbation_curves, _perturbations, CURVES),
            (
                "randomized_pruning",
                "Pruning, then randomizing",
                draw.randomized_pruning,
                _randomized_pruning,
                RANDOMIZED,
            ),
        )
        for number, (name, heading, figure, says, needs) in zip(numbers, kinds, strict=True):
            yield (
                f"{name}{suffix}", number, f"{heading}: {words(suffix)}", _seen(figure, suffix), _seen(says, suffix),
                tuple(f"{need}{suffix}" for need in needs),
            )  # fmt: skip


def _seen(what: Callable[[xr.Dataset], Any], suffix: str) -> Callable[[xr.Dataset], Any]:
    return lambda ds: what(of_variant(ds, suffix))


def _notes(ds: xr.Dataset, config: Config) -> list[str]:
    """What a reader must know to read the numbers right."""
    dead = int(ds.dead.sum())
    total = int(ds.dead.notnull().sum())
    out = [
        f"{dead} of {total} networks are dead (accuracy within 5 points of always giving the commonest class). "
        + (
            "They are left out everywhere."
            if config.living
            else "Summary and findings leave them out; the figures show all."
        ),
        f"Weights kept: of the {'last epoch' if config.keep == 'last' else 'epoch of best test accuracy, which selects on the test set'}. "
        "Curves are medians over networks, light bands interquartile ranges; with few networks a darker band is the 95% "
        "interval of the median. Accuracies below one half are not folded. "
        "Biases are perturbed as kernels are, each tensor by itself, except by randomizations and spectral truncation.",
    ]
    out += _margins(ds)
    if config.seeds < 100:
        out.append(f"Scaled down: {config.seeds} networks a task, where the paper has 100.")
    return out


def _margins(ds: xr.Dataset) -> list[str]:
    """Why signed networks collapse, or do not: where they put the two classes."""
    if "binarized_offset" not in ds:
        return []
    alive, parts = living(ds), []
    for where, off in _each(alive, "binarized_offset"):
        apart = alive.binarized_separation.sel(dataset=off.dataset, task=off.task)
        parts.append(
            f"{where}: {float(apart.median()):.1f} to its side of their midpoint, the midpoint {float(abs(off).median()):.1f} off zero"
        )
    return [
        "Where the signed networks put the classes (medians, in standard deviations of a class's logit difference): "
        + "; ".join(parts)
        + ". Where the midpoint lies further off zero than the classes lie from it, both get the same name: that is the "
        "collapse to chance, and the classes are still apart."
    ]


def _paper_numbers(config: Config) -> tuple[int, int]:
    """Numbers of the paper's figures that this run's curves correspond to: (perturbations, randomized pruning)."""
    if config.activation != "relu":
        return (15, 3) if config.activation == "tanh" else (16, 3)
    by_width: dict[tuple[int, ...], tuple[int, int]] = {(32,): (10, 11), (128,): (12, 13)}
    return by_width.get(config.hidden, (1, 3))


def _each(ds: xr.Dataset, variable: str) -> list[tuple[str, xr.DataArray]]:
    """(where, values) for each dataset and task that has the variable."""
    return [
        (f"{title(d)} {t}", ds[variable].sel(dataset=d, task=t))
        for d in ds.dataset.values.tolist()
        for t in ds.task.values.tolist()
        if bool(ds[variable].sel(dataset=d, task=t).notnull().any())
    ]


def _peak(curve: xr.DataArray, dim: str) -> tuple[float, float, float]:
    """(first, highest, level of the highest) of the median curve."""
    medians = curve.median([d for d in curve.dims if d != dim])
    place = int(medians.argmax(dim))
    return float(medians[0]), float(medians[place]), float(medians[dim][place])


def _perturbations(ds: xr.Dataset) -> str:
    words = {
        "prune_smallest": ("removed", "removing"),
        "noise": ("amplitude", "noise of amplitude"),
        "flip": ("flipped", "flipping"),
    }
    out = []
    for variable, (dim, verb) in words.items():
        if variable in ds:
            parts = []
            for where, values in _each(ds, variable):
                first, top, level = _peak(values.sel(signed=True), dim)
                at = f"{level:.2g}" if dim == "amplitude" else f"{level:.0%}"
                parts.append(f"{where} {percent(first)} → {percent(top)} at {at}")
            out.append(f"Signed models under {verb}: " + ", ".join(parts) + ".")
    return " ".join(out)


def _randomizations(ds: xr.Dataset) -> str:
    parts = []
    for where, base in _each(ds, "base"):
        dataset, task = _where(ds, where)
        after = {t: float(ds[f"randomize_{t}"].sel(dataset=dataset, task=task).median()) for t in "ABCDEFG"}
        best = sorted(after, key=after.get, reverse=True)[:3]  # type: ignore[arg-type]
        rest = max(v for t, v in after.items() if t not in best)
        parts.append(
            f"{where}, from {percent(float(base.median()))}: best kept by " + ", ".join(f"{t} ({percent(after[t])})" for t in best)
            + f", the other four reach at most {percent(rest)}"
        )  # fmt: skip
    return "Median test accuracy. " + "; ".join(parts) + "."


def _small_layers(ds: xr.Dataset) -> dict[str, np.ndarray]:
    """One small layer, and what each randomization makes of it."""
    types = [t for t in TYPES if f"randomize_{t}" in ds]
    return {name: ds.example_layer.sel(shuffling=name).values for name in ("none", *types)}


def _where(ds: xr.Dataset, label: str) -> tuple[str, str]:
    return next(
        (d, t) for d in ds.dataset.values.tolist() for t in ds.task.values.tolist() if f"{title(d)} {t}" == label
    )


def _randomized_pruning(ds: xr.Dataset) -> str:
    parts = []
    for type_ in "BEF":
        for where, values in _each(ds, f"randomize_{type_}_pruned"):
            first, top, level = _peak(values, "removed")
            parts.append(f"{where} {type_} {percent(first)} → {percent(top)} at {level:.0%} removed")
    return "From randomizing all weights to the best sparsity: " + ", ".join(parts) + "."


def _weights(ds: xr.Dataset) -> str:
    parts = [
        f"{where} {float(v.median()):.4f} (quartiles {float(v.quantile(0.25)):.4f} to {float(v.quantile(0.75)):.4f})"
        for where, v in _each(ds, "weight_std")
    ]
    return "Median over networks: " + ", ".join(parts) + "."


def _widths(ds: xr.Dataset) -> str:
    names = [str(n) for n in ds.data_vars if str(n).startswith("prune_smallest")]
    parts = []
    for name in names:
        nodes = name.rpartition("_hidden_")[2] if "_hidden_" in name else ds.attrs["hidden"]
        for where, values in _each(ds, name):
            first, top, level = _peak(values.sel(signed=True), "removed")
            parts.append(f"{where}, {nodes} nodes: {percent(first)} → {percent(top)} at {level:.0%}")
    return "Signed models, from all weights to the best sparsity: " + "; ".join(parts) + "."


def _orders(ds: xr.Dataset) -> str:
    parts = []
    for order in ("smallest", "random", "largest"):
        gains = []
        for where, values in _each(ds, f"prune_{order}"):
            first, top, _ = _peak(values.sel(signed=True), "removed")
            gains.append(f"{where} {100 * (top - first):+.1f}")
        parts.append(f"{order} first: {', '.join(gains)}")
    return "Best gain of the signed models over no pruning, in points. " + "; ".join(parts) + "."


def _multiplicative(ds: xr.Dataset) -> str:
    parts = []
    for fraction in (30, 70, 90):
        ends = []
        for where, values in _each(ds, f"multiplicative_{fraction}"):
            medians = values.median([d for d in values.dims if d not in ("factor", "signed")]).isel(factor=-1)
            ends.append(
                f"{where} {percent(float(medians.sel(signed=False)))} (signed {percent(float(medians.sel(signed=True)))})"
            )
        parts.append(f"r = {fraction / 100:g}: {', '.join(ends)}")
    return (
        f"At the largest amplitude, {float(ds.factor.max()):g}: "
        + "; ".join(parts)
        + ". The signed curves are level by "
        "construction: signs of w x do not depend on a > 0, so their plateau is one number drawn again at each amplitude; at 0 "
        "the weights are pruned."
    )


def _spectral(ds: xr.Dataset) -> str:
    parts = []
    for where, values in _each(ds, "spectral"):
        medians = values.sel(signed=False).median([d for d in values.dims if d not in ("rank", "signed")])
        enough = ds["rank"].values[np.argmax(medians.values >= float(medians[-1]) - 0.01)]
        dataset, task = _where(ds, where)
        signs = ds.spectral_sign_first.sel(dataset=dataset, task=task)
        _, top, level = _peak(signs, "rank")
        last = float(signs.median([d for d in signs.dims if d != "rank"])[-1])
        parts.append(
            f"{where}: {enough:g} singular values come within a point of all; signed, then truncated: best {percent(top)} at "
            f"k = {level:g}, {percent(last)} with all"
        )
    early = []
    for name in (str(n) for n in ds.data_vars if str(n).startswith("spectral_sign_first_epochs_")):
        for where, values in _each(ds, name):
            medians = values.median([d for d in values.dims if d != "rank"])
            few = max((float(medians.sel(rank=k)), k) for k in (2, 3))
            early.append(
                f"{where} after {name.rpartition('_')[2]} epochs {100 * (few[0] - float(medians[-1])):+.1f} (k = {few[1]})"
            )
    gained = (
        f" Keeping 2 or 3 singular values instead of all changes signed networks trained more briefly by, in points: {', '.join(early)}."
        if early
        else ""
    )
    return "; ".join(parts) + "." + gained


def _swaps(ds: xr.Dataset) -> str:
    parts = []
    for where, overlap in _each(ds, "swap_overlap"):
        dataset, task = _where(ds, where)
        here = ds.sel(dataset=dataset, task=task).isel(round=-1)
        parts.append(
            f"{where}: {int(here.swaps_made):,} swaps made of {int(here.swaps_attempted):,} attempted leave "
            f"{percent(float(overlap[-1]))} of the positive edges in place"
        )
    return "First layer of the first network of each task. " + "; ".join(parts) + "."
