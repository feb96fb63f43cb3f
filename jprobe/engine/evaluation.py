"""A metric of networks under a probe: one evaluation, batched over networks, levels, draws and signs."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from jprobe.engine.dependence import dependents, replaced
from jprobe.engine.hoisting import Hoisted, hoist
from jprobe.engine.memory import nbytes
from jprobe.engine.program import Program, capture
from jprobe.errors import ShapeError
from jprobe.paths import leaves_by_path
from jprobe.probes import Probe
from jprobe.sharding import compiled
from jprobe.typing import Metric, Params


class Evaluation(NamedTuple):
    """What a sweep runs: four compiled functions, and what it needs to know of them.

    S networks, L levels, R draws and F values of an evaluation: 1, or 2 where signs are measured too.

    Attributes:
        init: params [S, ...] -> the probe's state.
        prepare: params [S, ...] -> hoisted: what the metric computes from weights that neither level nor draw changes.
        perturb: (params, state, keys [S, L, R], levels [L]) -> weights, [S, L, R, ...] or fewer axes.
        measure: (hoisted, weights, keys, levels) -> values [S, L, R, F].
        hoisted_by_network: whether ``prepare`` gives anything that depends on the networks; otherwise once is enough.
        reads_level: whether the perturbed weights depend on the level.
        each: bytes that one evaluation holds.
        once: bytes that a network holds beside its evaluations.

    Example:
        >>> from jprobe.probes import prune
        >>> shapes = {"kernel": jax.ShapeDtypeStruct((4, 2), jnp.float32)}
        >>> found = plan(prune(), lambda p: p["kernel"].sum(), shapes, key=jax.random.key(0))
        >>> found.reads_level, found.hoisted_by_network, found.each
        (True, False, 36)
    """

    init: Callable[[Params], Any]
    prepare: Callable[[Params], list[Any]]
    perturb: Callable[[Params, Any, jax.Array, jax.Array], Params]
    measure: Callable[[list[Any], Params, jax.Array, jax.Array], jax.Array]
    hoisted_by_network: bool
    reads_level: bool
    each: int
    once: int


def plan(
    probe: Probe,
    metric: Metric,
    network: Params,
    *,
    key: jax.Array,
    signs: Probe | None = None,
    mesh: Mesh | None = None,
) -> Evaluation:
    """Trace a probe and a metric once each, and batch them.

    Leaves that the probe does not touch stay unbatched over levels and draws, and what the metric computes from them
    alone is hoisted. A perturbation and its measurement are compiled apart: fused into one, XLA's CPU backend computes
    thresholds and draws anew for every element, in an order that suits the matrix product, and takes a tenth longer.

    Args:
        probe: the perturbation.
        metric: weights of one network -> scalar.
        network: shapes of one network's weights, a pytree of ``jax.ShapeDtypeStruct``.
        key: a random key of the kind that draws are made with.
        signs: measure each perturbed network a second time, after this probe.
        mesh: spread the networks over its devices.

    Raises:
        ShapeError: the metric's result is not a scalar, or the probe changes a leaf's shape or dtype.

    Example:
        >>> from jprobe.probes import prune
        >>> shapes = {"kernel": jax.ShapeDtypeStruct((4, 2), jnp.float32)}
        >>> found = plan(prune(), lambda p: p["kernel"].sum(), shapes, key=jax.random.key(0))
        >>> found.reads_level, found.hoisted_by_network, found.each
        (True, False, 36)
    """
    level = jnp.float32(0)
    init = capture(probe.init, network)
    apply = capture(probe.apply, key, network, init.shape, level)
    measure = capture(metric, network)
    sign = None if signs is None else _signing(signs, key, network, level)
    _check(apply, measure, network)

    over = _axes(apply, network)
    # A leaf that changes without a level or a draw, such as a binarized one, is not the metric's to hoist either:
    # the weights that come in are those before the probe.
    changes = replaced(apply.jaxpr, first=1)
    if sign is not None:
        changes = [a or b for a, b in zip(changes, replaced(sign.jaxpr, first=1), strict=True)]
    parts = hoist(measure, changes)
    flags = jnp.asarray([False] if sign is None else [False, True])
    weights = sum(nbytes(w) for w, changed in zip(jax.tree.leaves(network), changes, strict=True) if changed)

    # Which arguments and results lead with the networks, in the order of each function's.
    init_all = compiled(_initialized(init), (False, True), mesh)
    prepare_all = compiled(_prepared(parts), (False, True), mesh, parts.own)
    perturb_all = compiled(_perturbed(apply, over), (False, True, True, True, False), mesh)
    measure_all = compiled(
        _measured(parts, sign, over),
        (False, False, parts.own, True, True, False, False),
        mesh,
        everywhere=True,
    )
    sign_consts = [] if sign is None else sign.consts
    return Evaluation(
        init=lambda params: init_all(init.consts, params),
        prepare=lambda params: prepare_all(measure.consts, params),
        perturb=lambda params, state, keys, levels: perturb_all(apply.consts, params, state, keys, levels),
        measure=lambda hoisted, weights, keys, levels: measure_all(
            measure.consts, sign_consts, hoisted, weights, keys, levels, flags
        ),
        hoisted_by_network=any(parts.own),
        reads_level=any(dependents(apply.jaxpr, _only_last(apply))),
        each=flags.size * (parts.peak + weights),
        once=parts.held,
    )


class Axes(NamedTuple):
    """Over which axes each leaf of the perturbed weights varies: 0 (it does) or None (it stays unbatched)."""

    levels: Params
    repeats: Params


def _axes(apply: Program, network: Params) -> Axes:
    """A leaf varies over levels and repeats if it depends on the draw, over levels alone if only on the level."""
    draw = [n == 0 for n in range(len(apply.jaxpr.invars))]
    either = [a or b for a, b in zip(draw, _only_last(apply), strict=True)]
    tree = jax.tree.structure(network)
    levels, repeats = (
        jax.tree.unflatten(tree, [0 if varies else None for varies in dependents(apply.jaxpr, inputs)])
        for inputs in (either, draw)
    )
    return Axes(levels, repeats)


def _only_last(program: Program) -> list[bool]:
    """Choose the last input: of a probe's ``apply``, the level."""
    return [*[False] * (len(program.jaxpr.invars) - 1), True]


