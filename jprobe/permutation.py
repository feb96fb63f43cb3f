"""Keyed permutations evaluated on the fly: no sort, no table, any length, under jit and vmap.

Sorting random numbers is the usual way to shuffle, but a sort is the slowest thing an accelerator or XLA's
CPU backend does: shuffling the weights of a small layer that way costs ten times as much as running the
network on two thousand images. Here each index finds its own image by arithmetic alone.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

# After r rounds an element has never moved with probability 2^-r: at 24, one in 16 million, the resolution of a
# float32 draw.
ROUNDS = 24


def permute_index(key: jax.Array, index: jax.Array, length: jax.Array | int, stream: jax.Array | int = 0) -> jax.Array:
    """Image of each index under a random permutation of ``0 .. length - 1``: the swap-or-not shuffle.

    Each round draws k in [0, length) and pairs x with k - x (mod length); a hash bit of the pair decides
    whether the two trade places, so every round, and the whole, is a bijection for any length.

    Args:
        key: JAX random key; the same key gives the same permutation.
        index: integers in [0, length), any shape.
        length: how many elements are permuted; broadcasts against ``index``, so that each group of a
            batch may have its own length. Groups of length 0 give their index back.
        stream: integers that broadcast against ``index``; elements of different streams move under
            unrelated permutations.

    Returns:
        int32 array of the broadcast shape, values in [0, length).

    Source:
        Hoang, Morris, Rogaway, 'An enciphering scheme based on a card shuffle', CRYPTO 2012; the hash is
        the multiply and xor-shift kind of C. Wellons' hash-prospector.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> sorted(permute_index(jax.random.key(0), jnp.arange(5), 5).tolist())
        [0, 1, 2, 3, 4]
    """
    shape = jnp.broadcast_shapes(jnp.shape(index), jnp.shape(length), jnp.shape(stream))
    return _swap_or_not(key, jnp.broadcast_to(index, shape), jnp.asarray(length), jnp.asarray(stream), lambda x: x)


def permute_within(
    key: jax.Array, index: jax.Array, group: jax.Array, lengths: tuple[jax.Array, jax.Array], stream: jax.Array
) -> jax.Array:
    """:func:`permute_index` for two groups side by side: what a round draws is drawn once a group, not an element.

    Args:
        key: JAX random key.
        index: integers in [0, length of the element's group), any shape.
        group: bool of that shape, whether an element is in the second group.
        lengths: the lengths of the first group and of the second; each broadcasts against ``index``.
        stream: even integers that broadcast against ``lengths``; the second group uses the odd ones above.

    Returns:
        int32 array of ``index``'s shape.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> second = jnp.array([False, True, False, True, False])
        >>> index = jnp.array([0, 0, 1, 1, 2])
        >>> image = permute_within(jax.random.key(0), index, second, (jnp.array(3), jnp.array(2)), jnp.array(0))
        >>> sorted(image[~second].tolist()), sorted(image[second].tolist())
        ([0, 1, 2], [0, 1])
    """
    both = jnp.stack(jnp.broadcast_arrays(*lengths))
    streams = jnp.stack(jnp.broadcast_arrays(stream, stream + 1))
    return _swap_or_not(key, index, both, streams, lambda x: jnp.where(group, x[1], x[0]))


def hashed_uniform(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Numbers uniform in [0, 1) by hashing their places: for simulations that draw millions again and again.

    JAX's own generator takes twenty times as long on a CPU, and forty seconds to compile where thirty tensors draw.

    Args:
        key: JAX random key.
        shape: of the result.

    Returns:
        float32, multiples of 2^-24.

    Example:
        >>> draws = hashed_uniform(jax.random.key(0), (1000,))
        >>> bool(0.45 < draws.mean() < 0.55)
        True
    """
    first, second = jax.random.key_data(key).ravel()[:2]
    place = lax.iota(jnp.uint32, math.prod(shape)).reshape(shape)
    bits = _mixed(_mixed(place ^ first) + second)
    return (bits >> 8).astype(jnp.float32) * jnp.float32(2**-24)


def _mixed(x: jax.Array) -> jax.Array:
    """A bijection of 32-bit words whose output bits depend on all input bits."""
    x = (x ^ (x >> 16)) * jnp.uint32(0x7FEB352D)
    x = (x ^ (x >> 15)) * jnp.uint32(0x846CA68B)
    return x ^ (x >> 16)


def _swap_or_not(
    key: jax.Array, index: jax.Array, length: jax.Array, stream: jax.Array, each: Callable[[jax.Array], jax.Array]
) -> jax.Array:
    """Run the rounds; ``each`` hands every element what belongs to its group."""
    lengths = jnp.maximum(length, 1).astype(jnp.uint32)
    salts = stream.astype(jnp.uint32) * jnp.uint32(0x9E3779B9)
    draws = jax.random.bits(key, (ROUNDS, 2), jnp.uint32)
    length, salt = each(lengths), each(salts)

    def round_(x: jax.Array, draw: jax.Array) -> tuple[jax.Array, None]:
        # The pairing constant must differ between streams too, or equal groups would move alike.
        k = each(_scale(_hash(salts ^ draw[0]), lengths))
        partner = jnp.where(k < x, k + length - x, k - x)
        bit = _hash(jnp.maximum(x, partner) ^ salt ^ draw[1]) >> 31
        return jnp.where(bit == 1, partner, x), None

    # A zero made of the key: inside a shard_map with a key a device, the carry varies over devices from the start.
    image, _ = lax.scan(round_, index.astype(jnp.uint32) + 0 * draws[0, 0], draws)
    return image.astype(jnp.int32)


def _hash(x: jax.Array) -> jax.Array:
    x = x * jnp.uint32(0x7FEB352D)
    x = x ^ (x >> 15)
    return x * jnp.uint32(0x846CA68B)


def _scale(x: jax.Array, n: jax.Array) -> jax.Array:
    """Map a 32-bit word to [0, n): the high word of x * n in 16-bit limbs (an integer division is not vectorized)."""
    x_low, x_high, n_low, n_high = x & 0xFFFF, x >> 16, n & 0xFFFF, n >> 16
    middle = x_high * n_low + (x_low * n_low >> 16)
    return x_high * n_high + (middle >> 16) + (x_low * n_high + (middle & 0xFFFF) >> 16)


def stable_argsort(magnitudes: jax.Array, descending: bool = False) -> jax.Array:
    """Order of numbers that are not negative; equal ones keep their order: ``jnp.argsort``, three times faster on CPUs.

    XLA's CPU backend sorts one array of 32-bit words six times faster than pairs. A nonnegative float32 orders
    as its bits do, so those are sorted in digits, lowest first, each word holding a digit above an index.

    Args:
        magnitudes: [N] floating-point numbers or int32, 0 or more; narrower floats are widened to float32.
        descending: largest first.

    Returns:
        int32 [N], the indices in order.

    Example:
        >>> import jax.numpy as jnp
        >>> stable_argsort(jnp.array([3.0, 1.0, 2.0, 1.0])).tolist()
        [1, 3, 2, 0]
    """
    size = magnitudes.size
    if magnitudes.dtype.itemsize > 4 or size < 2:
        return jnp.argsort(magnitudes, stable=True, descending=descending).astype(jnp.int32)
    floats = jnp.issubdtype(magnitudes.dtype, jnp.floating)
    words = lax.bitcast_convert_type(magnitudes.astype(jnp.float32) if floats else magnitudes, jnp.uint32)
    if descending:
        words = ~words
    index_bits = (size - 1).bit_length()
    digit_bits = 32 - index_bits
    order = jnp.arange(size, dtype=jnp.uint32)
    place = order
    for low in range(0, 32, digit_bits):
        digit = (words[order] >> low) << index_bits
        order = order[jnp.sort(digit | place) & ((1 << index_bits) - 1)]
    return order.astype(jnp.int32)
