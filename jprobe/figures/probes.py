"""Figures of paper 1: one function a figure, from the Dataset of the study ``probes``."""

from collections.abc import Iterator, Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jprobe.figures.style import accuracy_axis, band, canvas, color, legend_below, letters, styled, title

_FIRST_COLUMNS = (
    ("prune_smallest", "removed", "fraction removed, weakest first"),
    ("noise", "amplitude", "noise amplitude a (units of the weights)"),
    ("flip", "flipped", "fraction of signs flipped, weakest first"),
)


def _tasks(ds: xr.Dataset, dataset: str, name: str) -> Iterator[tuple[str, str, xr.DataArray]]:
    """(task, colour, values) for each task of a dataset that has the variable, without its padding of NaN."""
    for n, task in enumerate(ds.task.values.tolist()):
        part = ds[name].sel(dataset=dataset, task=task)
        if bool(part.notnull().any()):
            yield task, color(task, n), part.dropna("seed", how="all")


def _signed_pair(axes: Axes, ds: xr.Dataset, dataset: str, name: str, x: str) -> None:
    for task, hue, values in _tasks(ds, dataset, name):
        band(axes, values.sel(signed=False), x, color=hue, label=task.capitalize())
        band(axes, values.sel(signed=True), x, color=hue, linestyle="--", label=f"Signed {task}")


@styled
def perturbation_curves(ds: xr.Dataset) -> Figure:
    """Figure 1 (10, 12, 15, 16): pruning, noise and sign flips, one row a dataset."""
    columns = [column for column in _FIRST_COLUMNS if column[0] in ds]
    figure, axes = canvas(ds.sizes["dataset"], len(columns))
    for dataset, line in zip(ds.dataset.values.tolist(), axes, strict=True):
        for (name, x, label), panel in zip(columns, line, strict=True):
            _signed_pair(panel, ds, dataset, name, x)
            accuracy_axis(panel)
            panel.set_title(title(dataset), loc="left")
            panel.set_xlabel(label)
            if name == "noise":
                panel.set_xscale("log", base=2)
                _mark_weights(panel, ds, dataset)
    return _finish(figure, axes, 6)


def _mark_weights(panel: Axes, ds: xr.Dataset, dataset: str) -> None:
    for task, hue, values in _tasks(ds, dataset, "weight_std"):
        panel.axvline(float(values.mean()), color=hue, linewidth=1, linestyle=":", label=rf"$\bar\sigma(w)$, {task}")


@styled
def randomization_boxes(ds: xr.Dataset, layers: Mapping[str, np.ndarray]) -> Figure:
    """Figure 2: the seven randomizations on a small layer, and accuracies after each, one panel a dataset.

    ``layers``: "none" and each randomization -> the small layer's weights [inputs, outputs] after it.
    """
    types = [name for name in layers if name != "none"]
    datasets = ds.dataset.values.tolist()
    figure, axes = canvas(1 + len(datasets), 1, width=7.4, height=2.5)
    _layer_pictures(axes[0, 0], layers)
    for dataset, panel in zip(datasets, axes[1:, 0], strict=True):
        groups = ["base", *(f"randomize_{t}" for t in types)]
        handles = []
        for n, task in enumerate(ds.task.values.tolist()):
            hue = color(task, n)
            columns = [100 * ds[g].sel(dataset=dataset, task=task).values.ravel() for g in groups]
            columns = [c[~np.isnan(c)] for c in columns]
            if not len(columns[0]):
                continue
            places = np.arange(len(groups)) + 0.38 * (n % 2) - 0.19
            panel.boxplot(
                columns, positions=places, widths=0.3, patch_artist=True, manage_ticks=False,
                boxprops={"facecolor": hue, "alpha": 0.35, "edgecolor": hue}, medianprops={"color": hue},
                whiskerprops={"color": hue}, capprops={"color": hue},
                flierprops={"marker": ".", "markersize": 3, "markeredgecolor": hue},
            )  # fmt: skip
            panel.plot(places, [np.median(c) for c in columns], "o", color=hue, markersize=4)
            handles.append(
                Line2D([], [], color=hue, marker="o", linewidth=6, alpha=0.6, markersize=4, label=task.capitalize())
            )
        panel.set_xticks(range(len(groups)), ["none", *types])
        panel.set_xlabel("randomization")
        panel.set_ylabel("test accuracy (%)")
        panel.set_title(title(dataset), loc="left")
        accuracy_axis(panel)
        panel.legend(handles=handles, loc="upper right")
    letters(axes)
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
            panel.plot(left + column + 0.5, 5.5 - row, ".", color="black", markersize=3)
        panel.text(left + 2.5, 6.4, "trained" if name == "none" else name, ha="center", weight="bold")
    panel.set_xlim(-1.4, 6.6 * len(layers))
    panel.set_ylim(-1.2, 7.4)
    panel.text(-0.3, 3, "left nodes (inputs)", rotation=90, va="center", ha="right", fontsize=7.5)
    panel.text(2.5, -0.3, "right nodes", va="top", ha="center", fontsize=7.5)
    panel.text(
        8,
        -0.3,
        "red: positive, blue: negative, white: no edge; dot: an edge whose sign changed",
        va="top",
        fontsize=7.5,
    )
    panel.set_axis_off()
    panel.set_title("One small layer after each randomization", loc="left")


