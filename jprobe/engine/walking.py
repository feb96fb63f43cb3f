"""Nested levels: what a product was at the last level, changed in the weights that the next level changes.

Pruned, a network has at each level the weights of the level before but for some, and a product X W of fixed data need not
be computed anew: each weight w_ij that changes by d adds d x_i to what node j sums up. Over all levels a weight is touched
once, where a product at every level touches all of them. Probes say in what order they reach for weights
(``Probe.nested``); which of them a level changed is read off the weights themselves, so an order that does not fit costs
time and nothing else.
"""

import functools
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jprobe.engine.data import Data
from jprobe.engine.products import Product
from jprobe.engine.sideways import Sideways
from jprobe.permutation import stable_argsort

# Levels that a product is worth, and examples that the overhead of one change is: measured on two cores (Zen 4). Adding a
# row of data takes that much longer an entry than a matrix product does.
_PRODUCT, _OVERHEAD = 4, 4000


def pays(levels: int, data: Data) -> bool:
    """Whether touching each weight once is less work than a product at each level.

    Example:
        >>> import numpy as np
        >>> from jprobe.engine.data import describe
        >>> data = describe(np.arange(6000, dtype=np.float32).reshape(2000, 3))
        >>> [pays(levels, data) for levels in (2, 30)]
        [False, True]
    """
    examples, moving = data.values.shape
    return moving > 0 and levels * examples > _PRODUCT * examples + _OVERHEAD


class Rows(NamedTuple):
    """Data X [B, D] by column, as a walk adds them up: X = scale rows' + base, summed over the columns that vary.

    Attributes:
        rows: [V, B] a column of the data each: uint8 where the data are small integers, which a cache holds four times
            as many of, or float32.
        varying: int32 [V] their places among the D columns, D for filling.
        scale: scalar.
        base: [D] what is left of each column: its offset, or its value where it is constant.
    """

    rows: jax.Array
    varying: jax.Array
    scale: jax.Array
    base: jax.Array


def by_column(data: Data) -> Rows:
    """The data of a product as a walk reads them."""
    held = np.array(data.held)
    varying = np.arange(held.size, dtype=np.int32) if data.varying is None else np.asarray(data.varying)
    columns, scale = np.asarray(data.values), np.ones_like(data.scale)
    if data.integers is not None:
        columns, scale = np.asarray(data.integers).astype(np.uint8), np.asarray(data.scale)
        held[varying[varying < held.size]] = data.offset
    return Rows(*map(jnp.asarray, (np.ascontiguousarray(columns.T), varying, scale, held)))


class Order(NamedTuple):
    """In what order a walk reaches for the F weights of each of V columns that vary.

    Attributes:
        row: int32 [V F] the column of the first weight, the second, ..., among those that vary.
        node: int32 [V F] their nodes, 0 to F - 1.
        place: int32 [V F] their places in the matrix [D, F], flattened.
        turn: int32 [D, F] when each weight's turn comes; V F: never, for its column is constant.
    """

    row: jax.Array
    node: jax.Array
    place: jax.Array
    turn: jax.Array


def in_order(ranks: jax.Array, varying: jax.Array) -> Order:
    """The order of a walk.

    Args:
        ranks: int32 [D, F], 0 or more, the lowest first.
        varying: int32 [V], see :class:`Rows`.
    """
    taken = jnp.take(ranks, varying, 0, mode="fill", fill_value=jnp.iinfo(jnp.int32).max)
    entries = stable_argsort(taken.ravel())
    turns = (
        jnp.zeros(taken.size, jnp.int32).at[entries].set(jnp.arange(taken.size, dtype=jnp.int32), unique_indices=True)
    )
    never = jnp.full(ranks.shape, taken.size, jnp.int32)
    turn = never.at[varying].set(turns.reshape(taken.shape), mode="drop")
    row, node = jnp.divmod(entries, ranks.shape[1])
    return Order(row, node, varying[row] * ranks.shape[1] + node, turn)


def start(w: jax.Array, data: Rows) -> jax.Array:
    """Sums of the rows over the columns that vary, [..., F, B], for weights [..., D, F]."""
    moving = jnp.take(w, data.varying, -2, mode="fill", fill_value=0)
    return jnp.matmul(moving.mT, data.rows.astype(w.dtype), precision=lax.Precision.HIGHEST)


