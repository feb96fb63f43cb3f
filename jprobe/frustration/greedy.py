"""The paper's heuristic: one flip at a time, always the most negative row."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import sparse
from jax.sharding import Mesh

from jprobe.errors import ArgumentError
from jprobe.frustration.energy import FLOAT32_ERROR, total_weight
from jprobe.frustration.minimum import Minimum, finished, history, starts
from jprobe.graph import as_graph, to_scipy
from jprobe.keys import as_key
from jprobe.sharding import spread


def greedy(
    graph: Any,
    *,
    key: Any = None,
    start: Any = "random",
    replicas: int = 1,
    flips: int | None = None,
    mesh: Mesh | None = None,
) -> Minimum:
    """The paper's Algorithm 1: flip the spin of the most negative row sum of S A_u S until none is negative.

    Row sums are kept up to date: a flip changes those of its neighbours alone. Parallel edges act on spins by their
    sum, and count one by one in the energy.

    Args:
        graph: whatever :func:`jprobe.graph.as_graph` takes, small enough for a matrix.
        key: JAX random key, for the start. Default: ``jax.random.key(0)``.
        start: "random", "ones", a number of random single flips from all ones (the paper takes a million), or spins.
        replicas: R, starts.
        flips: iterations at most (the paper's M). Default: a hundred for each node.
        mesh: spread the replicas over all devices of this mesh; they end where they end on one device.

    Returns:
        Minimum of R replicas; ``sweeps`` and ``flips`` both count flips, and ``history`` has their energies.

    Raises:
        ArgumentError: the graph is too large for a matrix, a bad start, no flip.
        WeightsError: the graph has shapes alone, or weights that are NaN or infinite.

    Source:
        Paper 2, supplement B, Algorithm 1.

    Example:
        >>> from jprobe.graph import bipartite
        >>> found = greedy(bipartite(jnp.array([[1.0, -2.0], [3.0, 0.5]])), key=jax.random.key(0), start="ones")
        >>> found.energy.round(4).tolist(), found.spins.tolist()
        ([0.0769], [[1, 1, 1, -1]])
    """
    graph, key = as_graph(graph), as_key(key)
    graph.check()
    spins, total = starts(graph, start, key, replicas), total_weight(graph)
    most = 100 * graph.num_nodes if flips is None else flips
    if most < 1:
        raise ArgumentError(f"flips must be 1 or more, not {most}.")
    directed = to_scipy(graph)
    both = (directed + directed.T).tocsr()
    both.sort_indices()
    rows = np.repeat(np.arange(graph.num_nodes), np.diff(both.indptr))
    indices = np.stack([rows, both.indices], 1).astype(np.int32)
    matrix = sparse.BCOO(
        jax.device_put((both.data.astype(np.float32), indices)),
        shape=both.shape,
        indices_sorted=True,
        unique_indices=True,
    )
    widest = int(np.diff(both.indptr).max(initial=0))
    bound = (FLOAT32_ERROR * np.abs(both).sum(1)).astype(np.float32)
    run = spread(_flipping(widest, most), (False, False, True, False), mesh)
    end, count, agreed = run(matrix, both.indptr.astype(np.int32), spins, bound)
    return finished(graph, end, count, count, history(agreed, count, total), count < most)


@functools.cache
def _flipping(widest: int, most: int) -> Callable[..., Any]:
    return functools.partial(_greedy, widest=widest, most=most)


def _greedy(
    matrix: sparse.BCOO, row_starts: jax.Array, spins: jax.Array, bound: jax.Array, widest: int, most: int
) -> Any:
    # A row is read as a window of fixed width, so the lists are padded by one.
    columns = jnp.pad(matrix.indices[:, 1], (0, widest), constant_values=matrix.shape[0])
    values = jnp.pad(matrix.data, (0, widest))
    kept = min(most, 20 * matrix.shape[0] + 1)

    def one(start: jax.Array) -> Any:
        s = start.astype(jnp.float32)
        field = matrix @ s

        def body(carry: Any) -> Any:
            s, field, count, agreed, record = carry
            i = jnp.argmin(s * field + jnp.where(s * field < -bound, 0.0, jnp.inf))
            agreed = agreed - 2 * s[i] * field[i]
            begin, length = row_starts[i], row_starts[i + 1] - row_starts[i]
            near = jax.lax.dynamic_slice(columns, (begin,), (widest,))
            change = jnp.where(jnp.arange(widest) < length, jax.lax.dynamic_slice(values, (begin,), (widest,)), 0.0)
            field = field.at[near].add(-2 * s[i] * change, mode="drop")
            return s.at[i].multiply(-1), field, count + 1, agreed, record.at[count].set(agreed, mode="drop")

        def unsettled(carry: Any) -> jax.Array:
            s, field, count, *_ = carry
            return (s * field < -bound).any() & (count < most)

        carry = (s, field, 0, jnp.sum(s * field) / 2, jnp.zeros(kept, jnp.float32))
        out = jax.lax.while_loop(unsettled, body, carry)
        return out[0].astype(jnp.int8), out[2], out[4]

    return jax.lax.map(one, spins)
