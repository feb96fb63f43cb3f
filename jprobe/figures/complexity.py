"""Figures of paper 1's task-complexity map: one function a figure, from means over networks by pair."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jprobe.figures.style import canvas, letters, styled

_HUE = "#8a5a9e"


@styled
def gap_maps(means: xr.Dataset) -> Figure:
    """Figure 4: accuracy lost by signs (a) and by randomization B (b) for each pair; one against the other (c)."""
    figure, axes = canvas(1, 3, width=3.6, height=3.3)
    _heat(figure, axes[0, 0], means.gap_signed, "accuracy lost (points)", "{:.0f}", 100)
    _heat(figure, axes[0, 1], means.gap_randomized, "accuracy lost (points)", "{:.0f}", 100)
    _scatter(axes[0, 2], means, "gap_signed", "gap_randomized")
    for panel, heading in zip(axes[0], ("signs for weights", "randomization B", "one against the other"), strict=True):
        panel.set_title(heading, loc="left")
    letters(axes)
    return figure


@styled
def heat_map(values: xr.DataArray, label: str, form: str, scale: float) -> Figure:
    """Figures 6 and 8: one number for each pair of classes."""
    figure, axes = canvas(1, 1, width=4.6, height=3.9)
    _heat(figure, axes[0, 0], values, label, form, scale)
    return figure


@styled
def ssim_and_gaps(means: xr.Dataset) -> Figure:
    """The SSIM distance against each gap: what the paper does not show."""
    figure, axes = canvas(1, 2, width=3.8, height=3.2)
    for panel, measure in zip(axes[0], ("gap_signed", "gap_randomized"), strict=True):
        _scatter(panel, means, "ssim", measure)
    letters(axes)
    return figure


@styled
def rank_ranges(ranks: np.ndarray, pairs: list[str]) -> Figure:
    """Ranks of each pair over networks [S, n]: a dot for each network, a line from the lowest to the highest."""
    order = np.argsort(np.median(ranks, axis=0) + 1e-3 * ranks.mean(0))
    figure, axes = canvas(1, 1, width=8.2, height=3.2)
    panel = axes[0, 0]
    places = np.arange(len(pairs))
    panel.vlines(places, ranks.min(0)[order], ranks.max(0)[order], color=_HUE, alpha=0.35, linewidth=3)
    panel.plot(places, ranks[:, order].T, ".", color=_HUE, markersize=4, alpha=0.6)
    panel.plot(places, np.median(ranks, axis=0)[order], "_", color="black", markersize=7)
    panel.set_xticks(places, [pairs[n] for n in order], rotation=90, fontsize=7)
    panel.set_xlabel("pair of classes, by median rank (black)")
    panel.set_ylabel("rank by accuracy lost\n(1: least)")
    panel.set_xlim(-0.7, len(pairs) - 0.3)
    return figure


def _heat(figure: Figure, panel: Axes, values: xr.DataArray, label: str, form: str, scale: float) -> None:
    first, second = _classes(values)
    size = max(second) + 1
    grid = np.full((size, size), np.nan)
    grid[second, first] = scale * values.values
    image = panel.imshow(grid, cmap="viridis")
    low, high = np.nanmin(grid), np.nanmax(grid)
    small = 6 if figure.get_figwidth() > 6 else 7.5
    for a, b in zip(first, second, strict=True):
        # Dark ink on light cells, light ink on dark ones.
        ink = "black" if grid[b, a] > low + 0.6 * (high - low) else "white"
        panel.text(a, b, form.format(grid[b, a]), ha="center", va="center", color=ink, fontsize=small)
    panel.set_xticks(range(size - 1))
    panel.set_yticks(range(1, size))
    panel.set_xlim(-0.5, size - 1.5)
    panel.set_ylim(size - 0.5, 0.5)
    panel.set_xlabel("class")
    panel.set_ylabel("class")
    panel.spines[:].set_visible(False)
    figure.colorbar(image, ax=panel, label=label, shrink=0.8)


def _scatter(panel: Axes, means: xr.Dataset, x: str, y: str) -> None:
    scale = {"ssim": 1}
    labels = {
        "ssim": "SSIM distance",
        "gap_signed": "lost by signs (points)",
        "gap_randomized": "lost by randomization B (points)",
    }
    xs, ys = (scale.get(name, 100) * means[name].values for name in (x, y))
    panel.plot(xs, ys, "o", color=_HUE, markersize=4, alpha=0.75)
    # The ends of both measures and those most off the trend are named.
    order = [np.argmin(xs), np.argmax(xs), np.argmin(ys), np.argmax(ys)]
    off = np.argsort(-abs(_ranks(xs) - _ranks(ys)))[:2]
    named: list[int] = []
    for n in dict.fromkeys([*order, *(off if x != "ssim" else [])]):
        if any(abs(xs[n] - xs[m]) < 0.1 * np.ptp(xs) and abs(ys[n] - ys[m]) < 0.06 * np.ptp(ys) for m in named):
            continue  # two names in one place could not be read
        named.append(n)
        right = xs[n] > (xs.min() + xs.max()) / 2
        panel.annotate(
            str(means.pair.values[n]), (xs[n], ys[n]), xytext=(-5 if right else 5, 3), textcoords="offset points",
            ha="right" if right else "left", fontsize=7,
        )  # fmt: skip
    panel.set_xlabel(labels[x])
    panel.set_ylabel(labels[y])


def _ranks(values: np.ndarray) -> np.ndarray:
    return np.argsort(np.argsort(values))


def _classes(values: xr.DataArray) -> tuple[list[int], list[int]]:
    first, second = zip(*(map(int, pair.split("-")) for pair in values.pair.values.tolist()), strict=True)
    return list(first), list(second)
