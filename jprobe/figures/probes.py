"""Figures of paper 1: one function a figure, from the Dataset of the study ``probes``."""

from collections.abc import Iterator, Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jprobe.figures.style import (
    accuracy_axis,
    band,
    canvas,
    color,
    legend_below,
    legend_top,
    letters,
    mark_place,
    styled,
    tell,
    title,
)

# Variable -> the dimension along its axis, what the panel shows, its axis in words, and its factor to the axis' units.
_FIRST_COLUMNS = {
    "prune_smallest": ("removed", "Pruning", "weakest weights removed (%)", 100),
    "noise": ("amplitude", "Noise", "amplitude a of noise U(-a, a)", 1),
    "flip": ("flipped", "Sign flips", "weakest signs flipped (%)", 100),
}

_SIGNS = {"as trained": "-", "signs only": "--"}


def _tasks(ds: xr.Dataset, dataset: str, name: str) -> Iterator[tuple[str, str, xr.DataArray]]:
    """(task, colour, values) for each task of a dataset that has the variable, without its padding of NaN."""
    for n, task in enumerate(ds.task.values.tolist()):
        part = ds[name].sel(dataset=dataset, task=task)
        if bool(part.notnull().any()):
            yield task, color(task, n), part.dropna("seed", how="all")


def _hues(ds: xr.Dataset) -> dict[str, str]:
    return {f"{task} task": color(task, n) for n, task in enumerate(ds.task.values.tolist())}


def _named(dataset: str, what: str, ds: xr.Dataset) -> str:
    """Title of a panel: the dataset only where there are several."""
    return f"{title(dataset)}: {what[0].lower()}{what[1:]}" if ds.sizes["dataset"] > 1 else what


def _scaled(values: xr.DataArray, x: str, factor: float) -> xr.DataArray:
    return values.assign_coords({x: factor * values[x]})


def _signed_pair(axes: Axes, ds: xr.Dataset, dataset: str, name: str, x: str, factor: float = 1) -> None:
    for task, hue, values in _tasks(ds, dataset, name):
        at = _scaled(values, x, factor)
        band(axes, at.sel(signed=False), x, color=hue, label=f"{task.capitalize()}")
        band(axes, at.sel(signed=True), x, color=hue, linestyle="--", label=f"Signed {task}")


@styled
def perturbation_curves(ds: xr.Dataset) -> Figure:
    """Figure 1 (10, 12, 15, 16): pruning, noise and sign flips, one row a dataset."""
    columns = {name: words for name, words in _FIRST_COLUMNS.items() if name in ds}
    figure, axes = canvas(ds.sizes["dataset"], len(columns), 1.75, wide=True, share=True, legend=0.25)
    for dataset, line in zip(ds.dataset.values.tolist(), axes, strict=True):
        for (name, (x, heading, label, factor)), panel in zip(columns.items(), line, strict=True):
            _signed_pair(panel, ds, dataset, name, x, factor)
            panel.set_title(_named(dataset, heading, ds), loc="left")
            panel.set_xlabel(label)
            if name == "noise":
                panel.set_xscale("log", base=2)
                _mark_weights(panel, ds, dataset)
            if name == "prune_smallest":
                _mark_recovery(panel, ds, dataset)
    return _finish(figure, axes, _hues(ds), _SIGNS)


def _mark_weights(panel: Axes, ds: xr.Dataset, dataset: str) -> None:
    """The standard deviation of the weights, in each task's colour, named once."""
    for n, (_, hue, values) in enumerate(_tasks(ds, dataset, "weight_std")):
        mark_place(panel, float(values.mean()), "spread of\nthe weights" if n == 0 else "", hue, top=0.3)


def _mark_recovery(panel: Axes, ds: xr.Dataset, dataset: str) -> None:
    """Where the signed hard networks begin, and their best level, in words."""
    for task, hue, values in _tasks(ds, dataset, "prune_smallest"):
        if task == "easy":
            continue
        signed = 100 * values.sel(signed=True)
        medians = signed.median([d for d in signed.dims if d != "removed"])
        best = int(medians.argmax("removed"))
        first, top, where = float(medians[0]), float(medians[best]), 100 * float(medians.removed[best])
        if top - first > 5:
            tell(panel, 0, first, f"signs alone: {first:.0f}%", hue, (4, 5))
            # Beside the rise, or below the curves where the best level comes early.
            tell(
                panel, where, top, f"{top:.0f}% with\n{where:.0f}% removed", hue, (-24, -5) if where > 55 else (4, -30)
            )


