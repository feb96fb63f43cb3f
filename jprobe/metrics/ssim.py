"""Structural similarity of images, and of classes of images."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.data import Dataset
from jprobe.errors import ArgumentError, ShapeError

_WINDOW = 7


def ssim(a: jax.Array | np.ndarray, b: jax.Array | np.ndarray, data_range: float = 2.0) -> jax.Array:
    """Mean structural similarity: SSIM = (2 m_a m_b + c_1)(2 s_ab + c_2) / ((m_a^2 + m_b^2 + c_1)(s_a^2 + s_b^2 + c_2)).

    m, s^2 and s_ab are means, variances and covariance (of a sample: over n - 1) in a 7 x 7 window; c_1 = (0.01 R)^2
    and c_2 = (0.03 R)^2 with R the data range; the mean is over all windows inside the image, and over channels.
    Each mean over windows is two products with a banded matrix, for all images at once.

    Args:
        a: images [B, H, W, C].
        b: images of the same shape.
        data_range: R, largest possible difference of two pixels: 2 for pixels in [-1, 1].

    Returns:
        float32 [B], at most 1.

    Raises:
        ShapeError: shapes that differ, or images smaller than the window.

    Source:
        Wang, Bovik, Sheikh, Simoncelli, IEEE Transactions on Image Processing 13 (2004) 600; paper 1, A.1.

    Example:
        >>> import jax
        >>> image = jax.random.uniform(jax.random.key(0), (1, 28, 28, 1))
        >>> round(ssim(image, image).item(), 5)
        1.0
    """
    if a.shape != b.shape or a.ndim != 4 or min(a.shape[1:3]) < _WINDOW:
        raise ShapeError(
            f"SSIM compares two batches of images [B, H, W, C] of at least {_WINDOW} x {_WINDOW} pixels, not "
            f"{list(a.shape)} and {list(b.shape)}."
        )
    return _ssim(a, b, data_range)


@jax.jit
def _ssim(a: jax.Array, b: jax.Array, data_range: float) -> jax.Array:
    rows, columns = _means(a.shape[1]), _means(a.shape[2])

    def over_windows(x: jax.Array) -> jax.Array:
        return jnp.einsum("ih,bhwc,jw->bijc", rows, x, columns, precision="highest")

    sample = _WINDOW**2 / (_WINDOW**2 - 1)
    ma, mb = over_windows(a), over_windows(b)
    va, vb = sample * (over_windows(a * a) - ma * ma), sample * (over_windows(b * b) - mb * mb)
    covariance = sample * (over_windows(a * b) - ma * mb)
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    similar = (2 * ma * mb + c1) * (2 * covariance + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2))
    return similar.mean((1, 2, 3))


def ssim_distance(dataset: Dataset, classes: tuple[int, int], pairs: int = 10_000, seed: int = 0) -> float:
    """How unlike the images of two classes are: the mean of 1 - SSIM over random pairs of training images.

    Args:
        dataset: what :func:`jprobe.data.load` returned.
        classes: two labels; the same one twice compares a class with itself.
        pairs: number of image pairs, drawn with replacement.
        seed: of the draw.

    Returns:
        Distance in [0, 2]; pixels are scaled to [-1, 1].

    Raises:
        ArgumentError: a class without training images, or no pair.

    Source:
        Paper 1, section 3 and A.1 (figure 6): 10,000 pairs.

    Example:
        >>> from jprobe.data import load
        >>> round(ssim_distance(load("mnist"), (0, 1), pairs=500), 1)
        0.9
    """
    if pairs < 1:
        raise ArgumentError(f"pairs must be 1 or more, not {pairs}.")
    rng = np.random.default_rng((seed, *classes))
    chosen = []
    for label in classes:
        places = np.flatnonzero(dataset.y_train == label)
        if not len(places):
            raise ArgumentError(f"Dataset {dataset.name!r} has no training image of class {label}.")
        chosen.append(dataset.x_train[rng.choice(places, pairs)])
    size = min(pairs, 2000)
    total = 0.0
    for start in range(0, pairs, size):
        a, b = (images[start : start + size] / np.float32(127.5) - 1 for images in chosen)
        total += float((1 - ssim(a, b)).sum())
    return total / pairs


@functools.cache
def _means(size: int) -> np.ndarray:
    """[size - 6, size]: row i averages the window that starts at i."""
    starts = np.arange(size - _WINDOW + 1)[:, None]
    inside = (np.arange(size) >= starts) & (np.arange(size) < starts + _WINDOW)
    return (inside / _WINDOW).astype(np.float32)
