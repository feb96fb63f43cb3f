"""Energy of a spin configuration, in double precision, by nothing but the network's own linear maps."""

import contextlib
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.errors import ArgumentError, ShapeError, WeightsError
from jprobe.graph import Graph, as_graph

# A float32 row sum is off by less than this times the sum of the row's absolute weights: measured 3e-7 at most.
FLOAT32_ERROR = 3e-7


def energy(graph: Any, spins: Any) -> np.ndarray:
    """Frustration of spin configurations: the share of the edges' weight that disagrees with its spins.

    e(s) = sum_ij (|A_ij| - s_i A_ij s_j) / (2 sum_ij |A_ij|)

    Args:
        graph: whatever :func:`jprobe.graph.as_graph` takes.
        spins: [N], or [R, N] for R configurations; -1 or 1.

    Returns:
        float64, a number or [R], in [0, 1]; 0 where no edge is frustrated. Sums are taken in double precision,
        afresh: nothing is shared with the minimisers. Parallel edges count one by one: two of opposite sign between
        the same nodes are frustrated by half of their weight whatever the spins, while the graph of their sum, as
        :func:`jprobe.graph.to_scipy` makes it, has no such edges. The ground states are the same.

    Raises:
        ShapeError: spins for another number of nodes.
        ArgumentError: a spin that is neither -1 nor 1.
        WeightsError: the graph has shapes alone, or weights that are NaN or infinite.

    Source:
        Paper 2, eq. (1).

    Example:
        >>> from jprobe.graph import from_edges
        >>> triangle = from_edges([0, 1, 2], [1, 2, 0], [1.0, 1.0, -1.0])
        >>> round(float(energy(triangle, [1, 1, 1])), 4)
        0.3333
    """
    graph = as_graph(graph)
    graph.check()
    spins = np.asarray(spins)
    if spins.shape[-1:] != (graph.num_nodes,) or spins.ndim > 2:
        raise ShapeError(f"Spins are [N] or [R, N] with N = {graph.num_nodes}, not {spins.shape}.")
    if not (np.abs(spins) == 1).all():
        raise ArgumentError("A spin is -1 or 1.")
    with double_precision(graph) as graph:
        total, agreed = _weights(graph, spins.reshape(-1, spins.shape[-1]))
    out = frustration(total.sum(), agreed.sum(1))
    return out[0] if spins.ndim == 1 else out


def total_weight(graph: Any) -> float:
    """Sum of |A_ij| over all edges, parallel ones one by one, in double precision.

    Args:
        graph: whatever :func:`jprobe.graph.as_graph` takes.

    Raises:
        WeightsError: the graph has shapes alone, or weights that are NaN or infinite.

    Example:
        >>> from jprobe.graph import bipartite
        >>> total_weight(bipartite(jnp.array([[1.0, -2.0]])))
        3.0
    """
    with double_precision(as_graph(graph)) as graph:
        return float(_totals(graph, jnp.ones((), jnp.float64)).sum())


def frustration(total: float, agreed: Any) -> np.ndarray:
    """The energy, from sums of |A_ij| and of s_i A_ij s_j; 0 of a graph whose edges weigh nothing."""
    agreed = np.asarray(agreed, np.float64)
    return (total - agreed) / (2 * total) if total > 0 else np.zeros_like(agreed)


def frustrated_by_block(graph: Graph, spins: np.ndarray) -> np.ndarray:
    """Where the frustration sits: of the weight of the edges that enter each block, the share that is frustrated.

    Args:
        graph: the graph.
        spins: [R, N].

    Returns:
        float64 [R, blocks], in [0, 1]; NaN for blocks that no edge enters.
    """
    with double_precision(graph) as graph:
        total, agreed = _weights(graph, spins)
    with np.errstate(invalid="ignore"):
        return np.where(total > 0, (total - agreed) / (2 * total), np.nan)


@contextlib.contextmanager
def double_precision(graph: Graph) -> Iterator[Graph]:
    """JAX with 64-bit numbers, and a graph to compute with; on the host's processor where the accelerator has none."""
    on_host = jax.default_backend() == "tpu"
    device = jax.devices("cpu")[0] if on_host else None
    with jax.enable_x64(True), jax.default_device(device):
        yield graph.gathered() if on_host and graph.mesh is not None else graph


def spins_of(graph: Graph, spins: Any, dtype: Any) -> tuple[jax.Array, ...]:
    """Spins [N] as blocks, 0 for nodes that are not alive."""
    blocks = tuple(block.astype(dtype) for block in graph.split(jnp.asarray(spins)))
    return blocks if graph.alive is None else tuple(b * a for b, a in zip(blocks, graph.ones(dtype), strict=True))


def _weights(graph: Graph, spins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums of |A_ij| over the edges into each block [blocks], and of s_i A_ij s_j [R, blocks]."""
    one = jnp.ones((), jnp.float64)
    return _totals(graph, one), np.stack([agreed_by_block(graph, row, one) for row in spins])


def _totals(graph: Graph, one: jax.Array) -> np.ndarray:
    """Sums of |A_ij| over the edges into each block [blocks]."""
    total = np.asarray(total_by_block(graph, one))
    if not np.isfinite(total).all():
        raise WeightsError("The graph's weights hold NaN or infinity, so its frustration means nothing.")
    return total


@jax.jit
def agreed_by_block(graph: Graph, spins: jax.Array, one: jax.Array) -> jax.Array:
    """Sums of s_i A_ij s_j over the edges into each block [blocks], of spins [N], in the precision of ``one``."""
    blocks = spins_of(graph, spins, one.dtype)
    return jnp.stack([jnp.sum(a * b) for a, b in zip(graph.forward(blocks), blocks, strict=True)])


@jax.jit
def total_by_block(graph: Graph, one: jax.Array) -> jax.Array:
    """Sums of |A_ij| over the edges into each block [blocks], in the precision of ``one``, which is 1."""
    # Multiplied by an argument, so that XLA does not fold a whole network of constants while it compiles.
    ones = tuple(x * one for x in graph.ones(one.dtype))
    return jnp.stack([jnp.sum(a * b) for a, b in zip(graph.absolute().forward(ones), ones, strict=True)])
