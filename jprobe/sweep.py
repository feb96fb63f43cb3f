"""The one batched engine: seeds x levels x repeats x signed, in one compilation."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax.extend import core
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from numpy.typing import ArrayLike

from jprobe.errors import ArgumentError, ShapeError, WeightsError
from jprobe.memory import peak_bytes
from jprobe.probes import Probe, binarize, leaf_paths
from jprobe.typing import Metric, Params

DIMS = ("seed", "level", "repeat", "signed")

# On a CPU a chunk should stay in the last-level cache; larger ones run at three quarters of the speed.
CPU_BUDGET = 48 * 2**20

Progress = Callable[[float], None]


def sweep(
    probe: Probe,
    params: Params,
    levels: ArrayLike | Metric | None = None,
    metric: Metric | None = None,
    *,
    key: jax.Array | None = None,
    signed: bool | Probe = False,
    repeats: int = 1,
    mesh: Mesh | None = None,
    memory: int | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Measure networks under a probe: metric(apply(key, params, init(params), level)) for all seeds, levels, repeats.

    The whole sweep is traced and compiled once and runs in chunks that fit a memory budget. The random key of an
    evaluation is folded from its seed, the value of its level and its repeat, so a number does not depend on
    which others are computed beside it, in what order, in what chunks or on how many devices. Leaves that the
    probe does not touch stay unbatched, so what the metric computes from them alone is computed once.

    Args:
        probe: from :mod:`jprobe.probes`, or your own pair of functions.
        params: weights of S networks, every leaf [S, ...]; :func:`stack` makes that of one network or several.
        levels: [L] levels in the probe's range. Default: the probe's own grid; ``sweep(probe, params, metric)``
            leaves them out. Equal levels get equal draws; ask for ``repeats`` instead.
        metric: function of one network's weights that returns a scalar, such as ``metrics.accuracy(model, task)``.
        key: JAX random key; default ``jax.random.key(0)``.
        signed: True measures each perturbed network twice, as it is and with all weights and biases replaced by
            their signs. A probe is used in the place of those signs, to binarize some leaves only.
        repeats: R, independent draws at each seed and level.
        mesh: spread the networks over all devices of this mesh.
        memory: bytes that one chunk's intermediate values may take on each device. Default: half of the
            device's memory, 48 MiB on a CPU, where it is the cache that counts.
        progress: called after each chunk with the fraction of the sweep that is done.

    Returns:
        xarray Dataset with one variable, named after the metric, of dims (seed S, level L, repeat R,
        signed 1 or 2), and coordinates with units.

    Raises:
        LevelError: a level out of the probe's range.
        WeightsError: weights that are NaN, infinite, or without a common leading axis.
        UnknownLayerError: the probe selects no leaf.
        ShapeError: the metric's result is not a scalar.
        ArgumentError: no metric, no level, no repeat.

    Example:
        >>> import jax, jax.numpy as jnp, jprobe as jp
        >>> params = {"kernel": jax.random.normal(jax.random.key(1), (3, 8, 4))}          # S = 3 networks
        >>> density = lambda p: (p["kernel"] != 0).mean()
        >>> jp.sweep(jp.probes.prune(), params, [0.0, 0.5], density).metric.mean("seed").values.ravel().tolist()
        [1.0, 0.5]
    """
    if metric is None and callable(levels):
        levels, metric = None, levels
    if metric is None:
        raise ArgumentError("sweep() needs a metric: a function of one network's weights that returns a scalar.")
    if repeats < 1:
        raise ArgumentError(f"repeats must be 1 or more, not {repeats}.")
    grid = np.atleast_1d(np.asarray(probe.level.grid if levels is None else levels, float))
    if grid.ndim != 1 or not grid.size:
        raise ArgumentError(f"levels must be one number or a list of one or more, not an array of shape {grid.shape}.")
    probe.level.check(grid.tolist())
    seeds = _check_weights(params)
    network = jax.tree.map(lambda w: jax.ShapeDtypeStruct(w.shape[1:], w.dtype), params)
    traced = _trace(metric, network)

    flags = (False, True) if signed else (False,)
    sign = signed if isinstance(signed, Probe) else binarize()
    evaluate = _evaluation(probe, sign, traced, len(flags) > 1)
    chunk = _plan(
        (seeds, len(grid), repeats),
        devices=1 if mesh is None else mesh.size,
        each=len(flags) * (peak_bytes(traced.jaxpr) + sum(_nbytes(w) for w in jax.tree.leaves(network))),
        budget=memory or _budget(),
    )
    init, run = _compiled(probe.init, evaluate, mesh)
    root = jax.random.key(0) if key is None else key
    values = np.empty((seeds, len(grid), repeats, len(flags)), np.float32)
    total, pending = seeds * len(grid) * repeats, None

    def collect(out: jax.Array, where: tuple[slice, slice, slice], done: int) -> None:
        part = values[where]
        part[...] = np.asarray(out)[tuple(map(slice, part.shape))]
        if progress is not None:
            progress(done / total)

    for s in range(0, seeds, chunk[0]):
        seed_ids, nets = _window(s, chunk[0], seeds)
        these = jax.tree.map(lambda w, i=seed_ids: jnp.asarray(w)[i], params)
        state = init(these)
        for n in range(0, len(grid), chunk[1]):
            level_ids, here = _window(n, chunk[1], len(grid))
            level = jnp.asarray(grid[level_ids], jnp.float32)
            for r in range(0, repeats, chunk[2]):
                repeat_ids, draws = _window(r, chunk[2], repeats)
                keys = _keys(root, jnp.asarray(seed_ids), level, jnp.asarray(repeat_ids))
                out = run(traced.consts, these, state, keys, level, jnp.asarray(flags))
                # A chunk is fetched when the next is under way, so that the device never waits for Python.
                if pending is not None:
                    collect(*pending)
                done = s * len(grid) * repeats + nets * (n * repeats + here * (r + draws))
                pending = out, (slice(s, s + nets), slice(n, n + here), slice(r, r + draws)), done
    if pending is not None:
        collect(*pending)
    return _label(values, grid, flags, probe, metric)


