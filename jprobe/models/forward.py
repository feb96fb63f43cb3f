"""One way to call any model."""

import flax.linen as nn
import jax

from jprobe.errors import ArgumentError
from jprobe.typing import Forward, Params


def forward(model: nn.Module | Forward) -> Forward:
    """The function (params, x [B, ...]) -> logits [B, C] of a model.

    Args:
        model: a Flax Linen module, whose params are its "params" collection; or such a function itself, which
            is how NNX (``lambda p, x: nnx.merge(graph, p)(x)``) and Equinox
            (``lambda p, x: jax.vmap(eqx.combine(p, static))(x)``) models come in.

    Example:
        >>> import jax.numpy as jnp
        >>> forward(lambda params, x: x @ params)(jnp.ones((3, 2)), jnp.ones((5, 3))).shape
        (5, 2)
    """
    if isinstance(model, nn.Module):

        def apply(params: Params, x: jax.Array) -> jax.Array:
            return model.apply({"params": params}, x)  # type: ignore[return-value]

        return apply
    if callable(model):
        return model
    raise ArgumentError(f"A model is a Flax Linen module or a function of (params, x), not {type(model).__name__}.")
