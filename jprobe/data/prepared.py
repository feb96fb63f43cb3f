"""Any other image-classification dataset of TFDS, prepared by it and read through `tfds.data_source`."""

import importlib.util
import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from jprobe.data import tfds_files
from jprobe.data.checksums import digest_file
from jprobe.data.dataset import Dataset
from jprobe.data.downloads import reach
from jprobe.errors import ArgumentError, DamagedFileError, MissingDataError, MissingExtraError, UnknownNameError
from jprobe.files import writing

OTHERS = "and the image-classification datasets of tensorflow-datasets"


def decode(name: str, shipped: list[str]) -> Dataset:
    """Read a dataset that TFDS prepares, downloading and preparing it where that has not been done.

    Args:
        name: a TFDS name, with configuration and version where wanted ("emnist/letters").
        shipped: the names that need no TFDS preparation, for the error.

    Raises:
        UnknownNameError: TFDS has no such dataset.
        MissingExtraError: it has to be prepared first, which takes TensorFlow.
        MissingDataError: it could not be downloaded.
        DamagedFileError: what TFDS prepared cannot be read.
        ArgumentError: it is not images of one size with one label each, in a train and a test split.
        DiskError: it could not be written.

    Source:
        https://www.tensorflow.org/datasets/data_source
    """
    import tensorflow_datasets as tfds

    known = tfds.list_builders(with_community_datasets=False)
    base = re.split("[/:]", name)[0]
    if base not in known:
        # TFDS knows hundreds of names; the ones near this name are enough.
        close = get_close_matches(base, known, n=5)
        raise UnknownNameError("dataset", name, [*dict.fromkeys([*shipped, *close]), OTHERS])
    with tfds_files.quiet():
        builder = _builder(name)
        if not builder.is_prepared():
            if importlib.util.find_spec("tensorflow") is None:
                raise MissingExtraError(f"Preparing dataset {name!r} for the first time", "tensorflow>=2.18")
            _prepare(name, builder)
        try:
            train, test = tfds.data_source(
                name, split=["train", "test"], data_dir=tfds_files.data_dir(), download=False
            )
        except (ValueError, KeyError, NotImplementedError) as error:
            raise ArgumentError(
                f"jprobe needs a train and a test split of {name!r}, prepared as array_record: {_first_line(error)}"
            ) from error
        x_train, y_train = _arrays(name, train)
        x_test, y_test = _arrays(name, test)
    info = train.dataset_info
    files = [Path(file) for split in ("train", "test") for file in info.splits[split].filepaths]
    return Dataset(
        name=name,
        x_train=x_train,
        y_train=y_train,
        x_test=x_test,
        y_test=y_test,
        class_names=tuple(info.features["label"].names),
        checksums={file.name: digest_file(file, "sha256") for file in files},
        source=f"{info.homepage}, prepared by TFDS as {info.full_name}; see its page for the licence",
    )


def _builder(name: str) -> Any:
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name, data_dir=tfds_files.data_dir(), file_format="array_record")
    except (ValueError, AssertionError) as error:
        hint = "\nSet TFDS_DATA_DIR to another folder, and TFDS prepares it there as array_record."
        raise ArgumentError(
            f"TFDS cannot open dataset {name!r}: {_first_line(error)}"
            + (hint if "File format is already set" in str(error) else "")
        ) from error
    features = dict(builder.info.features.items())
    if "image" not in features or not hasattr(features.get("label"), "names"):
        raise ArgumentError(
            f"Dataset {name!r} is not for image classification: it has the features {', '.join(features)}; "
            "jprobe needs 'image' and 'label'."
        )
    return builder


def _prepare(name: str, builder: Any) -> None:
    import requests
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError

    for url in list(builder.url_infos)[:1]:
        reach(url, partial(MissingDataError, name))  # TFDS alone tries for minutes
    # Google's copies of prepared data are in a format that only TensorFlow reads.
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    with writing(tfds_files.data_dir()):
        try:
            builder.download_and_prepare(download_config=config)
        except (requests.RequestException, tfds.download.DownloadError) as error:
            raise MissingDataError(name, str(error)) from error
        except NonMatchingChecksumError as error:
            raise MissingDataError(name, f"what was sent is not the official file ({_first_line(error)})") from error


def _arrays(name: str, examples: Any) -> tuple[np.ndarray, np.ndarray]:
    images: list[np.ndarray] = []
    labels: list[int] = []
    for example in _readable(name, examples):
        image = np.asarray(example["image"])
        if image.dtype != np.uint8 or image.shape != (images or [image])[0].shape:
            raise ArgumentError(
                f"The images of {name!r} are not all uint8 and of one size: found {image.dtype} "
                f"{list(image.shape)}. Crop them yourself and build a jprobe.data.Task from your arrays."
            )
        images.append(image)
        labels.append(example["label"])
    return np.stack(images), np.asarray(labels, np.int32)


def _readable(name: str, examples: Any) -> Iterator[Any]:
    try:
        yield from examples
    except (ImportError, MemoryError):
        raise
    # Which error a damaged record ends in depends on the byte: the format's, protobuf's, the image decoder's.
    except Exception as error:
        folder = Path(examples.dataset_info.data_dir)
        raise DamagedFileError(
            folder,
            f"its records cannot be read ({_first_line(error)}).",
            f"Delete this folder and prepare it again: jprobe data fetch {name}",
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
