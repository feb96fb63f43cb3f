"""Nested levels: what a product was at the last level, changed in the weights that the next level changes.

Pruned, a network has at each level the weights of the level before but for some, and a product X W of fixed data need not
be computed anew: each weight w_ij that changes by d adds d x_i to what node j sums up. Over all levels a weight is touched
once, where a product at every level touches all of them. Probes say in what order they reach for weights
(``Probe.nested``); which of them a level changed is read off the weights themselves, so an order that does not fit costs
time and nothing else.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jprobe.engine.data import Data
from jprobe.engine.products import Product
from jprobe.permutation import stable_argsort

# Levels that a product is worth, and examples that the overhead of one change is: measured on two cores (Zen 4). Adding a
# row of data takes that much longer an entry than a matrix product does.
_PRODUCT, _OVERHEAD = 4, 4000


def pays(levels: int, data: Data) -> bool:
    """Whether touching each weight once is less work than a product at each level.

    Example:
        >>> import numpy as np
        >>> from jprobe.engine.data import describe
        >>> [pays(levels, describe(np.ones((2000, 3), np.float32))) for levels in (2, 30)]
        [False, True]
    """
    examples = len(data.values)
    return levels * examples > _PRODUCT * examples + _OVERHEAD


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
    every = data.held.size
    varying = jnp.arange(every, dtype=jnp.int32) if data.varying is None else data.varying
    if data.integers is None:
        return Rows(data.values.T, varying, jnp.ones_like(data.scale), data.held)
    base = data.held.at[varying].set(data.offset, mode="drop")
    return Rows(data.integers.T.astype(jnp.uint8), varying, data.scale, base)


class Order(NamedTuple):
    """In what order a walk reaches for the F weights of each column that varies.

    Attributes:
        entries: int32 [V F] which entry of [V, F] comes first, second, ...
        turn: int32 [D, F] when each weight's turn comes; V F: never, for its column is constant.
    """

    entries: jax.Array
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
    return Order(entries, never.at[varying].set(turns.reshape(taken.shape), mode="drop"))


def start(w: jax.Array, data: Rows) -> jax.Array:
    """[F, B] sums of the rows over the columns that vary, for weights [D, F]."""
    moving = jnp.take(w, data.varying, 0, mode="fill", fill_value=0)
    return lax.dot(moving.T, data.rows.astype(w.dtype), precision=lax.Precision.HIGHEST)


def step(sums: jax.Array, before: jax.Array, after: jax.Array, order: Order, data: Rows) -> jax.Array:
    """The sums [F, B] of weights ``before`` [D, F], made those of weights ``after``."""
    turns, nodes = order.entries.size, before.shape[1]
    turn = jnp.where(before != after, order.turn, turns)
    first, last = turn.min(), jnp.where(turn < turns, turn, -1).max()
    change = (after - before).ravel()

    def touch(k: jax.Array, sums: jax.Array) -> jax.Array:
        row, node = order.entries[k] // nodes, order.entries[k] % nodes
        added = change[data.varying[row] * nodes + node] * lax.dynamic_slice_in_dim(data.rows, row, 1).astype(
            sums.dtype
        )
        return lax.dynamic_update_slice_in_dim(sums, lax.dynamic_slice_in_dim(sums, node, 1) + added, node, 0)

    return lax.fori_loop(first, last + 1, touch, sums)


def finish(sums: jax.Array, w: jax.Array, data: Rows) -> jax.Array:
    """X W [B, F] from the sums over the columns that vary."""
    return (data.scale * sums + jnp.dot(data.base, w, precision=lax.Precision.HIGHEST)[:, None]).T


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
    value: Callable[[list[jax.Array], dict[int, jax.Array]], jax.Array],
) -> jax.Array:
    """Values of one network at each level, [L].

    Args:
        walked: the products that are carried.
        weights_at: level -> the leaves of the perturbed weights.
        ranks: of each leaf, of its shape.
        rows: the data of each of ``walked``.
        levels: [L], in order.
        value: (leaves, number of an equation -> its result) -> scalar.
    """
    # From the end with fewer weights: sums that shrink would be left with the rounding errors of the large ones, and where
    # no weight is left, with noise in the place of nothing.
    ends = [sum(jnp.count_nonzero(w) for w in weights_at(levels[n])) for n in (0, -1)]
    backwards = ends[1] < ends[0]
    levels = jnp.where(backwards, levels[::-1], levels)
    orders = [in_order(p.matrix(ranks[leaf]), data.varying) for (p, leaf), data in zip(walked, rows, strict=True)]

    def matrices(leaves: list[jax.Array]) -> list[jax.Array]:
        return [product.matrix(leaves[leaf]) for product, leaf in walked]

    def visit(carry: tuple[list[jax.Array], list[jax.Array]], level: jax.Array) -> Any:
        leaves = weights_at(level)
        now = matrices(leaves)
        sums = [step(*each) for each in zip(*carry, now, orders, rows, strict=True)]
        results = {
            p.place: p.result(finish(s, w, data)) for (p, _), s, w, data in zip(walked, sums, now, rows, strict=True)
        }
        return (sums, now), value(leaves, results)

    before = matrices(weights_at(levels[0]))
    begun = [start(w, data) for w, data in zip(before, rows, strict=True)]
    _, values = lax.scan(visit, (begun, before), levels)
    return jnp.where(backwards, values[::-1], values)
