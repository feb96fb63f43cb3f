"""Perturbing images along an order: the network's own, that of fresh weights, and orders that chance or gradients give."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from jprobe import frustration
from jprobe.studies.frustration.work import Work
from jprobe.studies.study import Context

# What images are perturbed along, in words. The paper compares the first, fresh weights and random signs.
ORDERS = {
    "real": "the network",
    "n3_he": "fresh weights (He)",
    "n3_xavier": "fresh weights (Xavier)",
    "random": "random signs",
    "ones": "all ones",
    "gradient": "the mean gradient",
}

# Of fresh weights: what is left of a network whose weights are not here.
FRESH = ("n3_he", "n3_xavier")

# Orders of which there is one alone.
_SINGLE = ("ones", "gradient")


def draws(work: Work, order: str) -> int:
    """How many orders of a kind are looked at."""
    config = work.config
    most = {"real": config.replicas, **dict.fromkeys(FRESH, config.nulls), **dict.fromkeys(_SINGLE, 1)}
    return min(config.orders, most.get(order, config.orders))


def monotone(work: Work, order: str, n: int, context: Context) -> xr.Dataset:
    """How outputs move when images are perturbed along the n-th order of a kind.

    The orders of the network and of fresh weights are minima that descent found from different starts, as in the
    paper: annealed spins are lower, but predict fewer outputs.

    Args:
        work: the network.
        order: one of ``ORDERS``.
        n: which of its draws.
        context: with the part that holds the order's spins, where it is a minimum.
    """
    of, config = work.of, work.config
    params, sx, sy = _SIGNS.get(order, _fresh)(work, order, n, context)
    norms = config.largest * of.unit * np.arange(1, config.sizes + 1) / config.sizes
    found = frustration.moves(of.fn, params, of.inputs, sx, sy, jnp.asarray(norms), key=context.key("monotone"))
    over = ("image", "norm")
    return xr.Dataset(
        {"omega": (over, found.omega), "still": (over, found.still), "same_class": (over, found.same_class.astype(np.float32))},
        {"norm": norms / of.unit, "image": np.arange(len(of.inputs))},
    )


Signs = tuple[Any, Any, Any]


def _own(work: Work, order: str, n: int, context: Context) -> Signs:
    """The network's own order: its n-th replica."""
    (found,) = context.needed.values()
    return work.of.params, *_ends(work, found.order_spins.values[n % len(found.order_spins)])


def _fresh(work: Work, order: str, n: int, context: Context) -> Signs:
    """A network of fresh weights along its own order; its biases are 0."""
    (found,) = context.needed.values()
    return frustration.with_weights(work.of.params, work.model(order, n, context)), *_ends(work, found.spins.values)


def _random(work: Work, order: str, n: int, context: Context) -> Signs:
    spins = np.random.default_rng(2 + n).choice(np.array([-1, 1], np.int8), size=work.graph.num_nodes)
    return work.of.params, *_ends(work, spins)


def _ones(work: Work, order: str, n: int, context: Context) -> Signs:
    return work.of.params, *_ends(work, np.ones(work.graph.num_nodes, np.int8))


def _gradient(work: Work, order: str, n: int, context: Context) -> Signs:
    return work.of.params, *frustration.gradient_order(work.of.fn, work.of.params, work.of.inputs)


_SIGNS = {"real": _own, "random": _random, "ones": _ones, "gradient": _gradient}


def _ends(work: Work, spins: np.ndarray) -> tuple[jax.Array, jax.Array]:
    """Signs of the inputs and of the outputs."""
    blocks = work.graph.split(jnp.asarray(spins))
    return blocks[0], jnp.concatenate([blocks[n].ravel() for n in work.graph.layout.outputs])
