"""A metric of networks under a probe: one evaluation, batched over networks, levels, draws and signs."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jax.extend import core
from jax.sharding import Mesh

from jprobe.engine.hoisting import hoist
from jprobe.engine.nested import Walk, nested_levels
from jprobe.engine.perturbing import Axes, Perturbed, perturbation
from jprobe.engine.products import Product, find, shortcuts, shortened
from jprobe.errors import ShapeError
from jprobe.probes import Probe
from jprobe.programs.holding import nbytes
from jprobe.programs.program import Program, capture, evaluate
from jprobe.programs.sharing import shared
from jprobe.sharding import compiled
from jprobe.typing import Metric, Params

# Perturbations are half of what a study compiles. With fewer of LLVM's passes they compile in half the time and run as fast:
# what they do is drawing, hashing, comparing, which XLA has made vectors of before.
QUICK = {"xla_backend_optimization_level": 1}


class Evaluation(NamedTuple):
    """What a sweep runs: compiled functions, and what it needs to know of them.

    S networks, L levels, R draws and F values of an evaluation: 1, or 2 where signs are measured too.

    Attributes:
        init: params [S, ...] -> the probe's state.
        prepare: params [S, ...] -> hoisted: what the metric computes from weights that neither level nor draw changes.
        perturb: (params, state, keys [S, L, R], levels [L]) -> Perturbed, each leaf [S, L, R, ...] or fewer axes.
        measure: (hoisted, perturbed) -> F arrays of values [S, L, R], with 1 for L or R where nothing varies over it.
        walk: the same for all levels of one network in one go, where the levels are nested; None where they are not, or
            where that is no gain.
        hoisted_by_network: whether ``prepare`` gives anything; otherwise once is enough.
        reads_level: whether the perturbed weights depend on the level.
        values: F.
        each: bytes that one evaluation holds.
        once: bytes that a network holds beside its evaluations.

    Example:
        >>> import jax.numpy as jnp
        >>> from jprobe.probes import prune
        >>> shapes = {"kernel": jax.ShapeDtypeStruct((4, 2), jnp.float32)}
        >>> found = plan(prune(), lambda p: p["kernel"].sum(), shapes, levels=3, key=jax.random.key(0))
        >>> found.reads_level, found.hoisted_by_network, found.each
        (True, False, 36)
    """

    init: Callable[[Params], Any]
    prepare: Callable[[Params], list[Any]]
    perturb: Callable[[Params, Any, jax.Array, jax.Array], Perturbed]
    measure: Callable[[list[Any], Perturbed], list[jax.Array]]
    walk: Walk | None
    hoisted_by_network: bool
    reads_level: bool
    values: int
    each: int
    once: int


def plan(
    probe: Probe,
    metric: Metric,
    network: Params,
    *,
    levels: int,
    key: jax.Array,
    signs: Probe | None = None,
    mesh: Mesh | None = None,
) -> Evaluation:
    """Trace a probe and a metric once each, and batch them.

    Leaves that the probe does not touch stay unbatched over levels and draws, and what the metric computes from them
    alone is hoisted. A perturbation and its measurement are compiled apart: fused into one, XLA's CPU backend computes
    thresholds and draws anew for every element, in an order that suits the matrix product, and takes a tenth longer.
    Perturbed weights and their signs are measured apart, for products of signs may be had for less.

    Args:
        probe: the perturbation.
        metric: weights of one network -> scalar.
        network: shapes of one network's weights, a pytree of ``jax.ShapeDtypeStruct``.
        levels: how many levels there are.
        key: a random key of the kind that draws are made with.
        signs: measure each perturbed network a second time, after this probe.
        mesh: spread the networks over its devices.

    Raises:
        ShapeError: the metric's result is not a scalar, or the probe changes a leaf's shape or dtype.

    Example:
        >>> import jax.numpy as jnp
        >>> from jprobe.probes import prune
        >>> shapes = {"kernel": jax.ShapeDtypeStruct((4, 2), jnp.float32)}
        >>> found = plan(prune(), lambda p: p["kernel"].sum(), shapes, levels=3, key=jax.random.key(0))
        >>> found.reads_level, found.hoisted_by_network, found.each
        (True, False, 36)
    """
    made = perturbation(probe, signs, network, key)
    # Where the caller leaves it open, float32 means float32: GPUs and TPUs would round the factors of a product.
    with jax.default_matmul_precision(jax.config.values["jax_default_matmul_precision"] or "float32"):
        measure = capture(metric, network)
    if getattr(measure.shape, "shape", None) != ():
        raise ShapeError(f"A metric must return one scalar, not {measure.shape}.")

    # A leaf that changes without a level or a draw, such as a binarized one, is not the metric's to hoist either:
    # the weights that come in are those before the probe.
    varying = [a or b for a, b in zip(made.changed, made.signed, strict=True)]
    parts = hoist(measure, varying)
    found, over = find(parts), made.axes
    weights = sum(nbytes(w) for w, varies in zip(jax.tree.leaves(network), varying, strict=True) if varies)
    # What is computed of perturbed weights and of their signs, which is one program where nothing about it differs.
    views = [[False] * len(varying), made.signed][: 1 if signs is None else 2]
    whole = [[False] * len(varying), made.whole]
    runs = [
        shared(
            measured, parts.rest, found.products, shortened(found, only), tuple(over.levels.leaves(view)),
            tuple(over.repeats.leaves(view)), mesh,
        )
        for view, only in zip(views, whole, strict=False)
    ]  # fmt: skip

    def measure_all(hoisted: list[Any], given: Perturbed) -> list[jax.Array]:
        return [
            run(parts.fixed, found.data, hoisted, given.leaves(view)) for run, view in zip(runs, views, strict=True)
        ]

    init_all = shared(initialized, made.init.code, mesh)
    prepare_all = shared(prepared, parts.first, mesh) if parts.owned else lambda *_: []
    perturb_all = shared(perturbed, made.both.code, over, mesh)
    return Evaluation(
        init=lambda params: init_all(made.init.consts, params),
        prepare=lambda params: prepare_all(measure.consts, jax.tree.leaves(params)),
        perturb=lambda params, state, keys, levels: perturb_all(made.both.consts, params, state, keys, levels),
        measure=measure_all,
        walk=None if mesh is not None else nested_levels(probe, network, made, measure, parts, found, levels, key),
        hoisted_by_network=parts.owned > 0,
        reads_level=made.reads_level,
        values=len(runs),
        each=parts.peak + len(runs) * weights,
        once=parts.held,
    )


# What is compiled. The name of each innermost function is the one under which JAX logs that it compiles it.


def initialized(init: Program, mesh: Mesh | None) -> Callable[..., Any]:
    """(consts, params [S, ...]) -> the probe's state for each network."""

    def init_probe(consts, params):  # type: ignore[no-untyped-def]
        return init(consts, params)

    return compiled(jax.vmap(init_probe, in_axes=(None, 0)), (False, True), mesh)


