"""Files and folders that appear whole or not at all."""

import errno
import glob
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

_DAY = 24 * 60 * 60

# How often a folder's name is tried that others take at the same time.
_ATTEMPTS = 100

# Names that the functions below give to what is not whole yet, or no longer wanted.
_LEFT = re.compile(r"\..+\.[0-9a-f]{32}\.(tmp|old|new(\..*)?)")


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that takes the name `path` only when the block ends without an error.

    Other processes see the old file or the new one, never half of it. Its folder must exist.

    Raises:
        OSError: the folder is full or not writable; the old file is then untouched.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is there and no file")  # a device would be replaced, too
    # A name of its own for each writer: many processes may fill one cache at once.
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Remove what processes that were killed while they wrote left in a folder and below, a day ago or earlier.

    Nothing reads it; what is younger may be another process's work. What cannot be removed stays.
    """
    for path in sorted(folder.rglob(".*")):
        with suppress(OSError):  # gone meanwhile, or not ours to remove
            if _LEFT.fullmatch(path.name) and time.time() - path.stat().st_mtime > _DAY:
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink()


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder to fill, which takes the name `path` only when the block ends without an error.

    Of two processes that write one folder at once, the last one's stays.

    Raises:
        OSError: the disk is full or the folder above is not writable; the old folder is then still there.
    """
    # A name of its own for each writer.
    new = path.with_name(f".{path.name}.{uuid4().hex}.new")
    try:
        new.mkdir(parents=True)
        yield new
        _put(new, path)
    finally:
        # Orbax writes into a folder beside the one that it is given, which an error leaves there.
        for left in path.parent.glob(f"{glob.escape(new.name)}*"):
            shutil.rmtree(left, ignore_errors=True)


def _put(new: Path, path: Path) -> None:
    """Rename a folder to a name that another may have, and that another process may be taking just now."""
    for attempt in range(_ATTEMPTS):
        old = path.with_name(f".{path.name}.{uuid4().hex}.old")
        try:
            with suppress(FileNotFoundError):
                path.rename(old)
            new.rename(path)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or attempt == _ATTEMPTS - 1:
                raise
        finally:
            # Whatever has stopped this, a signal too: without the new folder the old one stays. What `path` holds by now says
            # nothing of it: other processes take the name, and take it away again for a moment.
            if not new.exists() or not _given_back(old, path):
                shutil.rmtree(old, ignore_errors=True)


def _given_back(old: Path, path: Path) -> bool:
    """Whether nothing is left to remove: the old folder has its name again, or there was none. Not if another has the name."""
    try:
        old.rename(path)
    except OSError as error:
        return error.errno not in (errno.ENOTEMPTY, errno.EEXIST)
    return True
