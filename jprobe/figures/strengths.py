"""Figures of paper 3: how strengths and activations are distributed, by layer, trained beside untrained."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from jprobe.figures.densities import WORDS, column_titles, hues_by_layer, named
from jprobe.figures.hover import name_spot
from jprobe.figures.style import MUTED, OTHERS, band, canvas, legend_below, legend_top, letters, styled

# Untrained recurrent networks whose strengths grow with every step leave the trained ones no room on a plain axis.
_FAR = 20


@styled
def rows_and_pixels(
    profiles: Mapping[str, Mapping[str, np.ndarray]],
    maps: Mapping[str, Mapping[str, np.ndarray]],
    ratios: Mapping[str, Mapping[str, float]],
) -> Figure:
    """Figure 3: neuron strength of recurrent networks by row of the image, and of its pixels.

    Args:
        profiles: title of networks -> "trained" and "untrained" -> mean |zeta^t| [networks, rows].
        maps: likewise -> mean |x_ti| mean_k |Omega_ik| [rows, pixels], mean over networks.
        ratios: likewise -> mean over the middle half of the rows over that of the rest.
    """
    figure, axes = canvas(len(profiles), 3, 1.6, legend=0.25)
    looks: dict[str, tuple[str, Literal["-", ":"]]] = {"untrained": (MUTED, ":"), "trained": (OTHERS[0], "-")}
    for row, (title, states) in zip(axes, profiles.items(), strict=True):
        peaks = [values.mean(0).max() for values in states.values()]
        if max(peaks) > _FAR * min(peaks):
            row[0].set_yscale("log")
        for state, (hue, line) in looks.items():
            steps = np.arange(1, states[state].shape[1] + 1)
            curve = xr.DataArray(states[state], dims=("seed", "row"), coords={"row": steps})
            band(row[0], curve, "row", scale=1, color=hue, linestyle=line, label=state)
        count = len(steps)
        row[0].axvspan(count / 4 + 0.5, 3 * count / 4 + 0.5, color="0.94", linewidth=0, zorder=0)
        row[0].annotate(
            f"middle\nover rest:\n{ratios[title]['trained']:.2f},\nuntrained\n{ratios[title]['untrained']:.2f}", (1.03, 0.5),
            xycoords="axes fraction", va="center", fontsize=7, color="0.2",
        )  # fmt: skip
        row[0].set_ylabel("mean |neuron strength|")
        row[0].set_title(f"{title}: rows", loc="left")
        top = max(image.max() for image in maps[title].values())
        for panel, state in zip(row[1:], ("trained", "untrained"), strict=True):
            image = maps[title][state]
            shown = panel.imshow(image / top if top else image, cmap="magma", vmin=0, vmax=1)
            panel.set_title(f"pixels, {state}", loc="left")
            panel.set_xticks([])
            panel.set_yticks([])
        figure.colorbar(shown, ax=list(row[1:]), label="share of the largest")
    for panel in axes[-1, :1]:
        panel.set_xlabel("row of the image")
    letters(axes)
    handles = [Line2D([], [], color=hue, linestyle=line, label=state) for state, (hue, line) in reversed(looks.items())]
    figure.legend(handles=handles, loc="outside upper left", ncols=2)
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
    figure, axes = canvas(2, len(columns), 1.7, wide=True, legend=0.25)
    depth = max(layer for column in columns for layer in column.strength)
    hues = hues_by_layer(depth)
    for side, column in enumerate(columns):
        for panel, (quantity, layers) in zip(axes[:, side], column.against.items(), strict=True):
            for layer, values in layers.items():
                few = np.isfinite(values).sum() < 500
                panel.plot(
                    column.strength[layer], values, ".", markersize=3 if few else 2, alpha=0.6 if few else 0.35, color=hues[layer],
                    markeredgewidth=0,
                )  # fmt: skip
            _correlations(panel, column.correlations[quantity], hues)
            panel.set_xlabel(WORDS["node_strength_in"])
            panel.set_ylabel(f"mean {WORDS[quantity]}" if not side else "")
            panel.xaxis.set_major_locator(MaxNLocator(4))
    column_titles(axes, [column.title for column in columns])
    for panel in axes.flat:
        # Correlations have a line of their own.
        panel.set_title(panel.get_title("left"), loc="left", pad=14)
    legend_top(figure, named(depth))
    return figure


def _correlations(panel: Axes, found: Mapping[int, float], hues: Mapping[int, str]) -> None:
    """Pearson's r of each layer in its colour, at the right above the panel."""
    for n, (layer, r) in enumerate(reversed(list(found.items()))):
        words = "none" if np.isnan(r) else f"{r:.2f}"
        first = n == len(found) - 1
        panel.annotate(
            f"r = {words}" if first else words, (1, 1), xycoords="axes fraction", xytext=(-24 * n, 3), textcoords="offset points",
            ha="right", va="bottom", fontsize=7, color=hues[layer],
        )  # fmt: skip


