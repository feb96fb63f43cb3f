"""What a study has to say when it has run: the same form for every study, so that one report serves all."""

from typing import Any, NamedTuple

from matplotlib.figure import Figure


class Panel(NamedTuple):
    """A figure of a report.

    Attributes:
        name: file name without ending.
        title: heading.
        says: what it shows, in a sentence or two computed from this run's numbers.
        figure: the Matplotlib figure.
    """

    name: str
    title: str
    says: str
    figure: Figure


class Finding(NamedTuple):
    """A published finding held against this run.

    Attributes:
        claim: what the paper reports.
        seen: what this run shows, in numbers.
        holds: whether the numbers bear the claim out.
    """

    claim: str
    seen: str
    holds: bool


class Outcome(NamedTuple):
    """A study's results, told.

    Attributes:
        title: heading of the report.
        lead: what was run, in a sentence or two.
        findings: the paper's findings held against this run.
        notes: what a reader must know to read the numbers right.
        panels: the figures, in order.
        summary: headline numbers by stable flat keys.
        checksums: file name -> checksum of the data used.
    """

    title: str
    lead: str
    findings: list[Finding]
    notes: list[str]
    panels: list[Panel]
    summary: dict[str, Any]
    checksums: dict[str, str]
