"""The one runner of all studies: folder, parts, progress, combining, record."""

import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import xarray as xr

from jprobe import memory, processes, report
from jprobe.errors import ArgumentError
from jprobe.report import Outcome
from jprobe.sharding import local_mesh
from jprobe.studies.config import Config
from jprobe.studies.runner.compiled import keep_compiled, note_compiled
from jprobe.studies.runner.folder import RunFolder
from jprobe.studies.runner.sharing import share
from jprobe.studies.runner.working import Places, Planned, Progress, Work, pace_of, run_parts
from jprobe.studies.study import Study
from jprobe.studies.subject import Subject


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
    started = time.monotonic()
    work = _begin(study, config, of, folder=True, progress=progress, planned=planned)
    if processes.index() != 0:
        raise ArgumentError("Process 0 runs a study; the others help: jprobe.studies.assist.")
    dataset = _computed(work)
    told = tell(study, dataset, work.config)
    seconds = time.monotonic() - started
    assert work.kept is not None
    where = report.record(work.kept.path, dataset, told, work.config.numbers(), command=command, seconds=seconds)
    note_compiled()
    processes.wait("the report is written")
    return Result(dataset, told, where, seconds)


def assist(
    study: Study[Any, Any],
    config: Config,
    of: Subject | None = None,
    *,
    progress: Progress | None = None,
    planned: Planned | None = None,
) -> None:
    """Help process 0 with its run: compute this process's share of the parts into the folder that all of them see.

    Args:
        study: the study.
        config: its configuration, the same as process 0's, with ``distributed`` or the process's place in it.
        of: what is measured. Default: what the configuration names.
        progress: called with what runs now and the fraction of the share that is done, in [0, 1].
        planned: called with what is about to run, before it does.

    Raises:
        JprobeError: what the study's parts raise.

    Example:
        >>> from jprobe.studies import probes
        >>> assist(probes.STUDY, probes.Config())
        Traceback (most recent call last):
            ...
        jprobe.errors.ArgumentError: Process 0 is the one to help, and there is no other: run the study.
    """
    if config.shared:
        processes.join(config.coordinator, config.processes, config.process_id)
    if processes.index() == 0:
        raise ArgumentError("Process 0 is the one to help, and there is no other: run the study.")
    work = _begin(study, config, of, folder=True, progress=progress, planned=planned)
    with work.budget:
        share(work)
    work.show("finished", 1.0)
    processes.wait("the report is written")


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
    work = _begin(study, config, of, folder=folder, progress=progress, planned=planned)
    if processes.count() > 1 and (work.kept is None or processes.index() != 0):
        raise ArgumentError("Several processes share a run through its folder: jprobe.studies.run, and assist.")
    return _computed(work)


def _begin(
    study: Study[Any, Any],
    config: Config | None,
    of: Subject | None,
    *,
    folder: str | Path | bool | None,
    progress: Progress | None,
    planned: Planned | None,
) -> Work:
    """Everything that can be refused, before a folder is claimed; True for the folder that the configuration names."""
    config = study.presets["quick"] if config is None else config
    if config.shared:
        processes.join(config.coordinator, config.processes, config.process_id)
    if folder is True:
        keep_compiled()
    show = _forwards(progress)
    show("finding data and weights", 0.0)
    mesh = local_mesh(config.mesh)
    subject = study.subject(config) if of is None else of
    size = None if config.memory is None else memory.in_bytes(config.memory)
    with memory.within(size):  # it decides whether a device has room for a graph
        parts = list(study.parts(config, subject))
    together = study.spreads or any(part.spreads for part in parts)
    devices = [None] if mesh is None or together else list(mesh.devices.flat)
    # Programs that several devices run together must start in the same order on each.
    sharing = 1 if together and mesh is not None else study.side_by_side
    path = config.folder(study.presets) if folder is True else folder
    if processes.index() != 0:
        processes.wait("the folder is claimed")
    kept = None if not path else RunFolder(path, config.numbers(), subject.digests())
    if processes.index() == 0:
        processes.wait("the folder is claimed")
    spread, budget = mesh if study.spreads else None, memory.within(size, sharing)
    return Work(study, config, subject, parts, kept, spread, Places(devices * sharing), budget, show, planned)


def _computed(work: Work) -> xr.Dataset:
    """The results of all parts, combined."""
    alone = processes.count() == 1
    with work.budget:
        if not alone:
            share(work)
        done = run_parts(work, work.parts, pace_of(work, work.parts, tell=alone))
    work.show("finished", 1.0)
    dataset = work.study.combine(work.config, work.subject, done)
    said = {
        "subject": work.subject.name,
        "notes": json.dumps(list(work.subject.notes)),
        "checksums": json.dumps(dict(work.subject.checksums)),
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