@styled
def along_training(curves: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Link weights and layer fluctuation after each epoch (the 2021 companion paper), the start before the first.

    Args:
        curves: title of networks -> "mean", "variance", "fluctuation" -> [networks, epochs, layers].
    """
    words = {"mean": "mean of w + b", "variance": "variance of w + b", "fluctuation": "layer fluctuation"}
    figure, axes = canvas(len(words), len(curves), 1.3, wide=True, legend=0.25)
    depth = 1 + max(some["mean"].shape[2] for some in curves.values())
    hues = hues_by_layer(depth)
    for side, some in enumerate(curves.values()):
        for panel, (name, label) in zip(axes[:, side], words.items(), strict=True):
            values = xr.DataArray(
                some[name], dims=("seed", "epoch", "layer"), coords={"epoch": np.arange(some[name].shape[1])}
            )
            for layer in range(values.sizes["layer"]):
                band(
                    panel, values.isel(layer=layer), "epoch", scale=1, color=hues[layer + 2], label=f"layer {layer + 2}"
                )
            panel.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            panel.set_xlabel("epoch" if name == "fluctuation" else "")
            panel.set_ylabel(label if not side else "")
    column_titles(axes, list(curves))
    legend_top(figure, named(depth))
    return figure


_ORDERS: dict[str, tuple[str, str]] = {
    "magnitude": ("magnitude", OTHERS[0]),
    "edge": ("signal of the weight", OTHERS[4]),
    "neuron": ("signal of the neuron", OTHERS[1]),
    "node": ("in-strength", OTHERS[2]),
    "random": ("random weights", OTHERS[5]),
    "random_neuron": ("random neurons", OTHERS[3]),
}


@styled
def pruning_orders(curves: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray]]], columns: int = 3) -> Figure:
    """What networks still do by the fraction of their weights that is gone, an order of pruning a line.

    Args:
        curves: title of networks -> order -> fractions [levels] and what is left [networks, levels].
        columns: panels side by side.
    """
    rows = -(-len(curves) // columns)
    figure, axes = canvas(rows, min(columns, len(curves)), 1.45, wide=True, share=True, legend=0.45)
    for panel, (title, orders) in zip(axes.flat, curves.items(), strict=False):
        for order, (removed, left) in orders.items():
            label, hue = _ORDERS[order]
            curve = xr.DataArray(left, dims=("seed", "removed"), coords={"removed": 100 * removed})
            # What leaves whole neurons is solid, what leaves weights wherever they are is dashed.
            band(panel, curve, "removed", color=hue, linestyle="-" if order in ("neuron", "node", "random_neuron") else "--", marker="o", markersize=2, label=label)  # fmt: skip
        panel.set_title(title, loc="left")
        panel.set_ylim(-3, 103)
    for panel in axes.flat[len(curves) :]:
        panel.set_visible(False)
    for n, panel in enumerate(axes.flat[: len(curves)]):
        panel.set_xlabel("weights removed (%)" if n + columns >= len(curves) else "")
    for panel in axes[:, 0]:
        panel.set_ylabel("accuracy, or variance\nexplained (%)")
    letters(axes)
    legend_below(figure, axes, columns=3)
    return figure


_SPECTRAL = {"alpha": "exponent", "stable_rank": "stable rank", "spectral_norm": "spectral norm"}
_BENDS = {"linear": OTHERS[3], "relu": OTHERS[1], "sigmoid": OTHERS[0]}


@styled
def spectra(columns: Mapping[str, Mapping[str, xr.Dataset]]) -> Figure:
    """Exponents, stable ranks and norms of each kernel: filled trained, open untrained.

    Args:
        columns: title -> activation -> Dataset of "alpha", "stable_rank", "spectral_norm" [state, network, kernel].
    """
    figure, axes = canvas(len(_SPECTRAL), len(columns), 1.3, wide=True, share=True, legend=0.25)
    for side, (title, some) in enumerate(columns.items()):
        for panel, (name, label) in zip(axes[:, side], _SPECTRAL.items(), strict=True):
            kernels = [str(kernel).removesuffix("/kernel") for kernel in next(iter(some.values())).kernel.values]
            for shift, (bend, ds) in enumerate(some.items()):
                _kernels(
                    panel,
                    ds[name],
                    0.24 * (shift - (len(some) - 1) / 2),
                    _BENDS[bend],
                    kernels,
                    f"{title}, {bend}, {label}",
                )
            panel.set_xticks(np.arange(len(kernels)), kernels, rotation=20 if len(kernels) > 2 else 0, fontsize=6.5)
            panel.set_xlim(-0.5, len(kernels) - 0.5)
            panel.set_yscale("log")
            panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            panel.yaxis.set_major_formatter("{x:g}")
            panel.yaxis.set_minor_formatter(NullFormatter())
            panel.set_ylabel(label if not side else "")
    column_titles(axes, list(columns))
    bends = dict.fromkeys(bend for some in columns.values() for bend in some)
    handles = [Line2D([], [], color=_BENDS[bend], marker="o", markersize=4, label=bend) for bend in bends]
    for state, face in (("trained", "0.3"), ("untrained", "white")):
        handles.append(
            Line2D([], [], color="0.3", marker="o", markersize=4, linestyle="", markerfacecolor=face, label=state)
        )
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure


def _kernels(panel: Axes, values: xr.DataArray, shift: float, hue: str, kernels: Sequence[str], words: str) -> None:
    """Medians over networks, and lines from the least to the largest; untrained and trained side by side."""
    for state, face, aside in (("untrained", "white", -0.05), ("trained", hue, 0.05)):
        # Few eigenvalues follow no law: such a kernel has no exponent in any network.
        known = ~values.sel(state=state).isnull().all("network").values
        low, middle, high = values.sel(state=state)[:, known].quantile([0, 0.5, 1], "network").values
        at = np.flatnonzero(known) + shift + aside
        look: dict[str, Any] = {"color": hue, "markerfacecolor": face, "markersize": 3.5, "elinewidth": 0.8}
        panel.errorbar(at, middle, (middle - low, high - middle), fmt="o", **look)
        for x, y, n in zip(at, middle, np.flatnonzero(known).tolist(), strict=True):
            name_spot(panel, f"{words}, {kernels[n]}", x, y, f"{state} {y:.3g}")
