"""Checksums, "md5:..." or "sha256:...": published ones, and those of what jprobe keeps; files that must match them."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from jprobe.errors import DamagedFileError
from jprobe.files import read_object, reading

# File of a folder with the checksums of others below it.
SUMS = "sha256.json"


def digest(data: bytes, algorithm: str) -> str:
    """Checksum of bytes, written as "algorithm:hexadecimal digits".

    Example:
        >>> digest(b"", "md5")
        'md5:d41d8cd98f00b204e9800998ecf8427e'
    """
    # Machines under FIPS rules refuse MD5 unless it is said that no security rests on it.
    return f"{algorithm}:{hashlib.new(algorithm, data, usedforsecurity=False).hexdigest()}"


def digest_file(path: Path, algorithm: str) -> str:
    """`digest` of a file's content, without holding all of it in memory."""
    with path.open("rb") as file:
        hasher = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False))
    return f"{algorithm}:{hasher.hexdigest()}"


def read_checked(path: Path, expected: str, mend: str) -> bytes:
    """Content of a file whose checksum is the published one.

    Raises:
        MissingFileError: there is no such file.
        UnreadableFileError: the system cannot read it.
        DamagedFileError: the checksum is another one.
    """
    with reading(path, mend):
        data = path.read_bytes()
    found = digest(data, expected.partition(":")[0])
    if found != expected:
        raise DamagedFileError(
            path, f"its checksum is {found} ({len(data)} bytes), the published one is {expected}.", mend
        )
    return data


def sums_of(folder: Path) -> dict[str, str]:
    """Path below the folder -> SHA-256 of each file but that of the sums."""
    files = (file for file in folder.rglob("*") if file.is_file() and file != folder / SUMS)
    return {file.relative_to(folder).as_posix(): digest_file(file, "sha256") for file in sorted(files)}


def note_sums(folder: Path) -> None:
    """Write the checksums of what is kept in a folder, for :func:`check_sums`.

    Raises:
        OSError: it cannot be written.
    """
    (folder / SUMS).write_text(json.dumps(sums_of(folder), indent=1))


def check_sums(folder: Path, files: Iterable[Path], mend: str) -> None:
    """Compare files of a folder with their checksums, as far as those were noted; safetensors and photos have none inside.

    Raises:
        DamagedFileError: one is another than was kept, or the checksums cannot be read.
        UnreadableFileError: the system cannot read one.
    """
    if not (folder / SUMS).is_file():
        return
    noted = read_object(folder / SUMS, mend)
    for file in files:
        with reading(file, mend):
            checksum = noted.get(file.relative_to(folder).as_posix())
            if checksum not in (None, digest_file(file, "sha256")):
                raise DamagedFileError(file, "its content is not what was kept here.", mend)
