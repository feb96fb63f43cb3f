"""A figure as files and as part of a page: PNG, PDF, SVG, and what a page does with it on a narrow screen."""

import io
import re
from typing import Any, NamedTuple

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from jprobe.figures.hover import told
from jprobe.figures.style import STYLE

_POINTS = 72


class Drawing(NamedTuple):
    """A figure, drawn.

    Attributes:
        png: for slides.
        pdf: for papers; fonts are TrueType.
        svg: for the page, with transparent paper, without identifiers that two figures could share.
        width: in inches, as it is printed.
        crops: places of its panels, legends and colour bars, as SVG view boxes in points; one under the other they are the
            figure on a narrow screen. None at all where it is narrow already, or a panel is too wide.
        told: what the page may tell of curves and places (:func:`jprobe.figures.hover.told`).
    """

    png: bytes
    pdf: bytes
    svg: str
    width: float
    crops: tuple[tuple[float, float, float, float], ...]
    told: dict[str, Any]


def drawn(figure: Figure, name: str) -> Drawing:
    """Lay a figure out once, and draw it in each format.

    Args:
        figure: any Matplotlib figure.
        name: of the figure within its page.

    Example:
        >>> figure = Figure(figsize=(3.25, 2))
        >>> axes = figure.subplots()
        >>> drawn(figure, "f").width
        3.25
    """
    # The style again: what is drawn only now, such as fonts in files, takes the settings of this moment.
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": name}):
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # stays as it is laid out: each layout draws all text again
        words, crops = told(figure, name), _crops(figure)
        # No dates inside, so that the same numbers give the same file.
        return Drawing(
            png=_saved(figure, "png", metadata={"Software": None}),
            pdf=_saved(figure, "pdf", metadata={"CreationDate": None}),
            svg=_bare(_saved(figure, "svg", metadata={"Date": None}, transparent=True).decode(), name),
            width=float(figure.get_figwidth()),
            crops=crops,
            told=words,
        )


def _saved(figure: Figure, ending: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=ending, **options)
    return buffer.getvalue()


# Identifiers that Matplotlib numbers anew in each figure, which no reference leads to.
_NUMBERED = re.compile(r' id="[A-Za-z0-9_.]+_\d+"')


def _bare(svg: str, name: str) -> str:
    """The svg element alone: without comments, sizes, line breaks and numbered identifiers, its content a group of its own."""
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    head, _, rest = _NUMBERED.sub("", svg).partition(">")
    head = re.sub(r' (width|height)="[^"]*"', "", head)
    content = rest[: rest.rindex("</svg>")]
    return re.sub(r">\s+<", "><", f'{head}><g id="{name}-drawing">{content}</g></svg>')


# A panel wider than this would be drawn too small on a narrow screen, where it scrolls sideways instead.
_WIDEST = 4.2


def _crops(figure: Figure) -> tuple[tuple[float, float, float, float], ...]:
    width, height = figure.get_size_inches()
    if width <= _WIDEST:
        return ()
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = []
    for part in [*figure.legends, *figure.axes]:
        box = part.get_tightbbox(renderer) if part.get_visible() else None
        if box is not None:
            inches = box.transformed(figure.dpi_scale_trans.inverted())
            if inches.width > _WIDEST and part not in figure.legends:
                return ()
            pad = 0.03
            boxes.append((inches.x0 - pad, height - inches.y1 - pad, inches.width + 2 * pad, inches.height + 2 * pad))
    return tuple(tuple(round(_POINTS * float(v), 1) for v in box) for box in boxes)  # type: ignore[misc]
