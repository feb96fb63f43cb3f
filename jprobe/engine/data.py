"""What the data of a product are like: which of their columns vary, and whether they are small integers in disguise."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

# Columns that vary are filled up to a multiple of this, so that tasks with about as many share their programs.
_FILLED = 32

# Leave the columns alone where nearly all of them vary: taking rows of every weight matrix costs time, too.
_WORTH = 0.9

# Integers up to here are exact in bfloat16, and float32 sums of integers up to there.
_LARGEST, _LARGEST_SUM = 255, 2**24

# Of how many numbers the step between integers is guessed; the guess is tried on all.
_SAMPLE = 65_536


class Data(NamedTuple):
    """Data X [B, D] of a product X W, B examples of D columns: X = (scale n + offset) in V columns, constant in others.

    Attributes:
        values: [B, V] the columns that vary.
        varying: int32 [V] their places; those beyond the last that varies are D, and their columns 0. None: all vary.
        held: [D] the value of each column that does not vary, 0 in the places of the others.
        integers: n, bfloat16 [B, V], whole numbers from 0 to 255. None: the data are no such numbers.
        scale: of n; scalar.
        offset: of n; scalar.
    """

    values: jax.Array
    varying: jax.Array | None
    held: jax.Array
    integers: jax.Array | None
    scale: jax.Array
    offset: jax.Array


def describe(x: Any, fold: bool = True) -> Data:
    """Look at data once, before a sweep.

    Columns that hold one value in all examples need no product: they are a bias. Data that are small integers times a
    scale plus an offset, as images of 8-bit pixels are, have exact products with signs in half the precision: bfloat16
    holds the integers, and float32 their sums.

    Args:
        x: [B, D] floating-point numbers.
        fold: whether constant columns are told from the others.

    Example:
        >>> x = np.full((2, 64), 0.5, np.float32)
        >>> x[:, 3] = -1, 1
        >>> found = describe(x)
        >>> found.varying.tolist()[:3], found.held.tolist()[2:5], found.integers[:, :2].tolist(), found.scale.item()
        ([3, 64, 64], [0.5, 0.0, 0.5], [[0.0, 0.0], [1.0, 0.0]], 2.0)
    """
    x = np.asarray(x)
    moves = (x != x[:1]).any(0)
    places, every = np.flatnonzero(moves), x.shape[1]
    filled = -(-len(places) // _FILLED) * _FILLED
    if not fold or filled > _WORTH * every:
        places, moves, filled = np.arange(every), np.ones(every, bool), every
    values = np.zeros((len(x), filled), x.dtype)
    values[:, : len(places)] = x[:, places]
    found = _integers(values[:, : len(places)])
    integers, scale, offset = (None, 1.0, 0.0) if found is None else found
    varying = None if filled == every else np.append(places, np.full(filled - len(places), every)).astype(np.int32)
    if integers is not None:
        integers = np.pad(integers, [(0, 0), (0, filled - len(places))])
    return Data(
        jnp.asarray(values),
        None if varying is None else jnp.asarray(varying),
        jnp.asarray(np.where(moves, 0, x[0]).astype(x.dtype)),
        None if integers is None else jnp.asarray(integers, jnp.bfloat16),
        jnp.asarray(scale, x.dtype),
        jnp.asarray(offset, x.dtype),
    )


def _integers(values: np.ndarray) -> tuple[np.ndarray, float, float] | None:
    """Whole numbers n from 0 to 255, scale and offset of values = scale n + offset to within rounding, if they are so."""
    if not values.size or not np.isfinite(values).all():
        return None
    low, high = float(values.min()), float(values.max())
    flat = values.ravel()
    steps = np.diff(np.unique(np.append(flat[:: max(1, flat.size // _SAMPLE)], [low, high]).astype(float)))
    rounding = 4 * np.finfo(values.dtype).eps * max(abs(low), abs(high))
    steps = steps[steps > rounding]
    largest = 0 if not len(steps) else round((high - low) / steps.min())
    if not 1 <= largest <= _LARGEST:
        return None
    scale = (high - low) / largest
    n = np.rint((values - low) / scale)
    if np.abs(values - (scale * n + low)).max() > rounding or n.sum(1).max() >= _LARGEST_SUM:
        return None
    return n, scale, low
