"""Datasets made from others by a seed: coloured digits, shuffled tiles. The same bits on every machine."""

import hashlib
from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from jprobe.data.dataset import Dataset
from jprobe.errors import ArgumentError, ShapeError, UnknownNameError

Background = Literal["black", "random"]

SIZE = 32

# Colours run from a quarter to 1 in each channel.
_DARKEST = 64


def coloured(dataset: Dataset, background: Background = "black", seed: int = 0) -> Dataset:
    """Grey images in random colours, 32 x 32: p_c = ink k_c / 255, a colour k for each image.

    Args:
        dataset: grey images of at most 32 x 32, bright ink on black; they are padded evenly.
        background: "black", or "random": of a second colour g, p_c = (ink k_c + (255 - ink) g_c) / 255. Networks take
            epochs longer to learn anything from the latter.
        seed: of the colours, each channel in [64, 255]. Train and test sets have colours of their own.

    Returns:
        The dataset with images [N, 32, 32, 3], and checksums of its new arrays.

    Raises:
        ShapeError: images with colours, or larger ones.
        UnknownNameError: another background.

    Source:
        Janik, Witaszczyk, arXiv:2006.04791; paper 4, section 4. They do not say how colours are drawn.

    Example:
        >>> images, labels = np.full((2, 28, 28, 1), 255, np.uint8), np.array([0, 1], np.int32)
        >>> one = coloured(Dataset("ink", images, labels, images, labels, ("a", "b"), {}, "made here"))
        >>> one.name, one.x_train.shape, one.x_train[0, 0, 0].tolist(), int(one.x_train[0, 16, 16].min()) >= 64
        ('coloured ink', (2, 32, 32, 3), [0, 0, 0], True)
    """
    if background not in get_args(Background):
        raise UnknownNameError("background", background, get_args(Background))
    *_, high, wide, channels = dataset.x_train.shape
    if channels != 1 or max(high, wide) > SIZE:
        raise ShapeError(
            f"coloured is for grey images of at most {SIZE} x {SIZE}; those of {dataset.name!r} are {high} x {wide} x {channels}."
        )
    drawn = _drawn(seed, 6 * (len(dataset.x_train) + len(dataset.x_test))).reshape(-1, 2, 1, 1, 3)
    colours = (_DARKEST + drawn % (256 - _DARKEST)).astype(np.uint16)
    if background == "black":
        colours[:, 1] = 0
    train, test = np.split(colours, [len(dataset.x_train)])
    return _remade(
        dataset,
        f"coloured {dataset.name}",
        f"{dataset.source}; coloured at random (seed {seed}, {background} background)",
        _tinted(dataset.x_train, train),
        _tinted(dataset.x_test, test),
    )


def tiles(dataset: Dataset, size: int = 8, seed: int = 0) -> Dataset:
    """Cut every image into tiles, shuffle and turn them, all images alike: CIFAR10_T8 of CIFAR-10.

    Args:
        dataset: square images.
        size: edge of a tile, in pixels; it divides the image's.
        seed: of the one permutation and the quarter turns, which tile goes where.

    Returns:
        The dataset with images of the same shape, and checksums of its new arrays.

    Raises:
        ArgumentError: tiles that do not fit the images.

    Source:
        Janik, Witaszczyk, arXiv:2006.04791; paper 4, section 4.

    Example:
        >>> images, labels = np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1), np.array([0], np.int32)
        >>> one = tiles(Dataset("count", images, labels, images, labels, ("a",), {}, "made here"), size=2)
        >>> one.name, sorted(one.x_train.ravel().tolist()) == list(range(16))
        ('count_t2', True)
    """
    high, wide = dataset.x_train.shape[1:3]
    if high != wide or size < 1 or high % size:
        raise ArgumentError(f"Tiles of {size} x {size} do not fit images of {high} x {wide}.")
    count = (high // size) ** 2
    drawn = _drawn(seed, 2 * count)
    order, turns = np.argsort(drawn[:count], kind="stable"), drawn[count:] % 4
    return _remade(
        dataset,
        f"{dataset.name}_t{size}",
        f"{dataset.source}; tiles of {size} x {size} shuffled and turned (seed {seed})",
        _shuffled(dataset.x_train, size, order, turns),
        _shuffled(dataset.x_test, size, order, turns),
    )


def _drawn(seed: int, count: int) -> np.ndarray:
    # Raw bits: NumPy keeps the streams of its generators for ever, but not what is made of them.
    return np.random.PCG64(seed).random_raw(count) >> np.uint64(32)


def _tinted(images: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Images [N, 32, 32, 3] from ink and two colours [N, 2, 1, 1, 3]."""
    edges = [((SIZE - n) // 2, SIZE - n - (SIZE - n) // 2) for n in images.shape[1:3]]
    out = np.empty((len(images), SIZE, SIZE, 3), np.uint8)
    for start in range(0, len(images), 4096):  # wide numbers of a part at a time
        part = slice(start, start + 4096)
        ink = np.pad(images[part], ((0, 0), *edges, (0, 0))).astype(np.uint32)
        mixed = ink * colours[part, 0] + (255 - ink) * colours[part, 1]
        out[part] = (mixed + 127) // 255
    return out


def _shuffled(images: np.ndarray, size: int, order: np.ndarray, turns: np.ndarray) -> np.ndarray:
    count, edge, channels = len(images), images.shape[1] // size, images.shape[3]
    cut = (
        images.reshape(count, edge, size, edge, size, channels).swapaxes(2, 3).reshape(count, -1, size, size, channels)
    )
    turned = [np.rot90(cut[:, tile], turn, (1, 2)) for tile, turn in zip(order, turns.tolist(), strict=True)]
    placed = np.stack(turned, 1).reshape(count, edge, edge, size, size, channels)
    return np.ascontiguousarray(placed.swapaxes(2, 3).reshape(images.shape))


def _remade(dataset: Dataset, name: str, source: str, x_train: np.ndarray, x_test: np.ndarray) -> Dataset:
    sums = {
        f"{name} ({split})": f"sha256:{hashlib.sha256(x.tobytes()).hexdigest()}"
        for split, x in (("train", x_train), ("test", x_test))
    }
    return replace(
        dataset, name=name, source=source, x_train=x_train, x_test=x_test, checksums={**dataset.checksums, **sums}
    )
