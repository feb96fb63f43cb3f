"""How fast networks learn: a rate for each epoch, as an optax transformation."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax


def scale_by_epoch(rate: Callable[[jax.Array], Any]) -> optax.GradientTransformationExtraArgs:
    """Optax transformation: update <- -rate(epoch) update, the last link of a chain, for :func:`fit` to call.

    Schedules of optax count steps; this one is told the epoch, so that it does not depend on how many steps an epoch has.

    Args:
        rate: epoch, from 0, an int32 scalar under a trace -> learning rate.

    Example:
        >>> milestones = lambda epoch: 0.1 * 0.1 ** ((epoch >= 79) + (epoch >= 89))
        >>> sgd = optax.chain(optax.add_decayed_weights(1e-4), optax.trace(0.9), scale_by_epoch(milestones))
        >>> updates, _ = sgd.update(jnp.ones(2), sgd.init(jnp.zeros(2)), jnp.zeros(2), epoch=jnp.int32(80))
        >>> [round(update, 4) for update in updates.tolist()]
        [-0.01, -0.01]
    """

    def update(updates: Any, state: Any, params: Any = None, *, epoch: jax.Array, **others: Any) -> tuple[Any, Any]:
        now = rate(epoch)
        return jax.tree.map(lambda u: -now * u, updates), state

    return optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)


@functools.lru_cache(maxsize=16)
def cosine_adam(learning_rate: float, epochs: int) -> optax.GradientTransformationExtraArgs:
    """Adam whose rate falls along half a cosine, once an epoch: lr (1 + cos(pi e / epochs)) / 2.

    Args:
        learning_rate: lr, of the first epoch.
        epochs: of the whole training.

    Source:
        Paper 1's released experiments.

    Example:
        >>> adam = cosine_adam(0.01, epochs=10)
        >>> updates, _ = adam.update(jnp.ones(1), adam.init(jnp.zeros(1)), epoch=jnp.int32(5))
        >>> round(updates.item(), 4)
        -0.005
    """
    rate = lambda epoch: learning_rate * (1 + jnp.cos(jnp.pi * epoch / epochs)) / 2  # noqa: E731
    return optax.chain(optax.scale_by_adam(), scale_by_epoch(rate))
