"""How long a run will take: the declared costs of its parts, corrected by what parts of their kind have taken."""

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path

from jprobe.errors import DiskError
from jprobe.results import write_json
from jprobe.studies.study import Part


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
        self._earlier = _read(file)
        self._taken: dict[str, list[float]] = {}
        self._finished: dict[str, float] = {}
        self._running: dict[str, float] = {}

    def within(self, part: Part, fraction: float) -> None:
        """This share of a part is done, in [0, 1]; several parts may run at a time."""
        self._running[part.name] = min(fraction, 1.0)

    def end(self, part: Part, seconds: float, computed: bool) -> None:
        """A part is finished; one that was read from disk took no time and says nothing of its kind."""
        self._finished[part.name] = seconds if computed else 0.0
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

    def remember(self) -> None:
        """Keep the factors for later runs on this machine."""
        if self._file is None or not self._taken:
            return
        measured = {kind: round(taken / declared, 4) for kind, (declared, taken) in self._taken.items()}
        # A worse prediction next time is no reason to fail a finished run.
        with contextlib.suppress(DiskError):
            write_json(self._file, {**self._earlier, **measured})


def _read(file: Path | None) -> dict[str, float]:
    try:
        found = json.loads(file.read_text()) if file is not None else {}
        return {str(kind): float(value) for kind, value in found.items() if float(value) > 0}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
