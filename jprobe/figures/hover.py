"""What a page may tell of a figure's curves and points when a reader asks: kept beside the artists, never drawn."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D


class _Curve(NamedTuple):
    """Of one line: its interval, and the bands that belong to it."""

    low: np.ndarray
    high: np.ndarray
    parts: Sequence[Artist]


class _Spot(NamedTuple):
    """A named place in a panel, such as a cell of a heat map or a dot."""

    name: str
    x: float
    y: float
    words: str


_CURVES: "WeakKeyDictionary[Line2D, _Curve]" = WeakKeyDictionary()
_SPOTS: "WeakKeyDictionary[Axes, list[_Spot]]" = WeakKeyDictionary()


def remember(line: Line2D, low: np.ndarray, high: np.ndarray, parts: Sequence[Artist] = ()) -> None:
    """Keep the interval of a curve, and what is drawn with it.

    Args:
        line: the curve.
        low: lower ends, a number a point of the line; NaN where there is none.
        high: upper ends.
        parts: bands that are shown and hidden with the line.
    """
    _CURVES[line] = _Curve(low, high, parts)


def name_spot(panel: Axes, name: str, x: float, y: float, words: str) -> None:
    """Name a place of a panel; places of one name belong together, in whatever panel they are.

    Args:
        panel: where it is.
        name: of what is there, such as a pair of classes.
        x: in the panel's coordinates.
        y: in the panel's coordinates.
        words: what a reader is told there.
    """
    _SPOTS.setdefault(panel, []).append(_Spot(name, float(x), float(y), words))


def told(figure: Figure, prefix: str) -> dict[str, Any]:
    """All that was kept of a laid out figure, as JSON types; marks its curves with identifiers that begin with ``prefix``.

    Returns:
        ``panels``: of each panel its place as fractions of the figure (left, top, width, height), limits and scales, its
        curves (name, identifiers, colour, values, intervals) and its named places.

    Example:
        >>> figure = Figure()
        >>> (line,) = figure.subplots().plot([0, 1], [2, 3], label="accuracy")
        >>> remember(line, np.array([1, 2]), np.array([3, 4]))
        >>> told(figure, "f")["panels"][0]["curves"][0]["y"]
        [2.0, 3.0]
    """
    panels = []
    for place, panel in enumerate(figure.axes):
        curves = [
            _curve(line, f"{prefix}-{place}-{n}")
            for n, line in enumerate(panel.lines)
            if line in _CURVES and not str(line.get_label()).startswith("_")
        ]
        spots = [[s.name, _short(s.x), _short(s.y), s.words] for s in _SPOTS.get(panel, [])]
        if curves or spots:
            box = panel.get_position()
            panels.append(
                {
                    "box": [_short(v) for v in (box.x0, 1 - box.y1, box.width, box.height)],
                    "x": [*map(_short, panel.get_xlim()), panel.get_xscale()],
                    "y": [*map(_short, panel.get_ylim()), panel.get_yscale()],
                    "words": panel.get_xlabel(),
                    "curves": curves,
                    "spots": spots,
                }
            )
    return {"panels": panels}


def _curve(line: Line2D, mark: str) -> dict[str, Any]:
    kept = _CURVES[line]
    for n, artist in enumerate([line, *kept.parts]):
        artist.set_gid(f"{mark}-{n}")
    return {
        "name": str(line.get_label()),
        "ids": [f"{mark}-{n}" for n in range(1 + len(kept.parts))],
        "color": str(line.get_color()),
        "x": _list(line.get_xdata()),
        "y": _list(line.get_ydata()),
        "low": _list(kept.low),
        "high": _list(kept.high),
    }


def _list(values: Any) -> list[float | None]:
    return [_short(v) if np.isfinite(v) else None for v in np.asarray(values, float)]


def _short(value: float) -> float:
    """Four significant digits, which a page has room for."""
    return float(f"{float(value):.4g}")
