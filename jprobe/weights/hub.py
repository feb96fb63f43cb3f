"""Checkpoints of huggingface.co: downloaded by huggingface_hub into its own cache, and checked."""

import errno
import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from jprobe.data.checksums import digest_file
from jprobe.errors import DiskError, JprobeError
from jprobe.files import reading


def snapshot(name: str, patterns: Sequence[str], download: bool, missing: Callable[[str], JprobeError]) -> Path:
    """Folder of a published model in huggingface_hub's cache, brought there if need be.

    Args:
        name: owner/name.
        patterns: the files that are wanted.
        download: whether to look on the network for what is not on this machine.
        missing: makes the error to raise from a reason, a sentence.

    Raises:
        JprobeError: what `missing` made: it is not here and cannot be downloaded, or is not what was published.
        DiskError: huggingface_hub's cache cannot be written.
    """
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(
            huggingface_hub.snapshot_download(name, allow_patterns=list(patterns), local_files_only=not download)
        )
    except LocalEntryNotFoundError as error:
        raise missing("it is not in huggingface_hub's cache, and could not be downloaded.") from error
    except Exception as error:  # of the system, of huggingface_hub, or of its library of HTTP, which changes
        full = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS)
        if isinstance(error, OSError) and error.errno in full:
            raise DiskError(huggingface_hub.constants.HF_HUB_CACHE, os.strerror(error.errno)) from error
        raise missing((str(error).strip() or type(error).__name__).splitlines()[0]) from error
    _check(folder, missing)
    return folder


def _check(folder: Path, missing: Callable[[str], JprobeError]) -> None:
    """Compare each file with its published checksum, which is the name that huggingface_hub keeps its content under."""
    for file in sorted(path for path in folder.iterdir() if path.is_symlink()):
        blob = file.resolve()
        with reading(blob, "Fetch it again."):
            checksum = _checksum(blob, len(blob.name))
        if checksum and checksum != blob.name:
            blob.unlink()
            file.unlink()
            raise missing(f"its {file.name} was not the published file: it had another checksum, and was removed.")


def _checksum(blob: Path, digits: int) -> str:
    """SHA-256 of a large file, git's of a small one; nothing of a name that is no checksum."""
    if digits == 64:
        return digest_file(blob, "sha256").partition(":")[2]
    if digits == 40:
        content = blob.read_bytes()
        head = f"blob {len(content)}\0".encode()
        return hashlib.sha1(head + content, usedforsecurity=False).hexdigest()
    return ""
