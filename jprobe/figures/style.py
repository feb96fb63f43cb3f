"""How every figure looks: drawn at the width it is printed, in 8 pt; colours, lines, bands, legends, marks."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, ParamSpec

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from jprobe.figures.hover import remember
from jprobe.intervals import Spread, spread

# Widths, in inches, of one column and of both columns of a two-column paper.
COLUMN, PAGE = 3.25, 6.75

# The paper's orange and blue, darkened: each has a contrast of 4.5:1 with white, and they stay apart for the colour-blind.
COLORS = {"easy": "#b8500a", "hard": "#1f6690"}
# For pairs of classes of one's own, runs, architectures.
OTHERS = ("#1f6690", "#b8500a", "#5d3a9b", "#3d6b1f", "#a3195b", "#555555")
MUTED = "#5b6470"

STYLE: Any = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "legend.handlelength": 1.8,
    "lines.linewidth": 1.3,
    "patch.linewidth": 0.6,
    "savefig.dpi": 200,
    # Venues refuse Type 3 fonts.
    "pdf.fonttype": 42,
    # The same numbers give the same file.
    "svg.hashsalt": "jprobe",
}

P = ParamSpec("P")

DATASETS = {
    "mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "kmnist": "KMNIST", "cifar10": "CIFAR-10",
    "cmnist": "CMNIST", "ckmnist": "CKMNIST", "cfashion_mnist": "CFashionMNIST",
}  # fmt: skip


def title(dataset: str) -> str:
    """Name of a dataset as papers write it."""
    return DATASETS.get(dataset, dataset)


def color(task: str, number: int = 0) -> str:
    """Colour of a task."""
    return COLORS.get(task, OTHERS[number % len(OTHERS)])


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw a figure in this style, whatever the caller's Matplotlib settings, and leave those alone."""

    @functools.wraps(draw)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with matplotlib.rc_context(STYLE):
            return draw(*args, **kwargs)

    return wrapped


def _layout() -> ConstrainedLayoutEngine:
    return ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0.03, hspace=0.04)


def canvas(
    rows: int,
    columns: int,
    height: float | Sequence[float] = 1.75,
    *,
    wide: bool | None = None,
    share: bool = False,
    legend: float = 0.0,
) -> tuple[Figure, np.ndarray]:
    """An empty figure and its axes [rows, columns], without pyplot's global state.

    Args:
        rows: rows of panels.
        columns: columns of panels.
        height: of a panel, in inches, or of each row.
        wide: whether it is as wide as both columns of a paper; by default where there are several columns of panels.
        share: whether all panels of a row share their y axis.
        legend: inches that a legend outside the panels takes.
    """
    wide = columns > 1 if wide is None else wide
    heights = [height] * rows if isinstance(height, int | float) else list(height)
    figure = Figure(figsize=(PAGE if wide else COLUMN, sum(heights) + legend), layout=_layout())
    axes = figure.subplots(
        rows, columns, squeeze=False, sharey="row" if share else False, gridspec_kw={"height_ratios": heights}
    )
    for panel in axes.flat if share else ():
        # On a narrow screen a page shows panels one under the other, each by itself.
        panel.tick_params(labelleft=True)
    return figure, axes


# With more networks than this the interval of a median is narrower than the line that would show it.
_FEW = 40


def band(axes: Axes, curve: xr.DataArray, x: str, *, scale: float = 100, **line: Any) -> Spread:
    """The median over networks and draws as a line, the quartiles as a band, where networks are few a darker one for its interval.

    Args:
        axes: what to draw on.
        curve: over ``x``, networks (seed) and draws.
        x: the dimension along the axis.
        scale: what values are multiplied by; 100 gives percentages of accuracies.
        line: of ``Axes.plot``: colour, dashes, label.
    """
    found = spread(scale * curve, x)
    at = curve[x].values
    (drawn,) = axes.plot(at, found.median, **line)
    hue = drawn.get_color()
    parts = [axes.fill_between(at, found.lower, found.upper, color=hue, alpha=0.13, linewidth=0)]
    if found.size <= _FEW and not np.isnan(found.low).all():
        parts.append(axes.fill_between(at, found.low, found.high, color=hue, alpha=0.17, linewidth=0))
    remember(drawn, low=found.low, high=found.high, parts=parts)
    return found


