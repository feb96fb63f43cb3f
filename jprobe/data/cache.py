"""jprobe's own cache: each dataset decoded once, as one .npz file."""

import json
import logging
import os
import zipfile
from pathlib import Path
from urllib.parse import quote

import numpy as np

from jprobe.atomic import replacing
from jprobe.data.dataset import Dataset

ARRAYS = ("x_train", "y_train", "x_test", "y_test")

log = logging.getLogger(__name__)


def cache_dir() -> Path:
    """Folder of what jprobe can always make again.

    $JPROBE_CACHE; without it $XDG_CACHE_HOME/jprobe; without it ~/.cache/jprobe. It need not exist.

    Example:
        >>> os.environ["JPROBE_CACHE"] = "/tmp/elsewhere"
        >>> cache_dir().name
        'elsewhere'
    """
    if own := os.environ.get("JPROBE_CACHE"):
        return Path(own).expanduser()
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base).expanduser() / "jprobe"
    return Path.home() / ".cache" / "jprobe"


def path_of(name: str) -> Path:
    """Where the decoded arrays of a dataset are kept."""
    # TFDS names hold "/" and ":" ("emnist/letters:3.1.0").
    return cache_dir() / "data" / f"{quote(name, safe='')}.npz"


def recall(name: str) -> Dataset | None:
    """The decoded dataset; None where there is none, or where its file is damaged.

    A damaged file is no error: its source is still there, and decoding it again loses nothing.
    """
    path = path_of(name)
    try:
        # NumPy reads only what an array's own header asks for, which skips the checksum of the rest.
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                raise zipfile.BadZipFile("checksum")
        with np.load(path, allow_pickle=False) as stored:
            about = json.loads(str(stored["about"]))
            return Dataset(
                name=name,
                **{key: stored[key] for key in ARRAYS},
                class_names=tuple(about["class_names"]),
                checksums=about["checksums"],
                source=about["source"],
            )
    except OSError as error:
        if not isinstance(error, FileNotFoundError):
            log.warning("%s cannot be read (%s): decoding %s again.", path, error, name)
    # A flipped byte can surface as nearly any error of zipfile, NumPy or json.
    except Exception as error:
        log.warning("%s is damaged (%s): decoding %s again.", path, error, name)
    return None


def store(dataset: Dataset) -> None:
    """Keep a decoded dataset. A cache that cannot be written costs time only, so that ends in a warning."""
    path = path_of(dataset.name)
    about = {"class_names": dataset.class_names, "checksums": dataset.checksums, "source": dataset.source}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            np.savez(
                file,
                about=np.array(json.dumps(about)),
                x_train=dataset.x_train,
                y_train=dataset.y_train,
                x_test=dataset.x_test,
                y_test=dataset.y_test,
            )
    except OSError as error:
        log.warning(
            "The decoded %s was not kept in %s (%s); it will be decoded again next time. "
            "Set JPROBE_CACHE to a folder with room.",
            dataset.name, path.parent, error.strerror or error,
        )  # fmt: skip
