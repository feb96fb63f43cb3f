"""How long a run will take: the declared costs of its parts, corrected by what parts of their kind have taken."""

import contextlib
import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from jprobe.errors import DiskError
from jprobe.results import write_json
from jprobe.studies.study import Part

# A factor measured on less than this share of the work that is planned says little of it: of a short part most is compiling.
ENOUGH = 0.25

# The share of the planned work whose factors have to be known before a time is told.
_KNOWN = 0.8


class Plan(NamedTuple):
    """What a run is about to do.

    Attributes:
        parts: units of work.
        finished: of them, by an earlier start.
        seconds: that the others will take, as earlier runs on this machine went; None where too little is known.

    Example:
        >>> Plan(parts=41, finished=12, seconds=None).finished
        12
    """

    parts: int
    finished: int
    seconds: float | None


class Pace:
    """Predicts the time of parts; one factor a kind, of seconds taken over seconds declared.

    Args:
        parts: of the run.
        file: where the factors of earlier runs on this machine are kept; None: nowhere.

    Example:
        >>> pace = Pace([Part("a", "", lambda c: None, cost=2), Part("b", "", lambda c: None, cost=6)])
        >>> pace.within(pace.parts[0], 0.5)
        >>> pace.fraction()
        0.125
    """

    def __init__(self, parts: Sequence[Part], file: Path | None = None) -> None:
        self.parts, self._file = list(parts), file
        self._kept = read(file)
        planned: dict[str, float] = {}
        for part in self.parts:
            planned[part.kind] = planned.get(part.kind, 0.0) + part.cost
        self._earlier = {
            kind: taken / declared
            for kind, (declared, taken) in self._kept.items()
            if declared >= ENOUGH * planned.get(kind, 0.0)
        }
        self._taken: dict[str, list[float]] = {}
        self._finished: dict[str, float] = {}
        self._running: dict[str, float] = {}

    def within(self, part: Part, fraction: float) -> None:
        """This share of a part is done, in [0, 1]; several parts may run at a time. One that is finished may be read again."""
        if part.name not in self._finished:
            self._running[part.name] = min(fraction, 1.0)

    def end(self, part: Part, seconds: float, computed: bool) -> None:
        """A part is finished; one that was read from disk took no time and says nothing of its kind."""
        self._finished.setdefault(part.name, seconds if computed else 0.0)
        self._running.pop(part.name, None)
        if computed and part.cost > 0:
            declared, taken = self._taken.get(part.kind, [0.0, 0.0])
            self._taken[part.kind] = [declared + part.cost, taken + seconds]

    def factor(self, kind: str) -> float:
        """Seconds taken over seconds declared: of this kind in this run, in earlier ones, or of all kinds together."""
        if kind in self._taken:
            declared, taken = self._taken[kind]
            return taken / declared
        if kind in self._earlier:
            return self._earlier[kind]
        declared, taken = (sum(column) for column in zip((0.0, 0.0), *self._taken.values(), strict=True))
        return taken / declared if declared else 1.0

    def fraction(self) -> float:
        """Share of the whole run that is done, in [0, 1]."""
        left = {p.name: p.cost * self.factor(p.kind) for p in self.parts if p.name not in self._finished}
        done = sum(self._finished.values()) + sum(left[name] * share for name, share in self._running.items())
        total = sum(self._finished.values()) + sum(left.values())
        return done / total if total > 0 else 1.0

    def plan(self, finished: Collection[str], width: int = 1) -> Plan:
        """What is left to do.

        Args:
            finished: names of the parts that an earlier start finished.
            width: parts that run at a time; the times of earlier ones were measured beside as many.

        Example:
            >>> pace = Pace([Part("a", "", lambda c: None, cost=2), Part("b", "", lambda c: None, cost=6)])
            >>> pace.plan({"a"})
            Plan(parts=2, finished=1, seconds=None)
        """
        left = [part for part in self.parts if part.name not in finished]
        known = sum(part.cost for part in left if part.kind in self._earlier)
        seconds = sum(part.cost * self.factor(part.kind) for part in left) / max(min(width, len(left)), 1)
        told = bool(left) and known >= _KNOWN * sum(part.cost for part in left)
        return Plan(len(self.parts), len(self.parts) - len(left), seconds if told else None)

    def remember(self) -> None:
        """Keep what parts took for later runs on this machine; a short run does not replace a much longer one."""
        if self._file is None or not self._taken:
            return
        measured = {
            kind: (round(declared, 4), round(taken, 4))
            for kind, (declared, taken) in self._taken.items()
            if declared >= ENOUGH * self._kept.get(kind, (0.0, 0.0))[0]
        }
        # A worse prediction next time is no reason to fail a finished run.
        with contextlib.suppress(DiskError):
            write_json(self._file, {**self._kept, **measured})


def read(file: Path | None) -> dict[str, tuple[float, float]]:
    """Kind -> seconds declared and taken, as earlier runs left them; nothing of a file that holds anything else.

    Args:
        file: from a :class:`Pace`; None, or one that is not there: nothing is known.

    Example:
        >>> read(Path("nowhere"))
        {}
    """
    try:
        found = json.loads(file.read_text()) if file is not None else {}
        pairs = {str(kind): (float(declared), float(taken)) for kind, (declared, taken) in found.items()}
        return {kind: pair for kind, pair in pairs.items() if min(pair) > 0}
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return {}
