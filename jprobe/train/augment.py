"""Augmentations: (key, x [B, ...]) -> x [B, ...], on the device."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp


def flip_and_crop(pad: int = 4, fill: tuple[float, ...] | float = 0.0) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """Mirror half of the images left to right, pad each by some pixels and cut its size out of that anywhere.

    Args:
        pad: pixels on each side.
        fill: what is padded with, by channel; black where pixels are standardised is not 0.

    Returns:
        What :func:`jprobe.train.fit` takes as ``augment``; of equal arguments the same object.

    Source:
        He et al., arXiv:1512.03385, section 4.2, for CIFAR-10.

    Example:
        >>> images = jnp.arange(32.0).reshape(2, 4, 4, 1)
        >>> flip_and_crop(1)(jax.random.key(0), images).shape
        (2, 4, 4, 1)
    """
    return _FlipAndCrop(pad, fill)


@dataclass(frozen=True)
class _FlipAndCrop:
    """A value: equal ones share what is compiled, and a checkpoint can tell what it was trained with."""

    pad: int
    fill: tuple[float, ...] | float

    def __call__(self, key: jax.Array, x: jax.Array) -> jax.Array:
        flips, places = jax.random.split(key)
        mirrored = jax.random.bernoulli(flips, shape=(len(x), 1, 1, 1))
        x = jnp.where(mirrored, x[:, :, ::-1], x)
        edges, fill = ((0, 0), (self.pad, self.pad), (self.pad, self.pad), (0, 0)), jnp.asarray(self.fill, x.dtype)
        wide = jnp.pad(x - fill, edges) + fill
        corners = jax.random.randint(places, (len(x), 2), 0, 2 * self.pad + 1)
        return jax.vmap(lambda image, at: jax.lax.dynamic_slice(image, (*at, 0), x.shape[1:]))(wide, corners)
