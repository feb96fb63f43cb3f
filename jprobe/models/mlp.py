"""Multilayer perceptrons."""

import flax.linen as nn
import jax

from jprobe.choices import Activation
from jprobe.models.layers import ACTIVATIONS, check_layers, dense


class MLP(nn.Module):
    """Fully connected network: x <- activation(x W_i + b_i) for each hidden layer, then logits x W + b.

    Attributes:
        hidden: widths of the hidden layers, any number of them.
        features: C, the number of logits.
        activation: "relu", "tanh", "hard_sigmoid" (relu6(x + 3) / 6), "linear" (x itself) or "sigmoid".
        kernel_sd: kernels start from N(0, kernel_sd^2) and biases at 0; None: both uniform in +-1 / sqrt(fan_in), as
            torch's Linear starts.

    Raises:
        UnknownNameError: another activation.
        ArgumentError: a width below 1, or a standard deviation that is not positive.

    Source:
        Paper 1, section 3 (one hidden layer of 64) and A.5; paper 3, section 4 and its released code (``kernel_sd``).

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
    kernel_sd: float | None = None

    def __post_init__(self) -> None:
        """Check the configuration."""
        check_layers(self.activation, self.kernel_sd, hidden=self.hidden, features=self.features)
        super().__post_init__()

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Logits [B, features] of x [B, ...], whose axes after the first are flattened."""
        x = x.reshape(x.shape[0], -1)
        for width in self.hidden:
            x = ACTIVATIONS[self.activation](dense(width, x.shape[-1], self.kernel_sd)(x))
        return dense(self.features, x.shape[-1], self.kernel_sd)(x)
