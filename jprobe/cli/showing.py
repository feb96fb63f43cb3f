"""Tables on the terminal: studies, datasets, checkpoints, numbers."""

import importlib
import re
from collections.abc import Iterable, Sequence

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from jprobe.studies import NAMES
from jprobe.studies.card import cost_of

console = Console()

# Below this width what belongs together stands in one paragraph.
_ROOM_FOR_COLUMNS = 76


def studies() -> None:
    """Studies by paper, what each asks, how long it takes: made from the studies themselves."""
    wide = console.width >= _ROOM_FOR_COLUMNS
    above = ""
    for name in NAMES:
        card = importlib.import_module(f"jprobe.studies.{name}.config").CARD
        if card.reference != above:
            console.print(("\n" if above else "") + card.reference, style="dim", markup=False, highlight=False)
            above = card.reference
        # On how many cores, and of which network, stands in the study's help.
        time = re.sub(r" on two cores| \(.*?\)", "", cost_of(card.cost, "quick"))
        line = f"{name:14}{card.asks:50}{time}" if wide else f"{name}: {card.asks}; {time}"
        console.print(line, markup=False, highlight=False)
    more = "Times are of the preset quick, on two cores. More: jprobe run STUDY --help"
    console.print(f"\n{more}", markup=False, highlight=False)


def data() -> None:
    """Datasets, and where each is."""
    from jprobe import data

    _entries((entry.name, entry.what, f"{entry.where}; {entry.licence}") for entry in data.catalogue())


def weights() -> None:
    """Published checkpoints, and where each is."""
    from jprobe import weights

    _entries(weights.catalogue())


def _entries(rows: Iterable[Sequence[str]]) -> None:
    """A name a row, and beside it, or below it where there is little room, what is said of it; nothing is cut off."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for name, *lines in rows:
        words = Group(*(Text(line, overflow="fold") for line in lines))
        if console.width >= _ROOM_FOR_COLUMNS:
            table.add_row(Text(name, style="bold"), words)
        else:
            table.add_row(Group(Text(name, style="bold"), Padding(words, (0, 0, 0, 2))))
    console.print(table)


def numbers(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table of numbers; where it is too wide, a paragraph a row. A row that begins with a space belongs to the one above."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for n, name in enumerate(header):
        table.add_column(Text(name), justify="right" if n else "left", no_wrap=True)
    rows = list(rows)
    for row in rows:
        table.add_row(*map(Text, row), style="dim" if row[0][:1] in (" ", "") else "")
    width = console.measure(table, options=console.options.update(max_width=10_000)).maximum
    if not console.is_terminal:
        # A file is as wide as it needs to be.
        return Console(file=console.file, width=width).print(table)
    if width <= console.width:
        return console.print(table)
    for first, *cells in rows:
        told = "; ".join(f"{name} {cell}" for name, cell in zip(header[1:], cells, strict=True) if cell)
        console.print(Text.assemble((first.strip(), "bold"), "\n" if first.strip() else "", Text(told)))