def stack(*networks: Params) -> Params:
    """Put networks of one architecture on a leading seed axis, as :func:`sweep` wants them.

    Args:
        networks: one or more pytrees with the same structure, shapes and dtypes.

    Returns:
        Pytree whose leaves are [S, ...], S the number of networks.

    Raises:
        WeightsError: the networks differ in structure or shape.

    Example:
        >>> import jax.numpy as jnp
        >>> stack({"kernel": jnp.ones((2, 3))})["kernel"].shape
        (1, 2, 3)
    """
    try:
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *networks)
    except (ValueError, TypeError) as error:
        raise WeightsError(f"These networks do not stack; they must agree in structure and shapes: {error}") from error


class _Traced(NamedTuple):
    """A metric after its one trace, its data apart from its code so that they are passed, not compiled in."""

    jaxpr: core.Jaxpr
    consts: list[Any]

    def __call__(self, consts: list[Any], params: Params) -> jax.Array:
        return core.jaxpr_as_fun(core.ClosedJaxpr(self.jaxpr, consts))(*jax.tree.leaves(params))[0]


def _trace(metric: Metric, network: Params) -> _Traced:
    closed, shape = jax.make_jaxpr(metric, return_shape=True)(network)
    if getattr(shape, "shape", None) != ():
        raise ShapeError(f"A metric must return one scalar; {_name(metric)} returned {shape}.")
    return _Traced(closed.jaxpr, closed.consts)


def _evaluation(probe: Probe, sign: Probe, metric: _Traced, signed: bool) -> Callable[..., jax.Array]:
    """[S, L, R, signed] values from weights [S, ...]: four nested vmaps over one evaluation."""

    def one(consts, params, state, key, level, flag):  # type: ignore[no-untyped-def]
        out = probe.apply(key, params, state, level)
        if signed:
            signs = sign.apply(key, out, sign.init(out), level)
            # A leaf that the binarization leaves alone must not be batched over the flag.
            out = jax.tree.map(lambda w, s: w if s is w else jnp.where(flag, s, w), out, signs)
        return metric(consts, out)

    for axes in (
        (None, None, None, None, None, 0),  # signed
        (None, None, None, 0, None, None),  # repeats
        (None, None, None, 0, 0, None),  # levels
        (None, 0, 0, 0, None, None),  # seeds
    ):
        one = jax.vmap(one, in_axes=axes)
    return one


@jax.jit
def _keys(key: jax.Array, seeds: jax.Array, levels: jax.Array, repeats: jax.Array) -> jax.Array:
    """Random keys [S, L, R], compiled once for all sweeps with chunks of this shape.

    Folding the level's value, not its place in the grid, makes a draw independent of the other levels.
    """
    fold = jax.random.fold_in
    key = jax.vmap(lambda n: fold(key, n))(seeds)[:, None, None]
    for numbers in (jax.lax.bitcast_convert_type(levels, jnp.int32)[:, None], repeats):
        shape = jnp.broadcast_shapes(key.shape, numbers.shape)
        pairs = jnp.broadcast_to(key, shape).reshape(-1), jnp.broadcast_to(numbers, shape).reshape(-1)
        key = jax.vmap(fold)(*pairs).reshape(shape)
    return key


