"""Files of a run that tell whether they are as they were written: by a seal of their own, or by a list of checksums."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jprobe.errors import DamagedFileError
from jprobe.files import reading

_MEND = "Delete it, and the run's command writes it again."
# Where an object of JSON has the checksum of all that is beside it.
_SEAL = "sha256"


def sealed(html: str) -> str:
    """A page with the checksum of what stands above it in its last line.

    Example:
        >>> sealed("<p>A page.</p>").splitlines()[1][:25]
        '<!-- sha256:b759d4c22a71b'
    """
    return f"{html}\n{_seal(html)}\n"


def check_page(path: Path) -> None:
    """Make sure that a page is as it was written; one of an older version has no seal, but an end.

    Raises:
        DamagedFileError: it is not.
        MissingFileError, UnreadableFileError: it cannot be read.
    """
    with reading(path, _MEND):
        html = path.read_bytes().decode(errors="replace")
    page, _, seal = html.removesuffix("\n").rpartition("\n")
    if seal != _seal(page) and not html.rstrip().endswith("</html>"):
        raise DamagedFileError(path, "it is not the page that was written.", _MEND)


def sealed_object(content: Mapping[str, Any]) -> dict[str, Any]:
    """An object for a JSON file with the checksum of its content beside it; a seal that it had is replaced.

    Example:
        >>> sealed_object({"seeds": 3})["sha256"][:19]
        'sha256:38a0cb50fcb3'
    """
    rest = {name: value for name, value in content.items() if name != _SEAL}
    return rest | {_SEAL: _sum(json.dumps(rest, sort_keys=True).encode())}


def check_object(found: Mapping[str, Any], path: Path) -> None:
    """Make sure that an object read from a JSON file is the one that was sealed; one of an older version has no seal.

    Raises:
        DamagedFileError: it is not.
    """
    if _SEAL in found and found[_SEAL] != sealed_object(found)[_SEAL]:
        raise DamagedFileError(path, "its content is not what was written.", _MEND)


def sums_of(folder: Path, names: tuple[str, ...]) -> dict[str, str]:
    """Checksums of files of a folder, of those that are there.

    Raises:
        OSError: one cannot be read.
    """
    return {name: _sum((folder / name).read_bytes()) for name in names if (folder / name).is_file()}


def check_file(file: Path, sums: Mapping[str, str]) -> None:
    """Make sure that a file is as it was written.

    Args:
        file: its path.
        sums: from :func:`sums_of`; files that are not in there pass.

    Raises:
        DamagedFileError: it is not.
        MissingFileError, UnreadableFileError: it cannot be read.
    """
    with reading(file, _MEND):
        if sums.get(file.name) not in (None, _sum(file.read_bytes())):
            raise DamagedFileError(file, "its content is not what was written.", _MEND)


def _seal(html: str) -> str:
    return f"<!-- {_sum(html.encode())} -->"


def _sum(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
