"""Figures of paper 1's task-complexity map: one function a figure, from means over networks by pair."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from jprobe.figures.hover import name_spot
from jprobe.figures.style import OTHERS, canvas, letters, styled

_HUE = OTHERS[2]


@styled
def gap_maps(means: xr.Dataset) -> Figure:
    """Figure 4: accuracy lost by signs (a) and by randomization B (b) for each pair; one against the other (c)."""
    figure, axes = canvas(1, 3, 2.75)
    top = 100 * max(float(means.gap_signed.max()), float(means.gap_randomized.max()))
    for panel, measure in zip(axes[0, :2], ("gap_signed", "gap_randomized"), strict=True):
        image = _heat(panel, means[measure], "{:.0f}", 100, 5.8, (0, top))
    figure.colorbar(image, ax=axes[0, :2], label="accuracy lost (points)", location="bottom", shrink=0.5, aspect=30)
    _scatter(axes[0, 2], means, "gap_signed", "gap_randomized")
    axes[0, 2].set_ylabel("lost by B (points)")
    axes[0, 2].set_box_aspect(1)
    headings = ("Lost by signs", "Lost by shuffling (B)", "B against signs")
    for panel, heading in zip(axes[0], headings, strict=True):
        panel.set_title(heading, loc="left")
    letters(axes)
    return figure


@styled
def heat_map(values: xr.DataArray, label: str, form: str, scale: float) -> Figure:
    """Figures 6 and 8: one number for each pair of classes."""
    figure, axes = canvas(1, 1, 2.7)
    image = _heat(axes[0, 0], values, form, scale, 6)
    figure.colorbar(image, ax=axes[0, 0], label=label, shrink=0.8, format="%.3g")
    axes[0, 0].set_title(f"{label[0].upper()}{label[1:]} of each pair", loc="left")
    return figure


@styled
def ssim_and_gaps(means: xr.Dataset) -> Figure:
    """The SSIM distance against each gap: what the paper does not show."""
    figure, axes = canvas(1, 2, 2.2, share=True)
    headings = {"gap_signed": "Signs", "gap_randomized": "Randomization B"}
    for panel, (measure, heading) in zip(axes[0], headings.items(), strict=True):
        _scatter(panel, means, "ssim", measure)
        panel.set_title(heading, loc="left")
        panel.set_ylabel("accuracy lost (points)" if panel is axes[0, 0] else "")
    letters(axes)
    return figure


@styled
def rank_ranges(ranks: np.ndarray, pairs: list[str]) -> Figure:
    """Ranks of each pair over networks [S, n]: a dot for each network, a line from the lowest to the highest."""
    order = np.argsort(np.median(ranks, axis=0) + 1e-3 * ranks.mean(0))
    figure, axes = canvas(1, 1, 2.3, wide=True)
    panel = axes[0, 0]
    places = np.arange(len(pairs))
    panel.vlines(places, ranks.min(0)[order], ranks.max(0)[order], color=_HUE, alpha=0.35, linewidth=3)
    panel.plot(places, ranks[:, order].T, ".", color=_HUE, markersize=3, alpha=0.6)
    panel.plot(places, np.median(ranks, axis=0)[order], "_", color="black", markersize=6)
    panel.set_xticks(places, [pairs[n] for n in order], rotation=90, fontsize=6.5)
    panel.set_xlabel("pair of classes, by median rank (black)")
    panel.set_ylabel("rank by accuracy lost\n(1: least)")
    panel.set_xlim(-0.7, len(pairs) - 0.3)
    panel.set_title("Each pair's rank in every network", loc="left")
    return figure


def _heat(
    panel: Axes, values: xr.DataArray, form: str, scale: float, size: float, limits: tuple[float, float] | None = None
) -> AxesImage:
    first, second = _classes(values)
    count = max(second) + 1
    grid = np.full((count, count), np.nan)
    grid[second, first] = scale * values.values
    low, high = limits or (np.nanmin(grid), np.nanmax(grid))
    image = panel.imshow(grid, cmap="viridis", vmin=low, vmax=high)
    for a, b, pair in zip(first, second, values.pair.values.tolist(), strict=True):
        # Dark ink on light cells, light ink on dark ones.
        ink = "black" if grid[b, a] > low + 0.6 * (high - low) else "white"
        panel.text(a, b, form.format(grid[b, a]), ha="center", va="center", color=ink, fontsize=size)
        name_spot(panel, pair, a, b, f"{pair}: {form.format(grid[b, a])}")
    panel.set_xticks(range(count - 1))
    panel.set_yticks(range(1, count))
    panel.set_xlim(-0.5, count - 1.5)
    panel.set_ylim(count - 0.5, 0.5)
    panel.set_xlabel("class")
    panel.set_ylabel("class")
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    return image


def _scatter(panel: Axes, means: xr.Dataset, x: str, y: str) -> None:
    labels = {
        "ssim": "SSIM distance",
        "gap_signed": "lost by signs (points)",
        "gap_randomized": "lost by randomization B (points)",
    }
    xs, ys = ((1 if name == "ssim" else 100) * means[name].values for name in (x, y))
    panel.plot(xs, ys, "o", color=_HUE, markersize=3, alpha=0.75)
    for pair, a, b in zip(means.pair.values.tolist(), xs, ys, strict=True):
        name_spot(panel, pair, a, b, f"{pair}: {a:.3g}, {b:.3g}")
    # The ends of both measures and those most off the trend are named.
    order = [np.argmin(xs), np.argmax(xs), np.argmin(ys), np.argmax(ys)]
    off = np.argsort(-abs(_ranks(xs) - _ranks(ys)))[:2]
    named: list[int] = []
    for n in dict.fromkeys([*order, *(off if x != "ssim" else [])]):
        if any(abs(xs[n] - xs[m]) < 0.15 * np.ptp(xs) and abs(ys[n] - ys[m]) < 0.1 * np.ptp(ys) for m in named):
            continue  # two names in one place could not be read
        named.append(n)
        right = xs[n] > (xs.min() + xs.max()) / 2
        panel.annotate(
            str(means.pair.values[n]), (xs[n], ys[n]), xytext=(-4 if right else 4, 3), textcoords="offset points",
            ha="right" if right else "left", fontsize=7,
        )  # fmt: skip
    panel.set_xlabel(labels[x])
    panel.set_ylabel(labels[y])


def _ranks(values: np.ndarray) -> np.ndarray:
    return np.argsort(np.argsort(values))


def _classes(values: xr.DataArray) -> tuple[list[int], list[int]]:
    first, second = zip(*(map(int, pair.split("-")) for pair in values.pair.values.tolist()), strict=True)
    return list(first), list(second)
