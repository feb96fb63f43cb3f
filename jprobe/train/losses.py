"""Losses: (outputs [B, ...], targets [B, ...], params) -> one number an example, [B]."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from jprobe.errors import ShapeError

from jprobe.typing import Params

# One number an example, not their mean: the last minibatch of an epoch is filled up with examples of weight 0, and
# only numbers by example let a weighted mean leave them out exactly. A penalty on params is a scalar that is added
# to each.
Loss = Callable[[jax.Array, jax.Array, Params], jax.Array]


def cross_entropy(outputs: jax.Array, targets: jax.Array, params: Params = None) -> jax.Array:
    """Cross-entropy of logits: -log softmax(f(x))_y, in nats.

    Args:
        outputs: logits [B, C].
        targets: labels [B], from 0 to C - 1.
        params: not read.

    Returns:
        [B].

    Example:
        >>> round(cross_entropy(jnp.zeros((1, 2)), jnp.array([0])).item(), 4)  # log 2
        0.6931
    """
    return optax.softmax_cross_entropy_with_integer_labels(outputs, targets)


def squared_error(outputs: jax.Array, targets: jax.Array, params: Params = None) -> jax.Array:
    """Mean squared error over the features of each example: mean_i (f(x)_i - y_i)^2.

    Args:
        outputs: [B, ...].
        targets: [B, ...], as many numbers an example.
        params: not read.

    Returns:
        [B].

    Example:
        >>> squared_error(jnp.ones((1, 4)), jnp.zeros((1, 2, 2))).item()
        1.0
    """
    if outputs.size != targets.size:
        raise ShapeError(
            f"Outputs {list(outputs.shape)} and targets {list(targets.shape)} differ in numbers an example."
        )
    flat = (len(outputs), -1)
    return jnp.square(outputs.reshape(flat) - targets.reshape(flat)).mean(-1)
