"""What a study has to say when it has run: the same form for every study, so that one report serves all."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from jprobe.report.verdict import Finding

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Panel(NamedTuple):
    """A figure of a report.

    Attributes:
        name: file name without ending.
        title: heading.
        says: what it shows, in a sentence or two computed from this run's numbers.
        figure: the Matplotlib figure.

    Example:
        >>> from matplotlib.figure import Figure
        >>> Panel("figure_1", "Figure 1. Pruning", "Accuracy falls.", Figure()).name
        'figure_1'
    """

    name: str
    title: str
    says: str
    figure: "Figure"


class About(NamedTuple):
    """The words at the head of a report.

    Attributes:
        title: heading.
        lead: what was run, in a sentence or two.
        notes: what a reader must know to read the numbers right.

    Example:
        >>> About("Pruning", "Twenty networks.").notes
        ()
    """

    title: str
    lead: str
    notes: Sequence[str] = ()


class Outcome(NamedTuple):
    """A study's results, told.

    Attributes:
        about: title, lead and notes.
        findings: the paper's findings held against this run.
        panels: the figures, in order.
        summary: headline numbers by stable flat keys.
        checksums: file name -> checksum of the data used.
        table: (header, rows) of words, or None.

    Example:
        >>> Outcome(About("Pruning", "Twenty networks."), [], [], {"accuracy": 0.98}, {}).summary["accuracy"]
        0.98
    """

    about: About
    findings: Sequence[Finding]
    panels: Sequence[Panel]
    summary: Mapping[str, Any]
    checksums: Mapping[str, str]
    table: tuple[Sequence[str], Sequence[Sequence[str]]] | None = None
