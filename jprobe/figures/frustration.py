"""Figures of paper 2 on frustration: one function a figure, of one network or of several."""

from collections.abc import Mapping, Sequence

import matplotlib.lines
import matplotlib.patches
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jprobe.figures.monotone import LAMBDAS, ORDER_COLORS, ORDER_NAMES
from jprobe.figures.style import canvas, styled

_COLORS = {
    "active": "#6a8d3a", "real": "#ef8a47", "n1": "#528fad", "n2": "#8a5a9e", "n3_xavier": "#9aa0a6", "n3_he": "#5f6368",
}  # fmt: skip
_NAMES = {
    "active": "active parts", "real": "network", "n1": "N1: shuffled in layers", "n2": "N2: shuffled over edges",
    "n3_xavier": "N3: fresh (Xavier)", "n3_he": "N3: fresh (He)",
}  # fmt: skip
_KINDS = {"conv": "#528fad", "dense": "#ef8a47", "pool": "#6a8d3a", "sum": "#b5534a"}
# Minimisers are told apart by shape as models are by colour.
_MARKERS = ("o", "D", "^")

# Energies of each model by its name, of each minimiser by its, of each network by its.
Energies = Mapping[str, Mapping[str, Mapping[str, np.ndarray]]]


@styled
def energies(networks: Energies) -> Figure:
    """Figure 2: every local minimum found, of each network, its active parts and its null models, by each minimiser."""
    rows = {name: _models(found) for name, found in networks.items()}
    heights = [len(models) for models in rows.values()]
    figure = Figure(figsize=(7.2, 0.46 * sum(heights) + 0.3 * len(rows) + 0.9), layout="constrained")
    axes = figure.subplots(len(rows), 1, squeeze=False, sharex=True, height_ratios=heights)[:, 0]
    for panel, (name, found) in zip(axes, networks.items(), strict=True):
        _strips(panel, found, rows[name])
        panel.set_title(name, loc="left")
    by = list(dict.fromkeys(minimiser for found in networks.values() for minimiser in found))
    handles = [
        matplotlib.lines.Line2D([], [], color="0.3", marker=marker, linestyle="", markersize=5, label=minimiser)
        for minimiser, marker in zip(by, _MARKERS, strict=False)
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=len(by))
    axes[-1].set_xlabel("frustration of a local minimum (line and number: mean)")
    return figure


def _models(found: Mapping[str, Mapping[str, np.ndarray]]) -> list[str]:
    there = {model for by in found.values() for model in by}
    return [model for model in _NAMES if model in there]


def _strips(panel: Axes, found: Mapping[str, Mapping[str, np.ndarray]], models: Sequence[str]) -> None:
    """A row a model; minimisers above each other within it."""
    rng = np.random.default_rng(0)
    step = 0.76 / len(found)
    for n, (by, marker) in enumerate(zip(found.values(), _MARKERS, strict=False)):
        for row, values in ((models.index(model), values) for model, values in by.items()):
            middle = row + (n - (len(found) - 1) / 2) * step
            shake = rng.uniform(-0.3, 0.3, len(values)) * step if len(values) > 2 else np.zeros(len(values))
            color = _COLORS[models[row]]
            panel.plot(values, middle + shake, marker, color=color, markersize=4, alpha=0.7, markeredgewidth=0)
            panel.plot([values.mean()] * 2, [middle - step * 0.45, middle + step * 0.45], color="black", linewidth=1.2)
            panel.annotate(
                f"{values.mean():.4f}",
                (values.max(), middle),
                xytext=(6, -2.5),
                textcoords="offset points",
                fontsize=6.5,
            )
    panel.set_yticks(range(len(models)), [_NAMES[model] for model in models])
    panel.set_ylim(len(models) - 0.5, -0.5)
    panel.margins(x=0.1)
    panel.grid(axis="x", color="0.9")