def _signing(signs: Probe, key: jax.Array, network: Params, level: jax.Array) -> Program:
    """A probe with its ``init`` as one program of (key, weights, level): the weights that it sees are perturbed ones."""
    return capture(lambda key, w, level: signs.apply(key, w, signs.init(w), level), key, network, level)


# The name of each innermost function is the one under which JAX logs that it compiles it.


def _initialized(init: Program) -> Callable[..., Any]:
    """The probe's state for each network."""

    def init_probe(consts, params):  # type: ignore[no-untyped-def]
        return init(consts, params)

    return jax.vmap(init_probe, in_axes=(None, 0))


def _perturbed(apply: Program, over: Axes) -> Callable[..., Params]:
    """Perturbed weights, each leaf [S, L, R, ...] or fewer, from weights [S, ...]: three nested vmaps."""

    def perturb_network(consts, params, state, key, level):  # type: ignore[no-untyped-def]
        return apply(consts, key, params, state, level)

    repeats = jax.vmap(perturb_network, in_axes=(None, None, None, 0, None), out_axes=over.repeats)
    levels = jax.vmap(repeats, in_axes=(None, None, None, 0, 0), out_axes=over.levels)
    return jax.vmap(levels, in_axes=(None, 0, 0, 0, None))


def _prepared(metric: Hoisted) -> Callable[..., list[Any]]:
    """Hoisted values, those that depend on the networks [S, ...]."""

    def prepare_metric(consts, params):  # type: ignore[no-untyped-def]
        return metric.before(consts, params)

    return jax.vmap(prepare_metric, in_axes=(None, 0), out_axes=_leading(metric.own))


def _measured(metric: Hoisted, sign: Program | None, over: Axes) -> Callable[..., jax.Array]:
    """[S, L, R, F] values from perturbed weights: four nested vmaps over one evaluation."""

    def measure_network(consts, sign_consts, hoisted, weights, key, level, flag):  # type: ignore[no-untyped-def]
        if sign is not None:
            leaves, tree = jax.tree.flatten(weights)
            signed = jax.tree.leaves(sign(sign_consts, key, weights, level))
            # A leaf that the signs leave alone must not be batched over the flag.
            changes = zip(leaves, signed, replaced(sign.jaxpr, first=1), strict=True)
            weights = tree.unflatten([jnp.where(flag, s, w) if changed else w for w, s, changed in changes])
        return metric.after(consts, hoisted, weights)

    flags = jax.vmap(measure_network, in_axes=(None, None, None, None, None, None, 0))
    repeats = jax.vmap(flags, in_axes=(None, None, None, over.repeats, 0, None, None))
    levels = jax.vmap(repeats, in_axes=(None, None, None, over.levels, 0, 0, None))
    return jax.vmap(levels, in_axes=(None, None, _leading(metric.own), 0, 0, None, None))


def _leading(own: Sequence[bool]) -> list[int | None]:
    return [0 if depends else None for depends in own]


def _check(apply: Program, measure: Program, network: Params) -> None:
    if getattr(measure.shape, "shape", None) != ():
        raise ShapeError(f"A metric must return one scalar, not {measure.shape}.")
    given, found = (
        {path: f"{leaf.dtype} {leaf.shape}" for path, _, leaf in leaves_by_path(tree)}
        for tree in (network, apply.shape)
    )
    changed = [f"{p} from {given.get(p)} to {found.get(p)}" for p in given | found if given.get(p) != found.get(p)]
    if changed:
        raise ShapeError(
            f"A probe's apply must keep every leaf's shape and dtype; this one changes {', '.join(changed)}."
        )
