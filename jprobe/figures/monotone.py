"""Figures of paper 2 on nearness to monotone functions: one function a figure, of one network or of several."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jprobe.figures.style import canvas, legend_below, styled

ORDER_COLORS = {
    "real": "#ef8a47", "outputs": "#f5c6a5", "n3_he": "#5f6368", "n3_xavier": "#9aa0a6", "n3_outputs": "#c9cdd1", "random": "#6a8d3a",
    "ones": "#8a5a9e", "gradient": "#528fad",
}  # fmt: skip
ORDER_NAMES = {
    "real": "network, its own order", "outputs": "network, random at inputs", "n3_he": "fresh weights (He)",
    "n3_xavier": "fresh weights (Xavier)", "n3_outputs": "fresh (He), random at inputs", "random": "network, random order",
    "ones": "network, all ones", "gradient": "network, mean gradient",
}  # fmt: skip

# The orders that the paper compares; and those of the summary.
PAPERS = ("real", "n3_he", "random")
LAMBDAS = ("real", "outputs", "n3_he", "n3_xavier", "random")

# name of a network -> order -> Omega [image, norm], or what was made of it.
Orders = Mapping[str, Mapping[str, np.ndarray]]


@styled
def alignment(omegas: Orders, lambdas: Mapping[str, Mapping[str, float]], outputs: Mapping[str, int]) -> Figure:
    """Figure 3: histograms of the aligned share of outputs, with 0.5 - lambda and 0.5 + lambda; a column a network."""
    figure, axes = canvas(len(PAPERS), len(omegas), width=5.6 if len(omegas) == 1 else 2.9, height=1.55)
    for column, (name, found) in enumerate(omegas.items()):
        for panel, order in zip(axes[:, column], PAPERS, strict=True):
            _shares(panel, found[order].ravel(), _bins(outputs[name]), ORDER_COLORS[order])
            for side in (-1, 1):
                panel.axvline(0.5 + side * lambdas[name][order], color="black", linewidth=1.2)
            panel.axvline(0.5, color="0.6", linewidth=0.7, linestyle=(0, (1, 2)))
            first = f"{name}\n" if len(omegas) > 1 and order == PAPERS[0] else ""
            panel.set_title(f"{first}{ORDER_NAMES[order]}, λ = {lambdas[name][order]:.3f}", loc="left", fontsize=8.5)
        axes[-1, column].set_xlabel("Ω, share of outputs that rise" + (" with the order" if len(omegas) == 1 else ""))
    for panel in axes[:, 0]:
        panel.set_ylabel("share of\nperturbations")
    return figure


def _bins(outputs: int) -> np.ndarray:
    """Edges of bins; of few outputs, each value has a bar around it."""
    return (np.arange(outputs + 2) - 0.5) / outputs if outputs <= 40 else np.linspace(0, 1, 41)


def _alike(panels: Iterable[Axes]) -> None:
    """One scale for panels that are compared."""
    together = list(panels)
    top = max(panel.get_ylim()[1] for panel in together)
    for panel in together:
        panel.set_ylim(0, top)


def _shares(panel: Axes, values: np.ndarray, bins: np.ndarray, color: str) -> None:
    weights = np.full(values.size, 1 / values.size)
    panel.hist(values, bins=list(bins), weights=weights, color=color, alpha=0.85, rwidth=0.9)
    panel.set_xlim(min(bins[0], 0), max(bins[-1], 1))


@styled
def by_norm(omegas: Orders, norms: Mapping[str, np.ndarray], images: int = 6) -> Figure:
    """Figure 4: alignment against the perturbation's size, for a few images; a row a network."""
    figure, axes = canvas(len(omegas), len(PAPERS), width=2.9, height=2.5)
    for row, (name, found) in zip(axes, omegas.items(), strict=True):
        for panel, order in zip(row, PAPERS, strict=True):
            curves = found[order]
            for n in np.linspace(0, len(curves) - 1, min(images, len(curves))).round().astype(int):
                panel.plot(
                    norms[name], curves[n], ".-", color=ORDER_COLORS[order], alpha=0.6, linewidth=1, markersize=4
                )
            panel.axhline(0.5, color="0.4", linewidth=0.8, linestyle=(0, (1, 2)))
            panel.set_ylim(-0.02, 1.02)
            panel.set_title(ORDER_NAMES[order], loc="left")
        row[0].set_ylabel(f"{name}\nΩ" if len(omegas) > 1 else "Ω")
    for panel in axes[-1]:
        panel.set_xlabel("norm of the perturbation")
    return figure


