"""TensorFlow Datasets (TFDS) without TensorFlow: the URLs and checksums that it registers, and what it downloaded."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple


class Registered(NamedTuple):
    """One official file as TFDS knows it: `url`, and `checksum` "sha256:...", or "" where it registers none."""

    url: str
    checksum: str


def data_dir() -> Path:
    """Folder of TFDS: $TFDS_DATA_DIR, without it ~/tensorflow_datasets."""
    # TFDS itself reads the variable only once, when it is imported.
    return Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def registered(name: str) -> dict[str, Registered]:
    """Official file name -> what TFDS registers for it."""
    import tensorflow_datasets as tfds

    infos = tfds.builder_cls(name).url_infos
    return {info.filename: Registered(url, f"sha256:{info.checksum}") for url, info in infos.items()}


def downloaded(name: str, file: Registered) -> Path | None:
    """The file in TFDS's own download cache, if it is there. Nothing is ever written there."""
    # Older versions of TFDS kept the files of all datasets in one folder.
    for folder in (_downloads() / name, _downloads()):
        path = folder / _cached_name(file)
        # TFDS takes a file without its INFO for absent: it may be half a file.
        if path.exists() and path.with_name(f"{path.name}.INFO").exists():
            return path
    return None


def unpacked(file: Registered) -> Path:
    """Where TFDS unpacks a .tar.gz archive that it downloaded."""
    return _downloads() / "extracted" / f"TAR_GZ.{_cached_name(file)}"


def _downloads() -> Path:
    return data_dir() / "downloads"


def _cached_name(file: Registered) -> str:
    from tensorflow_datasets.core.download import resource  # TFDS has no public function for it

    return str(resource.get_dl_fname(file.url, file.checksum.removeprefix("sha256:") or None))


@contextmanager
def quiet() -> Iterator[None]:
    """Let TFDS show its progress and its messages on a terminal only."""
    loggers = [logging.getLogger(name) for name in ("absl", "urllib3.connectionpool")]
    levels = [logger.level for logger in loggers]
    with ExitStack() as stack:
        try:
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            if not sys.stderr.isatty():
                nowhere = stack.enter_context(open(os.devnull, "w"))
                stack.enter_context(redirect_stdout(nowhere))
                stack.enter_context(redirect_stderr(nowhere))
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
