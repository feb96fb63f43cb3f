"""The wiring of a network, and the network without some of it."""

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.connectivity.wiring import Wiring, wiring
from jprobe.models import DAG
from jprobe.models.dag import stage_of
from jprobe.typing import Params


def wiring_of(model: DAG, variables: Params) -> Wiring:
    """The wiring of a network: weights tanh w, and 1 where a node has one input.

    Args:
        model: the network.
        variables: of one network.

    Example:
        >>> model = DAG((2, 2), channels=1)
        >>> wiring_of(model, model.init(jax.random.key(0), jnp.zeros((1, 4, 4, 3)))).weights.round(2).tolist()[0]
        [0.0, 1.0, 0.5, 0.5]
    """
    table = jax.tree.map(np.asarray, variables["wiring"])
    weighted = table["weighted"] > 0
    sources, targets = table["sources"][weighted], table["targets"][weighted]
    weights, possible = table["fixed"].T.astype(np.float64), table["fixed"].T != 0
    weights[sources, targets] = np.tanh(np.asarray(variables["params"]["edges"], np.float64)[weighted])
    possible[sources, targets] = True
    return wiring(weights, stage_of(model.nodes), possible=possible)


def without(variables: Params, kept: np.ndarray) -> Params:
    """The network without some of its edges, their weights 0.

    Args:
        variables: of one network.
        kept: [N, N] by (source, target), edges that stay; those of nodes with one input, which have no weight, stay.

    Returns:
        Variables; a pure function of them.

    Example:
        >>> model = DAG((2, 2), channels=1)
        >>> variables = model.init(jax.random.key(0), jnp.zeros((1, 4, 4, 3)))
        >>> wiring_of(model, without(variables, jnp.zeros((4, 4), bool))).edges.sum()
        np.int64(1)
    """
    table = variables["wiring"]
    stays = jnp.asarray(kept)[table["sources"], table["targets"]]
    edges = jnp.where(stays, variables["params"]["edges"], 0.0)
    return {**variables, "params": {**variables["params"], "edges": edges}}
