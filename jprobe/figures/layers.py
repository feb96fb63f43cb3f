"""Figures of paper 1's layer robustness: one function a figure, mostly from the Dataset of the study ``transformer``."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jprobe.figures.hover import name_spot
from jprobe.figures.style import canvas, letters, mark_level, styled, tell
from jprobe.intervals import Estimate

# From the input to the output, purple to orange, so that the order of the layers can be seen; 4.5:1 on white.
_HUES = ("#4a1a78", "#2f5597", "#13707c", "#2c7a2c", "#8a6500", "#b5480a")
_MARKS = ("o", "s", "^", "D", "v", "P")


def _place(n: int, count: int) -> int:
    return round(n * (len(_HUES) - 1) / max(count - 1, 1))


def layer_hue(n: int, count: int) -> str:
    """Colour of the n-th of so many layers."""
    return _HUES[_place(n, count)]


def _mark(n: int, count: int) -> str:
    return _MARKS[_place(n, count)]


@styled
def borne(left: Mapping[str, Sequence[Estimate]], layers: Sequence[str], base: float, measure: str) -> Figure:
    """What each layer bears: the score that is left after each perturbation of one layer, a panel a perturbation.

    Args:
        left: perturbation, in one word or two lines -> the score for each layer, with its interval.
        layers: names, from the input.
        base: the score of the unperturbed network.
        measure: what the score is.
    """
    columns = min(len(left), 3)
    figure, axes = canvas(-(-len(left) // columns), columns, 0.17 * len(layers) + 0.5, wide=True, share=True)
    for panel in axes.flat[len(left) :]:
        panel.set_visible(False)
    for panel, (words, found) in zip(axes.flat, left.items(), strict=False):
        for n, (layer, one) in enumerate(zip(layers, found, strict=True)):
            hue = layer_hue(n, len(layers))
            panel.barh(n, one.value, color=hue, height=0.72)
            panel.plot([one.low, one.high], [n, n], color="0.1", linewidth=0.8)
            panel.annotate(
                f"{round(one.value, 2) + 0.0:.2f}", (max(one.value, one.high, 0), n), xytext=(2.5, 0), textcoords="offset points", va="center",
                fontsize=6.5, color=hue, bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.3},
            )  # fmt: skip
            name_spot(panel, layer, one.value, n, f"{measure} {one.value:.3f}")
        panel.axvline(base, color="0.45", linewidth=0.7, linestyle=(0, (1, 1.5)), zorder=0)
        panel.set_xlim(min(0.0, *(one.value for one in found)) - 0.001, 1.42 * base)
        panel.set_xticks([0, 0.5, 1] if base > 0.6 else [0, 0.5])
        panel.set_title(words[0].upper() + words[1:].replace("\n", " "), loc="left")
        panel.tick_params(axis="y", length=0)
    for row in axes:
        row[0].set_yticks(range(len(layers)), list(layers))
        row[0].set_ylim(len(layers) - 0.5, -0.5)
    letters(axes)
    figure.supxlabel(f"{measure} that is left, with its 95% interval (dotted: unperturbed, {base:.2f})", fontsize=8)
    return figure


@styled
def layer_curves(ds: xr.Dataset) -> Figure:
    """Figure 5: pruning with magnitudes and with signs (a), randomizations A (b) and B (c); below, what each costs."""
    figure, axes = canvas(2, 3, [1.7, 1.6], share=True, legend=0.4)
    columns = (("original", "signed"), ("A",), ("B",))
    titles = ("Pruned", "Pruned, randomized (A)", "Pruned, randomized (B)")
    for panel, names, words in zip(axes[0], columns, titles, strict=True):
        for name in names:
            _curves(panel, ds.assign_coords(kept=100 * ds.kept), name, "kept", "--" if name == "signed" else "-")
        # What the paper has on a plain axis from 50% removed on: on this one no level hides another.
        panel.set_xscale("log")
        panel.set_xlim(130, 70 * float(ds.kept.min()))
        panel.xaxis.set_major_formatter("{x:g}")
        panel.set_xlabel("weights of the layer kept (%)")
        panel.set_title(words, loc="left")
        _level(panel, ds)
    names = ds.layer.values.tolist()
    whole = ds.sel(kept=ds.kept.max()).mean("repeat")
    lost = {
        words: (ds.base - whole[name]).values
        for words, name in (("signs", "signed"), ("randomization A", "A"), ("randomization B", "B"))
    }
    for panel, (words, values) in zip(axes[1], lost.items(), strict=True):
        panel.bar(range(len(names)), values, color=[layer_hue(n, len(names)) for n in range(len(names))], width=0.75)
        panel.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
        panel.tick_params(axis="x", length=0)
        panel.set_title(f"Lost to {words}", loc="left")
        for n, (name, value) in enumerate(zip(names, values, strict=True)):
            name_spot(panel, name, n, value, f"{value:.3f} lost to {words}")
    least = min(0.0, *(float(values.min()) for values in lost.values()))
    axes[1, 0].set_ylim(1.1 * least, max(1.0, float(ds.base)) * 1.03)
    axes[0, 0].set_ylabel(ds.attrs["measure"])
    axes[1, 0].set_ylabel(f"{ds.attrs['measure']} lost")
    letters(axes)
    _legend(figure, names, {"as trained, or randomized": "-", "signs only": "--"})
    return figure


@styled
def noise_and_flips(ds: xr.Dataset) -> Figure:
    """Figure 9: Gaussian noise, on weights (a) and signs taken after it (b); flips of the smallest weights' signs likewise (c, d)."""
    figure, axes = canvas(2, 2, 1.75, share=True, legend=0.25)
    rows = (
        ("noise", "amplitude", "Noise", "standard deviation of the noise (units of the weights)", 1),
        ("flip", "flipped", "Sign flips", "signs flipped, weakest first (%)", 100),
    )
    for row, (name, dim, words, label, factor) in zip(axes, rows, strict=True):
        scaled = ds.assign_coords({dim: factor * ds[dim]})
        for panel, variable, title in zip(
            row, (name, f"{name}_signed"), (words, f"{words}, then signs only"), strict=True
        ):
            _curves(panel, scaled, variable, dim, "-")
            panel.set_xlabel(label)
            panel.set_title(title, loc="left")
            _level(panel, ds)
            if dim == "amplitude":
                _noise_axis(panel, ds.amplitude.values)
        row[0].set_ylabel(ds.attrs["measure"])
    letters(axes)
    _legend(figure, ds.layer.values.tolist())
    return figure


