"""Photos in a folder of folders, one for each class."""

import warnings
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jprobe.data.checksums import check_sums
from jprobe.errors import ArgumentError
from jprobe.files import decoding, named_folder, reading

SUFFIXES = (".jpeg", ".jpg", ".png", ".webp", ".bmp")

# Of PostScript, whatever the file's name, Pillow would have another program make an image.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP")

SIDE = 224


class Photos(NamedTuple):
    """Photos and the class of each.

    Attributes:
        images: uint8 [B, 224, 224, 3], red, green, blue.
        labels: name of the folder that each was in.
        files: name of each one's file.

    Example:
        >>> Photos(np.zeros((1, 224, 224, 3), np.uint8), ("tench",), ("a.jpeg",)).labels
        ('tench',)
    """

    images: np.ndarray
    labels: tuple[str, ...]
    files: tuple[str, ...]


def load_photos(folder: str | Path) -> Photos:
    """Read all photos of a folder's class folders, sorted by class and name.

    A photo of another size is scaled until its shorter side is 224, and its middle is taken.

    Args:
        folder: holds a folder for each class, which holds .jpeg, .jpg, .png, .webp or .bmp files.

    Returns:
        The photos.

    Raises:
        MissingFileError: there is no such folder.
        ArgumentError: an empty path, or a folder without photos in folders.
        UnreadableFileError: the system cannot read the folder or a photo.
        DamagedFileError: a photo that cannot be decoded, or of imported ones is another than it was.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "tench").mkdir()
        >>> Image.new("RGB", (300, 250), "red").save(folder / "tench" / "a.png")
        >>> photos = load_photos(folder)
        >>> photos.images.shape, photos.images[0, 0, 0].tolist(), photos.labels, photos.files
        ((1, 224, 224, 3), [255, 0, 0], ('tench',), ('a.png',))
    """
    folder = named_folder(folder, "Name a folder that holds a folder of photos for each class.")
    paths = photos_of(folder)
    if not paths:
        raise ArgumentError(
            f"{folder} holds no photos: it needs a folder for each class, with {', '.join(SUFFIXES)} files in it."
        )
    check_sums(folder, paths, "Bring the photos again.")
    return Photos(
        np.stack([_read(path) for path in paths]),
        tuple(path.parent.name for path in paths),
        tuple(path.name for path in paths),
    )


def photos_of(folder: Path) -> list[Path]:
    """Files of photos in a folder's class folders, sorted by class and name."""
    # A pipe by the name of a photo would be waited for.
    return sorted(path for path in folder.glob("*/*") if path.suffix.lower() in SUFFIXES and not path.is_fifo())


def _read(path: Path) -> np.ndarray:
    from PIL import Image, ImageOps, UnidentifiedImageError

    mend = "Bring it again, or remove it."
    with reading(path, mend):
        content = path.read_bytes()
    with decoding(path, "a photo that can be decoded", mend), warnings.catch_warnings():
        # Of a file that says it is larger than any photo Pillow only warns, and takes the memory.
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            opened = Image.open(BytesIO(content), formats=FORMATS)
        except UnidentifiedImageError as error:  # names an address in memory
            raise ValueError(f"none of {', '.join(FORMATS)}") from error
        with opened as image:
            photo = ImageOps.fit(image.convert("RGB"), (SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(photo)
