"""Compiled programs, kept between runs: a folder in jprobe's cache that grows to a bound and no further."""

import contextlib
import json
import logging
import zlib
from collections.abc import Iterator
from pathlib import Path

import filelock
import jax

from jprobe.atomic import replacing
from jprobe.data import cache_dir

# Bytes. A study of the preset "paper" leaves some hundred million; the least recently used ones go.
MOST = 2 * 10**9

# Names of JAX's own files: a program, when it was used last, and what a process holds while it reads or writes.
_PROGRAM, _USED, _LOCK = "-cache", "-atime", ".lockfile"

# Checksums of programs by name. JAX has none of its own where it packs them with zstandard, and runs what it unpacks.
_SUMS = "checksums.json"

log = logging.getLogger(__name__)


def keep_compiled() -> None:
    """Let JAX keep compiled programs in jprobe's cache folder, in 2 GB at most.

    Nothing is changed where a person has given JAX a folder (``jax_compilation_cache_dir``); a bound of theirs
    (``jax_compilation_cache_max_size``) is kept. A cache that cannot be read or written costs time only, and a program
    that is not as it was when a run last began or ended is compiled again.
    """
    if jax.config.values["jax_compilation_cache_dir"] is not None:
        return
    folder = _folder()
    try:
        _remove_unfinished(folder)
        _sum_up(folder)
    except (OSError, filelock.Timeout) as error:
        log.warning("Compiled programs are not kept in %s (%s); the next run compiles them again.", folder, error)
        return
    # Tasks share most of their programs, and so do runs: what is compiled once is not compiled again.
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    if jax.config.values["jax_compilation_cache_max_size"] == -1:
        jax.config.update("jax_compilation_cache_max_size", MOST)


def note_compiled() -> None:
    """Keep the checksums of what a run has compiled, for the next one to compare."""
    if jax.config.values["jax_compilation_cache_dir"] == str(_folder()):
        with contextlib.suppress(OSError, filelock.Timeout):  # the next run does it then
            _sum_up(_folder())


def _sum_up(folder: Path) -> None:
    """Remove the programs that are not as their checksums say, and keep the checksums of the others."""
    found, unfinished = {}, set(_unfinished(folder))
    for program in folder.glob(f"*{_PROGRAM}"):
        try:
            found[program.name] = zlib.crc32(program.read_bytes())
        except FileNotFoundError:  # another process has removed it
            continue
    known = _known(folder)
    with filelock.FileLock(folder / _LOCK, timeout=10):
        for name in [name for name, checksum in found.items() if known.get(name, checksum) != checksum]:
            found.pop(name)
            for ending in (_PROGRAM, _USED):
                (folder / f"{name.removesuffix(_PROGRAM)}{ending}").unlink(missing_ok=True)
        # Another process may have been writing those just now.
        kept = {name: checksum for name, checksum in found.items() if folder / name not in unfinished}
        with replacing(folder / _SUMS) as file:
            file.write(json.dumps(kept, indent=1).encode())


def _known(folder: Path) -> dict[str, int]:
    """Checksums that were kept; nothing of a file that holds anything else."""
    try:
        found = json.loads((folder / _SUMS).read_bytes())
        return {str(name): int(checksum) for name, checksum in found.items()}
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return {}


def _folder() -> Path:
    return cache_dir() / "compiled"


def _remove_unfinished(folder: Path) -> None:
    """Remove programs without the time of their last use, which JAX writes after them.

    A process that was killed, or a full disk, left them half written; JAX would neither replace nor remove them, nor
    keep to its bound.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder / _LOCK, timeout=10):
        for program in _unfinished(folder):
            program.unlink(missing_ok=True)


def _unfinished(folder: Path) -> Iterator[Path]:
    used = {path.name.removesuffix(_USED) for path in folder.glob(f"*{_USED}") if path.stat().st_size}
    return (path for path in folder.glob(f"*{_PROGRAM}") if path.name.removesuffix(_PROGRAM) not in used)