def _noise_axis(panel: Axes, levels: np.ndarray) -> None:
    """Even steps up to 0.1, tenfold ones beyond: most is lost to the least noise."""
    panel.set_xscale("symlog", linthresh=0.1, linscale=1.0)
    ticks = [0, 0.05, 0.1, 0.3, 1]
    panel.set_xticks(ticks, [f"{t:g}" for t in ticks])
    panel.set_xticks([], minor=True)
    panel.set_xlim(-0.005, 1.1 * levels.max())


@styled
def cka_curves(ds: xr.Dataset) -> Figure:
    """Figure 20: a panel for each pruned layer, a curve for each layer whose activations are compared."""
    count = ds.sizes["layer"]
    columns = min(3, count)
    figure, axes = canvas(-(-count // columns), columns, 1.5, wide=True, share=True, legend=0.25)
    seen = ds.seen.values.tolist()
    lowest = np.unravel_index(int(np.nanargmin(ds.cka.values)), ds.cka.shape)
    for panel in axes.flat[count:]:
        panel.set_visible(False)
    for n, panel in enumerate(axes.flat[:count]):
        for m, name in enumerate(seen):
            panel.plot(
                100 * ds.removed, ds.cka.isel(layer=n).sel(seen=name), "-", marker=_mark(m, len(seen)), markersize=2.5,
                color=layer_hue(m, len(seen)), label=name,
            )  # fmt: skip
        panel.set_title(f"{ds.layer.values[n]} pruned", loc="left")
        panel.set_ylim(-0.03, 1.05)
        panel.set_xlim(-3, 103)
        if n == lowest[ds.cka.get_axis_num("layer")]:
            place = dict(zip(ds.cka.dims, lowest, strict=True))
            value, m = float(ds.cka.values[lowest]), int(place["seen"])
            tell(
                panel,
                100 * float(ds.removed[place["removed"]]),
                value,
                f"lowest: {value:.2f}\nin {seen[m]}",
                layer_hue(m, len(seen)),
                (-14, -6),
            )
    for panel in axes[-1]:
        panel.set_xlabel("weights removed, weakest first (%)")
    for panel in axes[:, 0]:
        panel.set_ylabel("linear CKA")
    letters(axes)
    _legend(figure, seen)
    return figure


def _curves(panel: Axes, ds: xr.Dataset, name: str, dim: str, line: Literal["-", "--"]) -> None:
    """Means over draws, of each layer."""
    count = ds.sizes["layer"]
    for n, layer in enumerate(ds.layer.values.tolist()):
        values = ds[name].sel(layer=layer).transpose(dim, "repeat").values
        hue = layer_hue(n, count)
        panel.plot(ds[dim], values.mean(1), line, color=hue, marker=_mark(n, count), markersize=2.5)
        for at, value in zip(ds[dim].values, values.mean(1), strict=True):
            name_spot(panel, layer, at, value, f"{value:.3f}")
        if values.shape[1] > 1:
            panel.fill_between(ds[dim], values.min(1), values.max(1), color=hue, alpha=0.13, linewidth=0)


def _level(panel: Axes, ds: xr.Dataset) -> None:
    mark_level(panel, float(ds.base), "unperturbed" if panel.get_subplotspec().is_last_col() else "")  # type: ignore[union-attr]
    low = min(
        float(ds[name].min())
        for name in ("original", "signed", "A", "B", "noise", "noise_signed", "flip", "flip_signed")
    )
    panel.set_ylim(min(-0.03, low - 0.03), max(1.0, float(ds.base)) * 1.04)


def _legend(figure: Figure, layers: Sequence[str], dashes: Mapping[str, Literal["-", "--"]] | None = None) -> None:
    """Layers by colour and mark, from the input."""
    handles = [
        Line2D([], [], color=layer_hue(n, len(layers)), marker=_mark(n, len(layers)), markersize=3, label=layer)
        for n, layer in enumerate(layers)
    ]
    handles += [Line2D([], [], color="0.3", linestyle=line, label=words) for words, line in (dashes or {}).items()]
    figure.legend(handles=handles, loc="outside upper center", ncols=6 if len(handles) <= 6 else 4)
