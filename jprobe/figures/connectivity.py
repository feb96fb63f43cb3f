"""Figures of paper 4: what is left of a wiring, how it looks, and what it is worth."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter

from jprobe.connectivity import Wiring
from jprobe.figures.style import canvas, legend_below, styled

# Datasets from easy to hard, light to dark; stages from the first.
HUES = ("#e9a15b", "#b5534a", "#8a5a9e", "#4a6fb5", "#2b6b6b", "#6a8d3a", "#5c5c5c")
STAGES = ("#ef8a47", "#6a8d3a", "#4a6fb5", "#8a5a9e", "#5c5c5c")

_MARKS = ("o", "s", "^", "D", "v", "P", "X")


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
    figure, axes = canvas(1, 2, width=3.6, height=2.7)
    for panel, curves, words in zip(axes[0], (accuracy, sparsity), ("test accuracy (%)", "sparsity (%)"), strict=True):
        for (name, values), hue in zip(curves.items(), HUES, strict=False):
            _shaded(panel, levels, 100 * values, hue, name)
        panel.axvline(tau, color="0.5", linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
        panel.set_xscale("symlog", linthresh=1e-3, linscale=0.5)
        ticks = [0, 1e-3, tau, 1e-2, 1e-1]
        panel.set_xticks(ticks, ["0", ".001", "τ", ".01", ".1"])
        panel.xaxis.set_minor_formatter(NullFormatter())
        panel.set_xlim(0, levels.max())
        panel.set_xlabel("threshold of |tanh w|")
        panel.set_title(words)
    axes[0, 0].set_ylim(0, 102)
    axes[0, 1].set_ylim(0, 102)
    legend_below(figure, axes, columns=5)
    return figure


def _shaded(panel: Axes, x: np.ndarray, values: np.ndarray, hue: str, label: str) -> None:
    panel.plot(x, np.nanmean(values, 0), color=hue, label=label)
    if len(values) > 1:
        panel.fill_between(x, np.nanmin(values, 0), np.nanmax(values, 0), color=hue, alpha=0.15, linewidth=0)


class Drawing(NamedTuple):
    """A wiring to draw.

    Attributes:
        wiring: what is left of it.
        places: [N, 2], NaN of nodes that are not drawn.
        label: above it.
    """

    wiring: Wiring
    places: np.ndarray
    label: str


@styled
def drawings(groups: Mapping[str, Sequence[Drawing]]) -> Figure:
    """Figures 3 and 9: wirings by Kamada and Kawai, nodes in the colours of their stages, a column for each dataset; one, a row.

    Args:
        groups: dataset -> wirings.
    """
    most = max(map(len, groups.values()))
    rows = (most, len(groups)) if len(groups) > 1 else (1, most)
    figure, axes = canvas(*rows, width=2.1, height=1.9)
    for column, (name, some) in zip(axes.T if len(groups) > 1 else axes, groups.items(), strict=True):
        for panel in column:
            panel.set_axis_off()
        for panel, one in zip(column, some, strict=False):
            _drawn(panel, one)
        column[0].text(0.5, 1.2, name, transform=column[0].transAxes, ha="center", fontweight="bold")
    stages = max(int(one.wiring.stages.max()) for some in groups.values() for one in some) + 1
    for stage in range(stages):
        axes[0, 0].scatter([], [], color=STAGES[stage % len(STAGES)], s=18, label=f"stage {stage}")
    axes[0, 0].scatter([], [], color="white", edgecolor="black", marker="s", s=22, label="input")
    axes[0, 0].scatter([], [], color="white", edgecolor="black", marker="D", s=20, label="output")
    legend_below(figure, axes, columns=6)
    return figure


def _drawn(panel: Axes, one: Drawing) -> None:
    places = one.places - np.nanmean(one.places, 0)
    # The longer axis lies flat, and the input is on the left.
    there = ~np.isnan(places[:, 0])
    turned = places @ np.linalg.svd(places[there], full_matrices=False)[2].T if there.sum() > 1 else places
    turned = turned * np.where(turned[0] > turned[-1], -1, 1) if there.any() else turned
    for i, j in np.argwhere(one.wiring.edges):
        panel.plot(*turned[[i, j]].T, color="0.55", linewidth=0.5, zorder=1, alpha=0.8)
    for node in np.flatnonzero(there):
        marker, size = {0: ("s", 26), len(there) - 1: ("D", 24)}.get(int(node), ("o", 14))
        panel.scatter(
            [turned[node, 0]], [turned[node, 1]], marker=marker, s=size, zorder=2, linewidth=0.7,
            color=STAGES[one.wiring.stages[node] % len(STAGES)], edgecolor="none" if marker == "o" else "black",
        )  # fmt: skip
    panel.set_title(one.label, fontsize=8, fontweight="normal", loc="center")
    panel.set_aspect("equal", adjustable="datalim")
    panel.margins(0.12)


@styled
def strips(rows: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Tables 1 and 2: a panel for each feature, a point a network, a line at the mean of each dataset.

    Args:
        rows: feature -> dataset -> [network].
    """
    columns = 4
    figure, axes = canvas(-(-len(rows) // columns), columns, width=2.2, height=1.9)
    for panel in axes.flat[len(rows) :]:
        panel.set_axis_off()
    for panel, (feature, values) in zip(axes.flat, rows.items(), strict=False):
        for place, ((name, some), hue) in enumerate(zip(values.items(), HUES, strict=False)):
            panel.scatter(place + _jitter(len(some)), some, s=16, color=hue, alpha=0.75, linewidth=0, label=name)
            panel.plot([place - 0.32, place + 0.32], [np.nanmean(some)] * 2, color=hue, linewidth=2)
        panel.set_xticks([])
        panel.set_title(feature)
    legend_below(figure, axes, columns=5)
    return figure


def _jitter(count: int) -> np.ndarray:
    return np.linspace(-0.18, 0.18, count) if count > 1 else np.zeros(1)


@styled
def similarities(matrices: Mapping[str, np.ndarray], names: Sequence[str]) -> Figure:
    """Figures 4 and 7: similarity of all pairs of wirings, in blocks of datasets."""
    figure, axes = canvas(1, len(matrices), width=3.5, height=3.2)
    starts = [n for n, name in enumerate(names) if n == 0 or names[n - 1] != name]
    middles = [(a + b - 1) / 2 for a, b in zip(starts, [*starts[1:], len(names)], strict=True)]
    for panel, (title, matrix) in zip(axes[0], matrices.items(), strict=True):
        shown = panel.imshow(matrix, vmin=0, vmax=1, cmap="magma")
        for edge in starts[1:]:
            panel.axhline(edge - 0.5, color="white", linewidth=1)
            panel.axvline(edge - 0.5, color="white", linewidth=1)
        panel.set_xticks(middles, [names[n] for n in starts], rotation=35, ha="right", fontsize=7)
        panel.set_yticks(middles, [names[n] for n in starts], fontsize=7)
        panel.tick_params(length=0)
        panel.set_title(title)
        figure.colorbar(shown, ax=panel, shrink=0.8)
    return figure


@styled
def along_training(curves: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray]]]) -> Figure:
    """Accuracy and edges by epoch, a panel each.

    Args:
        curves: title -> dataset -> (epochs [E], values [network, E]).
    """
    figure, axes = canvas(1, len(curves), width=3.6, height=2.6)
    for panel, (title, rows) in zip(axes[0], curves.items(), strict=True):
        for (name, (epochs, values)), hue in zip(rows.items(), HUES, strict=False):
            _shaded(panel, epochs, values, hue, name)
        panel.set_xlabel("epoch")
        panel.set_title(title)
        panel.set_ylim(0)
    legend_below(figure, axes, columns=5)
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
    figure, axes = canvas(2, len(rows), width=2.1, height=1.8)
    for column, one in zip(axes.T, rows, strict=True):
        for panel, lines, hue in zip(column, (one.kept, one.cut), ("#4a6fb5", "#b5534a"), strict=True):
            for line in lines:
                panel.plot(np.arange(1, len(line) + 1), np.maximum(line, 1e-5), color=hue, linewidth=0.7, alpha=0.6)
            panel.axhline(tau, color="0.3", linewidth=0.8, linestyle=(0, (2, 2)))
            panel.set_yscale("log")
            panel.set_ylim(5e-5, 1)
        column[0].set_title(one.title)
        column[1].set_xlabel("epoch")
    axes[0, 0].set_ylabel("edges kept")
    axes[1, 0].set_ylabel("edges cut")
    for panel in axes[:, 1:].flat:
        panel.set_yticklabels([])
    return figure


