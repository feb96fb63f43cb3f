"""What an edge counts: not its weight alone, which normalisation makes arbitrary, and what SNIP says before training."""

import functools
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jprobe.connectivity.network import wiring_of
from jprobe.connectivity.wiring import Wiring
from jprobe.errors import UnknownNameError
from jprobe.models import DAG
from jprobe.models.dag import SPREAD
from jprobe.train import cross_entropy
from jprobe.typing import Params

Score = Literal["magnitude", "relative"]


def scored(model: DAG, variables: Params, x: ArrayLike, score: Score = "magnitude") -> Wiring:
    """The wiring by what its edges are ranked by: |tanh w|, or what each contributes to its target (:func:`relative`).

    Args:
        model: the network.
        variables: of one network.
        x: images [B, H, W, C], a sample; not looked at for "magnitude".
        score: "magnitude", as in the paper, or "relative", which no rescaling of the network changes.

    Raises:
        UnknownNameError: another score.

    Example:
        >>> model, x = DAG((2, 2), channels=1), jnp.zeros((1, 4, 4, 3))
        >>> scored(model, model.init(jax.random.key(0), x), x).weights.round(2).tolist()[0]
        [0.0, 1.0, 0.5, 0.5]
    """
    if score not in get_args(Score):
        raise UnknownNameError("score of edges", score, get_args(Score))
    if score == "relative":
        return relative(model, variables, x)
    one = wiring_of(model, variables)
    return one._replace(weights=np.abs(one.weights))


def relative(model: DAG, variables: Params, x: ArrayLike) -> Wiring:
    """The wiring by what each edge contributes to the sum of its target: |t_ij| sd(R x_i) / sd(s_j).

    Batch normalisation makes a node blind to a common factor on its incoming weights, and what scales the output of a
    node may as well stand on its outgoing weights: |tanh w| alone is no importance. This is the same of all such networks.

    Args:
        model: the network.
        variables: of one network.
        x: images [B, H, W, C], a sample; standard deviations are over images and places.

    Returns:
        The wiring with these weights, nodes of constant sums with 0.

    Example:
        >>> model, x = DAG((2, 2), channels=1), jax.random.normal(jax.random.key(1), (4, 4, 4, 3))
        >>> relative(model, model.init(jax.random.key(0), x), x).edges.sum()
        np.int64(6)
    """
    found = _spreads(model)(variables, x)
    one, first = wiring_of(model, variables), np.cumsum([0, *model.nodes])
    spread = jax.tree.map(np.asarray, found[SPREAD])
    table = jax.tree.map(np.asarray, variables["wiring"])
    scale = np.zeros_like(one.weights)
    for target in range(len(model.nodes)):
        here = spread[f"stage_{target}"]
        rows = np.arange(first[target] + (not target), first[target + 1])
        if not len(rows):
            continue
        sources = [(np.array([0]), here["sources"][0])] if not target else _sources(model, table, target, here, first)
        for numbers, deviation in [*sources, (rows, here["nodes"])]:
            scale[np.ix_(numbers, rows)] = deviation[:, None] / np.where(here["sums"] > 0, here["sums"], np.inf)
    return one._replace(weights=np.abs(one.weights) * scale)


def _sources(
    model: DAG, table: dict[str, np.ndarray], target: int, spread: dict[str, np.ndarray], first: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Numbers of the nodes that are carried into a stage, and how much what arrives of them varies."""
    out = []
    used = [r for r in model.room.reduces if r.target == target and r.room]
    for reduce, deviation in zip(used, spread["sources"], strict=True):
        name = f"reduce_{reduce.source}_{target}"
        there = table[f"{name}_valid"] > 0
        out.append((first[reduce.source] + table[f"{name}_nodes"][there], deviation[there]))
    return out


def snip(model: DAG, variables: Params, x: ArrayLike, y: ArrayLike) -> Wiring:
    """The wiring by what the loss of a batch would change if an edge went, to first order: |t_ij dL / dt_ij|.

    Edges into nodes of one input have no weight, and weigh infinitely much: they are the largest number here, times 2.

    Args:
        model: the network.
        variables: of one network, usually untrained.
        x: images [B, H, W, C].
        y: their labels [B].

    Source:
        Lee, Ajanthan, Torr, SNIP, ICLR 2019, arXiv:1810.02340.

    Example:
        >>> model, x = DAG((2, 2), channels=1), jax.random.normal(jax.random.key(1), (4, 4, 4, 3))
        >>> snip(model, model.init(jax.random.key(0), x), x, jnp.arange(4)).edges.sum()
        np.int64(6)
    """

    scores = np.abs(np.asarray(_gradient(model)(variables, x, y), np.float64))
    one, table = wiring_of(model, variables), jax.tree.map(np.asarray, variables["wiring"])
    weighted = table["weighted"] > 0
    weights = np.where(table["fixed"].T != 0, 2 * scores.max(), 0.0)
    # A gradient of exactly 0 is an edge all the same, the least of all.
    weights[table["sources"][weighted], table["targets"][weighted]] = np.maximum(scores[weighted], 1e-30)
    return one._replace(weights=weights)


# Compiled once for all networks of a model.
@functools.lru_cache(maxsize=8)
def _spreads(model: DAG) -> Any:
    return jax.jit(lambda variables, x: model.apply(variables, x, mutable=[SPREAD])[1])


@functools.lru_cache(maxsize=8)
def _gradient(model: DAG) -> Any:
    def loss(factors: jax.Array, variables: Params, x: jax.Array, y: jax.Array) -> jax.Array:
        edges = jnp.arctanh(jnp.tanh(variables["params"]["edges"]) * factors)
        own = {**variables, "params": {**variables["params"], "edges": edges}}
        return cross_entropy(model.apply(own, x, True, mutable=["batch_stats"])[0], y, own).mean()

    def gradient(variables: Params, x: jax.Array, y: jax.Array) -> jax.Array:
        return jax.grad(loss)(jnp.ones_like(variables["params"]["edges"]), variables, x, y)

    return jax.jit(gradient)
