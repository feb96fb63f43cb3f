"""Passes over the blocks of a graph, and the rules by which spins move in one.

Nodes of one block are never adjacent, so all of them may move at once by their own row sums: a legal run of single
flips. Block by block this is a convolution and its transpose a layer, for all replicas together.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jprobe import memory
from jprobe.frustration.energy import FLOAT32_ERROR
from jprobe.graph import Graph
from jprobe.graph.tail import Row
from jprobe.permutation import hashed_uniform

Blocks = tuple[jax.Array, ...]

# Spins held at once, of all replicas that run together: 256 MB in single precision.
TOGETHER = 2**26

# Bytes that a spin takes while it moves: itself, its row sum and what a layer makes of them, in single precision.
COPIES = 16

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


class Rule(NamedTuple):
    """By which rule spins move.

    Attributes:
        move: (number of the block, its row sums A_u s, its spins, its part of each of ``data``) -> its new spins; 0 of
            a node whose spin, row sum and data are 0.
        data: what it reads, by block.
    """

    move: Callable[..., jax.Array]
    data: tuple[Blocks, ...] = ()


def block_by_block(
    graph: Graph, blocks: Blocks, carry: Any, visit: Callable[..., Any], data: tuple[Blocks, ...]
) -> Any:
    """Change all blocks, first to last, each by the newest values of the others.

    Args:
        graph: the graph.
        blocks: numbers [..., *shape] of the nodes of each block.
        carry: what visits hand on.
        visit: (carry, number of the block, its row sums, its values, its part of each of ``data``) -> carry, new values.
        data: further numbers, by block, without leading axes.

    Returns:
        (blocks, carry).
    """
    lead = blocks[0].ndim - len(graph.blocks[0].shape)
    tail, now = graph.layout.tail, list(blocks)
    first = len(now) if tail is None else tail.first
    for n, old in enumerate(blocks[:first]):
        field = _over(lead, lambda *one, n=n: graph.field(one, n))(*now)
        carry, new = visit(carry, n, field, old, *(d[n] for d in data))
        now[n] = graph.kept_spread(new, lead)
    if tail is None:
        return tuple(now), carry
    alive = () if graph.alive is None else (graph.ones(),)
    state, *beside = (_flat(x, k) for x, k in ((now, lead), *((d, 0) for d in (*alive, *data))))

    def one_row(carried: Any, row: Row) -> Any:
        state, carry = carried
        field = _over(lead, lambda one: tail.field(row, one, graph.weights))(state)
        mine = [d[row.nodes] for d in beside]
        if alive:
            field *= mine.pop(0)
        carry, new = visit(carry, row.block, field, state[..., row.nodes], *mine)
        return (state.at[..., row.nodes].set(new), carry), None

    (state, carry), _ = jax.lax.scan(one_row, (state, carry), tail.table)
    cuts = graph.layout.offsets
    rest = [state[..., cuts[n] : cuts[n + 1]].reshape(blocks[n].shape) for n in range(first, len(blocks))]
    return (*now[:first], *rest), carry


def _over(lead: int, one: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    """``one`` over so many leading axes."""
    for _ in range(lead):
        one = jax.vmap(one)
    return one


def _flat(blocks: Sequence[jax.Array], lead: int) -> jax.Array:
    """[..., N + 1]: the nodes of all blocks in their order, and a 0 that no node has."""
    zero = jnp.zeros((*blocks[0].shape[:lead], 1), blocks[0].dtype)
    return jnp.concatenate([*(x.reshape(*x.shape[:lead], -1) for x in blocks), zero], -1)


def pass_over_blocks(graph: Graph, blocks: Blocks, rule: Rule) -> Passed:
    """One pass over all blocks, first to last, each with the newest spins of the others.

    Args:
        graph: the graph.
        blocks: spins of one replica.
        rule: by which they move.
    """

    def visit(tally: Any, n: Any, field: jax.Array, old: jax.Array, *data: jax.Array) -> Any:
        flips, gain, squares = tally
        new = rule.move(n, field, old, *data)
        flips += (new * old < 0).sum()
        return (flips, gain + jnp.sum((new - old) * field), squares + jnp.sum(field * field)), new

    zero = jnp.zeros((), jnp.float32)
    now, tally = block_by_block(graph, blocks, (jnp.zeros((), jnp.int32), zero, zero), visit, rule.data)
    return Passed(now, *tally)


def downhill(degree: Blocks, threshold: jax.Array | float = 0.0) -> Rule:
    """Each spin follows its row sum of A_u s, if that is beyond a threshold and beyond what rounding makes of 0.

    Spins between -1 and 1 are rounded; exact ties never flip.

    Args:
        degree: sums of absolute weights, by block.
        threshold: in units of weight.
    """

    def move(n: Any, field: jax.Array, spins: jax.Array, degree: jax.Array) -> jax.Array:
        bound = jnp.maximum(threshold, FLOAT32_ERROR * degree)
        return jnp.where(jnp.abs(field) > bound, jnp.sign(field), jnp.sign(spins))

    return Rule(move, (degree,))


def mean_field(alive: Blocks, temperature: jax.Array, squares: jax.Array) -> Rule:
    """Each spin becomes the mean of a spin in its row sum f: s = tanh(f / (T u)), u the block's root mean square of f.

    Args:
        alive: 1 for every node of the graph, by block.
        temperature: T, above 0.
        squares: sum over all nodes of squared row sums, as of the pass before.
    """
    counts = jnp.stack([jnp.sum(a) for a in alive])
    borrowed = BORROWED * squares / jnp.maximum(jnp.sum(counts), 1)

    def move(n: Any, field: jax.Array, spins: jax.Array) -> jax.Array:
        unit = jnp.sqrt((jnp.sum(field * field) + borrowed) / (counts[n] + BORROWED))
        mean = jnp.tanh(field / (temperature * jnp.where(unit > 0, unit, 1.0)))
        return jnp.where(mean == 0, spins, mean)  # a tie keeps its side, so that it still has one when it is rounded

    return Rule(move)


def heat_bath(norms: Blocks, temperature: jax.Array, key: jax.Array) -> Rule:
    """Each spin is drawn anew, P(s = 1) = 1 / (1 + exp(-2 f / (T r))), with f its row sum and r its row's norm.

    Args:
        norms: r, by block.
        temperature: T, above 0.
        key: of this pass.
    """

    def move(n: Any, field: jax.Array, spins: jax.Array, norms: jax.Array) -> jax.Array:
        scale = temperature * jnp.where(norms > 0, norms, 1.0)
        up = hashed_uniform(jax.random.fold_in(key, n), field.shape) < jax.nn.sigmoid(2 * field / scale)
        return jnp.where(up, 1.0, -1.0) * jnp.abs(spins)  # 0 stays 0: a node that is not alive

    return Rule(move, (norms,))


def either(which: jax.Array, first: Rule, second: Rule) -> Rule:
    """The first rule where ``which`` is true, else the second."""
    cut = len(first.data)

    def move(n: Any, field: jax.Array, spins: jax.Array, *data: jax.Array) -> jax.Array:
        return jnp.where(which, first.move(n, field, spins, *data[:cut]), second.move(n, field, spins, *data[cut:]))

    return Rule(move, first.data + second.data)


def each_replica(run: Callable[..., Any], graph: Graph, *args: Any) -> Any:
    """``run`` on every replica, as many together as memory has room for; results do not depend on how many."""
    devices = 1 if graph.mesh is None else graph.mesh.size
    spins = min(TOGETHER, memory.limit() * devices // COPIES)
    together = max(1, spins // max(graph.num_nodes, 1))
    return jax.lax.map(lambda one: run(*one), args, batch_size=together)
