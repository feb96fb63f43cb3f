"""Densities of strengths and activations by layer, trained beside untrained; and what the figures of paper 3 share."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jprobe.figures.layers import layer_hue
from jprobe.figures.style import canvas, legend_top, letters, styled

# How far untrained densities may widen a panel, in widths of the trained ones.
_ROOM = 2

WORDS = {
    "node_strength_in": "node strength (in)",
    "neuron_strength": "neuron strength",
    "neuron_activation": "neuron activation",
}
STATES = {"trained": "-", "untrained": ":"}


class Curve(NamedTuple):
    """A density, as it is drawn.

    Attributes:
        at: where it is known, [points].
        height: its height there, of its own peak.
        low: where its first half percent ends.
        high: where its last half percent begins.
    """

    at: np.ndarray
    height: np.ndarray
    low: float
    high: float


class Column(NamedTuple):
    """What one kind of networks shows.

    Attributes:
        title: of the networks.
        trained: quantity -> layer -> its density.
        untrained: of the same networks before training.
    """

    title: str
    trained: Mapping[str, Mapping[int, Curve]]
    untrained: Mapping[str, Mapping[int, Curve]]


def hues_by_layer(depth: int) -> dict[int, str]:
    """Colour of each layer after the input."""
    return {layer: layer_hue(layer - 2, depth - 1) for layer in range(2, depth + 1)}


def named(depth: int) -> dict[str, str]:
    """Name of each layer after the input -> its colour."""
    return {
        "output" if layer == depth else f"layer {layer}" if depth > 3 else "hidden": hue
        for layer, hue in hues_by_layer(depth).items()
    }


def column_titles(axes: np.ndarray, titles: Sequence[str]) -> None:
    """Names of the columns, and a letter for each panel."""
    for panel, title in zip(axes[0], titles, strict=True):
        panel.set_title(title, loc="left")
    letters(axes)


@styled
def densities(columns: Sequence[Column]) -> Figure:
    """Figures 2, 4 to 8: densities by layer, a column for each kind of networks; dotted: untrained."""
    figure, axes = canvas(len(WORDS), len(columns), 1.3, wide=True, share=True, legend=0.25)
    depth = max(layer for column in columns for curves in column.trained.values() for layer in curves)
    hues = hues_by_layer(depth)
    for side, column in enumerate(columns):
        for panel, quantity in zip(axes[:, side], WORDS, strict=True):
            for state, curves in (("untrained", column.untrained[quantity]), ("trained", column.trained[quantity])):
                for layer, curve in curves.items():
                    panel.plot(
                        curve.at,
                        curve.height,
                        STATES[state],
                        color=hues[layer],
                        linewidth=1.2 if state == "trained" else 1.0,
                    )
            panel.set_ylim(0, 1.22)
            panel.set_yticks([0, 0.5, 1])
            panel.axvline(0, color="0.75", linewidth=0.6, zorder=0)
            _limits(panel, list(column.trained[quantity].values()), list(column.untrained[quantity].values()))
            panel.xaxis.set_major_locator(MaxNLocator(4))
            panel.set_xlabel(WORDS[quantity])
    for panel in axes[:, 0]:
        panel.set_ylabel("density / its peak")
    column_titles(axes, [column.title for column in columns])
    legend_top(figure, named(depth), STATES)
    return figure


def _limits(panel: Axes, trained: Sequence[Curve], untrained: Sequence[Curve]) -> None:
    """All but the outermost of every density; untrained ones are cut, and said to be, where they leave the trained ones no room."""
    low, high = min(curve.low for curve in trained), max(curve.high for curve in trained)
    widest = _ROOM * (high - low)
    first, last = (
        (min(curve.low for curve in untrained), max(curve.high for curve in untrained)) if untrained else (low, high)
    )
    left, right = min(low, max(first, low - widest)), max(high, min(last, high + widest))
    room = 0.03 * (right - left)
    panel.set_xlim(left - room, right + room)
    for cut, x, side, words in (
        (first < left, 0.0, "left", f"← to {_two(first)}"),
        (last > right, 1.0, "right", f"to {_two(last)} →"),
    ):
        if cut:
            panel.annotate(words, (x, 1), xycoords="axes fraction", ha=side, va="top", fontsize=6.5, color="0.35")


def _two(value: float) -> str:
    """A number with two significant digits, without powers of ten."""
    return f"{float(f'{value:.2g}'):,.15g}"
