"""Noise: add to weights, or multiply weak ones by, random numbers."""

import functools
from typing import Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.errors import LevelError, UnknownNameError
from jprobe.probes.base import Level, Probe, count
from jprobe.probes.ranking import Ranks, Scope, ranking
from jprobe.selection import Select, leaf_keys, pick
from jprobe.typing import Params

Kind = Literal["uniform", "normal"]

# The paper's 30 amplitudes, evenly spaced in log2 from 2^-10 to 1.
AMPLITUDES = tuple(np.logspace(-10, 0, 30, base=2).tolist())


def noise(kind: Kind = "uniform", *, select: Select = None) -> Probe:
    """Add noise of amplitude a to each nonzero weight: w <- w + a u, u ~ U(-1, 1) or N(0, 1).

    Args:
        kind: "uniform", or "normal" (then a is the standard deviation).
        select: which leaves; default: every leaf of two or more dimensions.

    Returns:
        A probe whose level is the amplitude a >= 0, in units of the weights.

    Raises:
        UnknownNameError: a kind that does not exist.
        UnknownLayerError: when applied, if nothing is selected.

    Source:
        Paper 1, section 3.2 (uniform) and A.4 (normal).

    Example:
        >>> import jax, jax.numpy as jnp
        >>> noise().apply(jax.random.key(0), {"kernel": jnp.zeros((2, 2))}, (), 1.0)["kernel"].tolist()
        [[0.0, 0.0], [0.0, 0.0]]
    """
    if kind not in get_args(Kind):
        raise UnknownNameError("kind of noise", kind, get_args(Kind))

    sample = functools.partial(jax.random.uniform, minval=-1, maxval=1) if kind == "uniform" else jax.random.normal

    def apply(key: jax.Array, params: Params, state: tuple[()], level: jax.Array) -> Params:
        leaves, rebuild = pick(params, select)
        keys = leaf_keys(key, leaves)
        noisy = {i: (w + level * sample(keys[i], w.shape, _wide(w))).astype(w.dtype) for i, w in leaves.items()}
        return rebuild({i: jnp.where(w != 0, noisy[i], 0) for i, w in leaves.items()})

    return Probe(lambda params: (), apply, Level(f"amplitude of {kind} noise", "weight", 0, grid=AMPLITUDES))


def multiplicative_noise(fraction: float, *, scope: Scope = "layer", select: Select = None) -> Probe:
    """Multiply the smallest weights by uniform noise: w <- w x, x ~ U(-a, a), where rank(w) < int(fraction N).

    Args:
        fraction: part of the weights perturbed, smallest magnitudes first, in [0, 1].
        scope: "layer" ranks the N weights of each leaf apart; "global" ranks all selected weights together.
        select: which leaves; default: every leaf of two or more dimensions.

    Returns:
        A probe whose level is the amplitude a >= 0, a pure number.

    Raises:
        LevelError: the fraction is not in [0, 1].
        UnknownNameError: a scope that does not exist.
        UnknownLayerError: when applied, if nothing is selected.

    Source:
        Paper 1, section A.6 (figure 18).

    Example:
        >>> import jax, jax.numpy as jnp
        >>> probe, params = multiplicative_noise(0.5), {"kernel": jnp.array([[3.0, -1.0], [0.5, -2.0]])}
        >>> abs(probe.apply(jax.random.key(0), params, probe.init(params), 0.0)["kernel"]).tolist()
        [[3.0, 0.0], [0.0, 2.0]]
    """
    if not 0 <= fraction <= 1:
        raise LevelError("fraction of weights perturbed", fraction, 0, 1)
    ranked = ranking("smallest", scope, select)

    def apply(key: jax.Array, params: Params, state: Ranks, level: jax.Array) -> Params:
        leaves, rebuild = pick(params, select)
        totals, keys = ranked.totals(params), leaf_keys(key, leaves)

        def perturb(i: int, w: jax.Array) -> jax.Array:
            x = level * jax.random.uniform(keys[i], w.shape, _wide(w), -1, 1)
            return jnp.where(state[i] < count(jnp.asarray(fraction), totals[i]), (w * x).astype(w.dtype), w)

        return rebuild({i: perturb(i, w) for i, w in leaves.items()})

    grid = tuple(np.linspace(0, 10, 21).tolist())
    return Probe(ranked.init, apply, Level("amplitude of multiplicative noise", "1", 0, grid=grid))


def _wide(w: jax.Array) -> jnp.dtype:
    """Type to draw noise for w in: a draw in half precision has few distinct values, and its mean is off zero."""
    return jnp.promote_types(w.dtype, jnp.float32)
