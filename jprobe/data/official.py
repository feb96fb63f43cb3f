"""Fashion-MNIST, KMNIST and CIFAR-10, decoded from their official files, which lie in jprobe's cache or in TFDS's."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from jprobe.data import cifar, idx, tfds_files
from jprobe.data.cache import cache_dir
from jprobe.data.checksums import digest_file, read_checked
from jprobe.data.dataset import Dataset
from jprobe.data.downloads import download
from jprobe.errors import MissingDataError


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
            f"Without a network, copy the official files into a folder DIR and run: jprobe data import {self.name} DIR"
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


def folder(name: str) -> Path:
    """Where jprobe keeps the official files of a dataset that were fetched or imported."""
    return cache_dir() / "official" / name


def found(name: str) -> dict[str, Path]:
    """Official file name -> where it is: in jprobe's cache or in TFDS's. Names of files that are nowhere are left out."""
    paths = {}
    for filename, file in tfds_files.registered(name).items():
        own = folder(name) / filename
        path = own if own.exists() else tfds_files.downloaded(name, file)
        if path is not None:
            paths[filename] = path
    return paths


def batches() -> Path | None:
    """Folder of CIFAR-10's unpacked files, as imported or as TFDS unpacked them; None if its archive is to be read."""
    own = folder("cifar10")
    if (own / cifar.ARCHIVE).exists():
        return None
    theirs = tfds_files.unpacked(tfds_files.registered("cifar10")[cifar.ARCHIVE])
    for place in (own / cifar.FOLDER, theirs / cifar.FOLDER):
        if all((place / file).exists() for file in cifar.CHECKSUMS):
            return place
    return None


def where(name: str) -> Path | None:
    """Folder in which the official files of a dataset are (their content is not looked at), or None."""
    if name == "cifar10" and (place := batches()):
        return place
    paths = found(name)
    return next(iter(paths.values())).parent if paths.keys() == tfds_files.registered(name).keys() else None


def decode(name: str) -> Dataset:
    """Decode a dataset of `OFFICIAL`; download first the files that are not here.

    Raises:
        DamagedFileError: a file in a cache that is not the official one.
        MissingDataError, DiskError: as `downloads.download`.
    """
    official = OFFICIAL[name]
    if where(name) is None:
        _download(name, tfds_files.registered(name).keys() - found(name).keys())
    if name == "cifar10":
        return _decode_cifar10(official)
    files, paths = tfds_files.registered(name), found(name)
    contents = {
        filename: (paths[filename], read_checked(paths[filename], file.checksum, official.mend))
        for filename, file in files.items()
    }
    checksums = {filename: file.checksum for filename, file in files.items()}
    return idx.dataset(name, contents, checksums, official.class_names, official.source, official.mend)


def replace_damaged(name: str) -> None:
    """Download the files again that are here and are not the official ones."""
    place = batches() if name == "cifar10" else None
    if place is not None:
        damaged = [file for file, md5 in cifar.CHECKSUMS.items() if digest_file(place / file, "md5") != md5]
        _download(name, [cifar.ARCHIVE] if damaged else [])
        return
    files, paths = tfds_files.registered(name), found(name)
    _download(name, [file for file, path in paths.items() if digest_file(path, "sha256") != files[file].checksum])


def _download(name: str, filenames: Iterable[str]) -> None:
    for filename in sorted(filenames):
        file = tfds_files.registered(name)[filename]
        download(file.url, file.checksum, folder(name) / filename, partial(MissingDataError, name))


def _decode_cifar10(official: Official) -> Dataset:
    place = batches()
    if place is not None:
        contents = {file: read_checked(place / file, md5, official.mend) for file, md5 in cifar.CHECKSUMS.items()}
    else:
        place = found("cifar10")[cifar.ARCHIVE]
        checksum = tfds_files.registered("cifar10")[cifar.ARCHIVE].checksum
        contents = cifar.unpack(read_checked(place, checksum, official.mend), place, official.mend)
    decoded = {file: cifar.decode(contents[file], place / file, official.mend) for file in cifar.CHECKSUMS}
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
