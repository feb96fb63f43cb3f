"""Figures of paper 2 on frustration: one function a figure, of one network or of several."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from jprobe.figures.hover import name_spot
from jprobe.figures.monotone import LAMBDAS, ORDER_LOOKS, ORDER_NAMES
from jprobe.figures.style import MUTED, OTHERS, beside, canvas, letters, mark_place, styled

_BLUE, _ORANGE, _VIOLET, _, _RED, _ = OTHERS

NAMES = {
    "active": "active parts", "real": "network", "n1": "N1: shuffled in layers", "n2": "N2: shuffled over edges",
    "n3_xavier": "N3: fresh (Xavier)", "n3_he": "N3: fresh (He)",
}  # fmt: skip

# Colour and mark of each model; the active parts are of the network, and open.
_LOOKS: dict[str, dict[str, Any]] = {
    "active": {"color": _BLUE, "marker": "o", "markerfacecolor": "white"},
    "real": {"color": _BLUE, "marker": "o"},
    "n1": {"color": _ORANGE, "marker": "s"},
    "n2": {"color": _RED, "marker": "D"},
    "n3_xavier": {"color": _VIOLET, "marker": "^", "markerfacecolor": "white"},
    "n3_he": {"color": _VIOLET, "marker": "^"},
}
# Minimisers are told apart by shape as models are by colour.
_MARKERS = {"descend": "o", "greedy": "D", "anneal": "^"}

# Energies of each model by its name, of each minimiser by its, of each network by its.
Energies = Mapping[str, Mapping[str, Mapping[str, np.ndarray]]]


class Known(NamedTuple):
    """What is known of the ground state of a model: of the network, or of the least of its null models of a kind.

    Attributes:
        bound: no spins of any of those certified go below it; NaN where none was certified.
        least: minimiser -> the least energy that it found.
    """

    bound: float
    least: Mapping[str, float]


@styled
def ground_states(networks: Mapping[str, Mapping[str, Known]]) -> Figure:
    """Where ground states lie: above a certificate, under which no spins go, and not above the best spins that are known."""
    heights = [0.25 * len(found) + 0.3 for found in networks.values()]
    figure, axes = canvas(len(networks), 1, heights, wide=True, legend=0.6)
    ends = [v for found in networks.values() for one in found.values() for v in (one.bound, *one.least.values())]
    low, high = np.nanmin(ends), max(0.5, np.nanmax(ends))
    left = low - 0.35 * (high - low)
    for panel, (name, found) in zip(axes[:, 0], networks.items(), strict=True):
        for row, (model, one) in enumerate(found.items()):
            _known(panel, row, model, one, left)
        panel.set_yticks(range(len(found)), [NAMES[model] for model in found])
        panel.set_ylim(len(found) - 0.5, -0.5)
        panel.set_xlim(left, high)
        if "real" in found:
            _best(panel, list(found), found)
        beside(panel, -0.65, "ground state", "0.2", va="bottom")
        panel.set_title(name or "How low spins can go, in the network and in its null models", loc="left")
        panel.tick_params(labelbottom=panel is axes[-1, 0])
        mark_place(panel, 0.5, "random spins" if panel is axes[0, 0] else "")
    axes[-1, 0].set_xlabel("frustration: share of the weight whose sign the spins contradict")
    by = list(dict.fromkeys(n for found in networks.values() for one in found.values() for n in one.least))
    letters(axes)
    handles: list[Any] = [
        Patch(facecolor="0.93", edgecolor="0.6", hatch="/////", linewidth=0, label="certified: no spins are so low"),
        Patch(facecolor=MUTED, alpha=0.35, label="the ground state lies here"),
        *_shapes(by, "best spins by "),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def _known(panel: Axes, row: int, model: str, one: Known, left: float) -> None:
    best, hue = min(one.least.values()), _LOOKS[model]["color"]
    words = f"≤ {best:.4f}"
    if not np.isnan(one.bound):
        words = f"{one.bound:.4f} to {best:.4f}"
        panel.barh(
            row, one.bound - left, left=left, height=0.66, facecolor="0.93", edgecolor="0.6", hatch="/////", linewidth=0
        )
        panel.barh(row, best - one.bound, left=one.bound, height=0.66, color=hue, alpha=0.35, linewidth=0)
        panel.plot([one.bound] * 2, [row - 0.33, row + 0.33], color=hue, linewidth=1.6)
    for name, value in one.least.items():
        panel.plot(value, row, _MARKERS[name], color=hue, markersize=4.5, markeredgecolor="white", markeredgewidth=0.4)
    beside(panel, row, words, hue)
    name_spot(panel, NAMES[model], best, row, f"ground state {words}")


def _best(panel: Axes, models: Sequence[str], found: Mapping[str, Known]) -> None:
    """The network's best spins, as a line through the rows of its null models; named where no hatching is."""
    best = min(found["real"].least.values())
    panel.plot([best, best], [0, len(models) - 0.5], color=_BLUE, linewidth=0.9, linestyle=(0, (1, 1.5)), zorder=3)
    free = [row for row, model in enumerate(models) if np.isnan(found[model].bound)]
    if free:
        panel.annotate(
            "the network's best spins", (best, free[0]), xytext=(-3, 0), textcoords="offset points", ha="right", va="center",
            fontsize=7, color=_BLUE,
        )  # fmt: skip


