"""Figures of paper 2 on nearness to monotone functions: one function a figure, of one network or of several."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jprobe.figures.hover import name_spot
from jprobe.figures.style import OTHERS, canvas, letters, mark_level, mark_place, styled

ORDER_NAMES = {
    "real": "network, its own order", "outputs": "network, random at inputs", "n3_he": "fresh (He), own order",
    "n3_xavier": "fresh (Xavier), own order", "n3_outputs": "fresh (He), random at inputs", "random": "network, random order",
    "ones": "network, all ones", "gradient": "network, mean gradient",
}  # fmt: skip

_OWN, _OTHER, _FRESH = OTHERS[0], OTHERS[3], OTHERS[2]

# Colours as the paper's: blue for the network along its own order, green along another, violet for fresh weights.
ORDER_LOOKS: dict[str, dict[str, Any]] = {
    "real": {"color": _OWN, "marker": "o"},
    "outputs": {"color": _OTHER, "marker": "s", "markerfacecolor": "white"},
    "random": {"color": _OTHER, "marker": "s"},
    "ones": {"color": _OTHER, "marker": "P"},
    "gradient": {"color": _OTHER, "marker": "X"},
    "n3_he": {"color": _FRESH, "marker": "^"},
    "n3_xavier": {"color": _FRESH, "marker": "^", "markerfacecolor": "white"},
    "n3_outputs": {"color": _FRESH, "marker": "v", "markerfacecolor": "white"},
}
_DASHES: dict[str, Literal["--"]] = {"outputs": "--", "n3_xavier": "--"}

# The orders that the paper compares; and those of the summary.
PAPERS = ("real", "n3_he", "random")
LAMBDAS = ("real", "outputs", "n3_he", "n3_xavier", "random")

# name of a network -> order -> Omega [image, norm], or what was made of it.
Orders = Mapping[str, Mapping[str, np.ndarray]]

# With more values than this a share of so many is drawn in bins.
_DISCRETE = 40


def _grid(networks: Sequence[str], height: float) -> tuple[Figure, np.ndarray]:
    """A row a network, a column for each order that the paper compares."""
    figure, axes = canvas(len(networks), len(PAPERS), height, share=True)
    for row, name in zip(axes, networks, strict=True):
        for panel, order in zip(row, PAPERS, strict=True):
            # Three panels share the page: the name of a network has a line of its own.
            where = f"{name}:\n" if name and order == PAPERS[0] else ""
            panel.set_title(f"{where}{ORDER_NAMES[order]}", loc="left")
    return figure, axes


@styled
def alignment(omegas: Orders, lambdas: Mapping[str, Mapping[str, float]], outputs: Mapping[str, int]) -> Figure:
    """Figure 3: histograms of the aligned share of outputs, with 0.5 - lambda and 0.5 + lambda; a row a network."""
    figure, axes = _grid(list(omegas), 1.7)
    for row, (name, found) in zip(axes, omegas.items(), strict=True):
        for panel, order in zip(row, PAPERS, strict=True):
            hue, at = ORDER_LOOKS[order]["color"], lambdas[name][order]
            _shares(panel, found[order].ravel(), outputs[name], hue)
            panel.axvspan(0.5 - at, 0.5 + at, ymax=0.86, color="0.93", linewidth=0, zorder=-1)
            for side in (-1, 1):
                panel.axvline(0.5 + side * at, ymax=0.86, color="0.2", linewidth=1)
            panel.annotate(
                f"0.5 ± λ, λ = {at:.3f}", (0.5, 1), xycoords=("data", "axes fraction"), ha="center", va="top", fontsize=7, color="0.2",
                bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.6}, zorder=6,
            )  # fmt: skip
        row[0].set_ylim(0, 1.22 * row[0].get_ylim()[1])
        row[0].set_ylabel("share of\nperturbations")
    for panel in axes[-1]:
        panel.set_xlabel("Ω, share of outputs that move\nwith the order")
    letters(axes)
    return figure


def _shares(panel: Axes, values: np.ndarray, count: int, hue: str) -> None:
    """How often each share of ``count`` cases occurs: few have a bar each, at their value."""
    if count <= _DISCRETE:
        numbers = np.bincount(np.rint(values * count).astype(int), minlength=count + 1)
        panel.bar(np.arange(count + 1) / count, numbers / values.size, width=0.8 / count, color=hue)
        half = 0.5 / count
    else:
        bins = np.linspace(0, 1, _DISCRETE // 2 + 1)
        panel.hist(values, bins=list(bins), weights=np.full(values.size, 1 / values.size), color=hue, rwidth=0.9)
        half = 0.01
    panel.set_xlim(-half, 1 + half)


@styled
def by_norm(omegas: Orders, norms: Mapping[str, np.ndarray], images: int = 6) -> Figure:
    """Figure 4: alignment against the perturbation's size, for a few images; a row a network."""
    figure, axes = _grid(list(omegas), 1.6)
    for row, (name, found) in zip(axes, omegas.items(), strict=True):
        for panel, order in zip(row, PAPERS, strict=True):
            curves = found[order]
            for n in np.linspace(0, len(curves) - 1, min(images, len(curves))).round().astype(int):
                panel.plot(
                    norms[name],
                    curves[n],
                    ".-",
                    color=ORDER_LOOKS[order]["color"],
                    alpha=0.7,
                    linewidth=0.9,
                    markersize=3,
                )
            panel.set_ylim(-0.03, 1.03)
            mark_level(panel, 0.5, "")
        row[-1].annotate(
            "half of\nthem", (1.01, 0.5), xycoords=("axes fraction", "data"), va="center", fontsize=7, color="0.35"
        )
        row[0].set_ylabel("Ω, share of outputs that\nmove with the order")
    for panel in axes[-1]:
        panel.set_xlabel("norm of the perturbation")
        panel.set_xlim(left=0)
    letters(axes)
    return figure