@styled
def crossings(at: np.ndarray, shares: Orders, lambdas: Mapping[str, Mapping[str, float]]) -> Figure:
    """Figure 7: P(|Omega - 0.5| >= lambda) of each order, at the lambdas ``at``, and the line 2 lambda; a panel a network."""
    columns = min(len(shares), 3)
    figure, axes = canvas(-(-len(shares) // columns), columns, width=4.6 if len(shares) == 1 else 3.0, height=2.9)
    for panel in axes.flat[len(shares) :]:
        panel.set_visible(False)
    for panel, (name, found) in zip(axes.flat, shares.items(), strict=False):
        for order, share in found.items():
            panel.plot(at, share, color=ORDER_COLORS[order], label=ORDER_NAMES[order])
            panel.plot(lambdas[name][order], 2 * lambdas[name][order], "o", color=ORDER_COLORS[order], markersize=5)
        panel.plot(at, 2 * at, color="black", linewidth=0.9, linestyle=(0, (3, 2)), label="2λ")
        panel.set_xlabel("λ")
        panel.set_title(name, loc="left")
    for panel in axes[:, 0]:
        panel.set_ylabel("P(|Ω - 0.5| ≥ λ)")
    legend_below(figure, axes, columns=1 + columns)
    return figure


@styled
def one_side(shares: Orders) -> Figure:
    """Figure 8: of each image, the share of perturbations that more than half of the outputs follow; a row a network."""
    figure, axes = canvas(len(shares), len(PAPERS), width=2.7, height=2.2)
    for row, (name, found) in zip(axes, shares.items(), strict=True):
        for panel, order in zip(row, PAPERS, strict=True):
            _shares(panel, found[order].ravel(), np.linspace(0, 1, 21), ORDER_COLORS[order])
            panel.set_title(ORDER_NAMES[order], loc="left")
        _alike(row)
        row[0].set_ylabel(f"{name}\nshare of images" if len(shares) > 1 else "share of images")
    for panel in axes[-1]:
        panel.set_xlabel("share of perturbations\nwith Ω > 0.5")
    return figure


@styled
def by_order(draws: Mapping[str, Mapping[str, Sequence[float]]], coins: Mapping[str, float]) -> Figure:
    """Lambda along every order that was tried, a dot a draw, and what coin flips give; a column a network."""
    figure, axes = canvas(1, len(draws), width=6.4 if len(draws) == 1 else 2.9, height=2.9)
    orders = list(ORDER_NAMES)
    for panel, (name, found) in zip(axes[0], draws.items(), strict=True):
        for row, order in enumerate(orders):
            panel.barh(row, np.mean(found[order]), color=ORDER_COLORS[order], height=0.7)
            panel.plot(found[order], [row] * len(found[order]), "o", color="black", markersize=3)
        panel.axvline(coins[name], color="black", linewidth=1.2, linestyle=(0, (3, 2)), label="coin flips")
        panel.set_yticks(range(len(orders)), [ORDER_NAMES[order] for order in orders] if panel is axes[0, 0] else [])
        panel.set_ylim(len(orders) - 0.5, -0.5)
        panel.set_xlim(0, 0.52)
        panel.set_title(name, loc="left")
        panel.set_xlabel("λ")
    legend_below(figure, axes)
    return figure
