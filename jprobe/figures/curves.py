"""Figures of anybody's sweeps: curves by level, and dots by group, with a median over networks."""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from jprobe.errors import ArgumentError
from jprobe.figures.style import band, canvas, color, legend_below, styled

Sweep: TypeAlias = xr.DataArray | xr.Dataset


@styled
def curves(
    found: Sweep | Mapping[str, Sweep] | Mapping[str, Mapping[str, Sweep]],
    x: str = "level",
    *,
    xlabel: str | None = None,
    ylabel: str | None = None,
    percent: bool = True,
    chance: float | None = None,
) -> Figure:
    """Medians over networks and draws as lines, the middle half of them as bands.

    A colour belongs to a name in all panels; "easy" and "hard" have the papers' colours. Where there is a dimension
    ``signed``, signed networks are dashed.

    Args:
        found: what :func:`jprobe.sweep` returned, or one of its arrays; several by name, in one panel; or title of a
            panel -> name -> sweep.
        x: the dimension along the axis; all others are networks and draws.
        xlabel: words under the axis. Default: what the coordinate says of itself.
        ylabel: words beside the axis. Default: the name of what is measured.
        percent: show fractions as percentages.
        chance: a level to mark by a dotted line, in the unit of the values.

    Returns:
        The figure, which a notebook shows; ``figure.axes`` are its panels.

    Raises:
        ArgumentError: nothing to draw, a Dataset of several variables, or an array without the dimension ``x``.

    Example:
        >>> import numpy as np, xarray as xr
        >>> lost = xr.DataArray(np.random.rand(5, 3), dims=("seed", "level"), coords={"level": [0, 0.5, 0.9]})
        >>> figure = curves({"pruned": {"easy": lost, "hard": lost / 2}}, xlabel="fraction removed")
        >>> figure.axes[0].get_title("left"), len(figure.axes[0].lines)
        ('pruned', 2)
    """
    panels = _panels(found)
    if not any(panels.values()):
        raise ArgumentError("There is nothing to draw: give curves() a sweep, or a name for each of several.")
    hues: dict[str, str] = {}
    for name in (name for some in panels.values() for name in some):
        hues.setdefault(name, color(name, len(hues)))
    figure, axes = canvas(1, len(panels), height=2.6)
    for panel, (title, some) in zip(axes[0], panels.items(), strict=True):
        for name, sweep in some.items():
            values = _values(sweep, x)
            unit = values if percent else values / 100  # a band multiplies by 100
            flags = [bool(flag) for flag in values.signed.values] if "signed" in values.dims else [None]
            for flag in flags:
                here = unit if flag is None else unit.sel(signed=flag, drop=True)
                line, words = ("--", "signs only") if flag else ("-", "as trained")
                label = ", ".join(part for part in (name, words if len(flags) > 1 or flag else "") if part)
                band(panel, here, x, color=hues[name], linestyle=line, label=label)
            panel.set_xlabel(values[x].attrs.get("long_name", x) if xlabel is None else xlabel)
            unnamed = str(values.attrs.get("long_name", values.name or "")) + (" (%)" if percent else "")
            panel.set_ylabel(unnamed if ylabel is None else ylabel)
        if chance is not None:
            panel.axhline(100 * chance if percent else chance, color="0.6", linewidth=0.8, linestyle=":", zorder=0)
        panel.set_title(title, loc="left")
    if any(label for panel in axes.flat for label in panel.get_legend_handles_labels()[1]):
        legend_below(figure, axes)
    return figure


@styled
def points(
    found: Mapping[str, Mapping[str, ArrayLike]], *, xlabel: str = "", ylabel: str = "", percent: bool = False
) -> Figure:
    """A dot for each value and a line at their median: a place for each group, side by side a colour for each name.

    Args:
        found: name -> group -> values, such as one a network. Names have colours, groups places along the axis.
        xlabel: words under the axis.
        ylabel: words beside the axis.
        percent: show fractions as percentages.

    Returns:
        The figure, which a notebook shows; ``figure.axes[0]`` is its panel.

    Raises:
        ArgumentError: nothing to draw.

    Example:
        >>> figure = points({"easy": {"a": [0.9, 0.95], "b": [0.7]}, "hard": {"a": [0.5, 0.6]}}, percent=True)
        >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
        ['a', 'b']
    """
    places = list(dict.fromkeys(group for some in found.values() for group in some))
    if not places:
        raise ArgumentError("There is nothing to draw: give points() values for each name and group.")
    figure, axes = canvas(1, 1, height=2.6)
    panel, wide = axes[0, 0], 0.8 / len(found)
    for n, (name, some) in enumerate(found.items()):
        hue, label = color(name, n), name
        for group, each in some.items():
            values = np.ravel(np.asarray(each, float)) * (100 if percent else 1)
            middle = places.index(group) + (n - (len(found) - 1) / 2) * wide
            panel.plot(
                middle + np.linspace(-0.25, 0.25, len(values)) * wide, values, ".", color=hue, alpha=0.55, markersize=5
            )
            ends = [middle - 0.4 * wide, middle + 0.4 * wide]
            panel.plot(ends, [np.nanmedian(values)] * 2, color=hue, linewidth=2.2, label=label)
            label = ""
    panel.set_xticks(range(len(places)), places)
    panel.set_xlim(-0.6, len(places) - 0.4)
    panel.set_xlabel(xlabel)
    panel.set_ylabel(ylabel)
    if len(found) > 1:
        legend_below(figure, axes)
    return figure


def _panels(found: Sweep | Mapping[str, Sweep] | Mapping[str, Mapping[str, Sweep]]) -> dict[str, Mapping[str, Sweep]]:
    """Title -> name -> sweep."""
    if isinstance(found, xr.DataArray | xr.Dataset):
        return {"": {"": found}}
    if all(isinstance(one, xr.DataArray | xr.Dataset) for one in found.values()):
        return {"": found}  # type: ignore[dict-item]
    return dict(found)  # type: ignore[arg-type]


def _values(sweep: Sweep, x: str) -> xr.DataArray:
    if isinstance(sweep, xr.Dataset):
        if len(sweep.data_vars) != 1:
            raise ArgumentError(f"Which of {list(sweep.data_vars)} shall be drawn? Give curves() one of these arrays.")
        (sweep,) = sweep.data_vars.values()
    if x not in sweep.dims:
        raise ArgumentError(f"These values have the dimensions {list(sweep.dims)}; x={x!r} is none of them.")
    return sweep if "seed" in sweep.dims else sweep.expand_dims("seed")
