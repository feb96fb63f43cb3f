"""Descent by blocks, matrix-free: cooled by mean fields, or by the rows' signs alone."""

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import jax
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


def descend(
    graph: Any,
    *,
    key: Any = None,
    start: Any = "random",
    replicas: int = 1,
    temperatures: Sequence[float] | None = None,
    thresholds: Sequence[float] | None = None,
    sweeps: int = 1000,
    mesh: Mesh | None = None,
) -> Minimum:
    """Descend to a local minimum of the frustration, whole blocks of spins at a time.

    Block by block, input to output, every spin takes the side of its row sum f = A_u s. Spins that jump from one side
    to the other freeze early: where an order runs through a whole block (weights whose mean is not 0), half of all
    descents end 20% too high, the paper's one flip at a time among them. So in the first passes, one for each
    temperature T, spins are means between -1 and 1, s = tanh(f / (T u)), in units u of the block's root mean square
    row sum: from warm to cold, the strongest orders form first. Then spins are rounded, which cannot raise the energy,
    and flip where their row sums of S A_u S are negative, until none is. Parallel edges act on spins by their sum, and
    count one by one in the energy.

    Args:
        graph: whatever :func:`jprobe.graph.as_graph` takes.
        key: JAX random key, for the start. Default: ``jax.random.key(0)``.
        start: "random", "ones", a number of random single flips from all ones, or spins [N] or [R, N].
        replicas: R, starts.
        temperatures: falling numbers above 0, one pass each; () for none. Default: 16 from 2 to 0.2, but none where
            you give thresholds, or spins to start from: those are descended from, and the energy never rises.
        thresholds: falling numbers in (0, 1), one pass each: first flip only where the row sum is below -t times the
            largest row sum of the start, nearly the paper's rule, which always takes the most negative row.
        sweeps: passes at most after those.
        mesh: spread the replicas over all devices of this mesh; they end where they end on one device. Where a device has
            no room for one replica (:func:`jprobe.memory.limit`), all share the graph, see :meth:`jprobe.graph.Graph.spread`.

    Returns:
        Minimum of R replicas, ``is_local`` unless the sweeps did not suffice. While spins are means, ``history`` is the
        energy expected of independent spins of these means.

    Raises:
        ArgumentError: temperatures or thresholds that do not fall or lie out of range, a bad start, no sweep.
        ShapeError: starting spins for another number of nodes.
        WeightsError: the graph has shapes alone, or weights that are NaN or infinite.

    Source:
        The temperatures: Peterson and Anderson, 'A mean field theory learning algorithm for neural networks', Complex
        Systems 1 (1987). The rest: the paper's heuristic (paper 2, Methods and supplement B) with blocks in the place
        of single nodes.

    Example:
        >>> from jprobe.graph import bipartite
        >>> kernel = jax.random.normal(jax.random.key(1), (20, 30))
        >>> found = descend(bipartite(kernel), key=jax.random.key(0), replicas=3)
        >>> found.spins.shape, bool(found.is_local.all())
        ((3, 50), True)
        >>> down = descend(bipartite(kernel), key=jax.random.key(0), replicas=3, temperatures=())
        >>> bool((np.diff(down.history[0]) < 1e-6).all()), bool(found.energy.mean() <= down.energy.mean())
        (True, True)
    """
    graph, key = as_graph(graph), as_key(key)
    graph.check()
    if temperatures is None:
        free = np.ndim(start) == 0 and thresholds is None
        temperatures = kernels.TEMPERATURES if free else ()
    thresholds = () if thresholds is None else thresholds
    if any(not 0 < t < np.inf for t in temperatures) or _rises(temperatures):
        raise ArgumentError(f"Temperatures fall and are above 0: {tuple(temperatures)}.")
    if any(not 0 < t < 1 for t in thresholds) or _rises(thresholds):
        raise ArgumentError(f"Thresholds fall and lie between 0 and 1: {tuple(thresholds)}.")
    if sweeps < 1:
        raise ArgumentError(f"sweeps must be 1 or more, not {sweeps}.")
    graph, mesh = with_room(graph, mesh)
    spins, total = starts(graph, start, key, replicas), total_weight(graph)
    schedule = np.asarray(temperatures, np.float32), np.asarray(thresholds, np.float32)
    run = spread(_descending(sweeps), (False, True, False, False), mesh)(graph, spins, *schedule)
    flips = np.asarray(run.flips, np.int64).sum(1)  # long runs of large networks flip more than 32 bits count
    return finished(graph, run.spins, run.sweeps, flips, history(run.agreed, run.sweeps, total), run.settled)


def _rises(numbers: Sequence[float]) -> bool:
    return any(a <= b for a, b in itertools.pairwise(numbers))


@functools.cache
def _descending(sweeps: int) -> Callable[..., kernels.Run]:
    def _descend(graph: Any, spins: jax.Array, temperatures: Any, thresholds: Any) -> kernels.Run:
        return kernels.descend(graph, spins, temperatures=temperatures, thresholds=thresholds, sweeps=sweeps)

    return _descend