@styled
def bars(groups: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Figure 5: test accuracies by dataset, a point a network, a line at the mean of each kind.

    Args:
        groups: dataset -> kind -> [network], in [0, 1].
    """
    figure, axes = canvas(1, len(groups), width=2.1, height=2.8)
    for panel, (name, rows) in zip(axes[0], groups.items(), strict=True):
        for place, ((kind, values), hue) in enumerate(zip(rows.items(), HUES, strict=False)):
            panel.scatter(
                place + _jitter(len(values)), 100 * values, s=16, color=hue, alpha=0.75, linewidth=0, label=kind
            )
            panel.plot([place - 0.32, place + 0.32], [100 * np.nanmean(values)] * 2, color=hue, linewidth=2)
        panel.set_xticks([])
        panel.set_title(name)
    axes[0, 0].set_ylabel("test accuracy (%)")
    legend_below(figure, axes, columns=5)
    return figure


@styled
def by_score(groups: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray]]], marked: Mapping[str, float]) -> Figure:
    """Accuracy of networks by how many edges are left, cut by one score of an edge or another; a panel for each dataset.

    Args:
        groups: dataset -> score -> (edges [network, K], accuracies [network, K]), a line a network.
        marked: dataset -> number of edges at which a vertical line is drawn.
    """
    figure, axes = canvas(1, len(groups), width=2.1, height=2.4)
    for panel, (name, rows) in zip(axes[0], groups.items(), strict=True):
        for (score, (edges, values)), hue, dash in zip(rows.items(), ("#4a6fb5", "#b5534a"), ("-", "--"), strict=True):
            for n, (x, y) in enumerate(zip(edges, values, strict=True)):
                panel.plot(x, 100 * y, dash, color=hue, linewidth=1.1, marker=".", label=None if n else score)
        panel.axvline(marked[name], color="0.5", linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
        panel.set_xlabel("edges left")
        panel.set_title(name)
        panel.set_ylim(0, 102)
    axes[0, 0].set_ylabel("test accuracy (%)")
    legend_below(figure, axes, columns=2)
    return figure


@styled
def by_edges(groups: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray]]]) -> Figure:
    """Accuracy by number of edges: the found wiring, trained again, against others; a panel for each dataset.

    Args:
        groups: dataset -> kind -> (edges [n], accuracies [n]).
    """
    figure, axes = canvas(1, len(groups), width=2.1, height=2.7)
    for panel, (name, rows) in zip(axes[0], groups.items(), strict=True):
        for (kind, (edges, values)), hue, mark in zip(rows.items(), HUES, _MARKS, strict=False):
            panel.scatter(edges, 100 * values, s=26, color=hue, marker=mark, alpha=0.85, linewidth=0, label=kind)
        panel.set_xlabel("edges")
        panel.set_title(name)
        panel.margins(0.2)
        panel.xaxis.set_major_formatter(ScalarFormatter())
    axes[0, 0].set_ylabel("test accuracy (%)")
    legend_below(figure, axes, columns=6)
    return figure


@styled
def plane(places: Mapping[str, np.ndarray]) -> Figure:
    """Figure 8: wirings as points by their features.

    Args:
        places: dataset -> [wirings, 2].
    """
    figure, axes = canvas(1, 1, width=4.6, height=3.2)
    for (name, points), hue, mark in zip(places.items(), HUES, _MARKS, strict=False):
        axes[0, 0].scatter(*points.T, s=22, color=hue, marker=mark, alpha=0.75, linewidth=0, label=name)
    axes[0, 0].set_xlabel("first principal component")
    axes[0, 0].set_ylabel("second")
    legend_below(figure, axes, columns=3)
    return figure