def perturbed(both: Program, over: Axes, mesh: Mesh | None) -> Callable[..., Any]:
    """(consts, params [S, ...], state, keys [S, L, R], levels) -> Perturbed, each leaf [S, L, R, ...] or fewer."""

    def perturb_network(consts, params, state, key, level):  # type: ignore[no-untyped-def]
        return both(consts, key, params, state, level)

    repeats = jax.vmap(perturb_network, in_axes=(None, None, None, 0, None), out_axes=over.repeats)
    levels = jax.vmap(repeats, in_axes=(None, None, None, 0, 0), out_axes=over.levels)
    networks = jax.vmap(levels, in_axes=(None, 0, 0, 0, None))
    return compiled(
        networks, (False, True, True, True, False), mesh, options=QUICK if jax.default_backend() == "cpu" else None
    )


def prepared(first: core.Jaxpr, mesh: Mesh | None) -> Callable[..., list[Any]]:
    """(consts, leaves of params [S, ...]) -> hoisted values [S, ...]."""

    def prepare_metric(consts, leaves):  # type: ignore[no-untyped-def]
        return evaluate(first, consts, leaves)

    return compiled(jax.vmap(prepare_metric, in_axes=(None, 0)), (False, True), mesh)


def measured(
    rest: core.Jaxpr,
    products: tuple[Product, ...],
    chosen: tuple[bool | None, ...],
    levels: tuple[int | None, ...],
    repeats: tuple[int | None, ...],
    mesh: Mesh | None,
) -> Callable[..., jax.Array]:
    """(fixed, data, hoisted [S, ...], leaves) -> [S, L, R] values, from leaves over the axes that each has."""

    def measure_network(fixed, data, hoisted, leaves):  # type: ignore[no-untyped-def]
        return evaluate(rest, fixed, [*hoisted, *leaves], shortcuts(products, data, chosen))[0]

    by_level = _over(_over(measure_network, list(repeats)), list(levels))
    networks = jax.vmap(by_level, in_axes=(None, None, 0, 0))
    return compiled(networks, (False, False, True, True), mesh, everywhere=True)


def _over(fn: Callable[..., jax.Array], axes: list[Any]) -> Callable[..., jax.Array]:
    """A function of (..., leaves) over one more axis of some leaves; one place in the result where no leaf has it."""
    if any(axis is not None for axis in axes):
        return jax.vmap(fn, in_axes=(None, None, None, axes))

    @functools.wraps(fn)
    def once(*args: Any) -> jax.Array:
        return fn(*args)[None]

    return once
