"""Binarization: keep nothing of a weight but its sign."""

import jax
import jax.numpy as jnp

from jprobe.probes.base import Probe
from jprobe.selection import Select, everything, pick
from jprobe.typing import Params


def binarize(*, scale: bool = False, select: Select = everything) -> Probe:
    """Replace each weight by its sign: w <- sign(w), with sign(0) = 0; or by m sign(w), m the mean magnitude of its tensor.

    A scale changes no decision of a network without biases whose activations are positively homogeneous, as ReLU is.

    Args:
        scale: multiply each leaf's signs by the mean of |w| over that leaf, zeros included.
        select: which leaves; default: every floating-point leaf, biases too, as in the paper's signed models.

    Returns:
        A probe that ignores its level.

    Raises:
        UnknownLayerError: when applied, if nothing is selected.

    Source:
        Paper 1, section 3.1; the scale is that of XNOR-Net (Rastegari et al., ECCV 2016), one a tensor.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> binarize().apply(jax.random.key(0), {"bias": jnp.array([0.3, 0.0, -2.0])}, (), 0.0)["bias"].tolist()
        [1.0, 0.0, -1.0]
    """

    def apply(key: jax.Array, params: Params, state: tuple[()], level: jax.Array) -> Params:
        leaves, rebuild = pick(params, select)
        return rebuild({i: jnp.sign(w) * jnp.abs(w).mean() if scale else jnp.sign(w) for i, w in leaves.items()})

    return Probe(lambda params: (), apply)
