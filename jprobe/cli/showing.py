"""Tables on the terminal: studies, datasets, checkpoints."""

import importlib
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jprobe.studies import NAMES

console = Console()


def studies() -> None:
    """Studies, what each reproduces, what it costs: made from the studies themselves."""
    table = Table("study", "what it reproduces", "cost", box=None)
    for name in NAMES:
        study = importlib.import_module(f"jprobe.studies.{name}").STUDY
        table.add_row(study.name, f"{study.reproduces}\n[dim]{escape(study.paper)}[/dim]", study.cost)
    console.print(table)


def data() -> None:
    """Datasets, and where each is."""
    from jprobe import data

    table = Table("name", "what", "where", "licence", box=None)
    for entry in data.catalogue():
        table.add_row(*(escape(text) for text in (entry.name, entry.what, entry.where, entry.licence)))
    console.print(table)


def weights() -> None:
    """Published checkpoints, and where each is."""
    from jprobe import weights

    table = Table("name", "what", "where", box=None)
    for entry in weights.catalogue():
        table.add_row(*(escape(text) for text in entry))
    console.print(table)


def numbers(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table of numbers; a row without a name of its own goes with the row above."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for n, name in enumerate(header):
        table.add_column(name, justify="right" if n else "left", no_wrap=True)
    for row in rows:
        # What follows a row without a name of its own is what others found.
        table.add_row(*map(escape, row), style="" if row[0] else "dim")
    console.print(table)
