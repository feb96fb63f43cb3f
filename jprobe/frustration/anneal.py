"""Simulated annealing by block heat bath, matrix-free."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from jprobe.errors import ArgumentError
from jprobe.frustration import kernels
from jprobe.frustration.energy import total_weight
from jprobe.frustration.minimum import Minimum, finished, history, starts
from jprobe.frustration.room import with_room
from jprobe.graph import as_graph
from jprobe.keys import as_key
from jprobe.sharding import spread


def anneal(
    graph: Any,
    *,
    key: Any = None,
    start: Any = "random",
    replicas: int = 1,
    sweeps: int = 1000,
    hottest: float = 1.5,
    coldest: float = 0.1,
    mesh: Mesh | None = None,
) -> Minimum:
    """Cool the spins slowly, then descend.

    A whole block at a time is drawn anew, each spin from its Boltzmann distribution given all others,
    P(s_i = 1) = 1 / (1 + exp(-2 f_i / T_i)) with f = A_u s; temperatures fall evenly. Each spin's is in units of
    the norm of its own row, sqrt(sum_j A_ij^2), the size of its row sum among random spins: nodes of heavy edges freeze
    while those of light ones still move, which a few heavy edges could else prevent. Parallel edges act on spins by
    their sum, and count one by one in the energy.

    Args:
        graph: whatever :func:`jprobe.graph.as_graph` takes.
        key: JAX random key, for the start and the draws. Default: ``jax.random.key(0)``.
        start: as for :func:`descend`.
        replicas: R, independent runs.
        sweeps: passes while cooling; a descent follows.
        hottest: first temperature, above 0, in units of each node's row norm.
        coldest: last temperature, above 0 and at most the first.
        mesh: spread the replicas over all devices of this mesh; they end where they end on one device. Where a device has
            no room for one replica (:func:`jprobe.memory.limit`), all share the graph, see :meth:`jprobe.graph.Graph.spread`.

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
        >>> bool(cooled.energy[0] < descend(graph, key=jax.random.key(0), temperatures=()).energy[0])
        True
    """
    graph, key = as_graph(graph), as_key(key)
    graph.check()
    if not 0 < coldest <= hottest:
        raise ArgumentError(f"Temperatures fall and are above 0: from {hottest} to {coldest} they do not.")
    if sweeps < 1:
        raise ArgumentError(f"sweeps must be 1 or more, not {sweeps}.")
    graph, mesh = with_room(graph, mesh)
    spins, total = starts(graph, start, key, replicas), total_weight(graph)
    temperatures = np.linspace(hottest, coldest, sweeps, dtype=np.float32)
    run = spread(_anneal, (False, True, True, False), mesh)(graph, spins, _keys(key, replicas), temperatures)
    flips = np.asarray(run.flips, np.int64).sum(1)  # long runs of large networks flip more than 32 bits count
    return finished(graph, run.spins, run.sweeps, flips, history(run.agreed, run.sweeps, total), run.settled)


@functools.partial(jax.jit, static_argnums=1)
def _keys(key: jax.Array, replicas: int) -> jax.Array:
    return jax.vmap(lambda r: jax.random.fold_in(jax.random.fold_in(key, r), 1))(jnp.arange(replicas))


def _anneal(graph: Any, spins: jax.Array, keys: jax.Array, temperatures: Any) -> kernels.Run:
    return kernels.anneal(graph, spins, keys, temperatures=temperatures)
