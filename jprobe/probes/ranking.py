"""The order in which a probe reaches for weights: by magnitude or at random, by layer or over all layers."""

from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.errors import ArgumentError, ShapeError, UnknownNameError
from jprobe.paths import leaves_by_path
from jprobe.permutation import permute_index, stable_argsort
from jprobe.probes.base import NestedFn
from jprobe.selection import Select, leaf_keys, pick
from jprobe.typing import Params

Order = Literal["smallest", "largest", "random"]
Scope = Literal["layer", "global"]
Ranks = dict[int, jax.Array]

# A network's params -> scores of its weights, a pytree like params.
Scores = Callable[[Params], Params]


class Ranking(NamedTuple):
    """Ranks of the selected weights, 0 for the weight that a probe reaches for first.

    Attributes:
        init: ``init(params) -> ranks`` by magnitude, or by scores, once per network; empty for the random order.
        ranks: ``ranks(key, params, state) -> ranks`` for one draw: the state's, or random ones. int32, one
            array of each selected leaf's shape, by leaf index.
        totals: ``totals(params) -> {leaf index: N}``, how many weights each leaf is ranked among.
        nested: ranks in a probe's words, see :class:`jprobe.probes.Probe`; None for the random order, which is another at
            each level.
    """

    init: Callable[[Params], Ranks]
    ranks: Callable[[jax.Array, Params, Ranks], Ranks]
    totals: Callable[[Params], dict[int, int]]
    nested: NestedFn | None


def ranking(order: Order, scope: Scope, select: Select, by: Scores | None = None) -> Ranking:
    """Rank weights in ``order``, within each leaf (``scope="layer"``) or over all of them (``"global"``).

    Equal magnitudes keep the order in which they stand in the arrays. ``by`` gives scores whose magnitudes count instead.

    Raises:
        UnknownNameError: an order or scope that does not exist.
        ArgumentError: scores for a random order.
        ShapeError: when ranked, scores that are not like the weights.
    """
    if by is not None and order == "random":
        raise ArgumentError('order="random" reads no scores: leave by= out, or order by "smallest" or "largest".')
    for kind, name, known in (("order", order, get_args(Order)), ("scope", scope, get_args(Scope))):
        if name not in known:
            raise UnknownNameError(kind, name, known)

    def grouped(params: Params, rank: Callable[[int, jax.Array], jax.Array]) -> Ranks:
        leaves, _ = pick(params, select)
        if scope == "layer":
            return {i: rank(i, w.reshape(-1)).reshape(w.shape) for i, w in leaves.items()}
        first = next(iter(leaves))
        whole = rank(first, jnp.concatenate([w.reshape(-1) for w in leaves.values()]))
        ends = np.cumsum([w.size for w in leaves.values()])[:-1]
        return {i: part.reshape(leaves[i].shape) for i, part in zip(leaves, jnp.split(whole, ends), strict=True)}

    def init(params: Params) -> Ranks:
        if order == "random":
            return {}
        scores = params if by is None else _like(by(params), params)
        return grouped(scores, lambda _, w: _inverse(stable_argsort(jnp.abs(w), descending=order == "largest")))

    def ranks(key: jax.Array, params: Params, state: Ranks) -> Ranks:
        if order != "random":
            return state
        keys = leaf_keys(key, pick(params, select)[0])
        return grouped(params, lambda i, w: permute_index(keys[i], jnp.arange(w.size), w.size))

    def totals(params: Params) -> dict[int, int]:
        sizes = {i: w.size for i, w in pick(params, select)[0].items()}
        return sizes if scope == "layer" else dict.fromkeys(sizes, sum(sizes.values()))

    def nested(params: Params, state: Ranks) -> Params:
        return pick(params, select)[1](dict(state))

    return Ranking(init, ranks, totals, None if order == "random" else nested)


def _like(scores: Params, params: Params) -> Params:
    given, needed = ({path: np.shape(leaf) for path, _, leaf in leaves_by_path(tree)} for tree in (scores, params))
    wrong = [path for path in {**needed, **given} if given.get(path) != needed.get(path)]
    if wrong:
        raise ShapeError(
            f"by(params) must return a pytree like params. At {wrong[0]!r} it gives {given.get(wrong[0], 'nothing')}, "
            f"where params have {needed.get(wrong[0], 'nothing')}."
        )
    return scores


def _inverse(order: jax.Array) -> jax.Array:
    positions = jnp.arange(order.size, dtype=jnp.int32)
    return jnp.zeros(order.size, jnp.int32).at[order].set(positions, unique_indices=True)
