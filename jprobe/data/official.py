"""Fashion-MNIST, KMNIST and CIFAR-10, decoded from their official files in TFDS's download cache."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jprobe.data import cifar, idx, tfds_files
from jprobe.data.checksums import digest_file, read_checked
from jprobe.data.dataset import Dataset


@dataclass(frozen=True)
class Official:
    """What is known of a dataset before its files are here."""

    name: str
    shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    home: str
    licence: str

    @property
    def source(self) -> str:
        """One line: where it comes from, and its licence."""
        return f"{self.home}, {self.licence}"

    @property
    def mend(self) -> str:
        """What to do about a damaged file."""
        return (
            f"Download it again: jprobe data fetch {self.name}\n"
            f"Without a network, from a folder with the official files: jprobe data import {self.name} DIR"
        )


FASHION = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip

OFFICIAL = {
    official.name: official
    for official in (
        Official(
            "fashion_mnist",
            (28, 28, 1),
            FASHION,
            "https://github.com/zalandoresearch/fashion-mnist (Zalando)",
            "MIT",
        ),
        Official(
            "kmnist",
            (28, 28, 1),
            ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
            "http://codh.rois.ac.jp/kmnist/ (CODH)",
            "CC BY-SA 4.0",
        ),
        Official(
            "cifar10",
            (32, 32, 3),
            cifar.CLASSES,
            "https://www.cs.toronto.edu/~kriz/cifar.html (Krizhevsky)",
            "no licence stated",
        ),
    )
}


def batches_folder() -> Path:
    """Where TFDS unpacks the batch files of CIFAR-10."""
    archive = tfds_files.registered("cifar10")[cifar.ARCHIVE]
    return tfds_files.download_dir() / "extracted" / f"TAR_GZ.{archive.path.name}" / cifar.FOLDER


def where(name: str) -> Path | None:
    """Folder in which all official files of a dataset are (their content is not looked at), or None."""
    if name == "cifar10" and all((batches_folder() / file).exists() for file in cifar.CHECKSUMS):
        return batches_folder()
    files = tfds_files.registered(name).values()
    return tfds_files.download_dir() / name if all(map(tfds_files.is_cached, files)) else None


def decode(name: str) -> Dataset:
    """Decode a dataset of `OFFICIAL`; download first the files that are not here.

    Raises:
        DamagedFileError: a file in the cache that is not the official one.
        MissingDataError, DiskError: as `tfds_files.download`.
    """
    official = OFFICIAL[name]
    files = tfds_files.registered(name)
    if where(name) is None:
        tfds_files.download(name, [file for file in files.values() if not tfds_files.is_cached(file)])
    if name == "cifar10":
        return _decode_cifar10(official)
    contents = {
        filename: (file.path, read_checked(file.path, file.checksum, official.mend)) for filename, file in files.items()
    }
    checksums = {filename: file.checksum for filename, file in files.items()}
    return idx.dataset(name, contents, checksums, official.class_names, official.source, official.mend)


def discard_damaged(name: str) -> None:
    """Take files out of the cache that are not the official ones, so that they are downloaded again."""
    for file in tfds_files.registered(name).values():
        if tfds_files.is_cached(file) and digest_file(file.path, "sha256") != file.checksum:
            tfds_files.remove(file.path)
    if name == "cifar10":
        for filename, checksum in cifar.CHECKSUMS.items():
            path = batches_folder() / filename
            if path.exists() and digest_file(path, "md5") != checksum:
                tfds_files.remove(path)


def _decode_cifar10(official: Official) -> Dataset:
    folder = batches_folder()
    if where("cifar10") == folder:
        batches = {file: read_checked(folder / file, md5, official.mend) for file, md5 in cifar.CHECKSUMS.items()}
    else:
        archive = tfds_files.registered("cifar10")[cifar.ARCHIVE]
        content = read_checked(archive.path, archive.checksum, official.mend)
        batches = cifar.unpack(content, archive.path, official.mend)
    decoded = {file: cifar.decode(batches[file], folder / file, official.mend) for file in cifar.CHECKSUMS}
    x_test, y_test = decoded.pop(cifar.TEST)
    images, labels = zip(*decoded.values(), strict=True)
    return Dataset(
        name="cifar10",
        x_train=np.concatenate(images),
        y_train=np.concatenate(labels),
        x_test=x_test,
        y_test=y_test,
        class_names=official.class_names,
        checksums=dict(cifar.CHECKSUMS),
        source=official.source,
    )
