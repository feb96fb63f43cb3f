"""Files and folders that a person names: what goes wrong with them becomes one clear error."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jprobe.errors import (
    ArgumentError,
    DamagedFileError,
    DiskError,
    JprobeError,
    MissingFileError,
    UnreadableFileError,
    quoted,
)

# Letters of a path; systems allow no more.
_LONGEST = 4096


def named_folder(path: str | Path, mend: str) -> Path:
    """The folder of this name, which must exist and be readable.

    Args:
        path: what a person gave.
        mend: what the error says to do.

    Raises:
        ArgumentError: an empty name, or a file.
        MissingFileError: there is no such folder.
        UnreadableFileError: the system does not let us read it.

    Example:
        >>> named_folder("", "Name a folder of photos.")
        Traceback (most recent call last):
            ...
        jprobe.errors.ArgumentError: The path is empty. Name a folder of photos.
    """
    path = _not_empty(path, mend)
    with reading(path, mend):
        if path.is_file():
            raise ArgumentError(f"{path} is a file, not a folder. {mend}")
        next(path.iterdir(), None)  # fails where the folder is not there, or not ours to read
    return path


def named_file(path: str | Path, mend: str) -> Path:
    """The file of this name, which must exist and be readable.

    Raises:
        ArgumentError: an empty name, or a folder.
        MissingFileError: there is no such file.
        UnreadableFileError: the system does not let us read it.
    """
    path = _not_empty(path, mend)
    with reading(path, mend):
        if path.is_dir():
            raise ArgumentError(f"{path} is a folder, not a file. {mend}")
        path.open("rb").close()
    return path


@contextmanager
def reading(path: str | Path, mend: str) -> Iterator[None]:
    """What the system says of a file that is read, as one of our errors.

    Raises:
        MissingFileError: there is no such file.
        UnreadableFileError: the system does not let us read it, or the disk cannot.
    """
    try:
        yield
    except JprobeError:  # some of ours are OSErrors too
        raise
    except FileNotFoundError as error:
        raise MissingFileError(path, mend) from error
    except OSError as error:
        if error.errno is None:  # a decoder's, such as gzip's and Pillow's, not the system's
            raise
        raise UnreadableFileError(path, error.strerror or str(error), mend) from error


@contextmanager
def decoding(path: str | Path, what: str, mend: str) -> Iterator[None]:
    """Whatever goes wrong while a file is decoded means that it is damaged.

    A flipped byte can surface as nearly any error of zipfile, pickle, NumPy or json, so no list of them is complete.

    Args:
        path: the file.
        what: what it should be, for the error: "a torch state dict".
        mend: what the error says to do.

    Raises:
        DamagedFileError: it is something else, or cut short.
        MissingFileError, UnreadableFileError: as :func:`reading`.
    """
    try:
        with reading(path, mend):
            yield
    except JprobeError:
        raise
    except Exception as error:
        # What libraries advise in further lines, such as other packages for other formats, mends no damaged file.
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].strip()
        raise DamagedFileError(path, f"it is not {what} ({reason}).", mend) from error


def read_object(path: str | Path, mend: str) -> dict[str, Any]:
    """An object of JSON from a file.

    Args:
        path: the file.
        mend: what the error says to do.

    Raises:
        DamagedFileError: it is something else, or holds text that cannot be printed.
        MissingFileError, UnreadableFileError: as :func:`reading`.

    Example:
        >>> _ = Path("a.json").write_text('{"seeds": 3}')
        >>> read_object("a.json", "Write it again.")
        {'seeds': 3}
    """
    with decoding(path, "an object of JSON", mend):
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError(f"it is a {type(found).__name__}")
        json.dumps(found, ensure_ascii=False).encode()  # half a letter, which JSON can hold, fails here
        return found


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """What the system says of a file or folder that is written, as one of our errors.

    Raises:
        DiskError: the disk is full, or the folder is not ours to write.
    """
    try:
        yield
    except JprobeError:
        raise
    except OSError as error:
        raise DiskError(path, error.strerror or str(error)) from error


def is_there(path: str | Path) -> bool:
    """Whether a file or folder of this name exists; a name that no file can have, such as a very long one, does not.

    Example:
        >>> is_there("a" * 5000)
        False
    """
    try:
        return Path(path).exists()
    except (OSError, ValueError):
        return False


def _not_empty(path: str | Path, mend: str) -> Path:
    # Path("") is the current folder, which nobody means by an empty name.
    if not str(path):
        raise ArgumentError(f"The path is empty. {mend}")
    if len(str(path)) > _LONGEST:
        raise ArgumentError(f"The path {quoted(str(path))} is longer than that of any file. {mend}")
    if "\0" in str(path):
        raise ArgumentError(f"The path {quoted(str(path))} holds a null byte, which no name of a file does. {mend}")
    return Path(path)
