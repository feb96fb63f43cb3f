"""Photos as published networks want them."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from jprobe.errors import ShapeError

# uint8 RGB [B, h, w, 3] -> float32 [B, H, W, 3].
Prepare = Callable[[Any], np.ndarray]

Size = tuple[int, int]


def caffe(size: Size) -> Prepare:
    """Blue, green, red, in 0..255, less the mean of ImageNet's training images."""
    return functools.partial(_prepare, size=size, step=-1, mean=(104.0, 117.0, 123.0), deviation=(1.0, 1.0, 1.0))


def torchvision(size: Size) -> Prepare:
    """Red, green, blue, less the mean of ImageNet's training images and over their standard deviation."""
    mean, deviation = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
    return functools.partial(_prepare, size=size, step=1, mean=mean, deviation=deviation)


def symmetric(size: Size) -> Prepare:
    """Red, green, blue, in -1..1: torchvision's GoogLeNet turns its input into this before its first layer."""
    return functools.partial(_prepare, size=size, step=1, mean=(127.5,) * 3, deviation=(127.5,) * 3)


def _prepare(
    images: Any, *, size: Size, step: int, mean: tuple[float, ...], deviation: tuple[float, ...]
) -> np.ndarray:
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
        raise ShapeError(f"Photos are uint8 [B, H, W, 3], not {images.dtype} {list(images.shape)}.")
    if images.shape[1:3] != size:
        from PIL import Image

        resized = [Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR) for image in images]
        images = np.stack([np.asarray(image) for image in resized]) if resized else np.zeros((0, *size, 3), np.uint8)
    x = images[..., ::step].astype(np.float32)
    return (x - np.array(mean, np.float32)) / np.array(deviation, np.float32)