@styled
def intervals(networks: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]]) -> Figure:
    """Where ground states lie: from each certificate, under which no spins go, to spins that are known.

    Args:
        networks: name -> model -> (low, high) of the network, or of each of its null models.
    """
    rows = [(name, model, ends) for name, found in networks.items() for model, all_ in found.items() for ends in all_]
    figure, axes = canvas(1, 1, width=7.2, height=0.42 * len(rows) + 1.1)
    panel, top = axes[0, 0], {}
    for row, (name, model, (low, high)) in enumerate(rows):
        panel.plot([low, high], [row, row], color=_COLORS[model], linewidth=7, solid_capstyle="butt", alpha=0.85)
        panel.annotate(f"{low:.4f}", (low, row), xytext=(-5, -3), textcoords="offset points", ha="right", fontsize=8)
        panel.annotate(f"{high:.4f}", (high, row), xytext=(5, -3), textcoords="offset points", fontsize=8)
        if model == "real":
            top[name] = high, row
    for name, (high, row) in top.items():
        last = max(n for n, each in enumerate(rows) if each[0] == name)
        panel.plot(
            [high, high], [row, last + 0.4], color=_COLORS["real"], linewidth=0.9, linestyle=(0, (3, 2)), zorder=0
        )
    several = len(networks) > 1
    labels = [f"{name}, {_NAMES[model].partition(':')[0]}" if several else _NAMES[model] for name, model, _ in rows]
    panel.set_yticks(range(len(rows)), labels)
    panel.set_ylim(len(rows) - 0.5, -0.5)
    panel.margins(x=0.14)
    panel.set_xlabel("frustration of the ground state: from its certificate to the best spins known")
    return figure


@styled
def by_block(ds: xr.Dataset) -> Figure:
    """Share of frustrated weight by block, from input to output."""
    shares = (
        ds.annealed_frustrated if "annealed" in ds else ds.frustrated.isel(replica=int(np.argmin(ds.energy.values)))
    )
    keep = np.flatnonzero(~np.isnan(shares.values))
    figure, axes = canvas(1, 1, width=max(4.5, 0.21 * len(keep) + 1.6), height=3.4)
    panel = axes[0, 0]
    kinds = ds.block_kind.values[keep].tolist()
    for kind in dict.fromkeys(kinds):
        mine = [n for n, k in enumerate(kinds) if k == kind]
        panel.bar(mine, shares.values[keep][mine], color=_KINDS.get(kind, "#9aa0a6"), width=0.8, label=kind)
    whole = float(ds.annealed) if "annealed" in ds else float(ds.energy.min())
    panel.axhline(whole, color="black", linewidth=0.9, linestyle=(0, (3, 2)), label="whole network")
    panel.set_xticks(range(len(keep)), ds.block.values[keep].tolist(), rotation=90, fontsize=6.5)
    panel.set_ylabel("frustrated share of\nthe weight entering")
    panel.set_ylim(0, 0.55)
    panel.set_xlim(-0.7, len(keep) - 0.3)
    panel.legend(ncols=5, loc="upper left", bbox_to_anchor=(0, 1.14))
    return figure


@styled
def descent(ds: xr.Dataset) -> Figure:
    """Energy after each sweep, of the best replica and of the long annealing."""
    figure, axes = canvas(1, 1, width=5.2, height=2.9)
    panel = axes[0, 0]
    path = ds.history.values[~np.isnan(ds.history.values)]
    panel.plot(np.arange(1, len(path) + 1), path, color=_COLORS["real"], label="descent")
    if "annealed" in ds:
        panel.plot(
            ds.anneal_sweep, ds.annealed_history, color=_COLORS["real"], linestyle=(0, (3, 2)), label="annealing"
        )
    panel.set_xscale("log")
    panel.set_xlabel("sweep")
    panel.set_ylabel("frustration")
    panel.legend()
    return figure