def _compiled(init: Callable[..., Any], evaluate: Callable[..., jax.Array], mesh: Mesh | None) -> tuple[Any, Any]:
    init = jax.vmap(init)
    if mesh is None:
        return jax.jit(init), jax.jit(evaluate)
    every, seeds = PartitionSpec(), PartitionSpec(mesh.axis_names)
    specs = (every, seeds, seeds, seeds, every, every)
    # The metric was traced outside, where nothing varies over devices, so that check has nothing to go by.
    shard = functools.partial(jax.shard_map, mesh=mesh, out_specs=seeds, check_vma=False)
    # Every process of a pod gets all results: each writes the same Dataset.
    everywhere = NamedSharding(mesh, every)
    return (
        jax.jit(shard(init, in_specs=seeds)),
        jax.jit(shard(evaluate, in_specs=specs), out_shardings=everywhere),
    )


def _plan(shape: tuple[int, int, int], devices: int, each: int, budget: int) -> tuple[int, int, int]:
    """Networks, levels and repeats of one chunk: whole networks if they fit, so that init is done once for each."""
    seeds, levels, repeats = shape
    fit = max(1, budget // max(each, 1))
    repeats_each = min(repeats, fit)
    levels_each = min(levels, max(1, fit // repeats))
    nets = min(math.ceil(seeds / devices), max(1, fit // (levels * repeats)))
    nets_each = devices * _even(math.ceil(seeds / devices), nets)
    return nets_each, _even(levels, levels_each), _even(repeats, repeats_each)


def _even(total: int, most: int) -> int:
    """Chunk size, between half of ``most`` and all of it, that pads the last chunk least."""
    return min(range((most + 1) // 2, most + 1), key=lambda size: (math.ceil(total / size) * size, -size))


def _window(start: int, size: int, total: int) -> tuple[np.ndarray, int]:
    """Indices of one chunk, padded with the last index, and how many of them are real."""
    return np.minimum(np.arange(start, start + size), total - 1), min(size, total - start)


def _budget() -> int:
    device = jax.local_devices()[0]
    limit = (device.memory_stats() or {}).get("bytes_limit") if device.platform != "cpu" else None
    return limit // 2 if limit else CPU_BUDGET


def _check_weights(params: Params) -> int:
    leaves = jax.tree.leaves(params)
    if not leaves:
        raise WeightsError("These params hold no arrays.")
    sizes = {np.shape(w)[:1] for w in leaves}
    if len(sizes) != 1 or sizes == {()}:
        raise WeightsError(
            "Every leaf of params must begin with the same seed axis [S, ...]. For one network, or a list of "
            "networks: jp.stack(network, ...)."
        )
    bad = [
        path
        for path, w in zip(
            leaf_paths(params), (w for w in leaves if jnp.issubdtype(w.dtype, jnp.floating)), strict=True
        )
        if not bool(jnp.isfinite(w).all())
    ]
    if bad:
        raise WeightsError(
            f"These weights hold NaN or infinity: {', '.join(bad)}. The training diverged, or the checkpoint is "
            "damaged; leave such networks out."
        )
    return sizes.pop()[0]


def _label(values: np.ndarray, grid: np.ndarray, flags: Sequence[bool], probe: Probe, metric: Metric) -> xr.Dataset:
    name = _name(metric)
    coords = {
        "seed": ("seed", np.arange(values.shape[0]), {"long_name": "network"}),
        "level": ("level", grid, {"long_name": probe.level.name, "units": probe.level.unit}),
        "repeat": ("repeat", np.arange(values.shape[2]), {"long_name": "draw"}),
        "signed": ("signed", np.asarray(flags), {"long_name": "weights replaced by their signs"}),
    }
    return xr.Dataset({name: (DIMS, values, {"long_name": name, "units": "1"})}, coords)


def _name(metric: Metric) -> str:
    name = getattr(metric, "__name__", "metric")
    return name if name.isidentifier() else "metric"


def _nbytes(w: jax.ShapeDtypeStruct) -> int:
    return math.prod(w.shape) * w.dtype.itemsize
