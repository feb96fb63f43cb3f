"""Degree-preserving swaps of the positive edges of a signed bipartite graph (randomization G)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jprobe.permutation import permute_index

# Enough for the overlap with the start to reach its floor on layers from 64 x 2 to 784 x 128 (tests measure it).
ROUNDS = 64

# Part of the proposals that are refused by a coin: a chain that always moves has a period on small graphs.
IDLE = 1 / 16


# The matrix in its present order, and where each of its rows and columns came from.
_State = tuple[jax.Array, jax.Array, jax.Array, jax.Array]


class Swaps(NamedTuple):
    """How much a run of swaps did.

    Attributes:
        made: int32 scalar, swaps carried out; each moves two positive and two negative edges.
        attempted: int32 scalar, pairs of left nodes and pairs of right nodes that were looked at.

    Example:
        >>> import jax
        >>> _, swaps = swap_edges(jax.random.key(0), jax.random.normal(jax.random.key(1), (6, 4)), rounds=3)
        >>> int(swaps.attempted), bool(swaps.made <= swaps.attempted)
        (18, True)
    """

    made: jax.Array
    attempted: jax.Array


def swap_edges(key: jax.Array, weights: jax.Array, rounds: int = ROUNDS) -> tuple[jax.Array, Swaps]:
    """Mix positive against negative edges by swaps that keep every node's degrees.

    A swap takes left nodes u1, u2 and right nodes v1, v2 with w(u1,v1), w(u2,v2) > 0 and w(u1,v2), w(u2,v1) < 0
    and exchanges columns v1 and v2 in both rows (and the other way round), so that all four nodes keep their
    numbers of positive and of negative edges, zeros stay in place and each weight stays with its left node.
    One round pairs all left nodes and all right nodes at random: these 2 x 2 blocks share no edge, so all their
    swaps are carried out at once. Proposals do not depend on the weights and a swap undoes itself, so the
    chain is reversible and its stationary distribution uniform over the sign patterns that it reaches.

    Args:
        key: JAX random key.
        weights: [left, right] matrix; 0 is no edge.
        rounds: how many rounds; each looks at a quarter of all edges.

    Returns:
        The matrix [left, right] after the swaps, and the numbers of swaps made and attempted.

    Source:
        Paper 1, algorithm 7, as a chain of 2 x 2 swaps (cf. Strona et al., Nature Communications 5:4114, 2014).

    Example:
        >>> import jax, jax.numpy as jnp
        >>> w = jnp.array([[1.0, -2.0], [-3.0, 4.0]])
        >>> mixed, swaps = swap_edges(jax.random.key(0), w, rounds=2)
        >>> jnp.sort(mixed, axis=1).tolist(), int(swaps.attempted)
        ([[-2.0, 1.0], [-3.0, 4.0]], 2)
    """
    return _swap_edges(key, weights, rounds)


# Compiled as one, for any number of rounds: called from Python, its start and end are thirty small steps.
@jax.jit
def _swap_edges(key: jax.Array, weights: jax.Array, rounds: jax.Array) -> tuple[jax.Array, Swaps]:
    left, right = weights.shape
    rows, cols = 2 * (left // 2), 2 * (right // 2)

    def round_(n: jax.Array, state: _State) -> _State:
        w, row_ids, col_ids, made = state
        row_key, col_key, idle_key = jax.random.split(jax.random.fold_in(key, n), 3)
        r = permute_index(row_key, jnp.arange(left), left)
        c = permute_index(col_key, jnp.arange(right), right)
        # The matrix stays in the shuffled order between rounds.
        w, row_ids, col_ids = w[r][:, c], row_ids[r], col_ids[c]
        block = w[:rows, :cols].reshape(rows // 2, 2, cols // 2, 2)
        sign = jnp.sign(block)
        opposed = (sign[:, :, :, 0] * sign[:, :, :, 1] == -1).all(1)  # a row's two edges differ in sign
        checker = (
            opposed & (sign[:, 0, :, 0] == sign[:, 1, :, 1]) & (jax.random.uniform(idle_key, opposed.shape) >= IDLE)
        )
        block = jnp.where(checker[:, None, :, None], block[..., ::-1], block)
        w = w.at[:rows, :cols].set(block.reshape(rows, cols))
        return w, row_ids, col_ids, made + checker.sum(dtype=jnp.int32)

    # Zeros made of the key: inside a shard_map with a key a device, the carry varies over devices from the start.
    zero = 0 * jax.random.bits(key, (), jnp.uint32).astype(jnp.int32)
    start = (weights + zero.astype(weights.dtype), jnp.arange(left) + zero, jnp.arange(right) + zero, zero)
    w, row_ids, col_ids, made = lax.fori_loop(0, rounds, round_, start)
    mixed = jnp.zeros_like(w).at[row_ids[:, None], col_ids].set(w, unique_indices=True)
    return mixed, Swaps(made, rounds * jnp.int32((rows // 2) * (cols // 2)))
