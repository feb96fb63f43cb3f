"""What a study has to say when it has run: the same form for every study, so that one report serves all."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from jprobe.intervals import Estimate
from jprobe.report.verdict import Finding, interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Panel(NamedTuple):
    """A figure of a report.

    Attributes:
        name: file name without ending.
        title: heading.
        says: what it shows, in a sentence or two computed from this run's numbers.
        figure: the Matplotlib figure.
        diagnostic: whether it shows how the numbers came about rather than a result; such figures come last.

    Example:
        >>> from matplotlib.figure import Figure
        >>> Panel("figure_1", "Figure 1. Pruning", "Accuracy falls.", Figure()).name
        'figure_1'
    """

    name: str
    title: str
    says: str
    figure: "Figure"
    diagnostic: bool = False


class KeyNumber(NamedTuple):
    """A number that stands at the head of a report.

    Attributes:
        label: what it is, in a few words.
        value: as it is written, with its unit.
        interval: its 95% interval, as it is written, or "".
        paper: what the paper has, or "".

    Example:
        >>> KeyNumber("signed networks, hard task", "49.5%", "[49.5, 49.6]", "50%").label
        'signed networks, hard task'
    """

    label: str
    value: str
    interval: str = ""
    paper: str = ""


def key_number(label: str, found: Estimate, form: Callable[[float], str], paper: str = "") -> KeyNumber:
    """A number for the head of a report, from an estimate.

    Args:
        label: what it is, in a few words.
        found: the number and its interval.
        form: how numbers are written, such as :func:`jprobe.report.verdict.percent`.
        paper: what the paper has.

    Example:
        >>> from jprobe.report.verdict import percent
        >>> key_number("signed, hard task", Estimate(0.495, 0.494, 0.496, 100), percent).interval
        '[49.4%, 49.6%]'
    """
    return KeyNumber(label, form(found.value), interval(found, form), paper)


class About(NamedTuple):
    """The words at the head of a report.

    Attributes:
        title: heading.
        lead: what was run, in a sentence or two.
        notes: what a reader must know to read the numbers right.
        headline: what the run found, in one sentence with its numbers, or "".
        numbers: four to six numbers that a reader should take away.

    Example:
        >>> About("Pruning", "Twenty networks.").notes
        ()
    """

    title: str
    lead: str
    notes: Sequence[str] = ()
    headline: str = ""
    numbers: Sequence[KeyNumber] = ()


class Outcome(NamedTuple):
    """A study's results, told.

    Attributes:
        about: title, lead and notes.
        findings: the paper's findings held against this run.
        panels: the figures, the main one first, diagnostics last.
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
