"""Bipartite randomizations A to G: shuffle a layer's weights and keep chosen properties of its graph."""

from typing import Literal, get_args

import jax
import jax.numpy as jnp

from jprobe.errors import UnknownNameError
from jprobe.permutation import permute_within
from jprobe.probes.base import Probe
from jprobe.probes.matrix import as_matrix
from jprobe.probes.swaps import swap_edges
from jprobe.selection import Select, leaf_keys, pick
from jprobe.typing import Params

Type = Literal["A", "B", "C", "D", "E", "F", "G"]


def randomize(type: Type, *, output_axis: int = -1, select: Select = None) -> Probe:
    """Shuffle the nonzero weights of each layer in one of the paper's seven ways; zeros stay in place.

    ========  ==============================================  ===============================================
    type      weights move                                    besides the weights, it keeps
    ========  ==============================================  ===============================================
    A         anywhere                                        --
    B         anywhere, positive and negative ones apart      every edge's sign
    C         within their left node                          k+, k-, s+, s- of left nodes
    D         within their right node                         k+, k-, s+, s- of right nodes
    E         within left node and sign                       every edge's sign; s+, s- of left nodes
    F         within right node and sign                      every edge's sign; s+, s- of right nodes
    G         by swaps of positive with negative edges        k+, k- of all nodes; s+ of left nodes
    ========  ==============================================  ===============================================

    k+ and k- count a node's positive and negative edges, s+ and s- sum their magnitudes. In G a positive weight
    travels with its left node and the negative weights are dealt out at random to the negative edges; the
    paper's table says that G keeps no s, which holds for the other three.

    Args:
        type: one of "A" to "G".
        output_axis: axis of the right nodes (outputs): -1 for Flax, 0 for Equinox and torch; all other axes,
            flattened, are the left nodes.
        select: which leaves; default: every leaf of two or more dimensions.

    Returns:
        A probe that ignores its level. ``chain(prune(), randomize("B"))`` prunes first.

    Raises:
        UnknownNameError: a type that does not exist.
        UnknownLayerError: when applied, if nothing is selected.

    Source:
        Paper 1, section 3.4, table 1 and A.9.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> shuffled = randomize("B").apply(jax.random.key(0), {"kernel": jnp.array([[3.0, -1.0], [0.0, 2.0]])}, (), 0)
        >>> jnp.sign(shuffled["kernel"]).tolist()
        [[1.0, -1.0], [0.0, 1.0]]
    """
    if type not in get_args(Type):
        raise UnknownNameError("randomization", type, get_args(Type))

    def apply(key: jax.Array, params: Params, state: tuple[()], level: jax.Array) -> Params:
        leaves, rebuild = pick(params, select)
        keys = leaf_keys(key, leaves)

        def one(i: int, kernel: jax.Array) -> jax.Array:
            matrix, back = as_matrix(kernel, output_axis)
            return back(_RANDOMIZATIONS[type](keys[i], matrix))

        return rebuild({i: one(i, w) for i, w in leaves.items()})

    return Probe(lambda params: (), apply)


def shuffle(key: jax.Array, w: jax.Array, first: jax.Array, second: jax.Array) -> jax.Array:
    """Shuffle two groups of each line apart: every order of a group's weights is equally likely.

    Args:
        key: JAX random key.
        w: weights [lines, length].
        first: bool [lines, length], the places of one group.
        second: bool [lines, length], the places of another, disjoint from the first.

    Returns:
        Array of w's shape; weights in neither group stay where they are.
    """
    lines, length = w.shape
    upto_first, upto_second = _counts(first, second)
    n_first, n_second = upto_first[:, -1:], upto_second[:, -1:]
    place = jnp.arange(length)
    start = length * jnp.arange(lines)[:, None]

    # Each line is packed into a table: first group from the left, second from the right, the rest between.
    nth = jnp.where(first, upto_first, upto_second) - 1
    rest = n_first + place - upto_first - upto_second
    slot = jnp.where(first, nth, jnp.where(second, length - 1 - nth, rest))
    place_of = jnp.zeros_like(w.reshape(-1)).at[(start + slot).reshape(-1)]
    table = place_of.set(w.reshape(-1), unique_indices=True, mode="promise_in_bounds")

    image = permute_within(key, jnp.maximum(nth, 0), first, (n_second, n_first), 2 * start)
    source = jnp.where(first, image, jnp.where(second, length - 1 - image, slot))
    return table.at[(start + source).reshape(-1)].get(mode="promise_in_bounds").reshape(w.shape)


def _counts(first: jax.Array, second: jax.Array) -> tuple[jax.Array, jax.Array]:
    """How many of each group stand up to each place of a line, that place included: int32 [lines, length] each."""
    if first.shape[1] >= 2**16:
        return jnp.cumsum(first, 1), jnp.cumsum(second, 1)
    # Two 16-bit counters in one word: cumulative sums are the slowest step of a shuffle.
    both = jnp.cumsum(first.astype(jnp.uint32) + (second.astype(jnp.uint32) << 16), 1, dtype=jnp.uint32)
    return (both & 0xFFFF).astype(jnp.int32), (both >> 16).astype(jnp.int32)


def _anywhere(key: jax.Array, m: jax.Array, by_sign: bool) -> jax.Array:
    return _within_left(key, m.reshape(1, -1), by_sign).reshape(m.shape)


def _within_left(key: jax.Array, m: jax.Array, by_sign: bool) -> jax.Array:
    if by_sign:
        return shuffle(key, m, m > 0, m < 0)
    return shuffle(key, m, m != 0, jnp.zeros(m.shape, bool))


def _within_right(key: jax.Array, m: jax.Array, by_sign: bool) -> jax.Array:
    return _within_left(key, m.T, by_sign).T


def _swapped(key: jax.Array, m: jax.Array) -> jax.Array:
    swap_key, deal_key = jax.random.split(key)
    mixed = swap_edges(swap_key, m)[0].reshape(1, -1)
    return shuffle(deal_key, mixed, jnp.zeros(mixed.shape, bool), mixed < 0).reshape(m.shape)


# Each compiled as one: called from Python, a shuffle is a hundred small steps.
_RANDOMIZATIONS = {
    "A": jax.jit(lambda key, m: _anywhere(key, m, by_sign=False)),
    "B": jax.jit(lambda key, m: _anywhere(key, m, by_sign=True)),
    "C": jax.jit(lambda key, m: _within_left(key, m, by_sign=False)),
    "D": jax.jit(lambda key, m: _within_right(key, m, by_sign=False)),
    "E": jax.jit(lambda key, m: _within_left(key, m, by_sign=True)),
    "F": jax.jit(lambda key, m: _within_right(key, m, by_sign=True)),
    "G": jax.jit(_swapped),
}
