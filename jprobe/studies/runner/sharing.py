"""A run that several processes share: who computes which part, and what all compute together."""

import functools
import threading
import time
from collections.abc import Sequence

from jprobe import processes
from jprobe.sharding import global_mesh
from jprobe.studies.runner.dealing import deal, waves, with_needs
from jprobe.studies.runner.pace import Pace
from jprobe.studies.runner.working import Told, Work, context_of, finished, pace_of, run_parts
from jprobe.studies.study import Part

# Seconds on two cores. Where fewer parts than processes are left, and they take longer than this, all processes compute
# each of them together; shorter ones do not pay for the waiting.
LARGE = 60.0


def share(work: Work) -> None:
    """Compute this process's share into the folder, and wait until the others have theirs."""
    there = finished(work)
    processes.wait("all have seen what is finished")  # so that all deal alike
    left = [[part for part in wave if part.name not in there] for wave in waves(work.parts)]
    joint = [work.study.spreads and _few_and_large(wave) for wave in left]
    mine = [
        wave if together else deal(wave, processes.count())[processes.index()]
        for wave, together in zip(left, joint, strict=True)
    ]
    pace = pace_of(work, with_needs([part for wave in mine for part in wave], work.parts), tell=True)
    for n, (wave, together) in enumerate(zip(mine, joint, strict=True)):
        if together:
            _together(work, wave, pace)
        else:
            run_parts(work, with_needs(wave, work.parts), pace)
        processes.wait(f"wave {n} is finished")


def _few_and_large(parts: Sequence[Part]) -> bool:
    """Whether processes compute these parts together, one after the other, rather than some of them for all."""
    return len(parts) < processes.count() and sum(part.cost for part in parts) > LARGE


def _together(work: Work, parts: Sequence[Part], pace: Pace) -> None:
    """Compute parts over the devices of all processes; process 0 keeps them."""
    mesh, told = global_mesh(), Told(pace, work.show, threading.Event())
    for part in parts:
        needs = [each for each in with_needs([part], work.parts) if each is not part]
        done = run_parts(work, needs, pace)
        told.begin(part)
        context = context_of(work, part, told, mesh, {name: done[name] for name in part.needs})
        started = time.monotonic()
        if processes.index() == 0 and work.kept is not None:
            work.kept.part(part.name, functools.partial(part.compute, context))
        else:
            part.compute(context)
        told.end(part, time.monotonic() - started, computed=True)