@styled
def randomized_pruning(ds: xr.Dataset) -> Figure:
    """Figure 3 (11, 13): pruning, then a randomization that keeps signs, one row a dataset."""
    types = [t for t in "BEF" if f"randomize_{t}_pruned" in ds]
    figure, axes = canvas(ds.sizes["dataset"], len(types))
    for dataset, line in zip(ds.dataset.values.tolist(), axes, strict=True):
        for type_, panel in zip(types, line, strict=True):
            if "prune_smallest" in ds:
                for task, hue, values in _tasks(ds, dataset, "prune_smallest"):
                    band(
                        panel, values.sel(signed=False), "removed", color=hue, label=f"{task.capitalize()}, as trained"
                    )
            for task, hue, values in _tasks(ds, dataset, f"randomize_{type_}_pruned"):
                band(panel, values, "removed", color=hue, linestyle="--", label=f"{task.capitalize()}, randomized")
            accuracy_axis(panel)
            panel.set_title(f"{title(dataset)}, randomization {type_}", loc="left")
            panel.set_xlabel("fraction removed, weakest first")
    return _finish(figure, axes)


@styled
def weight_deviations(ds: xr.Dataset) -> Figure:
    """Figure 7: standard deviation of each network's weights, one panel a dataset."""
    figure, axes = canvas(1, ds.sizes["dataset"], width=3.2, height=2.6)
    for dataset, panel in zip(ds.dataset.values.tolist(), axes[0], strict=True):
        labels = []
        for n, (task, hue, values) in enumerate(_tasks(ds, dataset, "weight_std")):
            y = values.values
            x = n + np.random.default_rng(0).uniform(-0.16, 0.16, y.size)
            panel.plot(x, y, ".", color=hue, alpha=0.6, markersize=5)
            panel.plot([n - 0.28, n + 0.28], [np.median(y)] * 2, color=hue, linewidth=2.4)
            panel.annotate(f"{np.median(y):.4f}", (n + 0.3, np.median(y)), va="center", color=hue, fontsize=8)
            labels.append(task)
        panel.set_xticks(range(len(labels)), labels)
        panel.set_xlim(-0.5, len(labels) - 0.3)
        panel.set_title(title(dataset), loc="left")
        panel.set_ylabel(r"$\sigma(w)$ of a network (units of the weights)")
    letters(axes)
    return figure


@styled
def widths(ds: xr.Dataset) -> Figure:
    """Figure 14: pruning at several widths of the hidden layer, a row a dataset, original and signed."""
    own = str(ds.attrs.get("hidden", ""))
    nodes = {n: str(_width(n) or own) for n in ds.data_vars if str(n).startswith("prune_smallest")}
    names = sorted(nodes, key=lambda n: int(nodes[n]) if nodes[n].isdigit() else 0)
    figure, axes = canvas(ds.sizes["dataset"], 2, width=3.8, height=2.8)
    shades = {name: (0.45 + 0.55 * n / max(1, len(names) - 1)) for n, name in enumerate(names)}
    for dataset, line in zip(ds.dataset.values.tolist(), axes, strict=True):
        for signed, panel in zip((False, True), line, strict=True):
            for name in names:
                for task, hue, values in _tasks(ds, dataset, str(name)):
                    label = f"{task.capitalize()}, {nodes[name]} nodes"
                    band(panel, values.sel(signed=signed), "removed", color=hue, alpha=shades[name],
                         linewidth=0.9 + 1.2 * (shades[name] - 0.45), label=label)  # fmt: skip
            accuracy_axis(panel)
            panel.set_title(f"{title(dataset)}, {'signed' if signed else 'original'}", loc="left")
            panel.set_xlabel("fraction removed, weakest first")
    return _finish(figure, axes)


def _width(name: object) -> int:
    return int(str(name).rpartition("_hidden_")[2]) if "_hidden_" in str(name) else 0


