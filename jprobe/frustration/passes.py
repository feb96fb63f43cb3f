"""Passes over the blocks of a graph: what ``descend`` and ``anneal`` share.

Nodes of one block are never adjacent, so all of them may flip at once by their own row sums: a legal run of single
flips. Block by block this is a convolution and its transpose a layer, for all replicas together.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jprobe.frustration.energy import FLOAT32_ERROR
from jprobe.graph import Graph

Blocks = tuple[jax.Array, ...]

# Spins held at once, of all replicas that run together: 256 MB in single precision.
TOGETHER = 2**26


def pass_over_blocks(
    graph: Graph, blocks: Blocks, rule: Callable[[int, jax.Array, jax.Array], jax.Array]
) -> tuple[Blocks, jax.Array, jax.Array]:
    """One pass over all blocks, first to last, each with the newest spins of the others.

    Args:
        graph: the graph.
        blocks: spins of one replica.
        rule: (number of the block, its row sums A_u s, its spins) -> its new spins.

    Returns:
        The spins, the number of flips, and by how much sum_ij s_i A_ij s_j has grown.
    """
    now, flips, gain = list(blocks), jnp.zeros((), jnp.int32), jnp.zeros((), jnp.float32)
    for n, old in enumerate(blocks):
        field = graph.field(now, n)
        new = rule(n, field, old)
        flips += (new != old).sum()
        gain += jnp.sum((new - old) * field)
        now[n] = new
    return tuple(now), flips, gain


def downhill(degree: Blocks, threshold: jax.Array | float = 0.0) -> Callable[[int, jax.Array, jax.Array], jax.Array]:
    """Flip where the row sum of S A_u S is below -threshold, and below what rounding could make of 0: ties never flip.

    Args:
        degree: sums of absolute weights, by block.
        threshold: in units of weight.
    """

    def rule(n: int, field: jax.Array, spins: jax.Array) -> jax.Array:
        bound = jnp.maximum(threshold, FLOAT32_ERROR * degree[n])
        return jnp.where(field * spins < -bound, -spins, spins)

    return rule


def agreement(graph: Graph, blocks: Blocks) -> jax.Array:
    """sum_ij s_i A_ij s_j of one replica, single precision."""
    return sum((jnp.sum(a * b) for a, b in zip(graph.forward(blocks), blocks, strict=True)), jnp.zeros(()))


def each_replica(run: Callable[..., Any], graph: Graph, *args: Any) -> Any:
    """``run`` on every replica, as many together as memory has room for; results do not depend on how many."""
    together = max(1, TOGETHER // max(graph.num_nodes, 1))
    return jax.lax.map(lambda one: run(*one), args, batch_size=together)
