"""What is kept of a pool of networks: densities, statistics and correlations by layer, not every neuron's numbers."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from jprobe.metrics import distribution, measure, modes
from jprobe.metrics.measuring import Measured, Output, layers_of, link_weights
from jprobe.typing import Params

QUANTITIES = ("node_strength_in", "node_strength_out", "neuron_strength", "neuron_activation")

BINS = 120
# Points of a scatter plot, and values that modes are counted of.
_POINTS, _SAMPLE = 1500, 2000
_COUNTED = ("node_strength_in", "neuron_strength")
# Networks whose neurons are in memory together.
_TOGETHER = 8


class Layer(NamedTuple):
    """A layer of neurons as the paper counts them, the input first.

    Attributes:
        number: from 1.
        blocks: of the graph; the steps of a recurrent layer are blocks each.
    """

    number: int
    blocks: tuple[int, ...]


def layers(blocks: int, recurrent: bool) -> list[Layer]:
    """The layers of a network with so many blocks; those between input and output are one if it is recurrent.

    Example:
        >>> [len(layer.blocks) for layer in layers(30, recurrent=True)]
        [1, 28, 1]
    """
    if not recurrent:
        return [Layer(n + 1, (n,)) for n in range(blocks)]
    return [Layer(1, (0,)), Layer(2, tuple(range(1, blocks - 1))), Layer(3, (blocks - 1,))]


def described(
    model: Any, params: Params, x: np.ndarray, output: Output | None = None, *, recurrent: bool = False
) -> xr.Dataset:
    """Every layer's distributions and correlations, of S networks.

    Args:
        model: the networks'.
        params: [S, ...].
        x: the sample of inputs [B, ...].
        output: of the network's outputs; None: they are activations already.
        recurrent: whether the blocks between input and output are steps of one layer.

    Returns:
        Of the networks whose numbers are finite, which "network" numbers; by layer from 1: "width", its neurons; "histogram", "edges", "sums", "below", "center", "scale" of each quantity (see
        :class:`jprobe.metrics.Distribution`); by network "modes" of in-strength and neuron strength, "fluctuation", "link_mean", "link_variance",
        "never_on" (share of neurons whose activation is 0 for all inputs), "correlation" of in-strength with each
        neuron's mean strength and activation, "pooled" over networks; points of a scatter plot; of a recurrent network
        the "profile" mean |zeta^t| [network, step].
    """
    one = jax.tree.map(lambda w: jax.ShapeDtypeStruct(w.shape[1:], w.dtype), params)
    graph = layers_of(model, one, x)
    found = layers(len(graph.blocks), recurrent)
    numbers, there = _finite(_measured(model, params, x, output))
    if not there.size:
        return xr.Dataset(coords={"network": there})
    rows = [_of_layer(layer, found, numbers) for layer in found]
    ds = xr.concat(rows, xr.DataArray([layer.number for layer in found], dims="layer", name="layer"), join="outer")
    return (ds.merge(_profile(numbers)) if recurrent else ds).assign_coords(network=there)


def row_profile(model: Any, params: Params, x: np.ndarray) -> xr.Dataset:
    """The "profile" of :func:`described` alone, of S recurrent networks."""
    numbers, there = _finite(_measured(model, params, x, None))
    return _profile(numbers).assign_coords(network=there) if there.size else xr.Dataset(coords={"network": there})


def _finite(numbers: Measured) -> tuple[Measured, np.ndarray]:
    """The networks whose numbers are finite, and which those are: finite weights may be too large for single precision."""
    leaves = jax.tree.leaves(numbers)
    there = np.flatnonzero(np.all([np.isfinite(a).reshape(len(a), -1).all(1) for a in leaves], 0))
    return jax.tree.map(lambda a: a[there], numbers), there


def _profile(numbers: Measured) -> xr.Dataset:
    steps = [np.abs(zeta) for zeta in numbers.neuron_strength[1:-1]]
    means = np.stack([s.reshape(len(s), -1).mean(1, np.float64) for s in steps], 1)
    return xr.Dataset({"profile": (("network", "step"), means)}, {"step": np.arange(1, len(steps) + 1)})


def links(model: Any, params: Params, shape: tuple[int, ...], *, recurrent: bool = False) -> dict[str, jax.Array]:
    """Mean and variance of w + b over the edges into each layer, and its fluctuation: what training changes.

    Args:
        model: the network.
        params: of one network.
        shape: of one input.
        recurrent: as for :func:`described`.

    Returns:
        "mean", "variance", "fluctuation", [layers after the input]; a pure function of params.
    """
    found, rows = measure(model, params, jnp.zeros((1, *shape))), []
    graph_layers = layers(len(found.bias), recurrent)
    for layer in graph_layers[1:]:
        gather = lambda arrays, of=layer.blocks: jnp.concatenate([jnp.ravel(arrays[n]) for n in of])  # noqa: E731
        inward = gather([s[0] for s in found.strength])
        outward = gather([s[1] for s in found.strength])
        bias, edges, squares = map(gather, (found.bias, found.edges, found.squares))
        total = inward + bias + (0.0 if layer is graph_layers[-1] else outward)
        rows.append((*link_weights(inward, squares, edges, bias), total.std()))
    mean, variance, fluctuation = map(jnp.stack, zip(*rows, strict=True))
    return {"mean": mean, "variance": variance, "fluctuation": fluctuation}


def _measured(model: Any, params: Params, x: np.ndarray, output: Output | None) -> Measured:
    """The numbers of all networks on the host, network by network: neurons of many would not fit beside each other."""
    run, count = _runner(model, output), len(jax.tree.leaves(params)[0])
    parts = [
        jax.tree.map(np.asarray, run(jax.tree.map(lambda w, n=n: np.asarray(w)[n : n + _TOGETHER], params), x))
        for n in range(0, count, _TOGETHER)
    ]
    return jax.tree.map(lambda *some: np.concatenate(some), *parts)


@functools.lru_cache(maxsize=4)
def _runner(model: Any, output: Output | None) -> Any:
    """Compiled once for networks trained and untrained."""
    return jax.jit(lambda some, x: jax.lax.map(lambda one: measure(model, one, x, output), some))


def _of_layer(layer: Layer, all_layers: list[Layer], found: Measured) -> xr.Dataset:
    def gather(arrays: Sequence[Any], lead: int) -> np.ndarray:
        return np.concatenate([arrays[n].reshape(*arrays[n].shape[:lead], -1) for n in layer.blocks], -1)

    first, last = layer.number == 1, layer.number == len(all_layers)
    strength, bias, edges, squares = (
        gather(found.strength, 2).astype(np.float64),
        *(gather(a, 1).astype(np.float64) for a in (found.bias, found.edges, found.squares)),
    )
    zeta, activation = gather(found.neuron_strength, 2), gather(found.neuron_activation, 2)
    inward, outward = strength[:, 0] + bias, strength[:, 1]
    values = {
        "node_strength_in": None if first else inward,
        "node_strength_out": None if last else outward,
        "neuron_strength": None if first else zeta,
        "neuron_activation": activation,
    }
    out = xr.concat(
        [kept(values[name]) for name in QUANTITIES], xr.DataArray(list(QUANTITIES), dims="quantity", name="quantity"),
        join="outer",
    )  # fmt: skip
    counts = [_modes(values[name] if name in _COUNTED else None, len(inward)) for name in QUANTITIES]
    out["modes"] = ("quantity", "network"), np.stack(counts)
    total = (outward if first else inward) if first or last else inward + outward
    out["width"] = float(inward.shape[1])
    out["fluctuation"] = "network", total.std(1)
    if first:
        return out
    mean, variance = link_weights(strength[:, 0], squares, edges, bias)
    out["link_mean"], out["link_variance"] = ("network", mean), ("network", variance)
    out["never_on"] = "network", (activation == 0).all(1).mean(1)
    means = {"neuron_strength": zeta.mean(1, np.float64), "neuron_activation": activation.mean(1, np.float64)}
    against = xr.DataArray(list(means), dims="against", name="against")
    out["correlation"] = xr.concat(
        [
            xr.DataArray([_correlation(a, b) for a, b in zip(inward, mean, strict=True)], dims="network")
            for mean in means.values()
        ],
        against,
    )
    out["pooled"] = xr.concat([xr.DataArray(_correlation(inward, mean)) for mean in means.values()], against)
    chosen = np.random.default_rng(0).permutation(inward.size)[:_POINTS]
    points = {"node_strength_in": inward, **means}
    for name, numbers in points.items():
        out[f"point_{name}"] = "point", _filled(numbers.ravel()[chosen], _POINTS)
    return out


def kept(values: np.ndarray | None) -> xr.Dataset:
    """A distribution as a Dataset, see :func:`described`; empty where there is none."""
    if values is None:
        return xr.Dataset()
    found = distribution(values, BINS)
    return xr.Dataset(
        {
            "sums": (("network", "power"), found.sums),
            "below": (("network", "cut"), found.below.astype(float)),
            "histogram": (("network", "bin"), found.histogram.astype(np.float32)),
            "edges": ("edge", found.edges),
            "center": found.center,
            "scale": found.scale,
        }
    )


def _modes(values: np.ndarray | None, networks: int) -> np.ndarray:
    """Of each network, in a sample of its values: tens of thousands have modes that nobody would see."""
    if values is None:
        return np.full(networks, np.nan)
    rows, rng = values.reshape(networks, -1), np.random.default_rng(1)
    return np.array([modes(row[rng.permutation(row.size)[:_SAMPLE]]) for row in rows], float)


def _filled(values: np.ndarray, size: int) -> np.ndarray:
    return np.pad(values.astype(np.float32), (0, size - values.size), constant_values=np.nan)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's; NaN where one of them is constant."""
    a, b = np.ravel(a).astype(np.float64), np.ravel(b).astype(np.float64)
    if a.size < 3 or min(a.std() / max(abs(a).max(), 1e-30), b.std() / max(abs(b).max(), 1e-30)) < 1e-6:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])
