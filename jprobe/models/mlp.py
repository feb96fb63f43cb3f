"""Multilayer perceptrons."""

from collections.abc import Callable
from typing import get_args

import flax.linen as nn
import jax
import jax.numpy as jnp

from jprobe.choices import Activation
from jprobe.errors import ArgumentError, UnknownNameError

_ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "relu": nn.relu,
    "tanh": nn.tanh,
    "hard_sigmoid": nn.hard_sigmoid,
}


class MLP(nn.Module):
    """Fully connected network: x <- activation(x W_i + b_i) for each hidden layer, then logits x W + b.

    Kernels and biases start uniform in +-1 / sqrt(fan_in), as torch's Linear does.

    Attributes:
        hidden: widths of the hidden layers, any number of them.
        features: C, the number of logits.
        activation: "relu", "tanh" or "hard_sigmoid" (relu6(x + 3) / 6).

    Raises:
        UnknownNameError: another activation.
        ArgumentError: a width below 1.

    Source:
        Paper 1, section 3 (one hidden layer of 64) and A.5.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> model = MLP(hidden=(64,), features=2)
        >>> variables = model.init(jax.random.key(0), jnp.zeros((1, 28, 28, 1)))
        >>> model.apply(variables, jnp.zeros((5, 28, 28, 1))).shape
        (5, 2)
    """

    hidden: tuple[int, ...] = (64,)
    features: int = 2
    activation: Activation = "relu"

    def __post_init__(self) -> None:
        """Check the configuration."""
        if self.activation not in get_args(Activation):
            raise UnknownNameError("activation", self.activation, get_args(Activation))
        if any(width < 1 for width in (*self.hidden, self.features)):
            raise ArgumentError(f"Layers need one node or more: hidden={self.hidden}, features={self.features}.")
        super().__post_init__()

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Logits [B, features] of x [B, ...], whose axes after the first are flattened."""
        x = x.reshape(x.shape[0], -1)
        for width in self.hidden:
            x = _ACTIVATIONS[self.activation](_dense(width, x.shape[-1])(x))
        return _dense(self.features, x.shape[-1])(x)


def _dense(features: int, fan_in: int) -> nn.Dense:
    def uniform(key: jax.Array, shape: tuple[int, ...], dtype: jnp.dtype = jnp.float32) -> jax.Array:
        return jax.random.uniform(key, shape, dtype, -1, 1) / fan_in**0.5

    return nn.Dense(features, kernel_init=uniform, bias_init=uniform)
