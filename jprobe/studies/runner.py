"""The one runner of all studies: folder, parts, progress, combining, record."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import xarray as xr

from jprobe import report
from jprobe.data import cache_dir
from jprobe.errors import ArgumentError
from jprobe.report import Outcome
from jprobe.sharding import local_mesh
from jprobe.studies.compiled import keep_compiled
from jprobe.studies.config import Config
from jprobe.studies.folder import RunFolder
from jprobe.studies.pace import Pace, Plan
from jprobe.studies.side_by_side import Stopped, run_all
from jprobe.studies.study import Context, Part, Parts, Study
from jprobe.studies.subject import Subject

# Called with what runs now and the fraction of the whole run that is done, in [0, 1].
Progress = Callable[[str, float], None]

# Called once, before the first part starts.
Planned = Callable[[Plan], None]


class Result(NamedTuple):
    """A run's results.

    Attributes:
        dataset: the labelled numbers.
        outcome: what the study makes of them.
        report: path of report.html.
        seconds: wall time of this start.

    Example:
        >>> from jprobe.report import About
        >>> told = Outcome(About("Pruning", "Twenty networks."), [], [], {}, {})
        >>> Result(xr.Dataset(), told, Path("runs/a/report.html"), 3.5).report.name
        'report.html'
    """

    dataset: xr.Dataset
    outcome: Outcome
    report: Path
    seconds: float


def run(
    study: Study[Any, Any],
    config: Config | None = None,
    of: Subject | None = None,
    *,
    command: str = "",
    progress: Progress | None = None,
    planned: Planned | None = None,
) -> Result:
    """Run a study into its folder, or take up a run that was interrupted: what ``jprobe run`` does.

    Compiled programs are kept in the cache folder, in 2 GB at most, unless JAX has been given a folder for them.

    Args:
        study: a value such as ``jprobe.studies.probes.STUDY``, or your own.
        config: its configuration. Default: the preset "quick".
        of: what is measured. Default: what the configuration names.
        command: what repeats the run, for the report.
        progress: called with what runs now and the fraction done, in [0, 1].
        planned: called with what is about to run, before it does.

    Returns:
        The numbers, what they say, and where the report is.

    Raises:
        JprobeError: what the study's parts raise; parts that were finished before are kept.
        ConfigMismatchError: the folder holds a run of another configuration, network or data.

    Example:
        >>> import tempfile
        >>> from jprobe.studies import probes
        >>> config = probes.Config(seeds=2, epochs=1, pair=(0, 1), probes=("flip",), out=tempfile.mkdtemp())
        >>> run(probes.STUDY, config).report.name
        'report.html'
    """
    config = study.presets["quick"] if config is None else config
    started = time.monotonic()
    keep_compiled()
    folder = config.folder(study.presets)
    dataset = compute(study, config, of, folder=folder, progress=progress, planned=planned)
    told = tell(study, dataset, config)
    seconds = time.monotonic() - started
    where = report.record(folder, dataset, told, config.numbers(), command=command, seconds=seconds)
    return Result(dataset, told, where, seconds)


def compute(
    study: Study[Any, Any],
    config: Config | None = None,
    of: Subject | None = None,
    *,
    folder: str | Path | None = None,
    progress: Progress | None = None,
    planned: Planned | None = None,
) -> xr.Dataset:
    """A study's numbers alone.

    The subject is found and every part is planned before a folder is claimed, so a mistake leaves no trace.

    Args:
        study: the study.
        config: its configuration. Default: the preset "quick".
        of: what is measured. Default: what the configuration names.
        folder: where each part is kept as it is finished, and looked for; None keeps nothing.
        progress: called with what runs now and the fraction done, in [0, 1].
        planned: called with what is about to run, before it does.

    Returns:
        One Dataset, labelled as the study's documentation says.

    Raises:
        JprobeError: what the study's parts raise.

    Example:
        >>> from jprobe.studies import probes
        >>> config = probes.Config(seeds=2, epochs=1, pair=(0, 1), probes=("flip",))
        >>> compute(probes.STUDY, config).flip.dims
        ('dataset', 'task', 'seed', 'flipped', 'repeat', 'signed')
    """
    config = study.presets["quick"] if config is None else config
    show = _forwards(progress)
    show("finding data and weights", 0.0)
    if config.mesh not in (None, 1) and not study.spreads:
        raise ArgumentError(f"The study {study.name!r} runs on one device: leave --mesh out.")
    mesh = local_mesh(config.mesh) if study.spreads else None
    subject = study.subject(config) if of is None else of
    parts = list(study.parts(config, subject))
    kept = None if folder is None else RunFolder(folder, config.numbers(), subject.digests())
    pace, stop = Pace(parts, cache_dir() / "paces" / f"{study.name}.json"), threading.Event()
    told = _Told(pace, show, stop)
    # Programs that several devices run together must start in the same order on each.
    width = study.side_by_side if mesh is None else 1
    if planned is not None:
        planned(pace.plan({part.name for part in parts if kept is not None and kept.has(part.name)}, width))
    done = run_all(parts, lambda part, needed: _part(part, kept, mesh, told, needed), width, stop)
    pace.remember()
    show("finished", 1.0)
    dataset = study.combine(config, subject, done)
    said = {
        "subject": subject.name,
        "notes": json.dumps(list(subject.notes)),
        "checksums": json.dumps(dict(subject.checksums)),
    }
    return dataset.assign_attrs(said)


def _forwards(progress: Progress | None) -> Progress:
    """Progress that never goes back: a part that took longer than predicted makes the rest look longer, too."""
    furthest = 0.0

    def show(label: str, fraction: float) -> None:
        nonlocal furthest
        furthest = max(furthest, fraction)
        if progress is not None:
            progress(label, furthest)

    return show


class _Told:
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


def _part(part: Part, folder: RunFolder | None, mesh: Any, told: _Told, needed: Parts) -> xr.Dataset:
    told.begin(part)
    context = Context(
        checkpoints=None if folder is None else folder.path / "checkpoints",
        mesh=mesh,
        progress=lambda fraction: told.within(part, fraction),
        needed=needed,
    )
    started, computed = time.monotonic(), folder is None or not folder.has(part.name)
    dataset = part.compute(context) if folder is None else folder.part(part.name, lambda: part.compute(context))
    told.end(part, time.monotonic() - started, computed)
    return dataset


def tell(study: Study[Any, Any], dataset: xr.Dataset, config: Config) -> Outcome:
    """What a study makes of its numbers: findings, figures, headline numbers.

    Args:
        study: the study.
        dataset: from :func:`compute`, or read from a run's results.nc.
        config: the configuration it was computed with.

    Example:
        >>> from jprobe.studies import probes
        >>> config = probes.Config(seeds=2, epochs=1, pair=(0, 1), probes=("flip",))
        >>> [panel.name for panel in tell(probes.STUDY, compute(probes.STUDY, config), config).panels]
        ['figure_1_perturbations', 'figure_7_weights']
    """
    return Outcome(
        study.about(dataset, config),
        study.findings(dataset),
        study.panels(dataset, config),
        study.summary(dataset, config),
        json.loads(dataset.attrs["checksums"]),
        None if study.table is None else study.table(dataset),
    )
