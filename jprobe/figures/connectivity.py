"""Figures of paper 4: what is left of a wiring, how it looks, and what it is worth."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from jprobe.figures.hover import name_spot
from jprobe.figures.layers import layer_hue
from jprobe.figures.style import OTHERS, band, canvas, legend_below, legend_top, letters, mark_level, mark_place, styled

_MARKS = ("o", "s", "^", "D", "v", "P", "X")

# What stays, and what goes; likewise what is found by weight, and by another score.
_STAYS, _GOES = OTHERS[0], OTHERS[1]


def _hues(datasets: Sequence[str]) -> dict[str, str]:
    """Colours of the datasets, from easy to hard."""
    return {name: layer_hue(n, len(datasets)) for n, name in enumerate(datasets)}


def _lettered(axes: np.ndarray) -> None:
    """Letters before the titles; long names of five datasets share a page."""
    letters(axes)
    if axes.shape[1] > 4:
        for panel in axes.flat:
            panel.set_title(panel.get_title("left"), loc="left", fontsize=7)


def _by_seed(values: np.ndarray, x: np.ndarray) -> xr.DataArray:
    return xr.DataArray(values, dims=("seed", "x"), coords={"x": x})


@styled
def thresholds(
    levels: np.ndarray, accuracy: Mapping[str, np.ndarray], sparsity: Mapping[str, np.ndarray], tau: float
) -> Figure:
    """Figure 2: test accuracy and sparsity by threshold.

    Args:
        levels: the thresholds [K], from 0.
        accuracy: dataset -> [network, K], in [0, 1].
        sparsity: likewise.
        tau: the threshold that is used.
    """
    figure, axes = canvas(1, 2, 1.9, share=True, legend=0.25)
    hues = _hues(list(accuracy))
    for panel, curves, words in zip(
        axes[0], (accuracy, sparsity), ("Accuracy after cutting", "Sparsity after cutting"), strict=True
    ):
        for name, values in curves.items():
            band(panel, _by_seed(values, levels), "x", color=hues[name], label=name)
        panel.set_xscale("symlog", linthresh=1e-3, linscale=0.5)
        ticks = [0, 1e-3, 1e-2, 1e-1, 1]
        panel.set_xticks(ticks, ["0", "0.001", "0.01", "0.1", "1"])
        panel.xaxis.set_minor_formatter(NullFormatter())
        panel.set_xlim(0, levels.max())
        panel.set_xlabel("threshold of |tanh w|")
        panel.set_title(words, loc="left")
        panel.set_ylim(0, 103)
        mark_place(panel, tau, f"τ = {tau:g}", top=0.04)
    axes[0, 0].set_ylabel("test accuracy (%)")
    axes[0, 1].set_ylabel("sparsity (%)")
    letters(axes)
    legend_top(figure, hues)
    return figure


@styled
def strips(rows: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Tables 1 and 2: a panel for each feature, a point a network, a line at the mean of each dataset.

    Args:
        rows: feature -> dataset -> [network].
    """
    columns = 4
    figure, axes = canvas(-(-len(rows) // columns), columns, 1.15, legend=0.25)
    hues = _hues(list(next(iter(rows.values()))))
    for panel in axes.flat[len(rows) :]:
        panel.set_visible(False)
    for panel, (feature, values) in zip(axes.flat, rows.items(), strict=False):
        for place, (name, some) in enumerate(values.items()):
            _points(panel, place, some, hues[name])
            if not np.isnan(some).all():
                name_spot(panel, name, place, float(np.nanmean(some)), f"{feature}: {np.nanmean(some):.3g}")
        panel.set_xticks([])
        panel.set_xlim(-0.6, len(values) - 0.4)
        known = np.concatenate([some[~np.isnan(some)] for some in values.values()])
        panel.yaxis.set_major_locator(MaxNLocator(4, integer=bool((known == np.rint(known)).all())))
        panel.set_title(feature, loc="left")
    letters(axes)
    legend_top(figure, hues)
    return figure


def _points(panel: Axes, place: float, values: np.ndarray, hue: str) -> None:
    """A point for each network, side by side, and a line at their mean."""
    known = values[~np.isnan(values)]
    panel.scatter(place + _jitter(len(known)), known, s=12, color=hue, alpha=0.75, linewidth=0)
    if known.size:
        panel.plot([place - 0.32, place + 0.32], [known.mean()] * 2, color=hue, linewidth=1.6)


def _jitter(count: int) -> np.ndarray:
    return np.linspace(-0.18, 0.18, count) if count > 1 else np.zeros(count)


@styled
def similarities(matrices: Mapping[str, np.ndarray], names: Sequence[str]) -> Figure:
    """Figures 4 and 7: similarity of all pairs of wirings, in blocks of datasets."""
    figure, axes = canvas(1, len(matrices), 2.7, wide=True)
    starts = [n for n, name in enumerate(names) if n == 0 or names[n - 1] != name]
    middles = [(a + b - 1) / 2 for a, b in zip(starts, [*starts[1:], len(names)], strict=True)]
    for panel, (title, matrix) in zip(axes[0], matrices.items(), strict=True):
        shown = panel.imshow(matrix, vmin=0, vmax=1, cmap="magma")
        for edge in starts[1:]:
            panel.axhline(edge - 0.5, color="white", linewidth=1)
            panel.axvline(edge - 0.5, color="white", linewidth=1)
        panel.set_xticks(middles, [names[n] for n in starts], rotation=35, ha="right", rotation_mode="anchor")
        panel.set_yticks(middles, [names[n] for n in starts] if panel is axes[0, 0] else [])
        panel.tick_params(length=0)
        panel.set_title(title, loc="left")
    figure.colorbar(shown, ax=list(axes[0]), shrink=0.8, label="similarity (1: the same)")
    letters(axes)
    return figure


@styled
def along_training(curves: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray]]]) -> Figure:
    """Accuracy and edges by epoch, a panel each.

    Args:
        curves: title -> dataset -> (epochs [E], values [network, E]).
    """
    figure, axes = canvas(1, len(curves), 1.8, legend=0.25)
    hues = _hues(list(next(iter(curves.values()))))
    for panel, (title, rows) in zip(axes[0], curves.items(), strict=True):
        for name, (epochs, values) in rows.items():
            band(panel, _by_seed(values, epochs), "x", scale=1, color=hues[name], label=name)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.set_xlabel("epoch")
        panel.set_title(title, loc="left")
        panel.set_ylim(0)
    letters(axes)
    legend_top(figure, hues)
    return figure


