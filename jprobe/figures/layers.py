"""Figures of paper 1's layer robustness: one function a figure, from the Dataset of the study ``transformer``."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jprobe.figures.style import canvas, legend_below, letters, styled

# From the input to the output, dark to light, so that the order of the layers can be seen.
_HUES = ("#3b1c5a", "#3c4f8a", "#2a788e", "#2fa37f", "#7ac04c", "#e0b52e")


def _hue(n: int, count: int) -> str:
    return _HUES[round(n * (len(_HUES) - 1) / max(count - 1, 1))]


@styled
def layer_curves(ds: xr.Dataset) -> Figure:
    """Figure 5: pruning with magnitudes and with signs (a), randomizations A (b) and B (c); below, what each costs."""
    figure, axes = canvas(2, 3, width=3.3, height=2.6)
    for panel, names in zip(axes[0], (("original", "signed"), ("A",), ("B",)), strict=True):
        for name in names:
            removed = ds.assign_coords(kept=1 - ds.kept).rename(kept="removed_share")
            _curves(panel, removed, name, "removed_share", "--" if name == "signed" else "-")
        # The paper's axis. What is lost before half of the weights are gone is below, for none gone.
        panel.set_xlim(0.5, 1.0)
        panel.set_xlabel("fraction of the layer's weights removed")
        _mark(panel, ds)
    titles = ("pruned (dashed: signs)", "pruned, randomization A", "pruned, randomization B")
    whole = ds.sel(kept=ds.kept.max()).mean("repeat")
    for panel, name, what in zip(
        axes[1], ("signed", "A", "B"), ("signs", "randomization A", "randomization B"), strict=True
    ):
        lost = (ds.base - whole[name]).values
        count = ds.sizes["layer"]
        panel.bar(range(count), lost, color=[_hue(n, count) for n in range(count)])
        panel.set_xticks(range(count), ds.layer.values.tolist(), rotation=35, ha="right", fontsize=7.5)
        panel.set_ylabel(f"{ds.attrs['measure']} lost")
        panel.set_ylim(min(0.0, float(lost.min()) * 1.1), max(1.0, float(ds.base)) * 1.02)
        panel.set_title(f"lost to {what}", loc="left")
    for panel, text in zip(axes[0], titles, strict=True):
        panel.set_title(text, loc="left")
    letters(axes)
    legend_below(figure, axes, 6)
    return figure


@styled
def noise_and_flips(ds: xr.Dataset) -> Figure:
    """Figure 9: Gaussian noise, on weights (a) and signs taken after it (b); flips of the smallest weights' signs likewise (c, d)."""
    figure, axes = canvas(2, 2, width=3.6, height=2.5)
    for row, (name, dim, label) in enumerate(
        (
            ("noise", "amplitude", "sd of the noise (units of the weights)"),
            ("flip", "flipped", "fraction of signs flipped, weakest first"),
        )
    ):
        words = {"noise": "noise", "flip": "sign flips"}[name]
        for panel, variable, title in zip(
            axes[row], (name, f"{name}_signed"), (words, f"{words}, then signs"), strict=True
        ):
            _curves(panel, ds, variable, dim, "-")
            panel.set_xlabel(label)
            panel.set_title(title, loc="left")
            _mark(panel, ds)
    letters(axes)
    legend_below(figure, axes, 6)
    return figure


@styled
def cka_curves(ds: xr.Dataset) -> Figure:
    """Figure 20: a panel for each pruned layer, a curve for each layer whose activations are compared."""
    count = ds.sizes["layer"]
    columns = min(3, count)
    rows = -(-count // columns)
    figure, axes = canvas(rows, columns, width=3.0, height=2.3)
    seen = ds.seen.values.tolist()
    for n, panel in enumerate(axes.flat):
        if n >= count:
            panel.set_visible(False)
            continue
        for m, name in enumerate(seen):
            panel.plot(ds.removed, ds.cka.isel(layer=n).sel(seen=name), ".-", color=_hue(m, len(seen)), label=name)
        panel.set_title(f"{ds.layer.values[n]} pruned", loc="left")
        panel.set_ylim(-0.03, 1.05)
        panel.set_xlabel("fraction removed, weakest first")
        panel.set_ylabel("linear CKA")
    letters(axes)
    legend_below(figure, axes, 6)
    return figure


def _curves(panel: Axes, ds: xr.Dataset, name: str, dim: str, line: str) -> None:
    count = ds.sizes["layer"]
    for n, layer in enumerate(ds.layer.values.tolist()):
        values = ds[name].sel(layer=layer).transpose(dim, "repeat").values
        hue = _hue(n, count)
        panel.plot(
            ds[dim], values.mean(1), line, color=hue, marker=".", markersize=4, label=None if line == "--" else layer
        )
        if values.shape[1] > 1:
            panel.fill_between(ds[dim], values.min(1), values.max(1), color=hue, alpha=0.15, linewidth=0)


def _mark(panel: Axes, ds: xr.Dataset) -> None:
    panel.axhline(float(ds.base), color="0.6", linewidth=0.8, linestyle=(0, (1, 2)), zorder=0)
    panel.set_ylim(-0.03, max(1.0, float(np.nanmax(ds.base))) * 1.03)
    panel.set_ylabel(ds.attrs["measure"])