@styled
def pruning_orders(ds: xr.Dataset) -> Figure:
    """Figure 17: smallest, random or largest weights removed first, a row a dataset."""
    orders = ("smallest", "random", "largest")
    figure, axes = canvas(ds.sizes["dataset"], 3, width=2.9)
    for dataset, line in zip(ds.dataset.values.tolist(), axes, strict=True):
        for order, panel in zip(orders, line, strict=True):
            _signed_pair(panel, ds, dataset, f"prune_{order}", "removed")
            accuracy_axis(panel)
            panel.set_title(f"{title(dataset)}, {order} first", loc="left")
            panel.set_xlabel("fraction of weights removed")
    return _finish(figure, axes)


@styled
def multiplicative_noise(ds: xr.Dataset) -> Figure:
    """Figure 18: the weakest 30, 70, 90% of the weights multiplied by noise, a row a dataset."""
    names = [str(n) for n in ds.data_vars if str(n).startswith("multiplicative_")]
    figure, axes = canvas(ds.sizes["dataset"], len(names), width=2.9)
    for dataset, line in zip(ds.dataset.values.tolist(), axes, strict=True):
        for name, panel in zip(names, line, strict=True):
            _signed_pair(panel, ds, dataset, name, "factor")
            accuracy_axis(panel)
            panel.set_title(f"{title(dataset)}, r = {int(name.rpartition('_')[2]) / 100:g}", loc="left")
            panel.set_xlabel("amplitude a of the factor U(-a, a)")
    return _finish(figure, axes)


@styled
def spectral_truncation(ds: xr.Dataset) -> Figure:
    """Figure 19: the leading k singular values kept; right, signed networks after trainings of different length."""
    figure, axes = canvas(ds.sizes["dataset"], 2, width=4.2, height=2.8)
    early = sorted(
        (str(n) for n in ds.data_vars if str(n).startswith("spectral_sign_first_epochs_")),
        key=lambda n: int(n.rpartition("_")[2]),
    )
    for dataset, (every, early_on) in zip(ds.dataset.values.tolist(), axes, strict=True):
        for task, hue, values in _tasks(ds, dataset, "spectral"):
            band(every, values.sel(signed=False), "rank", color=hue, label=task.capitalize())
            label = f"{task.capitalize()}: truncated, then signed"
            band(every, values.sel(signed=True), "rank", color=hue, linestyle=":", label=label)
        for task, hue, values in _tasks(ds, dataset, "spectral_sign_first"):
            band(every, values, "rank", color=hue, linestyle="--", label=f"{task.capitalize()}: signed, then truncated")
        for name, line in zip([*early, "spectral_sign_first"], (":", "-.", "--"), strict=False):
            epochs = name.rpartition("_")[2]
            length = f"{epochs} epoch{'s' * (epochs != '1')}" if name in early else "full training"
            for task, hue, values in _tasks(ds, dataset, name):
                band(early_on, values, "rank", color=hue, linestyle=line, label=f"{task.capitalize()}, {length}")
        every.set_title(title(dataset), loc="left")
        early_on.set_title(f"{title(dataset)}, signed then truncated", loc="left")
        for panel in (every, early_on):
            panel.set_xscale("log", base=2)
            ticks = [1, 2, 4, 8, 16, 32, 64]
            panel.set_xticks(ticks, [str(t) for t in ticks])
            accuracy_axis(panel)
            panel.set_xlabel("number of singular values kept, k")
    letters(axes)
    for panel in axes[:, 0]:
        panel.set_ylabel("test accuracy (%)")
    # Lines of one kind are other networks on the right: a legend for each column.
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower left", ncols=2)
    figure.legend(*axes[0, 1].get_legend_handles_labels(), loc="outside lower right", ncols=2)
    return figure


@styled
def swap_mixing(ds: xr.Dataset) -> Figure:
    """How the swaps of randomization G wash out the trained layer (not in the paper)."""
    figure, axes = canvas(1, ds.sizes["dataset"], width=3.6, height=2.6)
    for dataset, panel in zip(ds.dataset.values.tolist(), axes[0], strict=True):
        for n, task in enumerate(ds.task.values.tolist()):
            part = ds.sel(dataset=dataset, task=task)
            if bool(part.swap_overlap.notnull().all()):
                each = part.swaps_made / part.positive_edges
                panel.plot(each, 100 * part.swap_overlap, ".-", color=color(task, n), label=task.capitalize())
        panel.set_xlim(left=0)
        panel.set_ylim(top=102)
        panel.set_xlabel("swaps made for each positive edge")
        panel.set_ylabel("positive edges still in place (%)")
        panel.set_title(title(dataset), loc="left")
        panel.legend()
    letters(axes)
    return figure


def _finish(figure: Figure, axes: np.ndarray, columns: int = 4) -> Figure:
    for panel in axes[:, 0]:
        panel.set_ylabel("test accuracy (%)")
    letters(axes)
    legend_below(figure, axes, columns)
    return figure
