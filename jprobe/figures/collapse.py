"""Figures of the study ``collapse``: what is left of the gap."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jprobe.figures.style import COLORS, accuracy_axis, canvas, letters, styled, title

_PIXELS = {"signed": "[-1, 1]", "unit": "[0, 1]", "standardised": "standard-\nised"}


@styled
def what_is_left(gaps: xr.DataArray) -> Figure:
    """Points lost to signs, a row a reading, a column a scale of the pixels, a panel a dataset and task.

    Args:
        gaps: over (dataset, task, pixels, reading), in [0, 1].
    """
    names, tasks = gaps.dataset.values.tolist(), gaps.task.values.tolist()
    figure, axes = canvas(len(names), len(tasks), 2.0, wide=True)
    for row, name in enumerate(names):
        for column, task in enumerate(tasks):
            panel, here = axes[row, column], 100 * gaps.sel(dataset=name, task=task).transpose("reading", "pixels")
            image = panel.imshow(here, cmap="OrRd", norm=Normalize(0, 50), aspect="auto")
            for (y, x), value in np.ndenumerate(here.values):
                if np.isfinite(value):
                    ink = "white" if value > 30 else "black"
                    panel.text(x, y, f"{value:.1f}", ha="center", va="center", color=ink, fontsize=7)
            panel.set_xticks(range(here.sizes["pixels"]), [_PIXELS.get(p, p) for p in here.pixels.values.tolist()])
            panel.set_yticks(range(here.sizes["reading"]), here.reading.values.tolist() if column == 0 else [])
            panel.tick_params(length=0)
            panel.spines[:].set_visible(False)
            panel.axhline(0.5, color="black", linewidth=0.8)
            panel.set_title(f"{title(name)}, {task} task", loc="left")
    for panel in axes[-1]:
        panel.set_xlabel("scale of the pixels")
    letters(axes)
    figure.colorbar(image, ax=axes, label="lost to signs (points)", shrink=0.6)
    return figure


@styled
def accuracies(ds: xr.Dataset) -> Figure:
    """Accuracy of each signed network by scale of the pixels, threshold where it is and moved: a panel a dataset.

    Args:
        ds: the study's numbers.
    """
    names = ds.dataset.values.tolist()
    columns = min(len(names), 2)
    figure, axes = canvas(-(-len(names) // columns), columns, 1.9, share=True, legend=0.25 if columns > 1 else 0.5)
    scales = ds.pixels.values.tolist()
    for panel, name in zip(axes.flat, names, strict=False):
        for t, (task, hue) in enumerate(COLORS.items()):
            if task in ds.task:
                _dots(panel, ds.sel(dataset=name, task=task), (t - 0.5) * 0.4, hue)
        panel.set_xticks(range(len(scales)), [_PIXELS.get(s, s) for s in scales])
        panel.set_xlabel("scale of the pixels")
        panel.set_title(f"{title(name)}: each dot a signed network", loc="left")
    for panel in axes.flat[len(names) :]:
        panel.set_visible(False)
    for row in axes:
        row[0].set_ylabel("test accuracy (%)")
        accuracy_axis(row)
    letters(axes)
    handles = [
        Line2D([], [], linestyle="none", marker="o", color=hue, label=f"{task} task") for task, hue in COLORS.items()
    ]
    handles += [
        Line2D([], [], linestyle="none", marker="o", color="0.3", markerfacecolor=fill, label=f"threshold {words}")
        for fill, words in (("none", "at 0"), ("0.3", "moved"))
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=4 if columns > 1 else 2)
    return figure


def _dots(panel: Axes, here: xr.Dataset, shift: float, hue: str) -> None:
    """Every network of one task: hollow with the threshold where it is, full with the threshold moved; bars at medians."""
    for m, (measure, fill) in enumerate((("accuracy", "none"), ("threshold", hue))):
        for n, scale in enumerate(here.pixels.values.tolist()):
            values = 100 * here.value.sel(pixels=scale, weights="signs", measure=measure).values
            place = n + shift + (m - 0.5) * 0.17
            spread = np.linspace(-0.05, 0.05, len(values))
            panel.plot(
                place + spread, values, "o", color=hue, markerfacecolor=fill, markersize=2.6, markeredgewidth=0.6
            )
            panel.plot([place - 0.07, place + 0.07], [np.nanmedian(values)] * 2, color="black", linewidth=1.2)