def step(sums: jax.Array, before: jax.Array, after: jax.Array, order: Order, data: Rows) -> jax.Array:
    """The sums [N, F, B] of N networks' weights ``before`` [N, D, F], made those of weights ``after``.

    The networks differ in the weights that they have, not in the order in which these change.
    """
    turns = order.row.size
    changed = functools.reduce(operator.or_, [old != new for old, new in zip(before, after, strict=True)])
    turn = jnp.where(changed, order.turn, turns)
    # Extremes by column first: XLA's CPU backend computes those many at a time, and extremes over all one by one.
    first = lax.optimization_barrier(turn.min(0)).min()
    last = lax.optimization_barrier(jnp.where(turn < turns, turn, -1).max(0)).max()
    old, new = (w.reshape(len(w), -1) for w in (before, after))

    def touch(k: jax.Array, sums: jax.Array) -> jax.Array:
        where, shape = (0, order.node[k], 0), (len(before), 1, sums.shape[-1])
        row = lax.dynamic_slice_in_dim(data.rows, order.row[k], 1).astype(sums.dtype)
        added = (new[:, order.place[k]] - old[:, order.place[k]])[:, None, None] * row
        return lax.dynamic_update_slice(sums, lax.dynamic_slice(sums, where, shape) + added, where)

    return lax.fori_loop(first, last + 1, touch, sums)


def base(w: jax.Array, data: Rows) -> jax.Array:
    """What columns that do not vary, and the offset of those that do, add to each node: [N, F] for weights [N, D, F]."""
    # One product a network: of all of them together XLA's CPU backend turns the weights first.
    return jnp.stack([jnp.dot(data.base, one, precision=lax.Precision.HIGHEST) for one in w])


def finish(product: Product, sums: jax.Array, added: jax.Array, data: Rows) -> Any:
    """X W as its equation gives it, from sums [F, B] and :func:`base`: as it is held, if that will do."""
    out = data.scale * sums + added[:, None]
    return Sideways(out) if product.first and len(product.shape) == 2 else product.result(out.T)


class Walked(NamedTuple):
    """A product that a walk carries from level to level."""

    product: Product
    leaf: int


def walk(
    walked: list[Walked],
    weights_at: Callable[[jax.Array], list[jax.Array]],
    ranks: list[Any],
    rows: list[Rows],
    levels: jax.Array,
    value: Callable[[list[jax.Array], dict[int, Any]], jax.Array],
) -> jax.Array:
    """Values of N networks, a network and its signs, at each level, [L, N].

    Args:
        walked: the products that are carried.
        weights_at: level -> the leaves of the perturbed weights, [N, ...].
        ranks: of each leaf, of its shape.
        rows: the data of each of ``walked``.
        levels: [L], in order.
        value: (leaves, number of an equation -> its result, perhaps sideways) of one network -> scalar.
    """
    # From the end with fewer weights: sums that shrink would be left with the rounding errors of the large ones, and where
    # no weight is left, with noise in the place of nothing.
    ends = [sum(jnp.count_nonzero(w) for w in weights_at(levels[n])) for n in (0, -1)]
    backwards = ends[1] < ends[0]
    levels = jnp.where(backwards, levels[::-1], levels)
    orders = [in_order(p.matrix(ranks[leaf]), data.varying) for (p, leaf), data in zip(walked, rows, strict=True)]

    def matrices(leaves: list[jax.Array]) -> list[jax.Array]:
        return [jax.vmap(product.matrix)(leaves[leaf]) for product, leaf in walked]

    def one_value(leaves: list[jax.Array], sums: list[jax.Array], added: list[jax.Array]) -> jax.Array:
        each = zip(walked, sums, added, rows, strict=True)
        return value(leaves, {p.place: finish(p, s, a, data) for (p, _), s, a, data in each})

    def visit(carry: tuple[list[jax.Array], list[jax.Array]], level: jax.Array) -> Any:
        leaves = weights_at(level)
        now = matrices(leaves)
        sums = [step(*each) for each in zip(*carry, now, orders, rows, strict=True)]
        added = [base(w, data) for w, data in zip(now, rows, strict=True)]
        return (sums, now), jax.vmap(one_value)(leaves, sums, added)

    before = matrices(weights_at(levels[0]))
    begun = [start(w, data) for w, data in zip(before, rows, strict=True)]
    _, values = lax.scan(visit, (begun, before), levels)
    return jnp.where(backwards, values[::-1], values)