@styled
def randomization_boxes(ds: xr.Dataset, layers: Mapping[str, np.ndarray]) -> Figure:
    """Figure 2: the seven randomizations on a small layer, and accuracies after each, one panel a dataset.

    ``layers``: "none" and each randomization -> the small layer's weights [inputs, outputs] after it.
    """
    types = [name for name in layers if name != "none"]
    datasets = ds.dataset.values.tolist()
    figure, axes = canvas(1 + len(datasets), 1, [1.3, *[1.75] * len(datasets)], wide=True, legend=0.2)
    _layer_pictures(axes[0, 0], layers)
    for dataset, panel in zip(datasets, axes[1:, 0], strict=True):
        groups = ["base", *(f"randomize_{t}" for t in types)]
        for n, task in enumerate(ds.task.values.tolist()):
            hue = color(task, n)
            columns = [100 * ds[g].sel(dataset=dataset, task=task).values.ravel() for g in groups]
            columns = [c[~np.isnan(c)] for c in columns]
            if not len(columns[0]):
                continue
            places = np.arange(len(groups)) + 0.38 * (n % 2) - 0.19
            panel.boxplot(
                columns, positions=places, widths=0.3, patch_artist=True, manage_ticks=False,
                boxprops={"facecolor": hue, "alpha": 0.3, "edgecolor": hue}, medianprops={"color": hue, "linewidth": 1.6},
                whiskerprops={"color": hue}, capprops={"color": hue},
                flierprops={"marker": ".", "markersize": 3, "markeredgecolor": hue},
            )  # fmt: skip
        panel.set_xticks(range(len(groups)), ["as trained", *types])
        panel.set_xlabel("randomization")
        panel.set_ylabel("test accuracy (%)")
        panel.set_title(f"{title(dataset)}: accuracy of the networks after each (box: quartiles)", loc="left")
        accuracy_axis(np.array([panel]))
    letters(axes)
    legend_top(figure, _hues(ds))
    return figure


def _layer_pictures(panel: Axes, layers: Mapping[str, np.ndarray]) -> None:
    """One small layer as a matrix, left nodes by right nodes, and what each randomization makes of it."""
    weights = layers["none"]
    for n, (name, shown) in enumerate(layers.items()):
        left = n * 6.6
        panel.imshow(
            np.where(shown == 0, np.nan, shown),
            cmap="RdBu_r",
            vmin=-2,
            vmax=2,
            extent=(left, left + 5, 0, 6),
            aspect="equal",
        )
        changed = np.argwhere(np.sign(shown) != np.sign(weights))
        for row, column in changed:
            panel.plot(left + column + 0.5, 5.5 - row, ".", color="black", markersize=2.5)
        panel.text(left + 2.5, 6.4, "trained" if name == "none" else name, ha="center", weight="bold")
    panel.set_xlim(-1.4, 6.6 * len(layers))
    panel.set_ylim(-1.6, 7.4)
    panel.text(-0.3, 3, "left nodes", rotation=90, va="center", ha="right", fontsize=7)
    panel.text(2.5, -0.3, "right nodes", va="top", ha="center", fontsize=7)
    panel.text(
        8, -0.3, "red: positive, blue: negative, blank: no edge; dot: an edge whose sign changed", va="top", fontsize=7
    )
    panel.set_axis_off()
    panel.set_title("One small layer after each randomization", loc="left")


@styled
def randomized_pruning(ds: xr.Dataset) -> Figure:
    """Figure 3 (11, 13): pruning, then a randomization that keeps signs, one row a dataset."""
    types = [t for t in "BEF" if f"randomize_{t}_pruned" in ds]
    figure, axes = canvas(ds.sizes["dataset"], len(types), 1.75, wide=True, share=True, legend=0.25)
    for dataset, line in zip(ds.dataset.values.tolist(), axes, strict=True):
        for type_, panel in zip(types, line, strict=True):
            if "prune_smallest" in ds:
                for task, hue, values in _tasks(ds, dataset, "prune_smallest"):
                    at = _scaled(values, "removed", 100)
                    band(panel, at.sel(signed=False), "removed", color=hue, label=f"{task.capitalize()}, as trained")
            for task, hue, values in _tasks(ds, dataset, f"randomize_{type_}_pruned"):
                at = _scaled(values, "removed", 100)
                band(panel, at, "removed", color=hue, linestyle="--", label=f"{task.capitalize()}, randomized")
            panel.set_title(_named(dataset, f"Randomization {type_}", ds), loc="left")
            panel.set_xlabel("weakest weights removed (%)")
    return _finish(figure, axes, _hues(ds), {"pruned": "-", "pruned, then randomized": "--"})


