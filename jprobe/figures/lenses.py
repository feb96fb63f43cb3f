"""Figures of the study ``lenses``: how alike the lenses rank pairs of classes."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jprobe.figures.hover import name_spot
from jprobe.figures.style import OTHERS, canvas, letters, styled

_HUE = OTHERS[0]


@styled
def agreement(rho: xr.DataArray, labels: dict[str, str], groups: dict[str, str]) -> Figure:
    """Spearman's rho of every two lenses.

    Args:
        rho: over (a, b).
        labels: lens -> its words.
        groups: heading -> its first lens, in their order; lines part them.
    """
    names = rho.a.values.tolist()
    figure, axes = canvas(1, 1, 4.2, wide=True)
    panel, count = axes[0, 0], len(names)
    shown = np.where(np.tri(count, k=-1, dtype=bool), rho.values, np.nan)
    image = panel.imshow(shown, cmap="RdBu_r", vmin=-1, vmax=1)
    for y, x in zip(*np.tril_indices(count, -1), strict=True):
        value = shown[y, x]
        if np.isfinite(value):
            panel.text(
                x,
                y,
                f"{value:.2f}",
                ha="center",
                va="center",
                fontsize=6.5,
                color="white" if abs(value) > 0.6 else "black",
            )
    panel.set_xticks(range(count - 1), [labels[n] for n in names[:-1]], rotation=35, ha="right", fontsize=7)
    panel.set_yticks(range(1, count), [labels[n] for n in names[1:]], fontsize=7)
    panel.set_xlim(-0.5, count - 1.5)
    panel.set_ylim(count - 0.5, 0.5)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    for heading, first in groups.items():
        if start := names.index(first):
            panel.plot([-0.5, start - 0.5], [start - 0.5] * 2, color="black", linewidth=0.8)
            panel.plot([start - 0.5] * 2, [start - 0.5, count - 0.5], color="black", linewidth=0.8)
        top = max(start, 1)
        # The empty half of the map has room for it.
        panel.text(top - 0.3, top, heading, fontsize=7.5, fontweight="bold", va="center").set_in_layout(False)
    figure.colorbar(image, ax=panel, label="rank correlation", shrink=0.55, anchor=(0, 1))
    return figure


@styled
def against_difficulty(table: xr.Dataset, labels: dict[str, str], rho: dict[str, tuple[float, float, float]]) -> Figure:
    """Each lens against the error of a linear classifier: a dot a pair of classes.

    Args:
        table: means over networks, over (pair).
        labels: lens -> its words.
        rho: lens -> rank correlation, its interval's ends; the panels, in this order.
    """
    columns = 3
    rows = -(-len(rho) // columns)
    figure, axes = canvas(rows, columns, 1.9)
    for panel, (lens, (value, low, high)) in zip(axes.flat, rho.items(), strict=False):
        scale = 100 if lens.startswith("gap") else 1
        x, y = 100 * table.linear_error.values, scale * table[lens].values
        panel.plot(x, y, "o", color=_HUE, markersize=2.8, alpha=0.75)
        words = labels[lens].replace("lost to signs, ", "signs, ").replace(", as a share of", " over")
        panel.set_title(words[0].upper() + words[1:], loc="left")
        panel.set_ylabel("points" if scale == 100 else "")
        above = 0.97 if value < 0 else 0.05
        panel.text(
            0.98, above, f"ρ = {value:.2f} [{low:.2f}, {high:.2f}]", transform=panel.transAxes, ha="right", fontsize=7,
            va="top" if value < 0 else "bottom", bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.6},
        )  # fmt: skip
        _names(panel, x, y, table.pair.values.tolist())
        for pair, a, b in zip(table.pair.values.tolist(), x, y, strict=True):
            name_spot(panel, pair, a, b, f"{pair}: {a:.3g}%, {b:.3g}")
    for panel in axes[-1]:
        panel.set_xlabel("error of a linear classifier (%)")
    for panel in axes.flat[len(rho) :]:
        panel.set_visible(False)
    letters(axes)
    return figure


def _names(panel: Axes, x: np.ndarray, y: np.ndarray, pairs: list[str]) -> None:
    """Name the ends of both axes, where names do not meet."""
    there, named = np.flatnonzero(np.isfinite(x) & np.isfinite(y)), list[int]()
    for n in (there[end(values[there])] for end in (np.argmax, np.argmin) for values in (y, x)):
        if any(abs(x[n] - x[m]) < 0.15 * np.ptp(x[there]) and abs(y[n] - y[m]) < 0.1 * np.ptp(y[there]) for m in named):
            continue
        named.append(n)
        right = x[n] > (x[there].min() + x[there].max()) / 2
        panel.annotate(
            pairs[n], (x[n], y[n]), xytext=(-5 if right else 5, 3), textcoords="offset points",
            ha="right" if right else "left", fontsize=7,
        )  # fmt: skip
