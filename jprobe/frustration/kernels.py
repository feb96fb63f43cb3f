"""Minimisers and the energy as pure functions of a graph: for ``jax.jit``, ``jax.vmap`` and loops of your own.

:func:`jprobe.frustration.descend` and :func:`~jprobe.frustration.anneal` are these, and the checks, starts and double
precision around them. A graph is a pytree of weights over a fixed layout; graphs of one layout (null models, checkpoints
along a training, active subnetworks) stack to one whose weights have a leading axis, and ``jax.vmap`` runs over it.

Minimisers are in single precision, what it cannot decide is left as it is, and nothing is checked: weights that are NaN
have energy NaN. A batch of B graphs holds B times the spins of one, so large networks are better minimised one by one.

Example:
    >>> from jprobe.frustration import shuffle_layers
    >>> from jprobe.graph import bipartite
    >>> graph = bipartite(jax.random.normal(jax.random.key(0), (20, 30)))
    >>> spins = jnp.ones((1, 50), jnp.int8)
    >>> @jax.jit
    ... @jax.vmap
    ... def of_null(key):
    ...     null = shuffle_layers(graph, key=key)
    ...     return energy(null, descend(null, spins).spins)
    >>> of_null(jax.random.split(jax.random.key(1), 4)).shape
    (4, 1)
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.frustration.energy import agreed_by_block, spins_of, total_by_block
from jprobe.frustration.minimum import degrees
from jprobe.frustration.passes import (
    Blocks,
    Rule,
    downhill,
    each_replica,
    either,
    heat_bath,
    mean_field,
    pass_over_blocks,
)
from jprobe.graph import Graph
from jprobe.permutation import hashed_uniform

# Of mean fields. Above 2 spins forget their start and nothing is gained; 10 passes end 0.001 higher, 24 as much lower.
TEMPERATURES = tuple(np.linspace(2.0, 0.2, 16).tolist())

# Draws of random spins that measure the norms of rows, to a fifth.
_DRAWS = 12


class Run(NamedTuple):
    """What a minimiser of R replicas did; T is the most passes it could have made.

    Attributes:
        spins: int8 [R, N], -1 or 1; 0 for nodes that are not alive.
        sweeps: int32 [R], passes made.
        flips: int32 [R, T], spins that changed sign in each pass.
        agreed: float32 [R, T], sum_ij s_i A_ij s_j after each pass; 0 after the last.
        settled: bool [R], whether the last pass found nothing to flip.
    """

    spins: jax.Array
    sweeps: jax.Array
    flips: jax.Array
    agreed: jax.Array
    settled: jax.Array


def energy(graph: Graph, spins: jax.Array) -> jax.Array:
    """Frustration of spin configurations, e(s) = sum_ij (|A_ij| - s_i A_ij s_j) / (2 sum_ij |A_ij|).

    Args:
        graph: a :class:`jprobe.graph.Graph`.
        spins: [N] or [R, N].

    Returns:
        A number, or [R]; float32, or float64 where JAX has 64-bit numbers. 0 where no edge weighs anything.

    Example:
        >>> from jprobe.graph import from_edges
        >>> triangle = from_edges([0, 1, 2], [1, 2, 0], [1.0, 1.0, -1.0])
        >>> round(float(jax.jit(energy)(triangle, jnp.ones(3))), 4)
        0.3333
    """
    one = jax.lax.optimization_barrier(jnp.ones((), jnp.result_type(float)))
    total = total_by_block(graph, one).sum()
    agreed = jax.lax.map(lambda row: agreed_by_block(graph, row, one).sum(), jnp.atleast_2d(spins))
    return jnp.where(total == 0, 0.0, (total - agreed) / (2 * total)).reshape(spins.shape[:-1])


def descend(
    graph: Graph, spins: jax.Array, *, temperatures: Any = TEMPERATURES, thresholds: Any = (), sweeps: int = 1000
) -> Run:
    """Passes of mean fields, one a temperature; passes of large rows, one a threshold; then to a local minimum.

    Args:
        graph: a :class:`jprobe.graph.Graph`.
        spins: to start from, [R, N], -1 or 1.
        temperatures: as of :func:`jprobe.frustration.descend`, [passes]; may be traced.
        thresholds: as of :func:`jprobe.frustration.descend`, [passes]; may be traced.
        sweeps: passes at most after those; static.

    Example:
        >>> from jprobe.graph import from_edges
        >>> path = from_edges([0, 1, 2], [1, 2, 3], [1.0, -1.0, 1.0])
        >>> jax.jit(descend)(path, jnp.ones((1, 4))).spins.tolist()
        [[1, 1, -1, -1]]
    """
    alive, schedule = graph.ones(), _schedule(temperatures, thresholds, sweeps)

    def warm(temperature: jax.Array, squares: jax.Array, number: jax.Array) -> Rule:
        return mean_field(alive, temperature, squares)

    degree = degrees(graph)
    return each_replica(lambda start: _run(graph, degree, start, schedule, warm), graph, spins)


def anneal(graph: Graph, spins: jax.Array, keys: jax.Array, *, temperatures: Any, sweeps: int = 1000) -> Run:
    """Passes of heat baths, one a temperature; then to a local minimum.

    Args:
        graph: a :class:`jprobe.graph.Graph`.
        spins: to start from, [R, N], -1 or 1.
        keys: JAX random keys, [R].
        temperatures: in units of the norms of rows, as of :func:`jprobe.frustration.anneal`, [passes]; may be traced.
        sweeps: passes at most after those; static.

    Example:
        >>> from jprobe.graph import from_edges
        >>> path = from_edges([0, 1, 2], [1, 2, 3], [1.0, -1.0, 1.0])
        >>> keys = jax.random.split(jax.random.key(0), 5)
        >>> cooled = anneal(path, jnp.ones((5, 4)), keys, temperatures=jnp.linspace(1.5, 0.1, 50))
        >>> energy(path, cooled.spins).tolist()
        [0.0, 0.0, 0.0, 0.0, 0.0]
    """
    degree, norms, schedule = degrees(graph), _norms(graph), _schedule(temperatures, (), sweeps)

    def one(start: jax.Array, key: jax.Array) -> Run:
        def warm(temperature: jax.Array, squares: jax.Array, number: jax.Array) -> Rule:
            return heat_bath(norms, temperature, jax.random.fold_in(key, number))

        return _run(graph, degree, start, schedule, warm)

    return each_replica(one, graph, spins, keys)


class _Schedule(NamedTuple):
    """What every pass does; the last entries count for all passes after.

    Attributes:
        temperatures: float32 [passes + 1], 0 once the spins are cold.
        thresholds: float32 [passes + 1], shares of the largest row sum of the start.
        cold: the first pass without a temperature.
        most: passes at most.
    """

    temperatures: jax.Array
    thresholds: jax.Array
    cold: int
    most: int


def _schedule(temperatures: Any, thresholds: Any, sweeps: int) -> _Schedule:
    hot, high = jnp.asarray(temperatures, jnp.float32), jnp.asarray(thresholds, jnp.float32)
    before = hot.size + high.size
    padded = jnp.pad(hot, (0, high.size + 1)), jnp.pad(high, (hot.size, 1))
    return _Schedule(*padded, hot.size, before + sweeps)


def _run(graph: Graph, degree: Blocks, start: jax.Array, schedule: _Schedule, warm: Callable[..., Rule]) -> Run:
    """One replica. One loop over all passes, warm and cold, so that a pass is compiled once."""
    last = schedule.temperatures.size - 1
    # A pass that flips nothing is a check only if all spins were -1 or 1 before it: not the one that rounds them.
    first_check = max(last, schedule.cold + 1) if schedule.cold else last
    blocks = spins_of(graph, start, jnp.float32)
    merged = graph.merge(blocks)
    rows = graph.merged().product(merged)
    largest = jnp.stack([jnp.abs(row).max(initial=0) for row in rows]).max()
    agreed = sum(jnp.sum(row * block) for row, block in zip(rows, merged, strict=True)) / 2
    squares = sum(jnp.sum(row * row) for row in rows)

    def body(carry: Any) -> Any:
        blocks, done, agreed, squares, records, _ = carry
        now = jnp.minimum(done, last)
        temperature = schedule.temperatures[now]
        heated = warm(jnp.where(temperature > 0, temperature, 1.0), squares, done)
        settling = downhill(degree, largest * schedule.thresholds[now])

        passed = pass_over_blocks(graph, blocks, either(temperature > 0, heated, settling))
        agreed += passed.gain
        records = records[0].at[done].set(passed.flips), records[1].at[done].set(agreed)
        return passed.blocks, done + 1, agreed, passed.squares, records, (passed.flips == 0) & (done >= first_check)

    records = jnp.zeros(schedule.most, jnp.int32), jnp.zeros(schedule.most, jnp.float32)
    carry = (blocks, jnp.zeros((), jnp.int32), agreed, squares, records, jnp.zeros((), bool))
    blocks, done, _, _, (flips, history), settled = jax.lax.while_loop(
        lambda carry: ~carry[5] & (carry[1] < schedule.most), body, carry
    )
    spins = graph.join([block.astype(jnp.int8) for block in blocks])  # [N] is whole on each device: in bytes
    return Run(spins, done, flips, history, settled)


def _norms(graph: Graph) -> Blocks:
    """sqrt(sum_j A_ij^2) of each row, measured: the root mean square of row sums of random spins."""
    whole = graph.merged()
    alive = whole.ones()

    def squares(total: Blocks, key: jax.Array) -> tuple[Blocks, None]:
        draws = [
            jnp.where(hashed_uniform(jax.random.fold_in(key, n), a.shape) < 0.5, a, -a) for n, a in enumerate(alive)
        ]
        return tuple(t + row * row / _DRAWS for t, row in zip(total, whole.product(draws), strict=True)), None

    zeros = tuple(jnp.zeros_like(a) for a in alive)
    total, _ = jax.lax.scan(squares, zeros, jax.random.split(jax.random.key(0), _DRAWS))
    return graph.part([jnp.sqrt(t) for t in total])
