"""The operations at a node of a DAG of convolutions, and a stage of nodes as one scan."""

import math

import jax
import jax.numpy as jnp
from jax import lax

from jprobe.convolution import convolve

# As torch has it; Flax's own momentum is 0.99.
EPSILON, MOMENTUM = 1e-5, 0.9

_PLAIN = ("NHWC", "HWIO", "NHWC")


# {"window": {"kernel" [*lead, 3, 3, A, C], "scale" [*lead, C], "bias" [*lead, C]}, "place": the same of 1 x 1}
Block = dict[str, dict[str, jax.Array]]

# {"window": {"mean" [*lead, C], "var" [*lead, C]}, "place": ...}
Statistics = dict[str, dict[str, jax.Array]]

_WINDOWS = {"window": 3, "place": 1}


def start(key: jax.Array, inputs: int, outputs: int, lead: tuple[int, ...] = ()) -> Block:
    """Random kernels, uniform in +-1 / sqrt(fan_in), and normalisations that scale by 1."""
    sizes = {name: edge * edge * inputs for name, edge in _WINDOWS.items()}
    # One draw for both kernels: two, with keys of their own, take a network three times as long to compile.
    drawn = jax.random.uniform(key, (*lead, sum(sizes.values()) * outputs), jnp.float32, -1, 1)

    def part(name: str, values: jax.Array) -> dict[str, jax.Array]:
        kernel = values.reshape(*lead, _WINDOWS[name], _WINDOWS[name], inputs, outputs) / math.sqrt(sizes[name])
        return {"kernel": kernel, "scale": jnp.ones((*lead, outputs)), "bias": jnp.zeros((*lead, outputs))}

    values = jnp.split(drawn, [sizes["window"] * outputs], -1)
    return {name: part(name, some) for name, some in zip(_WINDOWS, values, strict=True)}


def statistics(outputs: int, lead: tuple[int, ...] = ()) -> Statistics:
    """Statistics before anything was seen: means 0, variances 1."""
    return {name: {"mean": jnp.zeros((*lead, outputs)), "var": jnp.ones((*lead, outputs))} for name in _WINDOWS}


def block(
    weights: Block, s: jax.Array, stride: int = 1, seen: Statistics | None = None
) -> tuple[jax.Array, Statistics]:
    """BN(conv3x3(ReLU s)) + BN(conv1x1 s), without biases, padded by 1 whatever the stride.

    Args:
        weights: of the block.
        s: [B, H, W, A].
        stride: of both convolutions.
        seen: statistics to normalise with; None: the batch's own.

    Returns:
        [B, H / stride, W / stride, C], and the statistics that were used.
    """
    wide = _convolved(jax.nn.relu(s), weights["window"]["kernel"], stride, 1)
    narrow = _convolved(s, weights["place"]["kernel"], stride, 0)
    by_window, window = _normalised(wide, weights["window"], None if seen is None else seen["window"])
    by_place, place = _normalised(narrow, weights["place"], None if seen is None else seen["place"])
    return by_window + by_place, {"window": window, "place": place}


def _convolved(x: jax.Array, kernel: jax.Array, stride: int, pad: int) -> jax.Array:
    edges = ((pad, pad), (pad, pad))
    return convolve(x, kernel.astype(x.dtype), (stride, stride), edges, dimension_numbers=_PLAIN)


def _normalised(
    y: jax.Array, weights: dict[str, jax.Array], seen: dict[str, jax.Array] | None
) -> tuple[jax.Array, dict[str, jax.Array]]:
    # Sums over a batch are float32, whatever is summed.
    wide = y.astype(jnp.float32)
    if seen is None:
        mean = wide.mean((0, 1, 2))
        seen = {"mean": mean, "var": jnp.square(wide - mean).mean((0, 1, 2))}
    scaled = (wide - seen["mean"]) * (lax.rsqrt(seen["var"] + EPSILON) * weights["scale"]) + weights["bias"]
    return scaled.astype(y.dtype), seen


@jax.custom_vjp
def stage(weights: Block, inner: jax.Array, given: jax.Array) -> tuple[jax.Array, Statistics]:
    """The nodes of one stage, one after the other: x_j = block(g_j + sum_i<j t_ji x_i), each batch by its own statistics.

    Every node pulls from a buffer of all: the gradient of that buffer, written by differentiating the scan, would be
    added up anew at every step. Here the reverse scan pulls with the transposed weights instead.

    Args:
        weights: of the nodes' blocks, [n, ...].
        inner: t, [n, n], strictly below the diagonal.
        given: g, what comes from outside of the stage, [n, B, H, W, C].

    Returns:
        x [n, B, H, W, C], and the statistics [n, ...].
    """
    return _stage_forward(weights, inner, given)[0]


def _stage_forward(weights: Block, inner: jax.Array, given: jax.Array):  # type: ignore[no-untyped-def]
    def node(nodes: jax.Array, inputs):  # type: ignore[no-untyped-def]
        number, own, row, outside = inputs
        s = outside + _sum(row, nodes)
        # What the gradient needs is a pytree, and is stacked like any other result.
        x, back, seen = jax.vjp(block, own, s, has_aux=True)
        return lax.dynamic_update_index_in_dim(nodes, x, number, 0), (back, seen)

    numbers = jnp.arange(len(given))
    nodes, (backs, seen) = lax.scan(node, jnp.zeros_like(given), (numbers, weights, inner, given))
    return (nodes, seen), (nodes, inner, backs)


def _stage_backward(kept, cotangents):  # type: ignore[no-untyped-def]
    (nodes, inner, backs), (outside, _) = kept, cotangents

    def node(sums: jax.Array, inputs):  # type: ignore[no-untyped-def]
        number, back, own, column = inputs
        weights, s = back(own + _sum(column, sums))
        return lax.dynamic_update_index_in_dim(sums, s, number, 0), weights

    numbers = jnp.arange(len(nodes))
    inputs = (numbers, backs, outside, inner.T)
    sums, weights = lax.scan(node, jnp.zeros_like(nodes), inputs, reverse=True)
    flat = lambda x: x.reshape(len(x), -1).astype(jnp.float32)  # noqa: E731
    return weights, flat(sums) @ flat(nodes).T, sums


stage.defvjp(_stage_forward, _stage_backward)


def stage_seen(weights: Block, inner: jax.Array, given: jax.Array, seen: Statistics) -> jax.Array:
    """The same with statistics that are known, [n, ...]."""

    def node(nodes: jax.Array, inputs):  # type: ignore[no-untyped-def]
        number, own, row, outside, known = inputs
        x, _ = block(own, outside + _sum(row, nodes), 1, known)
        return lax.dynamic_update_index_in_dim(nodes, x, number, 0), None

    numbers = jnp.arange(len(given))
    return lax.scan(node, jnp.zeros_like(given), (numbers, weights, inner, given, seen))[0]


def _sum(row: jax.Array, nodes: jax.Array) -> jax.Array:
    """sum_i row_i nodes_i."""
    return jnp.tensordot(row.astype(nodes.dtype), nodes, 1)