@styled
def weight_deviations(ds: xr.Dataset) -> Figure:
    """Figure 7: standard deviation of each network's weights, one panel a dataset."""
    several = ds.sizes["dataset"] > 1
    figure, axes = canvas(1, ds.sizes["dataset"], 1.9, wide=several, share=True)
    for dataset, panel in zip(ds.dataset.values.tolist(), axes[0], strict=True):
        labels = []
        for n, (task, hue, values) in enumerate(_tasks(ds, dataset, "weight_std")):
            y = values.values
            x = n + np.random.default_rng(0).uniform(-0.16, 0.16, y.size)
            panel.plot(x, y, ".", color=hue, alpha=0.6, markersize=4)
            panel.plot([n - 0.28, n + 0.28], [np.median(y)] * 2, color=hue, linewidth=2)
            panel.annotate(f" {np.median(y):.4f}", (n + 0.3, np.median(y)), va="center", color=hue, fontsize=7)
            labels.append(f"{task} task")
        panel.set_xticks(range(len(labels)), labels)
        panel.set_xlim(-0.5, len(labels) - 0.2)
        panel.set_title(f"{title(dataset)}: each dot a network", loc="left")
    axes[0, 0].set_ylabel("standard deviation of the weights")
    letters(axes)
    return figure


@styled
def widths(ds: xr.Dataset) -> Figure:
    """Figure 14: pruning at several widths of the hidden layer, a row a dataset, original and signed."""
    own = str(ds.attrs.get("hidden", ""))
    nodes = {n: str(_width(n) or own) for n in ds.data_vars if _is_width(str(n))}
    names = sorted(nodes, key=lambda n: int(nodes[n]) if nodes[n].isdigit() else 0)
    figure, axes = canvas(ds.sizes["dataset"], 2, 1.9, share=True, legend=0.4)
    # Wider networks have thicker, darker lines.
    shades = {name: (n + 1) / len(names) for n, name in enumerate(names)}
    for dataset, line in zip(ds.dataset.values.tolist(), axes, strict=True):
        for signed, panel in zip((False, True), line, strict=True):
            for name in names:
                for task, hue, values in _tasks(ds, dataset, str(name)):
                    at = _scaled(values, "removed", 100)
                    band(panel, at.sel(signed=signed), "removed", color=hue, alpha=0.4 + 0.6 * shades[name],
                         linewidth=0.5 + 1.3 * shades[name], label=f"{task.capitalize()}, {nodes[name]} nodes")  # fmt: skip
            panel.set_title(_named(dataset, "Signs only" if signed else "As trained", ds), loc="left")
            panel.set_xlabel("weakest weights removed (%)")
    return _finish(figure, axes)


def _width(name: object) -> int:
    return int(str(name).rpartition("_hidden_")[2]) if "_hidden_" in str(name) else 0


def _is_width(name: str) -> bool:
    return name == "prune_smallest" or name.startswith("prune_smallest_hidden_")


@styled
def pruning_orders(ds: xr.Dataset) -> Figure:
    """Figure 17: smallest, random or largest weights removed first, a row a dataset."""
    orders = ("smallest", "random", "largest")
    figure, axes = canvas(ds.sizes["dataset"], 3, 1.75, share=True, legend=0.25)
    for dataset, line in zip(ds.dataset.values.tolist(), axes, strict=True):
        for order, panel in zip(orders, line, strict=True):
            _signed_pair(panel, ds, dataset, f"prune_{order}", "removed", 100)
            panel.set_title(_named(dataset, f"{order.capitalize()} first", ds), loc="left")
            panel.set_xlabel("weights removed (%)")
    return _finish(figure, axes, _hues(ds), _SIGNS)


