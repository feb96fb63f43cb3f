"""Pictures of wirings: nodes in the colours of their stages, and the edges that are left."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jprobe.connectivity import Wiring, laid_flat
from jprobe.figures.style import OTHERS, canvas, styled

STAGES = (OTHERS[1], OTHERS[3], OTHERS[0], OTHERS[2], OTHERS[5])


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
    figure, axes = canvas(*rows, 1.35, wide=True, legend=0.25)
    for column, (name, some) in zip(axes.T if len(groups) > 1 else axes, groups.items(), strict=True):
        for panel in column:
            panel.set_axis_off()
        for n, (panel, one) in enumerate(zip(column, some, strict=False)):
            _drawn(panel, one)
            panel.set_title(
                f"{name}\n{one.label}" if n == 0 else one.label, loc="center", fontweight="bold" if n == 0 else "normal"
            )
    stages = max(int(one.wiring.stages.max()) for some in groups.values() for one in some) + 1
    handles = [
        Line2D([], [], color=STAGES[s % len(STAGES)], marker="o", linestyle="", markersize=4, label=f"stage {s}")
        for s in range(stages)
    ]
    handles += [
        Line2D([], [], color="black", markerfacecolor="white", marker=mark, linestyle="", markersize=5, label=words)
        for mark, words in (("s", "input"), ("D", "output"))
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _drawn(panel: Axes, one: Drawing) -> None:
    places = laid_flat(one.places)
    there = ~np.isnan(places[:, 0])
    for i, j in np.argwhere(one.wiring.edges):
        panel.plot(*places[[i, j]].T, color="0.55", linewidth=0.5, zorder=1, alpha=0.8)
    for node in np.flatnonzero(there):
        marker, size = {0: ("s", 24), len(there) - 1: ("D", 22)}.get(int(node), ("o", 12))
        panel.scatter(
            [places[node, 0]],
            [places[node, 1]], marker=marker, s=size, zorder=2, linewidth=0.7,
            color=STAGES[one.wiring.stages[node] % len(STAGES)], edgecolor="none" if marker == "o" else "black",
        )  # fmt: skip
    panel.set_aspect("equal", adjustable="datalim")
    panel.margins(0.12)
