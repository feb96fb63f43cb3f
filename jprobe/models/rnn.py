"""Simple recurrent networks over the rows of images."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from jprobe.choices import Activation
from jprobe.models.layers import ACTIVATIONS, Init, check_layers, dense, starts


class RNN(nn.Module):
    """Elman's network: h^t = activation(x^t Omega + h^(t-1) U + b) from h^0 = 0, then logits h^T V + c.

    An image [H, W, C] is a sequence of T = H rows of W C numbers. Omega and b are "input", U is "recurrent", V and c
    are "output".

    Attributes:
        units: width of the state h.
        features: C, the number of logits.
        activation: "relu", "tanh", "hard_sigmoid", "linear" or "sigmoid".
        kernel_sd: kernels start from N(0, kernel_sd^2) and biases at 0; None: both uniform in +-1 / sqrt(fan_in).

    Raises:
        UnknownNameError: another activation.
        ArgumentError: a width below 1, or a standard deviation that is not positive.

    Source:
        Paper 3, section 3 (equations of the unfolded network) and section 4.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> model = RNN(units=64, features=10)
        >>> variables = model.init(jax.random.key(0), jnp.zeros((1, 28, 28, 1)))
        >>> model.apply(variables, jnp.zeros((5, 28, 28, 1))).shape
        (5, 10)
    """

    units: int = 64
    features: int = 10
    activation: Activation = "relu"
    kernel_sd: float | None = None

    def __post_init__(self) -> None:
        """Check the configuration."""
        check_layers(self.activation, self.kernel_sd, units=self.units, features=self.features)
        super().__post_init__()

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Logits [B, features] of images [B, H, W, C] or sequences [B, T, F]."""
        rows = jnp.moveaxis(x.reshape(*x.shape[:2], -1), 1, 0)
        # What does not hang on the state is one product for all steps.
        inputs = dense(self.units, rows.shape[-1], self.kernel_sd, name="input")(rows)
        recurrent = Kernel((self.units, self.units), starts(self.units, self.kernel_sd)[0], name="recurrent")()
        activation = ACTIVATIONS[self.activation]

        def step(state: jax.Array, now: jax.Array) -> tuple[jax.Array, None]:
            return activation(now + state @ recurrent), None

        last, _ = jax.lax.scan(step, jnp.zeros_like(inputs[0]), inputs)
        return dense(self.features, self.units, self.kernel_sd, name="output")(last)


class Kernel(nn.Module):
    """A kernel alone, for a product that is written elsewhere."""

    shape: tuple[int, ...]
    start: Init

    @nn.compact
    def __call__(self) -> jax.Array:
        """The kernel."""
        return self.param("kernel", self.start, self.shape)
