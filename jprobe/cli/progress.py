"""What will run, and progress on any terminal: a bar where there is room for one, lines in logs and on dumb terminals."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskProgressColumn, TextColumn
from rich.table import Column
from rich.text import Text

from jprobe.cli.showing import console
from jprobe.studies.runner.pace import Plan

# Below this width the label stands above the bar.
_ROOM_FOR_LABEL = 90

# Below this share of a run the plan knows better how long it takes than its beginning does.
_TELLING = 0.05

# In a log a line is worth its place if the run has come so much further, or so many seconds have passed.
_STEP, _PATIENCE = 0.05, 60.0


class Display(Protocol):
    """What shows a run."""

    def __call__(self, label: str, done: float) -> None:
        """Show what runs now and the fraction done, in [0, 1]."""

    def plan(self, plan: Plan) -> None:
        """Say what is about to run."""


@contextlib.contextmanager
def shown(what: str, folder: Path, usually: str = "") -> Iterator[Display]:
    """Say what will run as soon as that is known, so not before a mistake, and show its progress and the time left.

    Args:
        what: the run, in words.
        folder: where its results go.
        usually: how long it takes, in words, for where no earlier run on this machine tells.
    """
    left = _Left(time.monotonic)

    def say(plan: Plan) -> None:
        left.plan(plan)
        for line in (what, f"writes to {folder}", _said(plan, usually)):
            # A path stays in one piece, to be copied, and so does every line of a log.
            whole = line.endswith(str(folder)) or not console.is_terminal
            console.print(line, soft_wrap=whole, markup=False, highlight=False)

    if not console.is_terminal or console.is_dumb_terminal:
        yield _Lines(left, say)
        return
    with _progress(left) as progress:
        yield _Bar(progress, left, say)


def duration(seconds: float) -> str:
    """A time in words, rounded to what a prediction is worth.

    Example:
        >>> [duration(seconds) for seconds in (4, 96, 3000, 9000, 200_000)]
        ['4 s', '2 min', '50 min', '2 h 30 min', '2 days']
    """
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h" + (f" {minutes} min" if minutes else "")
    return f"{round(seconds / 86400)} days"


class _Left:
    """How much longer a run takes: what the plan says at first, then what the run itself shows."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self.start = clock, clock()
        self._planned: float | None = None
        self._told: tuple[float, float] | None = None  # seconds left, and when that was known

    def plan(self, plan: Plan) -> None:
        """The work begins now; finding its data took time that says nothing of it."""
        self.start, self._planned = self._clock(), plan.seconds

    def at(self, done: float) -> None:
        """So much is done."""
        now = self._clock()
        if done >= _TELLING:
            self._told = (now - self.start) / done * (1 - done), now
        elif self._planned is not None:
            self._told = self._planned * (1 - done), now

    def seconds(self) -> float | None:
        """Seconds left; None where nothing tells."""
        return None if self._told is None else max(self._told[0] - (self._clock() - self._told[1]), 0.0)


def _said(plan: Plan, usually: str) -> str:
    """The plan in one line."""
    parts = f"{plan.parts} part{'s' * (plan.parts != 1)}"
    if plan.finished == plan.parts:
        return f"{parts}, all finished before"
    before = f", {plan.finished} finished before" if plan.finished else ""
    if plan.seconds is not None:
        return f"{parts}{before}; about {duration(plan.seconds)}, as earlier runs went here"
    return f"{parts}{before}" + (f"; {usually}" if usually else "")


class _Bar:
    """Progress on a terminal that can move its cursor."""

    def __init__(self, progress: Progress, left: _Left, say: Callable[[Plan], None]) -> None:
        self._progress, self._left, self.plan = progress, left, say
        self._task = progress.add_task("starting", total=1.0)

    def __call__(self, label: str, done: float) -> None:
        self._left.at(done)
        self._progress.update(self._task, description=escape(label), completed=done)


class _LeftColumn(ProgressColumn):
    """Time left, on as few columns as any time needs."""

    def __init__(self, left: _Left) -> None:
        super().__init__(Column(no_wrap=True, justify="right"))
        self._left = left

    def render(self, task: Task) -> Text:
        seconds = self._left.seconds()
        if task.finished or seconds is None:
            return Text("")
        return Text(f"{duration(math.ceil(seconds))} left", style="progress.remaining")


class _Stacked(Progress):
    """The label on a line of its own, above the bar."""

    def get_renderable(self) -> RenderableType:
        labels = [Text.from_markup(task.description, overflow="ellipsis") for task in self.tasks]
        for label in labels:
            label.no_wrap = True
        return Group(*labels, self.make_tasks_table(self.tasks))


def _progress(left: _Left) -> Progress:
    if console.width < _ROOM_FOR_LABEL:
        bar = BarColumn(None, table_column=Column(ratio=1))
        return _Stacked(bar, TaskProgressColumn(), _LeftColumn(left), console=console, expand=True, transient=True)
    label = TextColumn("{task.description}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"))
    return Progress(
        label, BarColumn(30), TaskProgressColumn(), _LeftColumn(left), console=console, expand=True, transient=True
    )


class _Lines:
    """Progress for logs: a line every few per cent, or every minute."""

    def __init__(self, left: _Left, say: Callable[[Plan], None]) -> None:
        self._left, self._say = left, say
        self._shown, self._when = 1.0, 0.0  # nothing before the plan

    def plan(self, plan: Plan) -> None:
        """Say what is about to run, and tell its progress from now on."""
        self._say(plan)
        self._shown = -1.0

    def __call__(self, label: str, done: float) -> None:
        self._left.at(done)
        now = time.monotonic()
        if done >= 1:
            label, worth = "finished", self._shown < 1
        else:
            further, waited = done >= self._shown + _STEP, now > self._when + _PATIENCE
            worth = self._shown < 0 or further or (waited and done > self._shown)
        if not worth:
            return
        self._shown, self._when = done, now
        seconds = self._left.seconds()
        left = f", {duration(seconds)} left" if seconds is not None and 0 < done < 1 else ""
        # Rounded down: a run that is not finished is never at 100%.
        print(f"{math.floor(100 * done):3d}% {now - self._left.start:6.0f} s  {label}{left}", flush=True)
