"""Binarization: keep nothing of a weight but its sign."""

import jax
import jax.numpy as jnp

from jprobe.probes.base import Probe
from jprobe.selection import Select, everything, pick
from jprobe.typing import Params


def binarize(*, select: Select = everything) -> Probe:
    """Replace each weight by its sign: w <- sign(w), with sign(0) = 0.

    Args:
        select: which leaves; default: every floating-point leaf, biases too, as in the paper's signed models.

    Returns:
        A probe that ignores its level.

    Raises:
        UnknownLayerError: when applied, if nothing is selected.

    Source:
        Paper 1, section 3.1.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> binarize().apply(jax.random.key(0), {"bias": jnp.array([0.3, 0.0, -2.0])}, (), 0.0)["bias"].tolist()
        [1.0, 0.0, -1.0]
    """

    def apply(key: jax.Array, params: Params, state: tuple[()], level: jax.Array) -> Params:
        leaves, rebuild = pick(params, select)
        return rebuild({i: jnp.sign(w) for i, w in leaves.items()})

    return Probe(lambda params: (), apply)
