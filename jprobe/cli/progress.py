"""Progress on any terminal: a bar where there is room for one, lines in logs and on dumb terminals."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column

from jprobe.cli.showing import console

# Below this width a bar would leave no room for the words.
_ROOM_FOR_BAR = 90


@contextlib.contextmanager
def shown(what: str, folder: Path) -> Iterator[Callable[[str, float], None]]:
    """A function that shows what runs now and the fraction done, and the time left.

    Args:
        what: the run, in words.
        folder: where its results go.
    """
    console.print(f"{escape(what)} -> {escape(str(folder))}", soft_wrap=True)
    if not console.is_terminal or console.is_dumb_terminal:
        yield _Lines()
        return
    label = TextColumn("{task.description}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"))
    columns = [label, TaskProgressColumn(), TimeRemainingColumn(compact=True)]
    if console.width >= _ROOM_FOR_BAR:
        columns = [label, BarColumn(30), TaskProgressColumn(), TimeElapsedColumn(), TimeRemainingColumn()]
    with Progress(*columns, console=console, speed_estimate_period=120, expand=True) as progress:
        bar = progress.add_task("starting", total=1.0)
        yield lambda text, done: progress.update(bar, description=escape(text), completed=done)


class _Lines:
    """Progress for logs: a line when the work changes."""

    def __init__(self) -> None:
        self.start, self.label = time.monotonic(), ""

    def __call__(self, label: str, done: float) -> None:
        if label != self.label:
            self.label = label
            passed = time.monotonic() - self.start
            left = f", about {passed / done * (1 - done):.0f} s left" if 0.02 < done < 1 else ""
            print(f"{done:4.0%} {passed:5.0f} s  {label}{left}", flush=True)
