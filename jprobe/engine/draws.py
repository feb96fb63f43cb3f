"""A random key for each evaluation, which depends on nothing but its network, level and repeat."""

import jax
import jax.numpy as jnp


@jax.jit
def draw_keys(key: jax.Array, seeds: jax.Array, levels: jax.Array, repeats: jax.Array) -> jax.Array:
    """Random keys of the evaluations of one chunk, compiled once for all sweeps with chunks of this shape.

    Folding the level's value, not its place in the grid, makes a draw independent of the other levels.

    Args:
        key: the sweep's key.
        seeds: int32 [S] numbers of the networks.
        levels: float32 [L].
        repeats: int32 [R] numbers of the draws.

    Returns:
        Keys [S, L, R].
    """
    fold = jax.random.fold_in
    key = jax.vmap(lambda n: fold(key, n))(seeds)[:, None, None]
    for numbers in (jax.lax.bitcast_convert_type(levels, jnp.int32)[:, None], repeats):
        shape = jnp.broadcast_shapes(key.shape, numbers.shape)
        pairs = jnp.broadcast_to(key, shape).reshape(-1), jnp.broadcast_to(numbers, shape).reshape(-1)
        key = jax.vmap(fold)(*pairs).reshape(shape)
    return key
