"""What a sweep compiles: one evaluation of a network, batched over networks, levels, draws and signs."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jprobe.probes import Probe
from jprobe.tracing import Split, Traced, dependents, trace
from jprobe.typing import Params


class Axes(NamedTuple):
    """Over which axes each leaf of the perturbed weights varies: 0 (it does) or None (it stays unbatched)."""

    levels: Params
    repeats: Params


def axes(applied: Traced, network: Params) -> tuple[Axes, list[bool]]:
    """The axes, and whether each leaf varies at all: a draw does over levels and repeats, the level over levels."""
    rest = len(applied.jaxpr.invars) - 2
    draws = dependents(applied.jaxpr, [True, *[False] * rest, False])
    either = dependents(applied.jaxpr, [True, *[False] * rest, True])
    tree = jax.tree.structure(network)
    over = (jax.tree.unflatten(tree, [0 if varies else None for varies in some]) for some in (either, draws))
    # A leaf that the probe changes without a level or a draw, such as a binarized one, is not the metric's to hoist:
    # the weights that come in are those before the probe.
    different = [out is not into for out, into in zip(applied.jaxpr.outvars, applied.jaxpr.invars[1:], strict=False)]
    return Axes(*over), different


# A perturbation and its measurement are compiled apart: fused into one, XLA's CPU backend computes thresholds and
# draws anew for every element, in an order that suits the matrix product, and takes a tenth longer.


def perturbation(applied: Traced, over: Axes) -> Callable[..., Params]:
    """Perturbed weights, each leaf [S, L, R, ...] or fewer, from weights [S, ...]: three nested vmaps."""

    def one(consts, params, state, key, level):  # type: ignore[no-untyped-def]
        return applied(consts, key, params, state, level)

    repeats = jax.vmap(one, in_axes=(None, None, None, 0, None), out_axes=over.repeats)
    levels = jax.vmap(repeats, in_axes=(None, None, None, 0, 0), out_axes=over.levels)
    return jax.vmap(levels, in_axes=(None, 0, 0, 0, None))


def preparation(metric: Split) -> Callable[..., list[Any]]:
    """What the metric computes from weights that no level changes, [S, ...] each, and from its data alone."""
    return jax.vmap(metric.before, in_axes=(None, 0), out_axes=_leading(metric))


def _leading(metric: Split) -> list[int | None]:
    return [0 if matter else None for matter in metric.inputs_matter]


def changed(sign: Probe, key: jax.Array, network: Params) -> list[bool]:
    """Which leaves the binarization changes: those that do not come out as they went in."""
    traced = trace(lambda key, params: sign.apply(key, params, sign.init(params), jnp.float32(0)), key, network)
    # The key comes first among the inputs.
    return [out is not into for out, into in zip(traced.jaxpr.outvars, traced.jaxpr.invars[1:], strict=True)]


def measurement(metric: Split, sign: Probe | None, over: Axes) -> Callable[..., jax.Array]:
    """[S, L, R, signed] values from perturbed weights: four nested vmaps over one evaluation."""

    def one(consts, hoisted, weights, key, level, flag):  # type: ignore[no-untyped-def]
        if sign is not None:
            signs = sign.apply(key, weights, sign.init(weights), level)
            # A leaf that the binarization leaves alone must not be batched over the flag.
            weights = jax.tree.map(lambda w, s: w if s is w else jnp.where(flag, s, w), weights, signs)
        return metric.after(consts, hoisted, weights)

    flags = jax.vmap(one, in_axes=(None, None, None, None, None, 0))
    repeats = jax.vmap(flags, in_axes=(None, None, over.repeats, 0, None, None))
    levels = jax.vmap(repeats, in_axes=(None, None, over.levels, 0, 0, None))
    return jax.vmap(levels, in_axes=(None, _leading(metric), 0, 0, None, None))
