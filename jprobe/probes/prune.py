"""Pruning: set part of the weights to zero."""

import jax
import jax.numpy as jnp

from jprobe.probes.base import Level, Probe, count
from jprobe.probes.ranking import Order, Ranks, Scope, Scores, ranking
from jprobe.selection import Select, pick
from jprobe.typing import Params

# The paper's kept fractions f; the level of the probe is the fraction removed, 1 - f.
KEPT = (
    1, .9, .8, .7, .65, .6, .55, .5, .47, .45, .4, .35, .3, .25, .23, .21, .2, .19, .18, .17, .16, .15, .14, .13,
    .12, .11, .1, .09, .08, .07, .06, .05, .04, .03, .02, .01, .005, .001,
)  # fmt: skip
REMOVED = tuple(round(1 - kept, 3) for kept in KEPT)


def prune(
    order: Order = "smallest", *, scope: Scope = "layer", by: Scores | None = None, select: Select = None
) -> Probe:
    """Remove a fraction of the weights, the smallest magnitudes first: w <- w [rank(w) >= N - int((1 - level) N)].

    Args:
        order: which go first: "smallest" or "largest" magnitudes, or "random" ones (drawn afresh for each key).
        scope: "layer" ranks the N weights of each leaf apart; "global" ranks all selected weights together.
        by: function of one network's params that returns a pytree like params, whose magnitudes rank the weights instead of
            their own, such as ``lambda params: jp.metrics.weight_scores(fn, params, x)``. For scores that are there already:
            ``lambda params: scores``.
        select: which leaves; default: every leaf of two or more dimensions.

    Returns:
        A probe whose level is the fraction removed, in [0, 1].

    Raises:
        UnknownNameError: an order or scope that does not exist.
        ArgumentError: scores for a random order.
        ShapeError: when applied, scores that are not like params.
        UnknownLayerError: when applied, if nothing is selected.

    Source:
        Paper 1, sections 3.1 and A.5 (figure 17).

    Example:
        >>> import jax, jax.numpy as jnp
        >>> probe, params = prune(), {"kernel": jnp.array([[3.0, -1.0], [0.5, -2.0]])}
        >>> probe.apply(jax.random.key(0), params, probe.init(params), 0.5)["kernel"].tolist()
        [[3.0, 0.0], [0.0, -2.0]]
    """
    ranked = ranking(order, scope, select, by)

    def apply(key: jax.Array, params: Params, state: Ranks, level: jax.Array) -> Params:
        leaves, rebuild = pick(params, select)
        ranks, totals = ranked.ranks(key, params, state), ranked.totals(params)
        first_kept = {i: n - count(1 - level, n) for i, n in totals.items()}
        return rebuild({i: jnp.where(ranks[i] >= first_kept[i], w, 0) for i, w in leaves.items()})

    return Probe(ranked.init, apply, Level("fraction of weights removed", "1", 0, 1, REMOVED), ranked.nested)
