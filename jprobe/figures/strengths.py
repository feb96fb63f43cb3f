"""Figures of paper 3: how strengths and activations are distributed, by layer, trained beside untrained."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.ndimage
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from jprobe.figures.style import canvas, legend_below, styled

# Points that a density is drawn at.
_GRID = 200

# Untrained recurrent networks whose strengths grow with every step leave the trained ones no room on a plain axis.
_FAR = 20

# How far untrained densities may widen a panel, in widths of the trained ones.
_ROOM = 2

# Layers from the first after the input to the last, light to dark.
_HUES = ("#e9a15b", "#b5534a", "#8a5a9e", "#4a6fb5", "#3b8c8c", "#6a8d3a", "#5c5c5c", "#2b2b2b")

_WORDS = {
    "node_strength_in": "node strength (in)",
    "neuron_strength": "neuron strength",
    "neuron_activation": "neuron activation",
}


class Curve(NamedTuple):
    """A density.

    Attributes:
        at: edges of its bins, [bins + 1].
        density: share of the values in each bin, divided by its width, [bins].
        size: number of values.
    """

    at: np.ndarray
    density: np.ndarray
    size: int


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


@styled
def densities(columns: Sequence[Column]) -> Figure:
    """Figures 2, 4 to 8: densities by layer, a column for each kind of networks; dotted: untrained."""
    figure, axes = canvas(len(_WORDS), len(columns), width=2.6, height=1.9)
    depth = max(layer for column in columns for curves in column.trained.values() for layer in curves)
    for side, column in enumerate(columns):
        for panel, quantity in zip(axes[:, side], _WORDS, strict=True):
            for layer, curve in column.trained[quantity].items():
                name = "output" if layer == depth else f"layer {layer}"
                _line(panel, curve, _HUES[(layer - 2) % len(_HUES)], "-", name if depth > 3 else f"layer {layer}")
            for layer, curve in column.untrained[quantity].items():
                _line(panel, curve, _HUES[(layer - 2) % len(_HUES)], (0, (1, 1.5)), "untrained")
            _limits(panel, list(column.trained[quantity].values()), list(column.untrained[quantity].values()))
            panel.set_xlabel(_WORDS[quantity])
            panel.set_yticks([])
        axes[0, side].set_title(column.title, loc="left")
    for panel in axes[:, 0]:
        panel.set_ylabel("density / its peak")
    legend_below(figure, axes, columns=8)
    return figure


def _line(panel: Axes, curve: Curve, color: str, style: Any, label: str) -> None:
    # Layers differ in width by a factor of ten, so each density is drawn up to its own peak.
    low, high = _range(curve)
    edges = np.linspace(low, high, _GRID + 1)
    share = np.concatenate([[0], np.cumsum(curve.density * np.diff(curve.at))])
    heights, middles = np.diff(np.interp(edges, curve.at, share)), (edges[1:] + edges[:-1]) / 2
    mean = (heights * middles).sum() / heights.sum()
    deviation = np.sqrt((heights * (middles - mean) ** 2).sum() / heights.sum())
    # Half of Silverman's bandwidth: of few values a curve, of many every detail.
    smooth = scipy.ndimage.gaussian_filter1d(heights, 0.5 * deviation * curve.size**-0.2 / (edges[1] - edges[0]) + 0.5)
    panel.plot(middles, smooth / smooth.max(), color=color, linestyle=style, linewidth=1.3, label=label)


def _limits(panel: Axes, trained: Sequence[Curve], untrained: Sequence[Curve]) -> None:
    """All but the outermost of every density, and of the untrained ones no more than leaves the trained ones room."""
    ends = [_range(curve) for curve in trained]
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    widest = _ROOM * (high - low)
    low = min([low, *(max(start, low - widest) for start, _ in map(_range, untrained))])
    high = max([high, *(min(end, high + widest) for _, end in map(_range, untrained))])
    room = 0.03 * (high - low)
    panel.set_xlim(low - room, high + room)
    panel.set_ylim(0, 1.08)


def _range(curve: Curve) -> tuple[float, float]:
    """Where all but a hundredth of the values are; all of it where they are in one bin."""
    share = np.concatenate([[0], np.cumsum(curve.density * np.diff(curve.at))])
    low, high = np.interp([0.005, 0.995], share / share[-1], curve.at)
    return (float(low), float(high)) if high > low else (float(curve.at[0]), float(curve.at[-1]))


@styled
def rows_and_pixels(
    profiles: Mapping[str, Mapping[str, np.ndarray]], maps: Mapping[str, Mapping[str, np.ndarray]]
) -> Figure:
    """Figure 3: neuron strength of recurrent networks by row of the image, and of its pixels.

    Args:
        profiles: title of networks -> "trained" and "untrained" -> mean |zeta^t| [networks, rows].
        maps: likewise -> mean |x_ti| mean_k |Omega_ik| [rows, pixels], mean over networks.
    """
    figure, axes = canvas(len(profiles), 3, width=2.7, height=2.3)
    for row, (title, states) in zip(axes, profiles.items(), strict=True):
        for (state, values), color in zip(states.items(), ("#b5534a", "#528fad"), strict=True):
            steps = np.arange(1, values.shape[1] + 1)
            row[0].plot(steps, values.mean(0), color=color, label=state)
            row[0].fill_between(steps, values.min(0), values.max(0), color=color, alpha=0.18, linewidth=0)
        peaks = [values.mean(0).max() for values in states.values()]
        if max(peaks) > _FAR * min(peaks):
            row[0].set_yscale("log")
        row[0].set_xlabel("row of the image")
        row[0].set_ylabel("mean |neuron strength|")
        row[0].set_title(title, loc="left")
        top = max(image.max() for image in maps[title].values())
        for panel, (state, image) in zip(row[1:], maps[title].items(), strict=True):
            shown = panel.imshow(image / image.max() if top else image, cmap="magma", vmin=0, vmax=1)
            panel.set_title(f"pixels, {state}", loc="left")
            panel.set_xticks([])
            panel.set_yticks([])
        figure.colorbar(shown, ax=row[2], label="of the largest", shrink=0.8)
    legend_below(figure, axes)
    return figure


class Points(NamedTuple):
    """Neurons of one kind of networks.

    Attributes:
        title: of the networks.
        strength: in-strengths by layer.
        against: quantity -> layer -> means over the inputs.
        correlations: quantity -> layer -> Pearson's, pooled over networks.
    """

    title: str
    strength: Mapping[int, np.ndarray]
    against: Mapping[str, Mapping[int, np.ndarray]]
    correlations: Mapping[str, Mapping[int, float]]


@styled
def scatters(columns: Sequence[Points]) -> Figure:
    """Figures 5 to 7: in-strength against neuron strength and activation, a point for each neuron."""
    figure, axes = canvas(2, len(columns), width=2.6, height=2.3)
    for side, column in enumerate(columns):
        for panel, (quantity, layers) in zip(axes[:, side], column.against.items(), strict=True):
            for layer, values in layers.items():
                r = column.correlations[quantity][layer]
                label = f"layer {layer}" + ("" if np.isnan(r) else f", r = {r:.2f}")
                panel.plot(
                    column.strength[layer], values, ".", markersize=2, alpha=0.4,
                    color=_HUES[(layer - 2) % len(_HUES)], label=label,
                )  # fmt: skip
            panel.set_xlabel(_WORDS["node_strength_in"])
            panel.set_ylabel(f"mean {_WORDS[quantity]}" if not side else "")
            panel.legend(markerscale=4, handletextpad=0.1, borderpad=0.2)
        axes[0, side].set_title(column.title, loc="left")
    return figure


@styled
def along_training(curves: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Link weights and layer fluctuation after each epoch (the 2021 companion paper), the start before the first.

    Args:
        curves: title of networks -> "mean", "variance", "fluctuation" -> [networks, epochs, layers].
    """
    words = {"mean": "mean of w + b", "variance": "variance of w + b", "fluctuation": "layer fluctuation"}
    figure, axes = canvas(len(words), len(curves), width=2.6, height=1.9)
    for side, (title, some) in enumerate(curves.items()):
        for panel, (name, label) in zip(axes[:, side], words.items(), strict=True):
            values = some[name]
            for layer in range(values.shape[2]):
                color, epochs = _HUES[layer % len(_HUES)], np.arange(values.shape[1])
                panel.plot(epochs, values[:, :, layer].mean(0), color=color, label=f"layer {layer + 2}")
                low, high = values[:, :, layer].min(0), values[:, :, layer].max(0)
                panel.fill_between(epochs, low, high, color=color, alpha=0.18, linewidth=0)
            panel.set_xlabel("epoch")
            panel.set_ylabel(label if not side else "")
        axes[0, side].set_title(title, loc="left")
    legend_below(figure, axes, columns=8)
    return figure


