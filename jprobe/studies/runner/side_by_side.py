"""Parts of a run that run at the same time: one is traced and compiled while another computes."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import xarray as xr

from jprobe.studies.study import Part, Parts


class Stopped(Exception):
    """A part was given up because the one beside it failed, or a person stopped the run."""


def run_all(
    parts: Sequence[Part], compute: Callable[[Part, Parts], xr.Dataset], width: int, stop: threading.Event
) -> dict[str, xr.Dataset]:
    """Results of all parts by name, in the order of the parts.

    A part starts when those that it needs are finished. With a width of 1 they run one after the other in this thread.

    Args:
        parts: in an order that respects what they need.
        compute: (part, results of those that it needs) -> its result; called in several threads if the width is above 1.
        width: most parts at a time, 1 or more.
        stop: set when one of them fails; the others, which are waited for, may look at it and raise :class:`Stopped`.

    Raises:
        whatever ``compute`` raises first.

    Example:
        >>> parts = [Part(name, "", lambda context: None) for name in "abc"]
        >>> found = run_all(parts, lambda part, needed: xr.Dataset({"x": ord(part.name)}), width=2, stop=threading.Event())
        >>> [(name, dataset.x.item()) for name, dataset in found.items()]
        [('a', 97), ('b', 98), ('c', 99)]
    """
    done: dict[str, xr.Dataset] = {}

    def needed(part: Part) -> Parts:
        return {name: done[name] for name in part.needs}

    if width == 1:
        for part in parts:
            done[part.name] = compute(part, needed(part))
        return done
    waiting, running = list(parts), dict[Future[xr.Dataset], Part]()
    with ThreadPoolExecutor(width) as pool:
        try:
            while waiting or running:
                ready = [part for part in waiting if all(name in done for name in part.needs)]
                for part in ready[: width - len(running)]:
                    waiting.remove(part)
                    running[pool.submit(compute, part, needed(part))] = part
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    done[running.pop(future).name] = future.result()
        except BaseException:
            stop.set()
            raise
    return {part.name: done[part.name] for part in parts}
