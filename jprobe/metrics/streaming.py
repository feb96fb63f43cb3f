"""How a network's neuron strengths and activations are distributed, batch by batch."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from jprobe.capture import Layer, apart, layers_of_function, sampled
from jprobe.errors import ArgumentError, ShapeError, WeightsError
from jprobe.metrics.captured import signals_of, strengths_of
from jprobe.typing import Params

QUANTITIES = ("neuron_strength", "neuron_activation")
MOMENTS = ("mean", "std", "skew", "kurtosis")
PROBABILITIES = (0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)

# A batch's inputs -> which of its samples count, bool [B] or [B, T].
Mask = Callable[..., jax.Array]


class Extent(NamedTuple):
    """What the first pass finds of one quantity of one layer: smallest and largest, sums [*neurons] over samples, samples."""

    low: Any
    high: Any
    sums: Any
    samples: Any


class Grid(NamedTuple):
    """What the second pass counts by: edges of the bins, and a center and a scale for powers (x - center) / scale."""

    edges: np.ndarray
    center: np.ndarray
    scale: np.ndarray


class Counts(NamedTuple):
    """What the second pass finds: sums of the first four powers, and counts by bin."""

    powers: Any
    histogram: Any


def stream(
    fn: Callable[..., Any], params: Params, batches: Sequence[Any], *, mask: Mask | None = None, bins: int = 1000
) -> xr.Dataset:
    """Moments, histograms and quantiles of each layer's neuron strengths and activations, over many batches.

    Nothing of a batch is kept but sums, so any number of batches fits. They are read twice: the first pass finds the
    range and mean of each layer, the second counts in equal bins between the extremes and sums powers of the distance from
    that mean, which loses no digits; sums over batches are in double precision. Layers are those of
    :func:`jprobe.metrics.captured`.

    Args:
        fn: function of (params, *inputs), as of :func:`jprobe.metrics.captured`.
        params: its variables.
        batches: a list, or anything that can be read twice, of inputs: an array, or a tuple of the arguments after params.
            Batches of one shape are one compiled program.
        mask: function of the same inputs that says which samples count, [B] or [B, T], such as ``lambda ids, mask: mask``:
            padding is left out. A layer with one sample an example counts those with any token. Default: all count.
        bins: of each histogram; a quantile is exact to the width of one.

    Returns:
        Dataset of ``number`` [layer] (samples times neurons); ``moments`` [quantity, layer, moment], of the population:
        "mean", "std", "skew" and excess "kurtosis" (both NaN where std is 0); ``histogram`` [quantity, layer, bin] counts between ``edges``
        [quantity, layer, edge] (the last bin has its upper edge, too); ``quantiles`` [quantity, layer, probability], linear
        within a bin; ``strength_in`` and ``strength_out`` [neuron] and ``neuron_mean`` [quantity, neuron], over samples, where
        ``of`` names the layer and ``place`` counts in it. ``quantity`` is "neuron_strength" or "neuron_activation".

    Raises:
        ArgumentError: no batches, or batches that can be read only once, or less than one bin; no sample that counts.
        ShapeError: a mask that does not fit a layer's samples; neurons whose number changes between batches.
        WeightsError: strengths or activations that are NaN or infinite.

    Source:
        Paper 3, eqs. (5) to (7), for networks and samples of any size.

    Example:
        >>> from jprobe.models import MLP
        >>> model, x = MLP((4,), 2), jax.random.normal(jax.random.key(0), (6, 10, 3))
        >>> ds = stream(model.apply, model.init(jax.random.key(1), x[0]), list(x), bins=20)
        >>> ds.layer.values.tolist(), ds.number.values.tolist()
        (['Dense_0/kernel', 'Dense_1/kernel'], [240, 120])
        >>> bool((ds.histogram.sum("bin") == ds.number).all()), ds.neuron_mean.shape
        (True, (2, 6))
    """
    if iter(batches) is batches or not len(batches):
        raise ArgumentError(
            "batches are read twice: give a list of one or more, or a sequence that starts anew each time."
        )
    if bins < 1:
        raise ArgumentError(f"bins={bins}: give one or more.")
    arrays, together = apart(params)
    run = lambda arrays, inputs: layers_of_function(fn, together(arrays), *inputs)  # noqa: E731
    first, names = _arguments(batches[0]), list[str]()
    jax.eval_shape(lambda *args: names.extend(name for name, _ in run(*args)), arrays, first)
    strengths = jax.jit(lambda *args: [strengths_of(layer) for _, layer in run(*args)])(arrays, first)

    def each(visit: Callable[..., Any], *more: Any) -> Callable[[Any], Any]:
        """Jitted: visit(numbers, which count, ...) of both quantities of each layer of a batch."""

        def visited(arrays: Any, inputs: Any, *more: Any) -> list[Any]:
            counts = None if mask is None else jnp.asarray(mask(*inputs)).astype(bool)
            values = [pair for name, layer in run(arrays, inputs) for pair in _numbers(name, layer, counts)]
            return [visit(*pair, *(m[n] for m in more)) for n, pair in enumerate(values)]

        jitted = jax.jit(visited)
        return lambda batch: jax.device_get(jitted(arrays, _arguments(batch), *more))

    passed = map(each(_extent), batches)
    extents = next(passed)
    for found in passed:
        extents = [_wider(names[n // 2], *pair) for n, pair in enumerate(zip(extents, found, strict=True))]
    grids = [_grid(names[n // 2], extent, bins) for n, extent in enumerate(extents)]
    totals = [Counts(np.zeros(4), np.zeros(bins, np.int64)) for _ in grids]
    for found in map(each(_counts, grids), batches):
        for total, counts in zip(totals, found, strict=True):
            total.powers[:] += counts.powers.astype(np.float64).sum(-1)
            total.histogram[:] += counts.histogram
    return _table(names, strengths, extents, grids, totals)


def _arguments(batch: Any) -> tuple[Any, ...]:
    return batch if isinstance(batch, tuple) else (batch,)


def _numbers(name: str, layer: Layer, counts: jax.Array | None) -> list[tuple[jax.Array, jax.Array]]:
    """Of both quantities, numbers [*samples, *neurons] and which samples count, [*samples]."""
    out = []
    for value in signals_of(layer):
        samples = value.shape[: len(sampled(layer.axes))]
        if counts is None:
            chosen = jnp.ones(samples, bool)
        elif counts.shape == samples[: counts.ndim]:
            chosen = jnp.broadcast_to(counts.reshape(*counts.shape, *[1] * (len(samples) - counts.ndim)), samples)
        elif counts.shape[: len(samples)] == samples:
            chosen = counts.any(tuple(range(len(samples), counts.ndim)))
        else:
            raise ShapeError(
                f"The mask is {counts.shape}, but the samples of {name} are {samples}: give [B] or [B, T]."
            )
        out.append((value.astype(jnp.promote_types(value.dtype, jnp.float32)), chosen))
    return out


def _chosen(value: jax.Array, chosen: jax.Array) -> jax.Array:
    return chosen.reshape(*chosen.shape, *[1] * (value.ndim - chosen.ndim))


def _extent(value: jax.Array, chosen: jax.Array) -> Extent:
    among, samples = _chosen(value, chosen), tuple(range(chosen.ndim))
    return Extent(
        jnp.where(among, value, jnp.inf).min(),
        jnp.where(among, value, -jnp.inf).max(),
        jnp.where(among, value, 0).sum(samples),
        chosen.sum(),
    )


def _wider(name: str, a: Extent, b: Extent) -> Extent:
    if np.shape(a.sums) != np.shape(b.sums):
        raise ShapeError(f"{name} has neurons {np.shape(a.sums)} in one batch and {np.shape(b.sums)} in another.")
    sums = np.asarray(a.sums, np.float64) + b.sums
    return Extent(np.minimum(a.low, b.low), np.maximum(a.high, b.high), sums, int(a.samples) + int(b.samples))


def _grid(name: str, extent: Extent, bins: int) -> Grid:
    low, high = extent.low, extent.high
    if not extent.samples:
        raise ArgumentError(f"The mask leaves no sample of {name}.")
    if not np.isfinite([low, high]).all():
        raise WeightsError(f"The strengths or activations of {name} are NaN or infinite.")
    center = extent.sums.sum(dtype=np.float64) / (extent.samples * extent.sums.size)
    scale = max(high - center, center - low) or 1.0
    ends = (low, high) if low < high else (low - 0.5, high + 0.5)  # as NumPy's histograms have it
    return Grid(*(np.asarray(a, low.dtype) for a in (np.linspace(*ends, bins + 1, dtype=np.float64), center, scale)))


def _counts(value: jax.Array, chosen: jax.Array, grid: Grid) -> Counts:
    edges, bins = grid.edges, grid.edges.size - 1
    among = _chosen(value, chosen)
    distance = jnp.where(among, (value - grid.center) / grid.scale, 0)
    place = ((value - edges[0]) / (edges[-1] - edges[0]) * bins).astype(jnp.int32).clip(0, bins - 1)
    # Rounding may put a number one bin beside its own.
    place = place - (value < edges[place])
    place = place + ((value >= edges[place + 1]) & (place < bins - 1))
    counts = jnp.zeros(bins, jnp.int32).at[place].add(jnp.broadcast_to(among, value.shape).astype(jnp.int32))
    return Counts(jnp.stack([_blocks(distance**power) for power in (1, 2, 3, 4)]), counts)


def _blocks(x: jax.Array) -> jax.Array:
    """Sums of 256 numbers each, which single precision can take; the host adds them in double."""
    return jnp.pad(x.reshape(-1), (0, -x.size % 256)).reshape(-1, 256).sum(-1)


def _table(
    names: list[str], strengths: list[Any], extents: list[Extent], grids: list[Grid], totals: list[Counts]
) -> xr.Dataset:
    numbers = [extent.samples * extent.sums.size for extent in extents]
    moments = [_moments(*of) for of in zip(totals, grids, numbers, strict=True)]
    by_layer = lambda rows: np.stack([np.stack(rows[n::2]) for n in range(2)])  # noqa: E731  # [quantity, layer, ...]
    inward, outward = (np.concatenate([np.ravel(pair[n]) for pair in strengths]) for n in range(2))
    means = [np.concatenate([np.ravel(e.sums / e.samples) for e in extents[n::2]]) for n in range(2)]
    quantiles = [
        np.interp(np.multiply(PROBABILITIES, n), np.cumsum([0, *total.histogram]), grid.edges)
        for total, grid, n in zip(totals, grids, numbers, strict=True)
    ]
    sizes, both = [extent.sums.size for extent in extents[::2]], ("quantity", "layer")
    return xr.Dataset(
        {
            "number": ("layer", np.array(numbers[::2])),
            "moments": ((*both, "moment"), by_layer(moments)),
            "histogram": ((*both, "bin"), by_layer([total.histogram for total in totals])),
            "edges": ((*both, "edge"), by_layer([grid.edges for grid in grids])),
            "quantiles": ((*both, "probability"), by_layer(quantiles)),
            "strength_in": ("neuron", inward),
            "strength_out": ("neuron", outward),
            "neuron_mean": (("quantity", "neuron"), np.stack(means)),
        },
        {
            "quantity": list(QUANTITIES),
            "moment": list(MOMENTS),
            "layer": names,
            "probability": list(PROBABILITIES),
            "of": ("neuron", np.repeat(names, sizes)),
            "place": ("neuron", np.concatenate([np.arange(size) for size in sizes])),
        },
    )


def _moments(total: Counts, grid: Grid, number: int) -> tuple[float, float, float, float]:
    """Mean, standard deviation, skew and excess kurtosis, from the powers of distances from a center near the mean."""
    first, second, third, fourth = total.powers / number
    variance = max(second - first**2, 0.0)
    mean = float(grid.center) + float(grid.scale) * first
    if variance <= np.finfo(grid.center.dtype).eps ** 2:
        return mean, float(grid.scale) * variance**0.5, np.nan, np.nan
    skew = (third - 3 * first * second + 2 * first**3) / variance**1.5
    kurtosis = (fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4) / variance**2 - 3
    return mean, float(grid.scale) * variance**0.5, skew, kurtosis
