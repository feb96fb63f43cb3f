"""Runs of one study side by side: what a comparison has to say, and its page."""

from collections.abc import Sequence
from typing import NamedTuple

from jprobe.report.outcome import Panel
from jprobe.report.templates import drawings, template
from jprobe.report.verdict import Finding

Cell = float | int | str | None


class Compared(NamedTuple):
    """A run among those that are compared.

    Attributes:
        label: what tells it from the others, in few words.
        folder: where it is.
        command: what repeats it, or "".
        finished: when, or "".

    Example:
        >>> Compared("tanh", "runs/tanh", "", "").label
        'tanh'
    """

    label: str
    folder: str
    command: str
    finished: str


class Comparison(NamedTuple):
    """Runs of one study side by side.

    Attributes:
        study: its name.
        runs: in the order in which they were given.
        options: (option, its value in each run) where configurations differ.
        columns: labels of the columns of numbers: a run, or one of its datasets.
        numbers: (key, its value in each column) of the headline numbers that all columns share.
        claims: (claim, what each run's findings say of it; several of a run with several datasets).
        panels: overlaid figures.

    Example:
        >>> compared = [Compared(name, f"runs/{name}", "", "") for name in ("relu", "tanh")]
        >>> found = Comparison("probes", compared, [("activation", ("relu", "tanh"))], ["relu", "tanh"], [], [], [])
        >>> found.options[0][0]
        'activation'
    """

    study: str
    runs: Sequence[Compared]
    options: Sequence[tuple[str, Sequence[str]]]
    columns: Sequence[str]
    numbers: Sequence[tuple[str, Sequence[Cell]]]
    claims: Sequence[tuple[str, Sequence[Sequence[Finding]]]]
    panels: Sequence[Panel]

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Header and rows of the headline numbers, as words; of two columns the difference, too.

        Example:
            >>> Comparison("probes", [], [], ["relu", "tanh"], [("easy.base", (0.99, 0.98))], [], []).table()
            (['', 'relu', 'tanh', 'difference'], [['easy.base', '0.9900', '0.9800', '-0.0100']])
        """
        two = len(self.columns) == 2
        rows = [[key, *map(written, values), *([_difference(*values)] if two else [])] for key, values in self.numbers]
        return ["", *self.columns, *(["difference"] if two else [])], rows


def written(value: Cell) -> str:
    """A number of a summary in words.

    Example:
        >>> [written(value) for value in (0.5, 3, None, float("nan"), "holds")]
        ['0.5000', '3', '-', '-', 'holds']
    """
    if value is None or value != value:  # no number, too
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _difference(a: Cell, b: Cell) -> str:
    """The second less the first, where both are numbers."""
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in (a, b)):
        return ""
    return written(b - a)  # type: ignore[operator]


def comparison_page(comparison: Comparison) -> str:
    """A comparison as HTML that opens without a network: figures, style and a small script are inside.

    Args:
        comparison: from :func:`jprobe.studies.compare`.

    Example:
        >>> compared = [Compared(name, f"runs/{name}", "", "") for name in ("relu", "tanh")]
        >>> "<h1>probes: relu, tanh</h1>" in comparison_page(Comparison("probes", compared, [], [], [], [], []))
        True
    """
    pictures = drawings(comparison.panels)
    told = {name: drawing.told for name, drawing in pictures.items() if drawing.told["panels"]}
    header, rows = comparison.table()
    return template("comparison.html.jinja").render(
        comparison=comparison, header=header, rows=rows, drawings=pictures, told=told
    )