class Paths(NamedTuple):
    """Edges of one network along training.

    Attributes:
        title: of the network.
        kept: |tanh w| of some edges that stay, [edges, epochs].
        cut: of some that go.
    """

    title: str
    kept: np.ndarray
    cut: np.ndarray


@styled
def weights(rows: Sequence[Paths], tau: float) -> Figure:
    """Figure 6a: |tanh w| of edges that stay and that go, along training, a column for each dataset."""
    figure, axes = canvas(2, len(rows), 1.4, wide=True, share=True)
    for column, one in zip(axes.T, rows, strict=True):
        for panel, lines, hue, words in zip(column, (one.kept, one.cut), (_STAYS, _GOES), ("kept", "cut"), strict=True):
            for line in lines:
                panel.plot(np.arange(1, len(line) + 1), np.maximum(line, 1e-5), color=hue, linewidth=0.7, alpha=0.6)
            panel.set_yscale("log")
            panel.set_ylim(5e-5, 1)
            panel.set_xlim(0.5, one.kept.shape[1] + 0.5)
            mark_level(panel, tau, f"τ = {tau:g}" if panel is axes[0, -1] else "")
            panel.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            if not len(lines):
                panel.annotate(
                    f"none {words}", (0.5, 0.5), xycoords="axes fraction", ha="center", fontsize=7, color="0.35"
                )
        column[0].set_title(one.title, loc="left")
        column[1].set_xlabel("epoch")
    for panel, words in zip(axes[:, 0], ("kept", "cut"), strict=True):
        panel.set_ylabel(f"{words} edges: |tanh w|")
    _lettered(axes)
    return figure


