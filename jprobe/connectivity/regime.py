"""How a network learns its wiring: an L1 loss on every edge, by gradients or by their proximal step."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jprobe.errors import ArgumentError
from jprobe.train import cross_entropy, scale_by_epoch
from jprobe.typing import Params


class Regime(NamedTuple):
    """A training of wirings: cross-entropy + penalty sum_e |tanh w_e|, SGD with momentum, rates that fall tenfold.

    Attributes:
        epochs: passes over the training set.
        rate: of the first epochs.
        drops: numbers of epochs after which the rate falls to a tenth.
        penalty: lambda. A step takes rate x penalty / (1 - momentum) off an edge; where that is longer than the threshold
            that edges are cut at, they hop over it until the rate falls.
        proximal: whether the L1 loss acts by its proximal step, which shrinks each |tanh w| by rate x penalty / (1 - momentum),
            as far as its gradient would take it, and stops at 0, where the gradient goes to and fro.
        batch: examples a step.
        momentum: of SGD.
        decay: weight decay, of all weights.

    Source:
        Paper 4, section A. Epochs 1 to 79 have the first rate, 80 to 89 the second, 90 to 100 the third.

    Example:
        >>> Regime().scaled(20).drops
        (16, 18)
    """

    epochs: int = 100
    rate: float = 0.1
    drops: tuple[int, ...] = (79, 89)
    penalty: float = 1e-3
    proximal: bool = False
    batch: int = 128
    momentum: float = 0.9
    decay: float = 1e-4

    def scaled(self, epochs: int) -> "Regime":
        """The same for another number of epochs, its drops at the same shares."""
        return self._replace(epochs=epochs, drops=tuple(round(drop * epochs / self.epochs) for drop in self.drops))

    def travel(self, steps: int) -> float:
        """How far the L1 loss alone moves a weight: penalty / (1 - momentum) times the sum of all rates.

        Args:
            steps: of an epoch.
        """
        rates = [self.rate * 0.1 ** sum(epoch >= drop for drop in self.drops) for epoch in range(self.epochs)]
        return self.penalty / (1 - self.momentum) * steps * sum(rates)

    @property
    def optimizer(self) -> optax.GradientTransformation:
        """The same object for the same regime: :func:`jprobe.train.fit` compiles once for it."""
        return _sgd(self)

    @property
    def loss(self) -> Any:
        """(logits, labels, variables) -> one number an example; likewise one object."""
        return cross_entropy if self.proximal else _penalised(self.penalty)


def check(regime: Regime) -> Regime:
    """The regime, if it is one.

    Raises:
        ArgumentError: numbers that make no sense.
    """
    if regime.epochs < 1 or regime.rate <= 0 or regime.penalty < 0 or not 0 <= regime.momentum < 1 or regime.batch < 1:
        raise ArgumentError(
            f"A regime has one epoch and example a step or more, a positive rate, a penalty of 0 or more and a momentum in [0, 1): {regime}."
        )
    return regime


def edge_sizes(variables: Params) -> jax.Array:
    """|tanh w| of the weighted edges, [E]; 0 where there is only room for one."""
    return jnp.abs(jnp.tanh(variables["params"]["edges"])) * variables["wiring"]["weighted"]


@functools.lru_cache(maxsize=64)
def _penalised(penalty: float) -> Any:
    def loss(outputs: jax.Array, targets: jax.Array, variables: Params) -> jax.Array:
        return cross_entropy(outputs, targets) + penalty * edge_sizes(variables).sum()

    return loss


@functools.lru_cache(maxsize=64)
def _sgd(regime: Regime) -> optax.GradientTransformation:
    def rate(epoch: jax.Array) -> jax.Array:
        return regime.rate * 0.1 ** sum((epoch >= drop for drop in regime.drops), start=jnp.zeros((), jnp.int32))

    links = [optax.add_decayed_weights(regime.decay), optax.trace(regime.momentum), scale_by_epoch(rate)]
    return (
        optax.chain(*links, _shrink(rate, regime.penalty / (1 - regime.momentum)))
        if regime.proximal
        else optax.chain(*links)
    )


def _shrink(rate: Any, penalty: float) -> optax.GradientTransformationExtraArgs:
    """The proximal step of penalty sum |tanh w|, after all other links: tanh w <- sign max(|tanh w| - rate penalty, 0)."""

    def update(updates: Any, state: Any, params: Any = None, *, epoch: jax.Array, **others: Any) -> tuple[Any, Any]:
        moved = jnp.tanh(params["edges"] + updates["edges"])
        shrunk = jnp.sign(moved) * jnp.maximum(jnp.abs(moved) - rate(epoch) * penalty, 0)
        return {**updates, "edges": jnp.arctanh(shrunk) - params["edges"]}, state

    return optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)
