"""Convolutional networks without pooling."""

import flax.linen as nn
import jax

from jprobe.choices import Activation
from jprobe.models.few_channels import Conv, Readout
from jprobe.models.layers import ACTIVATIONS, check_layers


class CNN(nn.Module):
    """Convolutions of 3 x 3, without padding or pooling: x <- activation(x * K_i + b_i), then logits x W + b.

    Attributes:
        filters: number of filters of each convolution, such as (5, 5, 5).
        features: C, the number of logits.
        activation: "relu", "tanh", "hard_sigmoid", "linear" or "sigmoid".
        kernel_sd: kernels start from N(0, kernel_sd^2) and biases at 0; None: both uniform in +-1 / sqrt(fan_in).

    Raises:
        UnknownNameError: another activation.
        ArgumentError: a width below 1, or a standard deviation that is not positive.

    Source:
        Paper 3, section 4 and its released code.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> model = CNN(filters=(4,), features=10)
        >>> variables = model.init(jax.random.key(0), jnp.zeros((1, 28, 28, 1)))
        >>> model.apply(variables, jnp.zeros((5, 28, 28, 1))).shape
        (5, 10)
    """

    filters: tuple[int, ...] = (4,)
    features: int = 10
    activation: Activation = "relu"
    kernel_sd: float | None = None

    def __post_init__(self) -> None:
        """Check the configuration."""
        check_layers(self.activation, self.kernel_sd, filters=self.filters, features=self.features)
        super().__post_init__()

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Logits [B, features] of images [B, H, W, C]."""
        x = x.transpose(3, 1, 2, 0)
        for width in self.filters:
            x = ACTIVATIONS[self.activation](Conv(width, self.kernel_sd)(x))
        return Readout(self.features, self.kernel_sd, name="Dense_0")(x)
