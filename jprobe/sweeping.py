"""Seeds x levels x repeats x signed: a metric of many networks under a probe, compiled once."""

import os
import reprlib
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax.sharding import Mesh
from numpy.typing import ArrayLike

from jprobe import engine
from jprobe.errors import ArgumentError, WeightsError
from jprobe.keys import as_key
from jprobe.memory import limit
from jprobe.networks import is_array
from jprobe.paths import leaves_by_path
from jprobe.probes import Probe, binarize
from jprobe.typing import Metric, Params

DIMS = ("seed", "level", "repeat", "signed")

_CALL = "sweep(probe, params, metric, levels)"

Progress = Callable[[float], None]


def sweep(
    probe: Probe,
    params: Params,
    metric: Metric,
    levels: ArrayLike | None = None,
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

    Where the metric multiplies fixed data by weights that vary, work is left out that decides nothing: columns of the
    data that are constant become a bias; signs times whole numbers from 0 to 255, such as pixels, are multiplied in
    bfloat16 and summed in float32, which is exact; and probes whose levels are nested (:class:`jprobe.probes.Probe`) have
    each weight touched once for all levels, on a CPU. Numbers are the same but for float32 rounding, which may decide an
    example whose outputs tie. Where the caller leaves precision open (``jax.default_matmul_precision``), products of
    float32 are products of float32 on every machine.

    Args:
        probe: from :mod:`jprobe.probes`, or your own pair of functions.
        params: weights of S networks, every array [S, ...], as ``train.fit`` returns them; :func:`jprobe.stack` makes
            that of one network or several. The metric gets leaves that are no arrays (an Equinox module's functions)
            as they are; probes do not see them.
        metric: function of one network's weights that returns a scalar, such as ``metrics.accuracy(model, task)``.
        levels: [L] levels in the probe's range, or one. Default: the probe's own grid. Equal levels get equal draws;
            ask for ``repeats`` instead.
        key: JAX random key; default ``jax.random.key(0)``.
        signed: True measures each perturbed network twice, as it is and with all weights and biases replaced by
            their signs. A probe is used in the place of those signs, to binarize some leaves only.
        repeats: R, independent draws at each seed and level.
        mesh: spread the networks over all devices of this mesh.
        memory: bytes that one chunk's intermediate values may take on each device. Default: half of the
            device's memory or of what :func:`jprobe.memory.within` allows, 32 MiB on a CPU, where it is the cache that counts.
        progress: called after each chunk with the fraction of the sweep that is done.

    Returns:
        xarray Dataset with one variable, named after the metric, of dims (seed S, level L, repeat R,
        signed 1 or 2), and coordinates with units.

    Raises:
        LevelError: a level out of the probe's range.
        WeightsError: weights that are NaN, infinite, no real numbers, or without a common leading axis.
        UnknownLayerError: the probe selects no leaf.
        ShapeError: the metric's result is not a scalar, or the probe changes a shape.
        ArgumentError: arguments in each other's place, no level where the probe reads one, no repeat, no key.

    Example:
        >>> import jax, jax.numpy as jnp, jprobe as jp
        >>> params = {"kernel": jax.random.normal(jax.random.key(1), (3, 8, 4))}          # S = 3 networks
        >>> density = lambda p: (p["kernel"] != 0).mean()
        >>> jp.sweep(jp.probes.prune(), params, density, [0.0, 0.5]).metric.mean("seed").values.ravel().tolist()
        [1.0, 0.5]
    """
    _check_places(probe, metric, levels)
    repeats = _positive("repeats", repeats)
    budget = engine.default_budget() if memory is None else _positive("memory", memory)
    grid = _grid(probe, levels)
    seeds = _check_weights(params)
    root = as_key(key)
    arrays, whole = engine.hide_static(params)
    evaluation = engine.plan(
        probe,
        lambda weights: metric(whole(weights)),
        jax.eval_shape(lambda tree: jax.tree.map(lambda w: w[0], tree), arrays),
        levels=len(grid),
        key=root,
        signs=_signs(signed),
        mesh=mesh,
    )
    if levels is None and not probe.level.read and evaluation.reads_level:
        raise ArgumentError(f"This probe reads its level and names none of its own: {_CALL}.")
    shape, flags = (seeds, len(grid), repeats), (False, True) if signed else (False,)
    if evaluation.walk is not None:
        cores = os.cpu_count() or 1
        fit = (limit() // 2 if memory is None else budget) // (evaluation.values * evaluation.each)
        pieces = engine.by_network(evaluation, arrays, grid, seeds, together=max(1, min(cores, fit)))
    else:
        devices = 1 if mesh is None else mesh.size
        chunk = engine.chunk_shape(shape, devices, evaluation.each, evaluation.once, budget)
        pieces = engine.in_chunks(evaluation, arrays, grid, shape, chunk, root)
    values = np.empty((*shape, len(flags)), np.float32)
    for piece in pieces:
        values[piece.where] = piece.values
        if progress is not None:
            progress(piece.done)
    return _label(values, grid, flags, probe, metric)


def _check_places(probe: Probe, metric: Metric, levels: Any) -> None:
    if not isinstance(probe, Probe):
        raise ArgumentError(f"The probe comes first, such as jp.probes.prune(), not {_told(probe)}: {_CALL}.")
    if not callable(metric):
        raise ArgumentError(
            f"The metric comes third, a function of one network's weights that returns a scalar, not {_told(metric)}; "
            f"levels come after it: {_CALL}."
        )
    if callable(levels):
        raise ArgumentError(f"Levels are numbers, not {_told(levels)}; the metric comes before them: {_CALL}.")


def _told(argument: object) -> str:
    return f"a {type(argument).__name__}"


def _positive(name: str, number: int) -> int:
    if not isinstance(number, int | np.integer) or number < 1:
        raise ArgumentError(f"{name} must be a whole number of 1 or more, not {number!r}.")
    return int(number)


def _grid(probe: Probe, levels: ArrayLike | None) -> np.ndarray:
    """The levels, float64 [L]."""
    if levels is None and not probe.level.grid:
        raise ArgumentError(f"This probe has no levels of its own; it reads {probe.level.described()}: {_CALL}.")
    try:
        grid = np.atleast_1d(np.asarray(probe.level.grid if levels is None else levels))
    except ValueError:  # lists of different lengths
        grid = np.empty(0)
    if grid.dtype.kind not in "iuf" or grid.ndim != 1 or not grid.size:
        raise ArgumentError(f"levels must be one number or a list of one or more, not {reprlib.repr(levels)}.")
    probe.level.check(grid.tolist())
    return grid.astype(float)


def _signs(signed: bool | Probe) -> Probe | None:
    if isinstance(signed, Probe):
        return signed
    return binarize() if signed else None


def _check_weights(params: Params) -> int:
    """The number of networks."""
    leaves = [(path, leaf) for path, _, leaf in leaves_by_path(params) if is_array(leaf)]
    if not leaves:
        raise WeightsError("These params hold no arrays.")
    sizes = {np.shape(w)[:1] for _, w in leaves}
    if len(sizes) != 1 or sizes <= {(), (0,)}:
        raise WeightsError(
            "Every array of params must begin with the same seed axis [S, ...]. For one network, or a list of "
            "networks: jp.stack(network, ...)."
        )
    unreal = [f"{path} ({w.dtype})" for path, w in leaves if w.dtype.kind in "cOSU"]
    if unreal:
        raise WeightsError(f"Weights are real numbers; these are not: {', '.join(unreal)}.")
    floats = {path: w for path, w in leaves if jnp.issubdtype(w.dtype, jnp.floating)}
    hosted = {path: w for path, w in floats.items() if isinstance(w, np.ndarray)}
    bad = [path for path, w in hosted.items() if not all(np.isfinite(one).all() for one in w)]
    bad += [
        path for path, finite in _finite({p: w for p, w in floats.items() if p not in hosted}).items() if not finite
    ]
    if bad:
        raise WeightsError(
            f"These weights hold NaN or infinity: {', '.join(bad)}. The training diverged, or the checkpoint is "
            "damaged; leave such networks out."
        )
    return sizes.pop()[0]


@jax.jit
def _finite(leaves: dict[str, jax.Array]) -> dict[str, jax.Array]:
    """Whether each leaf holds finite numbers only."""
    return {path: jnp.isfinite(w).all() for path, w in leaves.items()}


def _label(values: np.ndarray, grid: np.ndarray, flags: Sequence[bool], probe: Probe, metric: Metric) -> xr.Dataset:
    name = getattr(metric, "__name__", "metric")
    name = name if name.isidentifier() else "metric"
    coords = {
        "seed": ("seed", np.arange(values.shape[0]), {"long_name": "network"}),
        "level": ("level", grid, {"long_name": probe.level.name, "units": probe.level.unit}),
        "repeat": ("repeat", np.arange(values.shape[2]), {"long_name": "draw"}),
        "signed": ("signed", np.asarray(flags), {"long_name": "weights replaced by their signs"}),
    }
    return xr.Dataset({name: (DIMS, values, {"long_name": name, "units": "1"})}, coords)