@styled
def crossings(at: np.ndarray, shares: Orders, lambdas: Mapping[str, Mapping[str, float]]) -> Figure:
    """Figure 7: P(|Omega - 0.5| >= lambda) of each order, at the lambdas ``at``, and the line 2 lambda; a panel a network.

    Args:
        at: lambdas.
        shares: network -> order -> P of all draws together.
        lambdas: network -> order -> where that curve meets the line.
    """
    columns = min(len(shares), 3)
    figure, axes = canvas(-(-len(shares) // columns), columns, 2.0, share=True, legend=0.45 if len(shares) > 1 else 0.9)
    for panel in axes.flat[len(shares) :]:
        panel.set_visible(False)
    for panel, (name, found) in zip(axes.flat, shares.items(), strict=False):
        for order, share in found.items():
            look = ORDER_LOOKS[order]
            panel.plot(at, share, color=look["color"], linestyle=_DASHES.get(order, "-"), drawstyle="steps-pre")
            panel.plot(lambdas[name][order], 2 * lambdas[name][order], markersize=4, zorder=5, **look)
            name_spot(
                panel,
                ORDER_NAMES[order],
                lambdas[name][order],
                2 * lambdas[name][order],
                f"lambda {lambdas[name][order]:.3f}",
            )
        panel.plot(at, 2 * at, color="0.3", linewidth=0.9, linestyle=(0, (1, 1.5)))
        panel.annotate(
            "2λ", (0.46, 0.92), xytext=(-4, 0), textcoords="offset points", ha="right", va="center", fontsize=7
        )
        panel.set_title(name or "λ is where a curve meets 2λ", loc="left")
        panel.set_xlabel("λ")
    for panel in axes[:, 0]:
        panel.set_ylabel("P(|Ω - 0.5| ≥ λ)")
    letters(axes)
    handles = [
        Line2D([], [], markersize=4, linestyle=_DASHES.get(order, "-"), label=ORDER_NAMES[order], **ORDER_LOOKS[order])
        for order in next(iter(shares.values()))
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3 if len(shares) > 1 else 1)
    return figure


@styled
def one_side(shares: Orders, perturbations: Mapping[str, int]) -> Figure:
    """Figure 8: of each image, the share of perturbations that more than half of the outputs follow; a row a network.

    Args:
        shares: network -> order -> shares [draw, image].
        perturbations: network -> perturbations of an image.
    """
    figure, axes = _grid(list(shares), 1.6)
    for row, (name, found) in zip(axes, shares.items(), strict=True):
        for panel, order in zip(row, PAPERS, strict=True):
            _shares(panel, found[order].ravel(), perturbations[name], ORDER_LOOKS[order]["color"])
        row[0].set_ylabel("share of images")
    for panel in axes[-1]:
        panel.set_xlabel("share of an image's perturbations\nwith Ω > 0.5")
    letters(axes)
    return figure


@styled
def by_order(draws: Mapping[str, Mapping[str, Sequence[float]]], coins: Mapping[str, float]) -> Figure:
    """Lambda along every order that was tried, a mark a draw, and what coin flips give; a panel a network."""
    columns = min(len(draws), 3)
    figure, axes = canvas(-(-len(draws) // columns), columns, 2.1, share=True)
    orders = list(ORDER_NAMES)
    most = max(v for found in draws.values() for values in found.values() for v in values)
    for panel in axes.flat[len(draws) :]:
        panel.set_visible(False)
    for n, (panel, (name, found)) in enumerate(zip(axes.flat, draws.items(), strict=False)):
        for row, order in enumerate(orders):
            look, mean = ORDER_LOOKS[order], float(np.mean(found[order]))
            panel.plot(found[order], [row] * len(found[order]), linestyle="", markersize=3.5, alpha=0.8, **look)
            panel.plot([mean, mean], [row - 0.34, row + 0.34], color=look["color"], linewidth=1.6)
            panel.annotate(
                f"{mean:.3f}",
                (1.02, row),
                xycoords=("axes fraction", "data"),
                va="center",
                fontsize=6.5,
                color=look["color"],
            )
            name_spot(panel, ORDER_NAMES[order], mean, row, f"mean lambda {mean:.3f}")
        panel.set_yticks(range(len(orders)), [ORDER_NAMES[order] for order in orders])
        panel.set_ylim(len(orders) - 0.4, -1.2)
        panel.set_xlim(0, 1.25 * max(most, coins[name]))
        mark_place(panel, coins[name], "")
        panel.annotate(
            "coin flips", (coins[name], 1), xycoords=("data", "axes fraction"), xytext=(2, 0), textcoords="offset points", va="top",
            fontsize=7, color="0.35",
        )  # fmt: skip
        panel.set_title(name or "λ by order (line: mean)", loc="left")
        panel.set_xlabel("λ")
        panel.tick_params(labelleft=n % columns == 0)
    letters(axes)
    return figure
