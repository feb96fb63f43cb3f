"""Figures of the study ``collapse``: what is left of the gap."""

import numpy as np
import xarray as xr
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from jprobe.figures.style import canvas, legend_below, styled, title

_PIXELS = {"signed": "[-1, 1]", "unit": "[0, 1]", "standardised": "standardised"}


@styled
def what_is_left(gaps: xr.DataArray) -> Figure:
    """Points lost to signs, a row a reading, a column a scale of the pixels, a panel a dataset and task.

    Args:
        gaps: over (dataset, task, pixels, reading), in [0, 1].
    """
    names, tasks = gaps.dataset.values.tolist(), gaps.task.values.tolist()
    figure, axes = canvas(len(names), len(tasks), width=3.6, height=2.9)
    for row, name in enumerate(names):
        for column, task in enumerate(tasks):
            panel, here = axes[row, column], 100 * gaps.sel(dataset=name, task=task).transpose("reading", "pixels")
            image = panel.imshow(here, cmap="OrRd", norm=Normalize(0, 50), aspect="auto")
            for (y, x), value in np.ndenumerate(here.values):
                if np.isfinite(value):
                    ink = "white" if value > 30 else "black"
                    panel.text(x, y, f"{value:.1f}", ha="center", va="center", color=ink, fontsize=8)
            panel.set_xticks(
                range(here.sizes["pixels"]), [_PIXELS.get(p, p) for p in here.pixels.values.tolist()], fontsize=7.5
            )
            panel.set_yticks(range(here.sizes["reading"]), here.reading.values.tolist() if column == 0 else [])
            panel.tick_params(length=0)
            panel.set_xlabel("pixels")
            panel.spines[:].set_visible(False)
            panel.axhline(0.5, color="black", linewidth=1)
            panel.set_title(f"{title(name)}, {task} task", loc="left")
    figure.colorbar(image, ax=axes, label="lost to signs (points)", shrink=0.6)
    return figure


@styled
def accuracies(ds: xr.Dataset) -> Figure:
    """Accuracy of each signed network by scale of the pixels, threshold where it is and moved: a panel a dataset.

    Args:
        ds: the study's numbers.
    """
    names = ds.dataset.values.tolist()
    figure, axes = canvas(1, len(names), width=3.4, height=3.0)
    scales = ds.pixels.values.tolist()
    for panel, name in zip(axes[0], names, strict=True):
        for t, (task, hue) in enumerate({"easy": "#b35a13", "hard": "#2f6f92"}.items()):
            if task not in ds.task:
                continue
            here = ds.sel(dataset=name, task=task)
            for m, (measure, marker, fill) in enumerate((("accuracy", "o", "none"), ("threshold", "o", hue))):
                for n, scale in enumerate(scales):
                    values = 100 * here.value.sel(pixels=scale, weights="signs", measure=measure).values
                    place = n + (t - 0.5) * 0.4 + (m - 0.5) * 0.16
                    label = f"{task}, threshold {'moved' if m else 'at 0'}" if n == 0 else None
                    spread = np.linspace(-0.04, 0.04, len(values))
                    panel.plot(
                        place + spread, values, marker, color=hue, markerfacecolor=fill, markersize=3.2, label=label
                    )
                    panel.plot([place - 0.06, place + 0.06], [np.nanmedian(values)] * 2, color="black", linewidth=1.2)
        panel.axhline(50, color="0.5", linewidth=0.8, linestyle=(0, (1, 2)))
        panel.text(len(scales) - 0.52, 46.5, "chance", fontsize=7.5, color="0.35", ha="right")
        panel.set_xticks(range(len(scales)), [_PIXELS.get(s, s) for s in scales])
        panel.set_xlabel("pixels")
        panel.set_ylim(40, 102)
        panel.set_ylabel("accuracy, signed (%)")
        panel.set_title(title(name), loc="left")
    legend_below(figure, axes, 4 if len(names) > 1 else 2)
    return figure
