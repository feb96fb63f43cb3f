"""Sign flipping: reverse the sign of part of the weights."""

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.probes.base import Level, Probe, count
from jprobe.probes.ranking import Order, Ranks, Scope, ranking
from jprobe.selection import Select, pick
from jprobe.typing import Params


def flip(order: Order = "smallest", *, scope: Scope = "layer", select: Select = None) -> Probe:
    """Reverse the signs of a fraction of the weights, the smallest magnitudes first: w <- -w where rank(w) < int(level N).

    Args:
        order: which go first: "smallest" or "largest" magnitudes, or "random" ones (drawn afresh for each key).
        scope: "layer" ranks the N weights of each leaf apart; "global" ranks all selected weights together.
        select: which leaves; default: every leaf of two or more dimensions.

    Returns:
        A probe whose level is the fraction flipped, in [0, 1].

    Raises:
        UnknownNameError: an order or scope that does not exist.
        UnknownLayerError: when applied, if nothing is selected.

    Source:
        Paper 1, section 3.3.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> probe, params = flip(), {"kernel": jnp.array([[3.0, -1.0], [0.5, -2.0]])}
        >>> probe.apply(jax.random.key(0), params, probe.init(params), 0.5)["kernel"].tolist()
        [[3.0, 1.0], [-0.5, -2.0]]
    """
    ranked = ranking(order, scope, select)

    def apply(key: jax.Array, params: Params, state: Ranks, level: jax.Array) -> Params:
        leaves, rebuild = pick(params, select)
        ranks, totals = ranked.ranks(key, params, state), ranked.totals(params)
        return rebuild({i: jnp.where(ranks[i] < count(level, totals[i]), -w, w) for i, w in leaves.items()})

    grid = tuple(np.linspace(0, 1, 30).tolist())
    return Probe(ranked.init, apply, Level("fraction of signs flipped", "1", 0, 1, grid), ranked.nested)
