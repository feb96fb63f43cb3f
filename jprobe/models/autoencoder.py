"""Autoencoders of dense layers."""

import flax.linen as nn
import jax

from jprobe.choices import Activation
from jprobe.models.layers import ACTIVATIONS, check_layers, dense


class Autoencoder(nn.Module):
    """Dense autoencoder: x <- activation(x W_i + b_i) for each hidden layer, then sigmoid(x W + b), as many as inputs.

    Attributes:
        hidden: widths of the hidden layers, such as (16, 8, 16).
        features: number of outputs, which is that of the inputs.
        activation: of the hidden layers; "relu", "tanh", "hard_sigmoid", "linear" or "sigmoid". The outputs, which are
            pixels in [0, 1], go through a sigmoid whatever it is.
        kernel_sd: kernels start from N(0, kernel_sd^2) and biases at 0; None: both uniform in +-1 / sqrt(fan_in).

    Raises:
        UnknownNameError: another activation.
        ArgumentError: a width below 1, or a standard deviation that is not positive.

    Source:
        Paper 3, section 4 and its released code.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> model = Autoencoder(hidden=(16,), features=784, activation="sigmoid")
        >>> variables = model.init(jax.random.key(0), jnp.zeros((1, 28, 28, 1)))
        >>> model.apply(variables, jnp.zeros((5, 28, 28, 1))).shape
        (5, 784)
    """

    hidden: tuple[int, ...] = (16,)
    features: int = 784
    activation: Activation = "relu"
    kernel_sd: float | None = None

    def __post_init__(self) -> None:
        """Check the configuration."""
        check_layers(self.activation, self.kernel_sd, hidden=self.hidden, features=self.features)
        super().__post_init__()

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Reconstructions [B, features] of x [B, ...], whose axes after the first are flattened."""
        x = x.reshape(x.shape[0], -1)
        for width in self.hidden:
            x = ACTIVATIONS[self.activation](dense(width, x.shape[-1], self.kernel_sd)(x))
        return nn.sigmoid(dense(self.features, x.shape[-1], self.kernel_sd)(x))
