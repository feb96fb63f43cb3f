"""How much memory a run may take: what it was told, or what the machine has. No number depends on it."""

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from jprobe.errors import ArgumentError

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}

# Of an accelerator that does not say how much it has: less than any that is in use.
_UNTOLD = 4 * 2**30

# What a run was told, and how many parts run at a time. Of the process, not of a thread: parts run in threads of their own.
_told: int | None = None
_sharing = 1

# Processes of one run on this machine.
_neighbours = 1


def in_bytes(words: str) -> int:
    """A size in words as a number of bytes.

    Args:
        words: a number with a unit: "8GB" is 8 10^9 bytes, "8GiB" is 8 2^30; without a unit it is of bytes.

    Raises:
        ArgumentError: it is no size, or below a megabyte.

    Example:
        >>> in_bytes("8GB"), in_bytes("1.5 GiB"), in_bytes("500mb")
        (8000000000, 1610612736, 500000000)
    """
    found = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*([KMGT]?)(i?)B?\s*", words, re.IGNORECASE)
    if found is None or (found[3] and not found[2]):
        raise ArgumentError(f"A size of memory is a number and a unit, such as 8GB or 512MiB, not {words!r}.")
    unit = _UNITS[found[2].upper()]
    size = int(float(found[1]) * (2 ** (10 * list(_UNITS.values()).index(unit)) if found[3] else unit))
    if size < 10**6:
        raise ArgumentError(f"{words!r} is {size} bytes of memory, where nothing runs: did you mean GB?")
    return size


def host() -> int:
    """Bytes of this machine's memory, or of the share that its container or job has of it.

    The memory that is free now is not what counts: what is computed together would depend on who else was there.

    Example:
        >>> host() > 10**8
        True
    """
    try:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on every system
        whole = 2 * _UNTOLD
    return min([whole, *_of_groups()])


def peak() -> int | None:
    """The most bytes of the host's memory that this process has held so far; None where the system does not tell.

    Example:
        >>> peak() is None or peak() > 10**7
        True
    """
    try:
        import resource
    except ImportError:  # Windows
        return None
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held if sys.platform == "darwin" else held * 1024


def limit() -> int:
    """Bytes that what runs now may take on each device: what :func:`within` says, and not more than there is.

    Example:
        >>> with within(10**9):
        ...     limit() <= 10**9
        True
    """
    import jax

    here = jax.local_devices()
    if here[0].platform == "cpu":
        # Devices that are simulated share the one memory, and so do processes of one machine.
        whole = min(host(), _told or host()) // (len(here) * _neighbours)
    else:
        has = (here[0].memory_stats() or {}).get("bytes_limit") or _UNTOLD
        whole = min(has, _told or has)
    return max(whole // _sharing, 1)


def shared_by(processes: int) -> None:
    """From now on so many processes of one run share this machine's memory, and what a run was told of it.

    Example:
        >>> whole = limit()
        >>> shared_by(2)
        >>> limit() == whole // 2
        True
        >>> shared_by(1)
    """
    global _neighbours
    _neighbours = processes


@contextlib.contextmanager
def within(size: int | None, sharing: int = 1) -> Iterator[None]:
    """Sweeps and trainings inside hold no more at once than fits this memory, in this process.

    Args:
        size: bytes, of the host where it computes, or of each accelerator; None: what there is.
        sharing: how many of them run at a time.

    Example:
        >>> with within(in_bytes("2GB"), sharing=2):
        ...     limit() <= 10**9
        True
    """
    global _told, _sharing
    before = _told, _sharing
    _told, _sharing = size, sharing
    try:
        yield
    finally:
        _told, _sharing = before


def _of_groups(proc: Path = Path("/proc/self/cgroup"), mounted: Path = Path("/sys/fs/cgroup")) -> Iterator[int]:
    """Limits of the control groups that this process is in, and of those around them: of containers, of Slurm's jobs."""
    try:
        lines = proc.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, _, rest = line.partition(":")
        kinds, _, path = rest.partition(":")
        if kinds and "memory" not in kinds.split(","):
            continue
        root, file = (mounted / "memory", "memory.limit_in_bytes") if kinds else (mounted, "memory.max")
        folder = root / path.lstrip("/")
        for group in (folder, *folder.parents):
            with contextlib.suppress(OSError, ValueError):  # "max" is no number
                yield int((group / file).read_text())
            if group == root:
                break