def _shapes(by: Sequence[str], words: str = "") -> list[Line2D]:
    return [Line2D([], [], color="0.3", marker=_MARKERS[n], linestyle="", markersize=4, label=words + n) for n in by]


@styled
def energies(networks: Energies) -> Figure:
    """Figure 2: every local minimum found, of each network, its active parts and its null models, by each minimiser."""
    rows = {name: _models(found) for name, found in networks.items()}
    heights = [0.115 * len(models) * len(networks[name]) + 0.35 for name, models in rows.items()]
    figure, axes = canvas(len(rows), 1, heights, wide=True, legend=0.45)
    for panel, (name, found) in zip(axes[:, 0], networks.items(), strict=True):
        _strips(panel, found, rows[name])
        panel.set_title(name or "Every local minimum that was found, and means (upright lines)", loc="left")
        panel.sharex(axes[-1, 0])
        panel.tick_params(labelbottom=panel is axes[-1, 0])
    by = list(dict.fromkeys(minimiser for found in networks.values() for minimiser in found))
    letters(axes)
    figure.legend(handles=_shapes(by, "found by "), loc="outside lower center", ncols=len(by))
    axes[-1, 0].set_xlabel("frustration of a local minimum")
    return figure


def _models(found: Mapping[str, Mapping[str, np.ndarray]]) -> list[str]:
    there = {model for by in found.values() for model in by}
    return [model for model in NAMES if model in there]


def _strips(panel: Axes, found: Mapping[str, Mapping[str, np.ndarray]], models: Sequence[str]) -> None:
    """A row a model; minimisers above each other within it, their means in a column at the right."""
    rng = np.random.default_rng(0)
    step = 0.8 / len(found)
    for n, (by, energies) in enumerate(found.items()):
        for model, values in energies.items():
            row, look = models.index(model), _LOOKS[model] | {"marker": _MARKERS[by]}
            middle, mean = row + (n - (len(found) - 1) / 2) * step, values.mean()
            shake = rng.uniform(-0.3, 0.3, len(values)) * step if len(values) > 2 else np.zeros(len(values))
            panel.plot(values, middle + shake, linestyle="", markersize=3, alpha=0.75, markeredgewidth=0.5, **look)
            panel.plot([mean] * 2, [middle - step * 0.48, middle + step * 0.48], color=look["color"], linewidth=1.6)
            beside(panel, middle, f"{mean:.4f}", look["color"], size=6.5)
            name_spot(panel, NAMES[model], mean, middle, f"mean by {by} {mean:.4f}")
    for row in range(1, len(models)):
        panel.axhline(row - 0.5, color="0.9", linewidth=0.6, zorder=0)
    panel.set_yticks(range(len(models)), [NAMES[model] for model in models])
    panel.set_ylim(len(models) - 0.5, -0.5)
    panel.margins(x=0.03)
    beside(panel, -0.6, "mean", "0.2", va="bottom")


