"""Curves of several runs in one figure."""

from collections.abc import Mapping

import xarray as xr
from matplotlib.figure import Figure

from jprobe.figures.style import band, canvas, legend_below, styled

# Okabe and Ito's colours, which most colour-blind people can tell apart, without yellow.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#7f7f7f")


@styled
def overlaid(curves: Mapping[str, xr.DataArray], x: str, panels: str, along: str, of: str) -> Figure:
    """A panel a task and a colour a run: medians and interquartile ranges, signed networks dashed.

    Args:
        curves: label of a run -> values over (panels, x, ...), fractions of 1; over ``signed`` too, where both were measured.
        x: dimension of levels.
        panels: dimension that has a panel each; a run may lack some of its labels.
        along: words for the levels.
        of: words for the values.

    Example:
        >>> curve = xr.DataArray([[[0.9], [0.5]]], {"task": ["easy"], "removed": [0, 1]}, ("task", "removed", "seed"))
        >>> len(overlaid({"relu": curve, "tanh": curve}, "removed", "task", "removed", "accuracy, %").axes)
        1
    """
    names = list(dict.fromkeys(name for curve in curves.values() for name in curve[panels].values.tolist()))
    columns = min(len(names), 3)
    figure, axes = canvas(-(-len(names) // columns), columns)
    for panel, name in zip(axes.flat, names, strict=False):
        panel.set(title=name, xlabel=along, ylabel=of)
        for color, (label, curve) in zip(COLORS, curves.items(), strict=False):
            if name not in curve[panels]:
                continue
            here = curve.sel({panels: name})
            for signed in (False, True) if "signed" in here.dims else (None,):
                one = here if signed is None else here.sel(signed=signed)
                if bool(one.notnull().any()):
                    words = f"{label}, signed" if signed else label
                    band(panel, one, x, label=words, color=color, linestyle="--" if signed else "-")
    for panel in axes.flat[len(names) :]:
        panel.remove()
    legend_below(figure, axes)
    return figure
