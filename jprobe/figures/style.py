"""How every figure looks: colours, lines, bands."""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# The paper's colours for the easy and the hard task; others for pairs of one's own choice.
COLORS = {"easy": "#ef8a47", "hard": "#528fad"}
_OTHERS = ("#6a8d3a", "#8a5a9e", "#b5534a", "#4a6fb5")

STYLE: Any = {
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "savefig.dpi": 150,
    "pdf.fonttype": 42,
}

P = ParamSpec("P")

DATASETS = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "kmnist": "KMNIST", "cifar10": "CIFAR-10"}


def title(dataset: str) -> str:
    """Name of a dataset as papers write it."""
    return DATASETS.get(dataset, dataset)


def color(task: str, number: int = 0) -> str:
    """Colour of a task."""
    return COLORS.get(task, _OTHERS[number % len(_OTHERS)])


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw a figure in this style, whatever the caller's Matplotlib settings, and leave those alone."""

    @functools.wraps(draw)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with matplotlib.rc_context(STYLE):
            return draw(*args, **kwargs)

    return wrapped


def canvas(rows: int, columns: int, width: float = 3.1, height: float = 2.5) -> tuple[Figure, np.ndarray]:
    """An empty figure and its axes [rows, columns], without pyplot's global state; sizes of a panel in inches."""
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def band(axes: Axes, curve: xr.DataArray, x: str, **line: object) -> None:
    """Median over networks and draws as a line, the interquartile range as a band, both in percent."""
    values = 100 * curve.transpose(x, ...).values.reshape(curve.sizes[x], -1)
    low, middle, high = np.nanquantile(values, [0.25, 0.5, 0.75], axis=1)
    (drawn,) = axes.plot(curve[x].values, middle, **line)  # type: ignore[arg-type]
    axes.fill_between(curve[x].values, low, high, color=drawn.get_color(), alpha=0.18, linewidth=0)


def accuracy_axis(axes: Axes, chance: float = 0.5) -> None:
    """Percent axis with the level of chance marked."""
    axes.axhline(100 * chance, color="0.6", linewidth=0.8, linestyle=(0, (1, 2)), zorder=0)
    axes.set_ylim(40, 102)
    axes.set_yticks([50, 60, 70, 80, 90, 100])


def legend_below(figure: Figure, axes: np.ndarray, columns: int = 4) -> None:
    """One legend for all panels, under them, where it covers no curve."""
    found: dict[str, Any] = {}
    for panel in axes.flat:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    # An entry is a handle and its words, of half an em a letter.
    wide = STYLE["legend.fontsize"] * (3.5 + 0.5 * max(map(len, found), default=0)) / 72
    fit = max(int(figure.get_figwidth() / wide), 1)
    figure.legend(list(found.values()), list(found), loc="outside lower center", ncols=min(columns, fit, len(found)))


def letters(axes: np.ndarray) -> None:
    """(a), (b), ... before the titles of all panels in reading order."""
    for n, panel in enumerate(axes.flat):
        panel.set_title(f"({chr(97 + n)}) {panel.get_title('left')}", loc="left")
