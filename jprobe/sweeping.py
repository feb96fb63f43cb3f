"""The one batched engine: seeds x levels x repeats x signed, in one compilation."""

import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax.sharding import Mesh
from numpy.typing import ArrayLike

from jprobe.errors import ArgumentError, ShapeError, WeightsError
from jprobe.evaluation import axes, changed, measurement, perturbation, preparation
from jprobe.probes import Probe, binarize, leaf_paths
from jprobe.sharding import compiled
from jprobe.tracing import split, trace
from jprobe.typing import Metric, Params

DIMS = ("seed", "level", "repeat", "signed")

# On a CPU a chunk should stay in the last-level cache; larger ones run at three quarters of the speed.
CPU_BUDGET = 64 * 2**20

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
            device's memory, 64 MiB on a CPU, where it is the cache that counts.
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
    measured = trace(metric, network)
    if getattr(measured.shape, "shape", None) != ():
        raise ShapeError(f"A metric must return one scalar; {_name(metric)} returned {measured.shape}.")
    root = jax.random.key(0) if key is None else key
    prepared = trace(probe.init, network)
    applied = trace(probe.apply, root, network, prepared.shape, jnp.float32(0))

    flags = (False, True) if signed else (False,)
    sign = (signed if isinstance(signed, Probe) else binarize()) if signed else None
    over, varying = axes(applied, network)
    if sign is not None:
        varying = [v or s for v, s in zip(varying, changed(sign, root, network), strict=True)]
    parts = split(measured, varying)
    chunk = _plan(
        (seeds, len(grid), repeats),
        devices=1 if mesh is None else mesh.size,
        each=len(flags)
        * (parts.peak + sum(_nbytes(w) for w, v in zip(jax.tree.leaves(network), varying, strict=True) if v)),
        once=parts.held,
        budget=memory or _budget(),
    )
    init = compiled(jax.vmap(prepared.__call__, in_axes=(None, 0)), (False, True), mesh)
    perturb = compiled(perturbation(applied, over), (False, True, True, True, False), mesh)
    by_seed = parts.inputs_matter
    prepare = compiled(preparation(parts), (False, True), mesh, by_seed)
    measure = compiled(
        measurement(parts, sign, over), (False, by_seed, True, True, False, False), mesh, everywhere=True
    )
    values = np.empty((seeds, len(grid), repeats, len(flags)), np.float32)
    total, pending, hoisted = seeds * len(grid) * repeats, None, None

    def collect(out: jax.Array, where: tuple[slice, slice, slice], done: int) -> None:
        part = values[where]
        part[...] = np.asarray(out)[tuple(map(slice, part.shape))]
        if progress is not None:
            progress(done / total)

    for s in range(0, seeds, chunk[0]):
        seed_ids, nets = _window(s, chunk[0], seeds)
        these = jax.tree.map(lambda w, i=seed_ids: jnp.asarray(w)[i], params)
        state = init(prepared.consts, these)
        if hoisted is None or any(by_seed):
            hoisted = prepare(measured.consts, these)
        for n in range(0, len(grid), chunk[1]):
            level_ids, here = _window(n, chunk[1], len(grid))
            level = jnp.asarray(grid[level_ids], jnp.float32)
            for r in range(0, repeats, chunk[2]):
                repeat_ids, draws = _window(r, chunk[2], repeats)
                keys = _keys(root, jnp.asarray(seed_ids), level, jnp.asarray(repeat_ids))
                weights = perturb(applied.consts, these, state, keys, level)
                out = measure(measured.consts, hoisted, weights, keys, level, jnp.asarray(flags))
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


def _plan(shape: tuple[int, int, int], devices: int, each: int, once: int, budget: int) -> tuple[int, int, int]:
    """Networks, levels and repeats of one chunk: whole networks if they fit, so that init is done once for each.

    An evaluation takes ``each`` bytes, and a network ``once`` as many beside its evaluations.
    """
    seeds, levels, repeats = shape
    fit = max(1, budget // max(each, 1))
    repeats_each = min(repeats, fit)
    levels_each = min(levels, max(1, fit // repeats))
    nets = min(math.ceil(seeds / devices), max(1, min(fit // (levels * repeats), budget // max(once, 1))))
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
