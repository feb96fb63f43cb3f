"""Photos in a folder of folders, one for each class."""

from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jprobe.errors import ArgumentError, DamagedFileError
from jprobe.files import named_folder, reading

SUFFIXES = (".jpeg", ".jpg", ".png", ".webp", ".bmp")

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
        DamagedFileError: a photo that cannot be decoded.

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
    paths = sorted(path for path in folder.glob("*/*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise ArgumentError(
            f"{folder} holds no photos: it needs a folder for each class, with {', '.join(SUFFIXES)} files in it."
        )
    return Photos(
        np.stack([_read(path) for path in paths]),
        tuple(path.parent.name for path in paths),
        tuple(path.name for path in paths),
    )


def _read(path: Path) -> np.ndarray:
    from PIL import Image, ImageOps

    mend = "Bring it again, or remove it."
    with reading(path, mend):
        content = path.read_bytes()
    try:
        with Image.open(BytesIO(content)) as image:
            photo = ImageOps.fit(image.convert("RGB"), (SIDE, SIDE), Image.Resampling.BILINEAR)
    # Pillow's decoders raise these three for damaged files, and one of its own for a file too large to be a photo.
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DamagedFileError(path, f"it cannot be decoded ({error}).", mend) from error
    return np.asarray(photo)