_ORDERS = {
    "magnitude": ("magnitude", "#2b2b2b"),
    "edge": ("signal of the weight", "#b5534a"),
    "neuron": ("signal of the neuron", "#e9a15b"),
    "node": ("in-strength", "#4a6fb5"),
    "random": ("random weights", "#a8a8a8"),
    "random_neuron": ("random neurons", "#6a8d3a"),
}


@styled
def pruning_orders(curves: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray]]], columns: int = 3) -> Figure:
    """What networks still do by the fraction of their weights that is gone, an order of pruning a line.

    Args:
        curves: title of networks -> order -> fractions [levels] and what is left [networks, levels].
        columns: panels side by side.
    """
    figure, axes = canvas(-(-len(curves) // columns), min(columns, len(curves)), width=2.6, height=1.9)
    for panel, (title, orders) in zip(axes.flat, curves.items(), strict=False):
        for order, (removed, left) in orders.items():
            label, color = _ORDERS[order]
            low, middle, high = 100 * np.nanquantile(left, [0.25, 0.5, 0.75], axis=0)
            panel.plot(100 * removed, middle, "o-", color=color, markersize=2.5, label=label)
            panel.fill_between(100 * removed, low, high, color=color, alpha=0.18, linewidth=0)
        panel.set_title(title, loc="left")
        panel.set_ylim(-3, 103)
    for panel in axes.flat[len(curves) :]:
        panel.set_axis_off()
    for panel in axes[-1]:
        panel.set_xlabel("weights removed (%)")
    for panel in axes[:, 0]:
        panel.set_ylabel("kept (%)")
    legend_below(figure, axes, columns=3)
    return figure


_SPECTRAL = {"alpha": "exponent", "stable_rank": "stable rank", "spectral_norm": "spectral norm"}
_BENDS = {"linear": "#6a8d3a", "relu": "#b5534a", "sigmoid": "#4a6fb5"}


@styled
def spectra(columns: Mapping[str, Mapping[str, xr.Dataset]]) -> Figure:
    """Exponents, stable ranks and norms of each kernel: filled trained, open untrained.

    Args:
        columns: title -> activation -> Dataset of "alpha", "stable_rank", "spectral_norm" [state, network, kernel].
    """
    figure, axes = canvas(len(_SPECTRAL), len(columns), width=2.6, height=1.7)
    for side, (title, some) in enumerate(columns.items()):
        for panel, (name, label) in zip(axes[:, side], _SPECTRAL.items(), strict=True):
            for shift, (bend, ds) in enumerate(some.items()):
                color = _BENDS[bend]
                for state, face in (("untrained", "white"), ("trained", color)):
                    # Few eigenvalues follow no law: such a kernel has no exponent in any network.
                    known = ~ds[name].sel(state=state).isnull().all("network").values
                    low, middle, high = ds[name].sel(state=state)[:, known].quantile([0, 0.5, 1], "network").values
                    at = np.flatnonzero(known) + 0.22 * (shift - (len(some) - 1) / 2)
                    panel.errorbar(
                        at, middle, (middle - low, high - middle), fmt="o", color=color, markerfacecolor=face, markersize=4,
                        elinewidth=1, label=bend if state == "trained" else f"{bend}, untrained",
                    )  # fmt: skip
            kernels = [kernel.removesuffix("/kernel") for kernel in next(iter(some.values())).kernel.values]
            panel.set_xticks(np.arange(len(kernels)), kernels)
            panel.set_xlim(-0.5, len(kernels) - 0.5)
            panel.set_yscale("log")
            panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            panel.yaxis.set_major_formatter("{x:g}")
            panel.yaxis.set_minor_formatter(NullFormatter())
            panel.set_ylabel(label if not side else "")
        axes[0, side].set_title(title, loc="left")
    legend_below(figure, axes, columns=6)
    return figure
