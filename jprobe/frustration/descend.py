"""Block-parallel greedy descent, matrix-free."""

import functools
import itertools
from collections.abc import Sequence
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

# A block that flips as a whole takes the side of its neighbours before those could move, and freezes: of MNIST's
# perceptron, shuffled within its layers, half of the starts end 20% too high. Means of 128 descents of eight such
# copies: 0.3921 without thresholds, 0.3496 with these, 0.3474 one flip at a time; 64 of fresh weights: 0.4351, 0.4328,
# 0.4317. All three may end in the higher basin, more often from wholly random spins (0.3949, 0.3717, 0.3734).
THRESHOLDS = tuple(np.geomspace(0.3, 0.002, 16).tolist())


def descend(
    graph: Any,
    *,
    key: Any = None,
    start: Any = "random",
    replicas: int = 1,
    thresholds: Sequence[float] = THRESHOLDS,
    sweeps: int = 1000,
) -> Minimum:
    """Descend to a local minimum of the frustration, whole blocks of spins at a time.

    Block by block, input to output, every spin flips whose row sum in S A_u S is negative; so the energy never rises.
    In the first passes, one for each threshold t, spins flip only where the row sum is below -t times the largest row
    sum of the start: nearly the paper's rule, which always takes the most negative row. Without thresholds a descent
    takes fewer passes, and on small dense graphs it can end 20% higher. Parallel edges act on spins by their sum, and
    count one by one in the energy.

    Args:
        graph: whatever :func:`jprobe.graph.as_graph` takes.
        key: JAX random key, for the start. Default: ``jax.random.key(0)``.
        start: "random", "ones", a number of random single flips from all ones, or spins [N] or [R, N].
        replicas: R, starts.
        thresholds: falling numbers in (0, 1), one pass each; () for none.
        sweeps: passes at most after those.

    Returns:
        Minimum of R replicas, ``is_local`` unless the sweeps did not suffice.

    Raises:
        ArgumentError: thresholds that do not fall or lie out of range, a bad start, no sweep.
        ShapeError: starting spins for another number of nodes.
        WeightsError: the graph has shapes alone, or weights that are NaN or infinite.

    Source:
        The paper's heuristic (paper 2, Methods and supplement B) with blocks in the place of single nodes.

    Example:
        >>> from jprobe.graph import bipartite
        >>> kernel = jax.random.normal(jax.random.key(1), (20, 30))
        >>> found = descend(bipartite(kernel), key=jax.random.key(0), replicas=3)
        >>> found.spins.shape, bool(found.is_local.all()), bool((jnp.diff(found.history[0]) < 1e-6).all())
        ((3, 50), True, True)
    """
    graph, key = as_graph(graph), as_key(key)
    graph.check()
    if any(not 0 < t < 1 for t in thresholds) or any(a <= b for a, b in itertools.pairwise(thresholds)):
        raise ArgumentError(f"Thresholds fall and lie between 0 and 1: {tuple(thresholds)}.")
    if sweeps < 1:
        raise ArgumentError(f"sweeps must be 1 or more, not {sweeps}.")
    spins, total = starts(graph, start, key, replicas), total_weight(graph)
    levels = jnp.array(thresholds, jnp.float32)
    end, done, flips, agreed, settled = _descend(graph, spins, degrees(graph), levels, sweeps)
    return finished(graph, end, done, flips, history(agreed, done, total), settled)


@functools.partial(jax.jit, static_argnames="limit")
def _descend(graph: Graph, spins: jax.Array, degree: Any, thresholds: jax.Array, limit: int) -> Any:
    most = thresholds.size + limit

    def one(start: jax.Array) -> Any:
        blocks = spins_of(graph, start, jnp.float32)
        largest = jnp.stack([jnp.abs(row).max(initial=0) for row in graph.product(blocks)]).max()
        # One loop over all passes, so that a pass is compiled once; after the last threshold it is 0.
        levels = jnp.append(largest * thresholds, 0.0)

        def body(carry: Any) -> Any:
            blocks, done, flips, agreed, record, _ = carry
            level = levels[jnp.minimum(done, thresholds.size)]
            blocks, flipped, gain = pass_over_blocks(graph, blocks, downhill(degree, level))
            agreed += gain
            record = record.at[done].set(agreed)
            return blocks, done + 1, flips + flipped, agreed, record, (flipped == 0) & (done >= thresholds.size)

        record = jnp.zeros(most, jnp.float32)
        carry = (blocks, 0, jnp.zeros((), jnp.int32), agreement(graph, blocks), record, False)
        out = jax.lax.while_loop(lambda carry: ~carry[5] & (carry[1] < most), body, carry)
        return graph.join(out[0]).astype(jnp.int8), out[1], out[2], out[4], out[5]

    return each_replica(one, graph, spins)
