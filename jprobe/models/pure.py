"""What every model becomes: two pure functions of its variables."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from jprobe.typing import Params


class Network(NamedTuple):
    """A model as two pure functions of its variables.

    Variables are one pytree: {"params": ..., "batch_stats": ...} where the model has more than trained parameters
    or is one of Flax, else the parameters alone (:mod:`jprobe.paths`).

    Attributes:
        init: (key, x [1, ...]) -> variables.
        apply: (variables, x [B, ...], train, key) -> (outputs [B, ...], variables). ``train`` is a Python bool:
            True uses the minibatch's own statistics, updates the running ones and drops units out at random,
            drawn from ``key``; False changes nothing and reads no key.

    Example:
        >>> import jax.numpy as jnp
        >>> linear = Network(lambda key, x: jnp.ones((x.shape[-1], 2)), lambda w, x, train, key: (x @ w, w))
        >>> from jprobe.models import forward
        >>> forward(linear)(linear.init(None, jnp.ones((1, 3))), jnp.ones((5, 3))).shape
        (5, 2)
    """

    init: Callable[[jax.Array, jax.Array], Params]
    apply: Callable[[Params, jax.Array, bool, jax.Array | None], tuple[Any, Params]]
