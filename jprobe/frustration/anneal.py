"""Simulated annealing by block heat bath, matrix-free."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.errors import ArgumentError
from jprobe.frustration.energy import spins_of, total_weight
from jprobe.frustration.minimum import Minimum, degrees, finished, history, starts
from jprobe.frustration.passes import agreement, downhill, each_replica, pass_over_blocks
from jprobe.graph import Graph, as_graph
from jprobe.keys import as_key
from jprobe.permutation import hashed_uniform


def anneal(
    graph: Any,
    *,
    key: Any = None,
    start: Any = "random",
    replicas: int = 1,
    sweeps: int = 1000,
    hottest: float = 3.0,
    coldest: float = 0.3,
) -> Minimum:
    """Cool the spins slowly, then descend.

    A whole block at a time is drawn from the Boltzmann distribution given all others,
    P(s_i = 1) = 1 / (1 + exp(-2 f_i / T)) with f = A_u s; T falls geometrically. Temperatures are in units of the
    root mean square over nodes of sqrt(sum_j A_ij^2), the size of a row sum of random spins. Parallel edges act on spins
    by their sum, and count one by one in the energy.

    Args:
        graph: whatever :func:`jprobe.graph.as_graph` takes.
        key: JAX random key, for the start and the draws. Default: ``jax.random.key(0)``.
        start: as for :func:`descend`.
        replicas: R, independent runs.
        sweeps: passes while cooling; a descent follows.
        hottest: first temperature, above 0.
        coldest: last temperature, above 0 and at most the first.

    Returns:
        Minimum of R replicas. Ten times the sweeps lower a network's energy by about 0.001.

    Raises:
        ArgumentError: temperatures that do not fall, no sweep, a bad start.
        ShapeError: starting spins for another number of nodes.
        WeightsError: the graph has shapes alone, or weights that are NaN or infinite.

    Source:
        Kirkpatrick, Gelatt, Vecchi, 'Optimization by simulated annealing', Science 220 (1983); the energy is
        paper 2's eq. (1).

    Example:
        >>> from jprobe.frustration import descend
        >>> from jprobe.graph import bipartite
        >>> graph = bipartite(jax.random.normal(jax.random.key(1), (20, 30)))
        >>> cooled = anneal(graph, key=jax.random.key(0), sweeps=300)
        >>> bool(cooled.energy[0] <= descend(graph, key=jax.random.key(0)).energy[0])
        True
    """
    graph, key = as_graph(graph), as_key(key)
    graph.check()
    if not 0 < coldest <= hottest:
        raise ArgumentError(f"Temperatures fall and are above 0: from {hottest} to {coldest} they do not.")
    if sweeps < 1:
        raise ArgumentError(f"sweeps must be 1 or more, not {sweeps}.")
    keys = jax.vmap(lambda r: jax.random.fold_in(jax.random.fold_in(key, r), 1))(jnp.arange(replicas))
    spins, total = starts(graph, start, key, replicas), total_weight(graph)
    temperatures = _unit(graph, jax.random.fold_in(key, 2**31)) * jnp.geomspace(hottest, coldest, sweeps)
    end, extra, flips, agreed, settled = _anneal(graph, spins, keys, degrees(graph), temperatures)
    flips = np.asarray(flips, np.int64).sum(1)  # long runs of large networks flip more than 32 bits count
    return finished(graph, end, sweeps + extra, flips, history(agreed, sweeps + extra, total), settled)


@jax.jit
def _unit(graph: Graph, key: jax.Array) -> jax.Array:
    """Root mean square of a row sum of random spins: that of sqrt(sum_j A_ij^2), as signs are independent."""
    alive = graph.ones()
    draws = [jax.random.rademacher(jax.random.fold_in(key, n), a.shape, a.dtype) for n, a in enumerate(alive)]
    rows = graph.product(tuple(a * s for a, s in zip(alive, draws, strict=True)))
    return jnp.sqrt(sum(jnp.sum(r * r) for r in rows) / jnp.maximum(sum(jnp.sum(a) for a in alive), 1))


# Sweeps that the descent may need after the last temperature, where little is left to flip.
_DESCENT = 1000


@jax.jit
def _anneal(graph: Graph, spins: jax.Array, keys: jax.Array, degree: Any, temperatures: jax.Array) -> Any:
    def one(start: jax.Array, key: jax.Array) -> Any:
        def cool(carry: Any, now: Any) -> Any:
            blocks, agreed = carry
            number, temperature = now
            here = jax.random.fold_in(key, number)

            def heat_bath(n: int, field: jax.Array, old: jax.Array) -> jax.Array:
                up = hashed_uniform(jax.random.fold_in(here, n), field.shape) < jax.nn.sigmoid(2 * field / temperature)
                return jnp.where(up, 1.0, -1.0) * jnp.abs(old)  # 0 stays 0: a node that is not alive

            blocks, flipped, gain = pass_over_blocks(graph, blocks, heat_bath)
            return (blocks, agreed + gain), (agreed + gain, flipped)

        def greedy(carry: Any) -> Any:
            blocks, done, flips, _, agreed, record = carry
            blocks, flipped, gain = pass_over_blocks(graph, blocks, downhill(degree))
            return blocks, done + 1, flips + flipped, flipped, agreed + gain, record.at[done].set(agreed + gain)

        blocks = spins_of(graph, start, jnp.float32)
        zero = jnp.zeros((), jnp.int32)
        numbered = jnp.arange(temperatures.size), temperatures
        (blocks, agreed), (cooling, flips) = jax.lax.scan(cool, (blocks, agreement(graph, blocks)), numbered)
        carry = (blocks, 0, zero, zero + 1, agreed, jnp.zeros(_DESCENT, jnp.float32))
        out = jax.lax.while_loop(lambda carry: (carry[3] > 0) & (carry[1] < _DESCENT), greedy, carry)
        record = jnp.concatenate([cooling, out[5]])
        return graph.join(out[0]).astype(jnp.int8), out[1], jnp.append(flips, out[2]), record, out[3] == 0

    return each_replica(one, graph, spins, keys)