def accuracy_axis(panels: np.ndarray, chance: float = 0.5) -> None:
    """Percent axes over all that is drawn, with the level of chance named at its line in the first panel.

    Args:
        panels: axes that share one scale, in reading order.
        chance: accuracy of always giving the commonest class.
    """
    # Limits of the data, not of the axes: an axis that was cut would hide what lies below it.
    lowest = min((panel.dataLim.y0 for panel in panels.flat if np.isfinite(panel.dataLim.y0)), default=100 * chance)
    bottom = min(10 * np.floor((min(lowest, 100 * chance) - 1) / 10), 40)
    for panel in panels.flat:
        panel.set_ylim(bottom, 103)
        panel.set_yticks(np.arange(np.ceil(bottom / 10) * 10, 101, 10 if bottom >= 30 else 20))
        mark_level(panel, 100 * chance, "chance" if panel is panels.flat[-1] else "")


def mark_level(panel: Axes, y: float, name: str, *, right: bool = True) -> None:
    """A dotted horizontal line with its name at one end."""
    panel.axhline(y, color="0.45", linewidth=0.7, linestyle=(0, (1, 1.5)), zorder=0)
    if name:
        panel.annotate(
            name, (1 if right else 0, y), xycoords=("axes fraction", "data"), xytext=(-1 if right else 2, -1.5), textcoords="offset points",
            ha="right" if right else "left", va="top", fontsize=7, color="0.35",
        )  # fmt: skip


# White that lets curves shine through, under words that stand on them.
_SHEER = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.6}


def mark_place(panel: Axes, x: float, name: str, hue: str = "0.35", *, top: float = 0.04) -> None:
    """A dotted vertical line with its name beside its foot."""
    panel.axvline(x, color=hue, linewidth=0.8, linestyle=(0, (1, 1.5)), zorder=0)
    if name:
        panel.annotate(
            name, (x, top), xycoords=("data", "axes fraction"), xytext=(-2, 0), textcoords="offset points",
            ha="right", va="bottom", fontsize=7, color=MUTED, bbox=_SHEER,
        )  # fmt: skip


def beside(panel: Axes, row: float, text: str, hue: str, *, va: str = "center", size: float = 7) -> None:
    """Words in a column at the right of a panel, at a height of its axis."""
    panel.annotate(
        text, (1.01, row), xycoords=("axes fraction", "data"), va=va, fontsize=size, color=hue, annotation_clip=False
    )


def tell(panel: Axes, x: float, y: float, text: str, hue: str, offset: tuple[float, float]) -> None:
    """A dot on a curve, and words about it, set off by so many points."""
    panel.plot([x], [y], "o", color=hue, markersize=3.5, zorder=5)
    across, up = offset
    panel.annotate(
        text, (x, y), xytext=offset, textcoords="offset points", fontsize=7, color=hue, zorder=6,
        ha="right" if across < 0 else "left" if across > 0 else "center", va="top" if up < 0 else "bottom" if up > 0 else "center",
        bbox=_SHEER, arrowprops={"arrowstyle": "-", "color": hue, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 2},
    )  # fmt: skip


def legend_top(figure: Figure, hues: Mapping[str, str], dashes: Mapping[str, Any] | None = None) -> None:
    """One short legend above all panels: what colours mean, then what dashes mean.

    Args:
        figure: whose legend.
        hues: words -> colour.
        dashes: words -> line style.
    """
    handles = [Line2D([], [], color=hue, linewidth=2, label=words) for words, hue in hues.items()]
    handles += [Line2D([], [], color="0.3", linestyle=style, label=words) for words, style in (dashes or {}).items()]
    _place_legend(figure, {str(handle.get_label()): handle for handle in handles}, "outside upper center", len(handles))


def legend_below(figure: Figure, axes: np.ndarray, columns: int = 4) -> None:
    """One legend for all panels, under them, where it covers no curve."""
    found: dict[str, Any] = {}
    for panel in axes.flat:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    _place_legend(figure, found, "outside lower center", columns)


def _place_legend(
    figure: Figure,
    entries: Mapping[str, Any],
    where: Literal["outside upper center", "outside lower center"],
    columns: int,
) -> None:
    # An entry is a handle and its words, of half an em a letter.
    wide = STYLE["legend.fontsize"] * (3.5 + 0.5 * max(map(len, entries), default=0)) / 72
    fit = max(int(figure.get_figwidth() / wide), 1)
    figure.legend(list(entries.values()), list(entries), loc=where, ncols=max(min(columns, fit, len(entries)), 1))


def letters(axes: np.ndarray) -> None:
    """a, b, ... before the titles of all panels that are shown, in reading order."""
    shown = [panel for panel in axes.flat if panel.get_visible()]
    for n, panel in enumerate(shown if len(shown) > 1 else []):
        panel.set_title(f"{chr(97 + n)}  {panel.get_title('left')}", loc="left")
