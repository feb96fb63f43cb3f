"""Perturbing images along an order: the network's own, that of fresh weights, and orders that chance or gradients give."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from jprobe import frustration
from jprobe.studies.frustration.work import Work
from jprobe.studies.study import Context

# What images are perturbed along, in words. The paper compares the network's own order, fresh weights along theirs,
# and random signs. The others say what a lambda hangs on: the signs of the outputs alone, or those of the inputs too;
# any order at all; and how large it could be.
ORDERS = {
    "real": "the network",
    "outputs": "the network at its outputs, random at its inputs",
    "n3_he": "fresh weights (He)",
    "n3_xavier": "fresh weights (Xavier)",
    "n3_outputs": "fresh weights (He) at the outputs, random at the inputs",
    "random": "random signs",
    "ones": "all ones",
    "gradient": "the mean gradient",
}

# Minima of fresh weights.
FRESH = ("n3_he", "n3_xavier")

# Orders that are minima, or half of one -> the kind of model whose minima they are.
SOURCE = {"real": "real", "outputs": "real", "n3_he": "n3_he", "n3_xavier": "n3_xavier", "n3_outputs": "n3_he"}


def draws(work: Work, order: str) -> int:
    """How many orders of a kind are looked at: the paper's several times, the others once."""
    if order not in ("real", *FRESH, "random"):
        return 1
    return min(
        work.config.orders, {"real": work.config.replicas, "random": work.config.orders}.get(order, work.config.nulls)
    )


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
    params, sx, sy = _SIGNS[order](work, order, n, context)
    norms = config.largest * of.unit * np.arange(1, config.sizes + 1) / config.sizes
    found = frustration.alignment(of.fn, params, of.inputs, sx, sy, jnp.asarray(norms), key=context.key("monotone"))
    over = ("image", "norm")
    return xr.Dataset(
        {
            "omega": (over, found.omega),
            "still": (over, found.still),
            "same_class": (over, found.same_class.astype(np.float32)),
        },
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
    params = frustration.with_weights(work.of.params, work.model(SOURCE[order], n, context))
    return params, *_ends(work, found.spins.values)


def _random(work: Work, order: str, n: int, context: Context) -> Signs:
    spins = np.random.default_rng(2 + n).choice(np.array([-1, 1], np.int8), size=work.graph.num_nodes)
    return work.of.params, *_ends(work, spins)


def _ones(work: Work, order: str, n: int, context: Context) -> Signs:
    return work.of.params, *_ends(work, np.ones(work.graph.num_nodes, np.int8))


def _gradient(work: Work, order: str, n: int, context: Context) -> Signs:
    return work.of.params, *frustration.gradient_order(work.of.fn, work.of.params, work.of.inputs)


def _random_inputs(signs: Callable[..., Signs]) -> Callable[..., Signs]:
    """An order whose signs at the inputs are replaced by random ones."""

    def replaced(work: Work, order: str, n: int, context: Context) -> Signs:
        params, _, sy = signs(work, order, n, context)
        return params, _random(work, order, n, context)[1], sy

    return replaced


_SIGNS = {
    "real": _own,
    "outputs": _random_inputs(_own),
    "n3_he": _fresh,
    "n3_xavier": _fresh,
    "n3_outputs": _random_inputs(_fresh),
    "random": _random,
    "ones": _ones,
    "gradient": _gradient,
}


def _ends(work: Work, spins: np.ndarray) -> tuple[jax.Array, jax.Array]:
    """Signs of the inputs and of the outputs."""
    blocks = work.graph.split(jnp.asarray(spins))
    return blocks[0], jnp.concatenate([blocks[n].ravel() for n in work.graph.layout.outputs])
