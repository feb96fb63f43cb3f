"""What small networks share: activations by name, how their layers start, and what is wrong with their widths."""

from collections.abc import Callable
from typing import get_args

import flax.linen as nn
import jax
import jax.numpy as jnp

from jprobe.choices import Activation
from jprobe.errors import ArgumentError, UnknownNameError

Init = Callable[[jax.Array, tuple[int, ...], jnp.dtype], jax.Array]

ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "relu": nn.relu,
    "tanh": nn.tanh,
    "hard_sigmoid": nn.hard_sigmoid,
    "linear": lambda x: x,
    "sigmoid": nn.sigmoid,
}


def check_layers(activation: str, kernel_sd: float | None, **widths: int | tuple[int, ...]) -> None:
    """Check what a model of plain layers is made of.

    Args:
        activation: its name.
        kernel_sd: standard deviation of its kernels, or None.
        widths: numbers of nodes, by the name of the attribute that holds them.

    Raises:
        UnknownNameError: another activation.
        ArgumentError: a width below 1, or a standard deviation that is not positive.
    """
    if activation not in get_args(Activation):
        raise UnknownNameError("activation", activation, get_args(Activation))
    flat = [n for width in widths.values() for n in ([width] if isinstance(width, int) else width)]
    if any(width < 1 for width in flat):
        named = ", ".join(f"{name}={width}" for name, width in widths.items())
        raise ArgumentError(f"Layers need one node or more: {named}.")
    if kernel_sd is not None and not kernel_sd > 0:
        raise ArgumentError(f"kernel_sd is a standard deviation above 0, or None; found {kernel_sd}.")


def starts(fan_in: int, kernel_sd: float | None) -> tuple[Init, Init]:
    """How kernel and bias of a layer start.

    Args:
        fan_in: number of inputs of a node.
        kernel_sd: None: both uniform in +-1 / sqrt(fan_in), as torch's layers start; else the kernel from
            N(0, kernel_sd^2), and biases 0.
    """
    if kernel_sd is not None:
        return nn.initializers.normal(kernel_sd), nn.initializers.zeros

    def uniform(key: jax.Array, shape: tuple[int, ...], dtype: jnp.dtype = jnp.float32) -> jax.Array:
        return jax.random.uniform(key, shape, dtype, -1, 1) / fan_in**0.5

    return uniform, uniform


def dense(features: int, fan_in: int, kernel_sd: float | None, name: str | None = None) -> nn.Dense:
    """A layer x W + b of so many nodes, which starts as :func:`starts` says."""
    kernel, bias = starts(fan_in, kernel_sd)
    return nn.Dense(features, kernel_init=kernel, bias_init=bias, name=name)
