"""Official files that a person already has, checked and kept where the loader finds them without a network."""

import shutil
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from jprobe.atomic import replacing
from jprobe.data import cifar, conll, embedded, imagenette, official, tfds_files
from jprobe.data.checksums import digest_file
from jprobe.data.official import OFFICIAL
from jprobe.errors import ArgumentError, DamagedFileError, MissingFileError, UnknownNameError
from jprobe.files import named_folder, reading, writing

# What to bring in a folder, in words.
_BRING = {
    **{name: f"the official files of {name}" for name in OFFICIAL},
    conll.NAME: f"{' or '.join(conll.FILES)} of {conll.NAME}",
    imagenette.NAME: "a folder of photos for each class (as imagenette2-320.tgz of https://github.com/fastai/imagenette does)",
}


def import_files(name: str, folder: str | Path) -> list[Path]:
    """Check the official files of a dataset by checksum, and copy them where `load` finds them.

    They go into :func:`cache_dir`, as everything that jprobe keeps does. Nothing is written unless every file is right.

    Args:
        name: "fashion_mnist", "kmnist", "cifar10", "conll2003" or "imagenette".
        folder: holds the official files under their official names: the four gz files, or for CIFAR-10
            `cifar-10-binary.tar.gz` or the folder `cifar-10-batches-bin`, for CoNLL-2003 `eng.testb` or `test.txt`
            (of which there are several versions, so they are read, not compared with a checksum), for
            Imagenette the folder ``val``.

    Returns:
        The files written.

    Raises:
        UnknownNameError: another name.
        MissingFileError: the folder, or a file in it, does not exist.
        ArgumentError: an empty path, or a file that is another official file than its name says.
        DamagedFileError: a file that is not the official one.
        UnreadableFileError: the folder or a file cannot be read.
        DiskError: the files cannot be written.

    Example:
        >>> import_files("kmnist", "no/such/folder")
        Traceback (most recent call last):
        jprobe.errors.MissingFileError: no/such/folder does not exist. ...
    """
    if name == "mnist":
        raise ArgumentError("MNIST is part of jprobe: there is nothing to import.")
    if name not in _BRING:
        raise UnknownNameError("dataset with official files to import", name, _BRING)
    folder = named_folder(folder, f"Name a folder that holds {_BRING[name]}.")
    if name == imagenette.NAME:
        return imagenette.import_folder(folder)
    if name == conll.NAME:
        return conll.import_file(folder)
    if name == "cifar10" and not (folder / cifar.ARCHIVE).exists():
        return _import_batches(folder)
    files = tfds_files.registered(name)
    _check_all(name, folder, {filename: file.checksum for filename, file in files.items()})
    return _copy_all(folder, files, official.folder(name))


def _import_batches(folder: Path) -> list[Path]:
    inner = folder / cifar.FOLDER
    batches = inner if inner.is_dir() else folder
    if not any((batches / file).exists() for file in cifar.CHECKSUMS):
        raise MissingFileError(
            folder / cifar.ARCHIVE,
            f"Put it there, or the unpacked folder {cifar.FOLDER}; both come from {OFFICIAL['cifar10'].home}.",
        )
    _check_all("cifar10", batches, cifar.CHECKSUMS)
    copies = _copy_all(batches, cifar.CHECKSUMS, official.folder("cifar10") / cifar.FOLDER)
    # An archive of an earlier day would be read instead of these.
    archive = official.folder("cifar10") / cifar.ARCHIVE
    with writing(archive):
        archive.unlink(missing_ok=True)
    return copies


def _check_all(name: str, folder: Path, checksums: dict[str, str]) -> None:
    home = OFFICIAL[name].home
    missing = [filename for filename in checksums if not (folder / filename).is_file()]
    if missing:
        others = f" Also missing: {', '.join(missing[1:])}." if missing[1:] else ""
        raise MissingFileError(
            folder / missing[0],
            f"Bring all of {', '.join(checksums)} from {home} and run the same command again.{others}",
        )
    for filename, expected in checksums.items():
        path = folder / filename
        with reading(path, "Nothing was imported."):
            found = digest_file(path, expected.partition(":")[0])
        if found == expected:
            continue
        if other := _identify(path):
            raise ArgumentError(
                f"{path} is not the {filename} of {name}: it is {other}. "
                "Put the right file there and run the same command again; nothing was imported."
            )
        raise DamagedFileError(
            path,
            f"its checksum is {found} ({path.stat().st_size} bytes), the published one is {expected}.",
            f"Nothing was imported. Download or copy it again from {home}, then run the same command.",
        )


def _identify(path: Path) -> str | None:
    """Which official file a file really is: the sets share their file names, so people mix them up."""
    known = {(md5, f"{file} of mnist") for file, md5 in embedded.CHECKSUMS.items()}
    known |= {(md5, f"{file} of cifar10") for file, md5 in cifar.CHECKSUMS.items()}
    for name in OFFICIAL:
        known |= {(file.checksum, f"{key} of {name}") for key, file in tfds_files.registered(name).items()}
    found = {digest_file(path, "md5"), digest_file(path, "sha256")}
    return next((what for checksum, what in known if checksum in found), None)


def _copy_all(folder: Path, filenames: Iterable[str], target: Path) -> list[Path]:
    """Copy files from one folder to another: all of them take their names at the end, or none does."""
    with writing(target):
        target.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            for filename in filenames:
                copy = stack.enter_context(replacing(target / filename))
                with (folder / filename).open("rb") as original:
                    shutil.copyfileobj(original, copy)
                copy.flush()
    return [target / filename for filename in filenames]
