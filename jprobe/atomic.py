"""Files and folders that appear whole or not at all."""

import errno
import glob
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

_DAY = 24 * 60 * 60


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


def remove_stale(path: Path) -> None:
    """Remove what processes that were killed while they wrote a file left beside it, a day ago or earlier.

    Raises:
        OSError: the folder may not be written.
    """
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        if time.time() - left.stat().st_mtime > _DAY:
            left.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder to fill, which takes the name `path` only when the block ends without an error.

    Raises:
        OSError: the disk is full or the folder above is not writable; the old folder is then still there.
    """
    # Names of its own for each writer: two processes may write one folder at once.
    new, old = (path.with_name(f".{path.name}.{uuid4().hex}.{suffix}") for suffix in ("new", "old"))
    try:
        new.mkdir(parents=True)
        yield new
        with suppress(FileNotFoundError):
            path.rename(old)
        try:
            new.rename(path)
        except OSError:
            if old.exists():
                old.rename(path)
            raise
    finally:
        for folder in (new, old):
            shutil.rmtree(folder, ignore_errors=True)
