"""Random keys: what a caller may give, and keys that belong to names."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.errors import ArgumentError


def as_key(key: Any = None) -> jax.Array:
    """A typed random key from what a caller gave.

    Args:
        key: from ``jax.random.key``, or a legacy ``jax.random.PRNGKey``, uint32 [2]. None: ``jax.random.key(0)``.

    Returns:
        A typed key, a scalar.

    Raises:
        ArgumentError: anything else, such as a number or several keys.

    Example:
        >>> bool(as_key(jax.random.PRNGKey(3)) == as_key(jax.random.key(3)))
        True
    """
    if key is None:
        return jax.random.key(0)
    if isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key) and key.ndim == 0:
        return key
    if isinstance(key, jax.Array | np.ndarray) and key.dtype == np.uint32 and key.shape == (2,):
        return jax.random.wrap_key_data(jnp.asarray(key), impl="threefry2x32")
    shape = f" of shape {key.shape} and dtype {key.dtype}" if hasattr(key, "shape") else ""
    raise ArgumentError(f"key is one random key, such as jax.random.key(0), not {type(key).__name__}{shape}.")


def key_of(root: jax.Array, *names: object) -> jax.Array:
    """A random key that belongs to names, whatever else is drawn.

    Args:
        root: a typed key.
        names: words and numbers.

    Example:
        >>> bool(key_of(jax.random.key(2), "real", 0) == key_of(jax.random.key(2), "real", 1))
        False
    """
    for letter in "/".join(map(str, names)).encode():
        root = jax.random.fold_in(root, letter)
    return root
