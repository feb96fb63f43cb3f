"""Photos of ten ImageNet classes, brought by hand: Imagenette's validation set."""

import shutil
from pathlib import Path

from jprobe.atomic import replacing_folder
from jprobe.data.cache import cache_dir
from jprobe.data.checksums import note_sums
from jprobe.data.photos import load_photos, photos_of
from jprobe.files import writing

NAME = "imagenette"

WHAT = "photos, 10 classes of ImageNet (for the study of frustration)"

LICENCE = "Apache-2.0 (the selection); the photos are ImageNet's"


def imported() -> Path | None:
    """The folder of photos that was imported, or None."""
    return _folder() if _folder().is_dir() else None


def import_folder(folder: Path) -> list[Path]:
    """Read the photos once to be sure of them, and copy them.

    Args:
        folder: holds a folder of photos for each class: Imagenette's ``val``, or one that holds ``val``.

    Returns:
        The folders of classes.

    Raises:
        ArgumentError: it holds no photos in folders.
        DamagedFileError: a photo that cannot be decoded.
        DiskError: the copy could not be written.
    """
    source = folder / "val" if (folder / "val").is_dir() else folder
    load_photos(source)
    target = _folder()
    with writing(target), replacing_folder(target) as unfinished:
        for path in photos_of(source):
            (unfinished / path.parent.name).mkdir(exist_ok=True)
            shutil.copyfile(path, unfinished / path.parent.name / path.name)
        note_sums(unfinished)
    return sorted(path for path in target.iterdir() if path.is_dir())


def _folder() -> Path:
    return cache_dir() / "photos" / NAME
