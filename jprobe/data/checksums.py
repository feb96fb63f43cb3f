"""Published checksums: "md5:..." or "sha256:...", and files that must match them."""

import hashlib
from pathlib import Path

from jprobe.errors import DamagedFileError
from jprobe.files import reading


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
