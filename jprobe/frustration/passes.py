"""Passes over the blocks of a graph, and the rules by which spins move in one.

Nodes of one block are never adjacent, so all of them may move at once by their own row sums: a legal run of single
flips. Block by block this is a convolution and its transpose a layer, for all replicas together.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jprobe.frustration.energy import FLOAT32_ERROR
from jprobe.graph import Graph
from jprobe.permutation import hashed_uniform

Blocks = tuple[jax.Array, ...]

# Spins held at once, of all replicas that run together: 256 MB in single precision.
TOGETHER = 2**26

# Nodes that a block borrows from all blocks when it measures its row sums: a block of few nodes cannot tell a small
# row sum from a large one, and where each node is a block of its own there would be no temperature at all.
BORROWED = 8.0


class Passed(NamedTuple):
    """What a pass leaves.

    Attributes:
        blocks: the spins.
        flips: int32, how many changed sign.
        gain: by how much sum_ij s_i A_ij s_j has grown.
        squares: sum of the squared row sums that it met.
    """

    blocks: Blocks
    flips: jax.Array
    gain: jax.Array
    squares: jax.Array


Rule = Callable[[int, jax.Array, jax.Array], jax.Array]


def pass_over_blocks(graph: Graph, blocks: Blocks, rule: Rule) -> Passed:
    """One pass over all blocks, first to last, each with the newest spins of the others.

    Args:
        graph: the graph.
        blocks: spins of one replica.
        rule: (number of the block, its row sums A_u s, its spins) -> its new spins.
    """
    now, zero = list(blocks), jnp.zeros((), jnp.float32)
    flips, gain, squares = jnp.zeros((), jnp.int32), zero, zero
    for n, old in enumerate(blocks):
        field = graph.field(now, n)
        new = rule(n, field, old)
        flips += (new * old < 0).sum()
        gain += jnp.sum((new - old) * field)
        squares += jnp.sum(field * field)
        now[n] = new
    return Passed(tuple(now), flips, gain, squares)


def downhill(degree: Blocks, threshold: jax.Array | float = 0.0) -> Rule:
    """Each spin follows its row sum of A_u s, if that is beyond a threshold and beyond what rounding makes of 0.

    Spins between -1 and 1 are rounded; exact ties never flip.

    Args:
        degree: sums of absolute weights, by block.
        threshold: in units of weight.
    """

    def rule(n: int, field: jax.Array, spins: jax.Array) -> jax.Array:
        bound = jnp.maximum(threshold, FLOAT32_ERROR * degree[n])
        return jnp.where(jnp.abs(field) > bound, jnp.sign(field), jnp.sign(spins))

    return rule


def mean_field(alive: Blocks, temperature: jax.Array, squares: jax.Array) -> Rule:
    """Each spin becomes the mean of a spin in its row sum f: s = tanh(f / (T u)), u the block's root mean square of f.

    Args:
        alive: 1 for every node of the graph, by block.
        temperature: T, above 0.
        squares: sum over all nodes of squared row sums, as of the pass before.
    """
    counts = [jnp.sum(a) for a in alive]
    borrowed = BORROWED * squares / jnp.maximum(sum(counts), 1)

    def rule(n: int, field: jax.Array, spins: jax.Array) -> jax.Array:
        unit = jnp.sqrt((jnp.sum(field * field) + borrowed) / (counts[n] + BORROWED))
        mean = jnp.tanh(field / (temperature * jnp.where(unit > 0, unit, 1.0)))
        return jnp.where(mean == 0, spins, mean)  # a tie keeps its side, so that it still has one when it is rounded

    return rule


def heat_bath(norms: Blocks, temperature: jax.Array, key: jax.Array) -> Rule:
    """Each spin is drawn anew, P(s = 1) = 1 / (1 + exp(-2 f / (T r))), with f its row sum and r its row's norm.

    Args:
        norms: r, by block.
        temperature: T, above 0.
        key: of this pass.
    """

    def rule(n: int, field: jax.Array, spins: jax.Array) -> jax.Array:
        scale = temperature * jnp.where(norms[n] > 0, norms[n], 1.0)
        up = hashed_uniform(jax.random.fold_in(key, n), field.shape) < jax.nn.sigmoid(2 * field / scale)
        return jnp.where(up, 1.0, -1.0) * jnp.abs(spins)  # 0 stays 0: a node that is not alive

    return rule


def each_replica(run: Callable[..., Any], graph: Graph, *args: Any) -> Any:
    """``run`` on every replica, as many together as memory has room for; results do not depend on how many."""
    together = max(1, TOGETHER // max(graph.num_nodes, 1))
    return jax.lax.map(lambda one: run(*one), args, batch_size=together)
