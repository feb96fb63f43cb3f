"""The download cache of TensorFlow Datasets (TFDS): its registered URLs and checksums, without TensorFlow."""

import logging
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path

from jprobe.errors import DiskError, MissingDataError

# TFDS alone tries 10 times with growing pauses, which is minutes where there is no network.
RETRIES = 2
CONNECT_S, ANSWER_S = 5, 20


@dataclass(frozen=True)
class Registered:
    """One official file as TFDS knows it: `url`, `checksum` "sha256:...", `path` in its download cache."""

    url: str
    checksum: str
    path: Path


def data_dir() -> Path:
    """Folder of TFDS: $TFDS_DATA_DIR, without it ~/tensorflow_datasets."""
    # TFDS itself reads the variable only once, when it is imported.
    return Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def download_dir() -> Path:
    """Where TFDS keeps the files it downloaded."""
    return data_dir() / "downloads"


def registered(name: str) -> dict[str, Registered]:
    """Official file name -> what TFDS registers for it."""
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download import resource

    files = {}
    for url, info in tfds.builder_cls(name).url_infos.items():
        cached = resource.get_dl_fname(url, info.checksum)
        file = Registered(url, f"sha256:{info.checksum}", download_dir() / name / cached)
        # Older versions of TFDS kept all datasets in one folder, and newer ones still take files from there.
        old = replace(file, path=download_dir() / cached)
        files[info.filename] = old if is_cached(old) and not is_cached(file) else file
    return files


def info_path(path: Path) -> Path:
    """The INFO file beside a cached one; without it TFDS takes the file for absent."""
    return path.with_name(path.name + ".INFO")


def is_cached(file: Registered) -> bool:
    """Whether TFDS will find the file. Neither it nor this looks at the content."""
    return file.path.exists() and info_path(file.path).exists()


def remove(path: Path) -> None:
    """Take a file out of the cache, and its INFO file where it has one."""
    try:
        info_path(path).unlink(missing_ok=True)
        path.unlink(missing_ok=True)
    except OSError as error:
        raise DiskError(path, error.strerror or str(error)) from error


def write_info(name: str, filename: str, file: Registered) -> None:
    """Write the INFO file of a cached file, as TFDS itself does after a download."""
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download import resource

    resource.write_info_file(
        url=file.url,
        path=tfds.core.Path(file.path),
        dataset_name=name,
        original_fname=filename,
        url_info=tfds.builder_cls(name).url_infos[file.url],
    )


def download(name: str, files: Iterable[Registered]) -> None:
    """Let TFDS download files into its cache, and check them.

    Raises:
        MissingDataError: no network (found out within seconds), no such file there, or another checksum.
        DiskError: the disk is full, or TFDS's folder is not ours to write.
    """
    import requests
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError
    from tensorflow_datasets.core.download.util import DownloadError

    urls = [file.url for file in files]
    _reach(name, urls[0])
    try:
        with quiet():
            manager = tfds.download.DownloadManager(download_dir=os.fspath(download_dir()), dataset_name=name)
            manager.download(urls)
    except NonMatchingChecksumError as error:
        raise MissingDataError(name, "what the server sent is not the official file (another checksum).") from error
    # An error of requests is an OSError too, so it comes first.
    except (requests.RequestException, DownloadError) as error:
        raise MissingDataError(name, str(error)) from error
    except OSError as error:
        raise DiskError(download_dir() / name, error.strerror or str(error)) from error


def _reach(name: str, url: str) -> None:
    """Find out within seconds that a server cannot be reached: TFDS sets no time limit on its connections."""
    import requests

    try:
        with requests.get(url, stream=True, timeout=(CONNECT_S, ANSWER_S)) as response:
            if response.status_code != 200:
                raise MissingDataError(name, f"{url} answered {response.status_code} {response.reason}.")
    except OSError as error:
        raise MissingDataError(name, f"{url} cannot be reached ({type(error).__name__}).") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Bound TFDS's retries, and let it show its progress on a terminal only."""
    from tensorflow_datasets.core.download import downloader
    from tensorflow_datasets.core.utils import tqdm_utils

    retries, active = downloader.MAX_RETRIES, tqdm_utils._active
    loggers = [logging.getLogger(name) for name in ("absl", "urllib3.connectionpool")]
    levels = [logger.level for logger in loggers]
    with ExitStack() as stack:
        try:
            downloader.MAX_RETRIES = RETRIES
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            if not sys.stderr.isatty():
                tqdm_utils.display_progress_bar(False)
                stack.enter_context(redirect_stdout(stack.enter_context(open(os.devnull, "w"))))
            yield
        finally:
            downloader.MAX_RETRIES = retries
            tqdm_utils.display_progress_bar(active)
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