@styled
def adjacency(ds: xr.Dataset) -> Figure:
    """Figure 6: where the layers lie in the adjacency matrix, at the scale of nodes."""
    figure, axes = canvas(1, 1, width=5.4, height=4.6)
    panel = axes[0, 0]
    sizes = ds.block_nodes.values.astype(float)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    total = starts[-1]
    kinds = ds.link_kind.values.tolist()
    for source, target, kind in zip(ds.link_source.values, ds.link_target.values, kinds, strict=True):
        # A block of few nodes would be thinner than a printed line.
        wide, high = max(sizes[source], total / 250), max(sizes[target], total / 250)
        panel.add_patch(
            matplotlib.patches.Rectangle(
                (starts[source], starts[target]),
                wide,
                high,
                facecolor=_KINDS.get(kind, "#9aa0a6"),
                alpha=0.75,
                linewidth=0,
            )
        )
    panel.plot([0, total], [0, total], color="0.75", linewidth=0.6, zorder=0)
    panel.set_xlim(0, total)
    panel.set_ylim(total, 0)
    panel.set_aspect("equal")
    scale, unit = (1e6, " million") if total > 2e6 else (1e3, " thousand")
    ticks = [t for t in panel.get_xticks() if 0 <= t <= total]
    panel.set_xticks(ticks, [f"{t / scale:g}" for t in ticks])
    panel.set_yticks(ticks, [f"{t / scale:g}" for t in ticks])
    panel.set_xlabel(f"edge leaves node ({unit.strip()}s)")
    panel.set_ylabel(f"edge enters node ({unit.strip()}s)")
    present = [k for k in _KINDS if k in kinds]
    handles = [matplotlib.patches.Patch(color=_KINDS[k], label=k, alpha=0.75) for k in present]
    panel.legend(handles=handles, loc="upper right")
    return figure


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
    figure = Figure(figsize=(max(7.2, 1.5 * len(networks) + 3), 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    models = [model for model in _NAMES if any(model in found for found in networks.values())]
    for n, found in enumerate(networks.values()):
        for model, values in found.items():
            at = n + 0.8 * ((models.index(model) + 0.5) / len(models) - 0.5)
            # The interesting range is far from zero, so these are points, not bars.
            left.plot([at, at], [values.min(), values.max()], color=_COLORS[model], linewidth=2)
            left.plot(at, values.mean(), "o", color=_COLORS[model], markersize=6)
    left.set_ylabel("frustration (mean, least to largest)")
    handles = [
        matplotlib.lines.Line2D([], [], color=_COLORS[m], marker="o", label=_NAMES[m].replace(": ", ", "))
        for m in models
    ]
    left.legend(handles=handles, fontsize=7, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.14))
    width = 0.8 / len(LAMBDAS)
    for n, name in enumerate(networks):
        for k, order in enumerate(LAMBDAS):
            if order in lambdas.get(name, {}):
                at = n + (k - (len(LAMBDAS) - 1) / 2) * width
                right.bar(at, lambdas[name][order], color=ORDER_COLORS[order], width=0.9 * width)
        if name in coins:
            right.plot([n - 0.45, n + 0.45], [coins[name]] * 2, color="black", linewidth=1.2, linestyle=(0, (3, 2)))
    right.set_ylabel("λ")
    bars = [matplotlib.patches.Patch(color=ORDER_COLORS[o], label=ORDER_NAMES[o]) for o in LAMBDAS]
    line = matplotlib.lines.Line2D([], [], color="black", linewidth=1.2, linestyle=(0, (3, 2)), label="coin flips")
    right.legend(handles=[*bars, line], fontsize=7, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.14))
    for panel in (left, right):
        panel.set_xticks(range(len(networks)), list(networks), fontsize=7.5)
        panel.set_xlim(-0.6, len(networks) - 0.4)
        panel.grid(axis="y", color="0.9")
        panel.set_axisbelow(True)
    return figure
