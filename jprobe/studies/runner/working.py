"""What a start of a run works with, and how it computes its parts: some at a time, each on a device, each kept."""

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple

import jax
import xarray as xr
from jax.sharding import Mesh

from jprobe.data import cache_dir
from jprobe.studies.config import Config
from jprobe.studies.runner.folder import RunFolder
from jprobe.studies.runner.pace import Pace, Plan
from jprobe.studies.runner.side_by_side import Stopped, run_all
from jprobe.studies.study import Context, Part, Parts, Study
from jprobe.studies.subject import Subject

# Called with what runs now and the fraction of the whole run that is done, in [0, 1].
Progress = Callable[[str, float], None]

# Called once, before the first part starts.
Planned = Callable[[Plan], None]


class Work(NamedTuple):
    """What a start of a run works with."""

    study: Study[Any, Any]
    config: Config
    subject: Subject
    parts: Sequence[Part]
    kept: RunFolder | None
    mesh: Mesh | None
    places: "Places"
    budget: AbstractContextManager[None]
    show: Progress
    planned: Planned | None


def finished(work: Work) -> set[str]:
    """Names of the parts that are in the folder already."""
    return {part.name for part in work.parts if work.kept is not None and work.kept.has(part.name)}


def pace_of(work: Work, parts: Sequence[Part], tell: bool = False) -> Pace:
    """The pace of these parts; what is about to run is told on request."""
    pace = Pace(parts, cache_dir() / "paces" / f"{work.study.name}.json")
    if tell and work.planned is not None:
        work.planned(pace.plan(finished(work), len(work.places)))
    return pace


def run_parts(work: Work, parts: Sequence[Part], pace: Pace) -> dict[str, xr.Dataset]:
    """Results of these parts, some at a time."""
    stop = threading.Event()
    told = Told(pace, work.show, stop)
    done = run_all(parts, lambda part, needed: _part(work, part, told, needed), len(work.places), stop)
    pace.remember()
    return done


class Told:
    """Progress of the whole run, told by all the threads that its parts run in."""

    def __init__(self, pace: Pace, show: Progress, stop: threading.Event) -> None:
        self._pace, self._show, self._stop = pace, show, stop
        self._lock, self._label = threading.RLock(), ""

    def begin(self, part: Part) -> None:
        """A part starts, and gives the run its label."""
        with self._lock:
            self._label = part.label
            self.within(part, 0.0)

    def within(self, part: Part, fraction: float) -> None:
        """This share of a part is done."""
        if self._stop.is_set():
            raise Stopped
        with self._lock:
            self._pace.within(part, fraction)
            self._show(self._label, self._pace.fraction())

    def end(self, part: Part, seconds: float, computed: bool) -> None:
        """A part is finished."""
        with self._lock:
            self._pace.end(part, seconds, computed)


class Places:
    """Where parts run that are computed at the same time: a thread each, on a device of its own if there are several."""

    def __init__(self, devices: Sequence[jax.Device | None]) -> None:
        self._count, self._free = len(devices), queue.SimpleQueue[jax.Device | None]()
        for device in devices:
            self._free.put(device)

    def __len__(self) -> int:
        """How many parts run at a time."""
        return self._count

    @contextmanager
    def one(self) -> Iterator[None]:
        """Take a place for a part; there are as many as parts at a time."""
        device = self._free.get()
        try:
            with contextlib.nullcontext() if device is None else jax.default_device(device):
                yield
        finally:
            self._free.put(device)


def context_of(work: Work, part: Part, told: Told, mesh: Mesh | None, needed: Parts) -> Context:
    """What a part is given to compute with."""
    return Context(
        checkpoints=None if work.kept is None else work.kept.path / "checkpoints",
        mesh=mesh,
        progress=lambda fraction: told.within(part, fraction),
        needed=needed,
    )


def _part(work: Work, part: Part, told: Told, needed: Parts) -> xr.Dataset:
    told.begin(part)
    kept, context = work.kept, context_of(work, part, told, work.mesh, needed)
    started, computed = time.monotonic(), kept is None or not kept.has(part.name)
    with work.places.one():
        dataset = part.compute(context) if kept is None else kept.part(part.name, lambda: part.compute(context))
    told.end(part, time.monotonic() - started, computed)
    return dataset