@styled
def bars(groups: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Figure 5: test accuracies by dataset, a point a network, a line and a number at the mean of each kind.

    Args:
        groups: dataset -> kind -> [network], in [0, 1].
    """
    kinds = list(dict.fromkeys(kind for rows in groups.values() for kind in rows))
    figure, axes = canvas(1, len(groups), 0.24 * len(kinds) + 0.7, wide=True, share=True)
    for panel, (name, rows) in zip(axes[0], groups.items(), strict=True):
        for kind, values in rows.items():
            row, hue = kinds.index(kind), _GOES if kind == kinds[0] else _STAYS
            panel.scatter(100 * values, row + _jitter(len(values)), s=10, color=hue, alpha=0.6, linewidth=0)
            mean = 100 * values.mean()
            panel.plot([mean] * 2, [row - 0.34, row + 0.34], color=hue, linewidth=1.6)
            panel.annotate(
                f"{mean:.1f}", (1, row), xycoords=("axes fraction", "data"), xytext=(2, 0), textcoords="offset points", va="center",
                fontsize=6.5, color=hue, annotation_clip=False,
            )  # fmt: skip
            name_spot(panel, kind, mean, row, f"{name}: {mean:.1f}%")
        panel.set_title(name, loc="left")
        panel.margins(x=0.12)
        panel.xaxis.set_major_locator(MaxNLocator(3))
        panel.set_xlabel("test accuracy (%)")
    for panel in axes[0, 1:]:
        # Their words are long; the rows go on from the first panel.
        panel.tick_params(labelleft=False)
    axes[0, 0].set_yticks(range(len(kinds)), kinds)
    axes[0, 0].set_ylim(len(kinds) - 0.4, -0.6)
    _lettered(axes)
    return figure


@styled
def by_score(groups: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray]]], marked: Mapping[str, float]) -> Figure:
    """Accuracy of networks by how many edges are left, cut by one score of an edge or another; a panel for each dataset.

    Args:
        groups: dataset -> score -> (edges [network, K], accuracies [network, K]), a line a network.
        marked: dataset -> number of edges that the threshold leaves.
    """
    figure, axes = canvas(1, len(groups), 1.75, wide=True, share=True, legend=0.25)
    looks = dict(zip(next(iter(groups.values())), (_STAYS, _GOES), strict=True))
    for panel, (name, rows) in zip(axes[0], groups.items(), strict=True):
        for (score, (edges, values)), dash in zip(rows.items(), ("-", "--"), strict=True):
            for x, y in zip(edges, values, strict=True):
                panel.plot(x, 100 * y, dash, color=looks[score], linewidth=1.1, marker=".", markersize=4)
        panel.set_ylim(0, 103)
        panel.set_xlim(left=0)
        mark_place(panel, marked[name], "")
        first = marked[name] < sum(panel.get_xlim()) / 2
        panel.annotate(
            f"τ: {marked[name]:.3g}", (marked[name], 0.03), xycoords=("data", "axes fraction"), xytext=(2 if first else -2, 0),
            textcoords="offset points", ha="left" if first else "right", fontsize=7, color="0.35",
        )  # fmt: skip
        panel.set_xlabel("edges left")
        panel.set_title(name, loc="left")
    axes[0, 0].set_ylabel("test accuracy (%)")
    _lettered(axes)
    legend_top(figure, looks)
    return figure


@styled
def by_edges(groups: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray]]]) -> Figure:
    """Accuracy by number of edges: the found wiring, trained again, against others; a panel for each dataset.

    Args:
        groups: dataset -> kind -> (edges [n], accuracies [n]).
    """
    figure, axes = canvas(1, len(groups), 1.8, wide=True, legend=0.45)
    for panel, (name, rows) in zip(axes[0], groups.items(), strict=True):
        for (kind, (edges, values)), hue, mark in zip(rows.items(), OTHERS, _MARKS, strict=False):
            panel.plot(edges, 100 * values, linestyle="", marker=mark, markersize=4.5, color=hue, alpha=0.85, markeredgewidth=0, label=kind)  # fmt: skip
        panel.set_xlabel("edges")
        panel.set_title(name, loc="left")
        panel.margins(0.2)
        panel.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        panel.yaxis.set_major_locator(MaxNLocator(5))
    axes[0, 0].set_ylabel("test accuracy (%)")
    _lettered(axes)
    legend_below(figure, axes, columns=3)
    return figure


@styled
def plane(places: Mapping[str, np.ndarray]) -> Figure:
    """Figure 8: wirings as points by their features.

    Args:
        places: dataset -> [wirings, 2].
    """
    figure, axes = canvas(1, 1, 2.2, legend=0.2 * len(places) / 2 + 0.2)
    hues = _hues(list(places))
    for (name, points), mark in zip(places.items(), _MARKS, strict=False):
        axes[0, 0].plot(*points.T, linestyle="", marker=mark, markersize=4, color=hues[name], alpha=0.75, markeredgewidth=0, label=name)  # fmt: skip
    axes[0, 0].set_xlabel("first principal component of the features")
    axes[0, 0].set_ylabel("second")
    axes[0, 0].set_title("Wirings by their features", loc="left")
    legend_below(figure, axes, columns=2)
    return figure
