"""Official files that a person already has, checked and put where the loader finds them without a network."""

import shutil
from contextlib import ExitStack
from pathlib import Path

from jprobe.atomic import replacing
from jprobe.data import cifar, conll, embedded, imagenette, tfds_files
from jprobe.data.checksums import digest_file
from jprobe.data.official import OFFICIAL, batches_folder
from jprobe.errors import ArgumentError, DamagedFileError, DiskError, MissingFileError, UnknownNameError


def import_files(name: str, folder: str | Path) -> list[Path]:
    """Check the official files of a dataset by checksum, and copy them where `load` finds them.

    The files of Fashion-MNIST and KMNIST, and the archive of CIFAR-10, go into TFDS's download cache as if
    TFDS had downloaded them; the unpacked files of CIFAR-10 go where TFDS unpacks them. Nothing is written
    unless every file is right.

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
        MissingFileError: the folder, or a file in it, is not there.
        ArgumentError: a file that is another official file than its name says.
        DamagedFileError: a file that is no official file.
        DiskError: the files could not be written.

    Example:
        >>> import_files("kmnist", "no/such/folder")
        Traceback (most recent call last):
        jprobe.errors.MissingFileError: no/such/folder does not exist. ...
    """
    if name == imagenette.NAME:
        return imagenette.import_folder(Path(folder))
    if name == conll.NAME and Path(folder).is_dir():
        return conll.import_file(Path(folder))
    if name not in OFFICIAL and name != conll.NAME:
        if name == "mnist":
            raise ArgumentError("MNIST is part of jprobe: there is nothing to import.")
        raise UnknownNameError("dataset with official files to import", name, [*OFFICIAL, conll.NAME, imagenette.NAME])
    folder = Path(folder)
    if not folder.is_dir():
        raise MissingFileError(folder, f"Name a folder that holds the official files of {name}.")
    files = tfds_files.registered(name)
    if name == "cifar10" and not (folder / cifar.ARCHIVE).exists():
        return _import_batches(folder)
    checksums = {filename: file.checksum for filename, file in files.items()}
    _check_all(name, folder, checksums)
    _copy_all({folder / filename: file.path for filename, file in files.items()})
    for filename, file in files.items():
        # Last, because TFDS takes a file without its INFO for absent; an INFO of old may be damaged.
        try:
            tfds_files.info_path(file.path).unlink(missing_ok=True)
            tfds_files.write_info(name, filename, file)
        except OSError as error:
            raise DiskError(tfds_files.info_path(file.path), error.strerror or str(error)) from error
    return [file.path for file in files.values()]


def _import_batches(folder: Path) -> list[Path]:
    inner = folder / cifar.FOLDER
    batches = inner if inner.is_dir() else folder
    if not any((batches / file).exists() for file in cifar.CHECKSUMS):
        raise MissingFileError(
            folder / cifar.ARCHIVE,
            f"Put it there, or the unpacked folder {cifar.FOLDER}. "
            "It is to be had from https://www.cs.toronto.edu/~kriz/cifar.html",
        )
    _check_all("cifar10", batches, cifar.CHECKSUMS)
    target = batches_folder()
    _copy_all({batches / file: target / file for file in cifar.CHECKSUMS})
    # TFDS reads the class names from here once it prepares the dataset from this folder.
    try:
        with replacing(target / "batches.meta.txt") as file:
            file.write(("\n".join(cifar.CLASSES) + "\n\n").encode())
    except OSError as error:
        raise DiskError(target / "batches.meta.txt", error.strerror or str(error)) from error
    return [target / file for file in cifar.CHECKSUMS]


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
        try:
            found = digest_file(path, expected.partition(":")[0])
        except OSError as error:
            raise ArgumentError(f"{path} cannot be read: {error.strerror}. Nothing was imported.") from error
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


def _copy_all(targets: dict[Path, Path]) -> None:
    """Copy files, source -> target: all of them take their names at the end, or none does."""
    target = tfds_files.download_dir()
    try:
        with ExitStack() as stack:
            for source, target in targets.items():
                target.parent.mkdir(parents=True, exist_ok=True)
                copy = stack.enter_context(replacing(target))
                with source.open("rb") as original:
                    shutil.copyfileobj(original, copy)
                copy.flush()
    except OSError as error:
        raise DiskError(target, error.strerror or str(error)) from error