@styled
def overview(
    networks: Mapping[str, Mapping[str, np.ndarray]],
    lambdas: Mapping[str, Mapping[str, float]],
    coins: Mapping[str, float],
) -> Figure:
    """Figure 5: frustration of every network and its null models, and lambda of its orders beside that of coin flips.

    Args:
        networks: name -> model -> energies.
        lambdas: name -> order -> lambda; of networks that were perturbed.
        coins: name -> lambda of coin flips.
    """
    several = len(networks) > 1
    models = [model for model in NAMES if any(model in found for found in networks.values())]
    height = 0.36 * len(networks) + 0.5 if several else 1.75
    figure, axes = canvas(1, 2 if lambdas else 1, height, wide=True, legend=0.75 if several else 0.0)
    left, right = axes[0, 0], axes[0, -1]
    for n, (name, found) in enumerate(networks.items()):
        for model, values in found.items():
            at = _place(n, models.index(model), len(models), several)
            mean, look = values.mean(), _LOOKS[model]
            left.plot([values.min(), values.max()], [at, at], color=look["color"], linewidth=1.6)
            left.plot(mean, at, markersize=4, linestyle="", **look)
            name_spot(left, " ".join(filter(None, [name, NAMES[model]])), mean, at, f"frustration {mean:.4f}")
            if not several:
                _number(left, f"{mean:.4f}", values.max(), at, look["color"])
    left.set_title("Frustration: mean and range", loc="left")
    left.set_xlabel("frustration of the local minima")
    _ticks(left, list(networks), [NAMES[model] for model in models])
    left.margins(x=0.04 if several else 0.18)
    if lambdas:
        _lambdas(right, list(networks), lambdas, coins)
    letters(axes)
    if several:
        handles = [Line2D([], [], linestyle="-", markersize=4, label=NAMES[m], **_LOOKS[m]) for m in models]
        figure.legend(handles=handles, loc="outside lower left", ncols=2)
        if lambdas:
            handles = [
                Line2D([], [], linestyle="", markersize=4, label=ORDER_NAMES[o], **ORDER_LOOKS[o]) for o in LAMBDAS
            ]
            coin = Line2D([], [], color="0.3", marker="|", linestyle="", markersize=7, label="coin flips")
            figure.legend(handles=[*handles, coin], loc="outside lower right", ncols=2)
    return figure


def _place(network: int, row: int, rows: int, several: bool) -> float:
    """Where a model stands: a row of its own, or beside the others in the row of its network."""
    return network + 0.8 * ((row + 0.5) / rows - 0.5) if several else row


def _ticks(panel: Axes, networks: Sequence[str], rows: Sequence[str]) -> None:
    shown = networks if len(networks) > 1 else rows
    panel.set_yticks(range(len(shown)), list(shown))
    panel.set_ylim(len(shown) - 0.5, -0.5)
    for row in range(1, len(shown)):
        panel.axhline(row - 0.5, color="0.9", linewidth=0.6, zorder=0)


def _number(panel: Axes, text: str, x: float, y: float, hue: str) -> None:
    panel.annotate(
        text,
        (x, y),
        xytext=(5, 0),
        textcoords="offset points",
        va="center",
        fontsize=7,
        color=hue,
        bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.4},
    )


def _lambdas(
    panel: Axes, networks: Sequence[str], lambdas: Mapping[str, Mapping[str, float]], coins: Mapping[str, float]
) -> None:
    several = len(networks) > 1
    for n, name in enumerate(networks):
        for k, order in enumerate(LAMBDAS):
            if order not in lambdas.get(name, {}):
                continue
            at, value, look = _place(n, k, len(LAMBDAS), several), lambdas[name][order], ORDER_LOOKS[order]
            if not several:
                panel.plot([0, value], [at, at], color=look["color"], linewidth=1)
            panel.plot(value, at, linestyle="", markersize=4, **look)
            name_spot(panel, " ".join(filter(None, [name, ORDER_NAMES[order]])), value, at, f"lambda {value:.3f}")
            if not several:
                _number(panel, f"{value:.3f}", value, at, look["color"])
        if name in coins and several:
            panel.plot([coins[name]] * 2, [n - 0.42, n + 0.42], color="0.3", linewidth=1)
        elif name in coins:
            mark_place(panel, coins[name], "", top=1)
            panel.annotate(
                f"coin flips {coins[name]:.3f}", (coins[name], 1), xycoords=("data", "axes fraction"), xytext=(2, 1),
                textcoords="offset points", va="top", fontsize=7, color="0.35",
            )  # fmt: skip
    _ticks(panel, networks, [ORDER_NAMES[order] for order in LAMBDAS])
    if not several:
        panel.set_ylim(top=-1.0)
    panel.set_xlim(0, max(0.3, *(1.35 * v for found in lambdas.values() for v in found.values())))
    panel.set_title("λ: nearness to monotone", loc="left")
    panel.set_xlabel("λ")


@styled
def descent(paths: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Energy after each sweep, of the best replica and of the long annealing.

    Args:
        paths: minimiser, in words -> (sweeps, energies).
    """
    figure, axes = canvas(1, 1, 1.9)
    panel = axes[0, 0]
    for (name, (sweeps, values)), hue in zip(paths.items(), (_BLUE, _ORANGE), strict=False):
        panel.plot(sweeps, values, color=hue, label=name)
    panel.set_xscale("log")
    panel.set_xlabel("sweep over all edges and back")
    panel.set_ylabel("frustration")
    panel.set_title("Energy by sweep", loc="left")
    panel.legend(loc="upper right")
    return figure