@styled
def multiplicative_noise(ds: xr.Dataset) -> Figure:
    """Figure 18: the weakest 30, 70, 90% of the weights multiplied by noise, a row a dataset."""
    names = [str(n) for n in ds.data_vars if str(n).startswith("multiplicative_")]
    figure, axes = canvas(ds.sizes["dataset"], len(names), 1.75, wide=True, share=True, legend=0.25)
    for dataset, line in zip(ds.dataset.values.tolist(), axes, strict=True):
        for name, panel in zip(names, line, strict=True):
            _signed_pair(panel, ds, dataset, name, "factor")
            panel.set_title(_named(dataset, f"Weakest {name.rpartition('_')[2]}%", ds), loc="left")
            panel.set_xlabel("amplitude a of factor U(-a, a)")
    return _finish(figure, axes, _hues(ds), _SIGNS)


@styled
def spectral_truncation(ds: xr.Dataset) -> Figure:
    """Figure 19: the leading k singular values kept; right, signed networks after trainings of different length."""
    figure, axes = canvas(ds.sizes["dataset"], 2, 1.9, share=True, legend=1.0)
    early = sorted(
        (str(n) for n in ds.data_vars if str(n).startswith("spectral_sign_first_epochs_")),
        key=lambda n: int(n.rpartition("_")[2]),
    )
    for dataset, (every, early_on) in zip(ds.dataset.values.tolist(), axes, strict=True):
        for task, hue, values in _tasks(ds, dataset, "spectral"):
            band(every, values.sel(signed=False), "rank", color=hue, label=f"{task.capitalize()}, as trained")
            label = f"{task.capitalize()}: truncated, then signed"
            band(every, values.sel(signed=True), "rank", color=hue, linestyle=":", label=label)
        for task, hue, values in _tasks(ds, dataset, "spectral_sign_first"):
            band(every, values, "rank", color=hue, linestyle="--", label=f"{task.capitalize()}: signed, then truncated")
        for name, line in zip([*early, "spectral_sign_first"], (":", "-.", "--"), strict=False):
            epochs = name.rpartition("_")[2]
            length = f"{epochs} epoch{'s' * (epochs != '1')}" if name in early else "full training"
            for task, hue, values in _tasks(ds, dataset, name):
                band(early_on, values, "rank", color=hue, linestyle=line, label=f"{task.capitalize()}, {length}")
        every.set_title(_named(dataset, "All singular values to one", ds), loc="left")
        early_on.set_title(_named(dataset, "Signed, then truncated, by length of training", ds), loc="left")
        for panel in (every, early_on):
            panel.set_xscale("log", base=2)
            ticks = [1, 2, 4, 8, 16, 32, 64]
            panel.set_xticks(ticks, [str(t) for t in ticks])
            panel.set_xlabel("singular values kept, k")
        accuracy_axis(np.array([every, early_on]))
    letters(axes)
    for panel in axes[:, 0]:
        panel.set_ylabel("test accuracy (%)")
    # Lines of one kind are other networks on the right: a legend for each column.
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower left", ncols=1)
    figure.legend(*axes[0, 1].get_legend_handles_labels(), loc="outside lower right", ncols=1)
    return figure


@styled
def swap_mixing(ds: xr.Dataset) -> Figure:
    """How the swaps of randomization G wash out the trained layer (not in the paper)."""
    several = ds.sizes["dataset"] > 1
    figure, axes = canvas(1, ds.sizes["dataset"], 1.9, wide=several, share=True)
    for dataset, panel in zip(ds.dataset.values.tolist(), axes[0], strict=True):
        for n, task in enumerate(ds.task.values.tolist()):
            part = ds.sel(dataset=dataset, task=task)
            if bool(part.swap_overlap.notnull().all()):
                each = part.swaps_made / part.positive_edges
                panel.plot(each, 100 * part.swap_overlap, ".-", color=color(task, n), label=f"{task} task")
        panel.set_xlim(left=0)
        panel.set_ylim(top=102)
        panel.set_xlabel("swaps made for each positive edge")
        panel.set_title(f"{title(dataset)}: first layer", loc="left")
        panel.legend()
    axes[0, 0].set_ylabel("positive edges in place (%)")
    letters(axes)
    return figure


def _finish(
    figure: Figure, axes: np.ndarray, hues: Mapping[str, str] | None = None, dashes: Mapping[str, str] | None = None
) -> Figure:
    for row in axes:
        row[0].set_ylabel("test accuracy (%)")
        accuracy_axis(row)
    letters(axes)
    if hues is None:
        legend_below(figure, axes)
    else:
        legend_top(figure, hues, dashes)
    return figure
