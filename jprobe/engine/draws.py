"""A random key for each evaluation, which depends on nothing but its network, level and repeat."""

import functools
import math

import jax
import numpy as np


def draw_keys(key: jax.Array, seeds: np.ndarray, levels: np.ndarray, repeats: np.ndarray) -> jax.Array:
    """Random keys of the evaluations of one chunk.

    Folding the level's value, not its place in the grid, makes a draw independent of the other levels.

    Args:
        key: the sweep's key.
        seeds: [S] numbers of the networks.
        levels: [L].
        repeats: [R] numbers of the draws.

    Returns:
        Keys [S, L, R].
    """
    numbers = np.asarray(seeds, np.int32), np.asarray(levels, np.float32).view(np.int32), np.asarray(repeats, np.int32)
    shape = tuple(map(len, numbers))
    # Compiled for a few lengths, whatever the shapes of chunks.
    every = math.prod(shape)
    size = 2 ** max(4, math.ceil(math.log2(every)))
    flat = np.zeros((3, size), np.int32)
    flat[:, :every] = [grid.ravel() for grid in np.meshgrid(*numbers, indexing="ij")]
    return _folded(key, flat)[:every].reshape(shape)


@jax.jit
def _folded(key: jax.Array, numbers: jax.Array) -> jax.Array:
    """Keys [N] with three numbers [3, N] folded in, one after the other."""
    return jax.vmap(lambda *three: functools.reduce(jax.random.fold_in, three, key))(*numbers)
