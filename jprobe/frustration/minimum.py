"""What every minimiser returns, and how it ends: in double precision, at a true local minimum."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.errors import ArgumentError, ShapeError
from jprobe.frustration.energy import double_precision, energy, frustrated_by_block, frustration, spins_of
from jprobe.frustration.passes import block_by_block
from jprobe.graph import Graph

# Of a row's absolute weight: what separates a negative row sum in double precision from rounding.
FLOAT64_ERROR = 1e-14


class Minimum(NamedTuple):
    """Spin configurations that a minimiser ended in.

    Attributes:
        spins: int8 [R, N], -1 or 1, nodes in the graph's numbering.
        energy: float64 [R], frustration in [0, 1], computed afresh; the least is the best bound from above.
        sweeps: int [R], passes over all nodes (of ``greedy``: flips one by one).
        flips: int [R], spins flipped on the way.
        history: float [R, T], energy after each sweep as the sweeps counted it; NaN after the last.
        is_local: bool [R], whether no single flip lowers the energy, checked in double precision; False where the
            sweeps allowed did not suffice.
        frustrated: float64 [R, K], of the weight of the edges into each of K blocks, the share that is frustrated.

    Example:
        >>> import jax
        >>> from jprobe.frustration import descend
        >>> from jprobe.graph import bipartite
        >>> found = descend(bipartite(jax.numpy.array([[1.0, -2.0]])), key=jax.random.key(0), replicas=2)
        >>> found.energy.tolist(), found.is_local.tolist()
        ([0.0, 0.0], [True, True])
    """

    spins: np.ndarray
    energy: np.ndarray
    sweeps: np.ndarray
    flips: np.ndarray
    history: np.ndarray
    is_local: np.ndarray
    frustrated: np.ndarray

    def __repr__(self) -> str:
        """How many replicas there are, and how low they are; no spins."""
        replicas, nodes = self.spins.shape
        low, high = self.energy.min(), self.energy.max()
        energies = f"{low:.6g}" if low == high else f"{low:.6g} to {high:.6g}"
        return f"Minimum({replicas:,} x {nodes:,} spins, energy {energies}, {int(self.is_local.sum()):,} local)"

    @property
    def best(self) -> int:
        """The replica of least energy."""
        return int(np.argmin(self.energy))


def finished(graph: Graph, spins: np.ndarray, sweeps: Any, flips: Any, history: Any, settled: Any) -> Minimum:
    """Flip what single precision could not decide, and measure.

    Args:
        graph: the graph.
        spins: [R, N].
        sweeps: [R].
        flips: [R].
        history: [R, T] energies.
        settled: [R], whether the minimiser ended by itself; others are left as they are.
    """
    sweeps, flips = np.array(sweeps), np.array(flips)
    spins = np.array(spins, np.int8)
    is_local = np.zeros(len(spins), bool)
    with double_precision(graph) as graph:
        degree = _degrees(graph, jnp.ones((), jnp.float64))
        for r in np.flatnonzero(settled):
            row = spins[r]
            blocks, more, flipped, left = _polish(graph, row, degree)
            spins[r] = np.asarray(graph.join(blocks)) if flipped else row
            sweeps[r] += int(more)
            flips[r] += int(flipped)
            is_local[r] = int(left) == 0
    spins[spins == 0] = 1  # nodes that are not alive
    ends = energy(graph, spins)
    return Minimum(spins, ends, sweeps, flips, np.asarray(history), is_local, frustrated_by_block(graph, spins))


def history(agreed: Any, sweeps: Any, total: float) -> np.ndarray:
    """Energies [R, T] from sums of s_i A_ij s_j after each sweep, as far as kept; NaN after a replica's last."""
    sweeps = np.asarray(sweeps)
    energies = frustration(total, np.asarray(agreed)[:, : int(sweeps.max())])
    energies[np.arange(energies.shape[1]) >= sweeps[:, None]] = np.nan
    return energies


@jax.jit
def _degrees(graph: Graph, one: jax.Array) -> tuple[jax.Array, ...]:
    whole = graph.merged()
    return graph.part(whole.absolute().product(tuple(x * one for x in whole.ones(one.dtype))))


def degrees(graph: Graph) -> tuple[jax.Array, ...]:
    """Sums of the absolute weights of each node's edges, float32, by block."""
    # Inside a larger program XLA would else compute them while it compiles, for a minute of a large network.
    return _degrees(graph, jax.lax.optimization_barrier(jnp.ones((), jnp.float32)))


@functools.partial(jax.jit, static_argnames="limit")
def _polish(graph: Graph, spins: jax.Array, degree: tuple[jax.Array, ...], limit: int = 100) -> Any:
    """Sweeps in double precision until no row sum is negative; counts them, their flips, and what is left."""

    def turned(flipped: jax.Array, n: Any, field: jax.Array, spins: jax.Array, degree: jax.Array) -> Any:
        negative = field * spins < -FLOAT64_ERROR * degree
        return flipped + negative.sum(), jnp.where(negative, -spins, spins)

    def one_pass(blocks: tuple[jax.Array, ...]) -> tuple[tuple[jax.Array, ...], jax.Array]:
        return block_by_block(graph, blocks, jnp.zeros((), jnp.int64), turned, (degree,))

    def body(carry: Any) -> Any:
        blocks, sweeps, flips, _ = carry
        blocks, flipped = one_pass(blocks)
        return blocks, sweeps + 1, flips + flipped, flipped

    zero = jnp.zeros((), jnp.int64)
    # A sweep that flips nothing has seen every row of one configuration: that is the check itself.
    start = (spins_of(graph, spins, jnp.float64), zero, zero, zero + 1)
    return jax.lax.while_loop(lambda carry: (carry[3] > 0) & (carry[1] < limit), body, start)


def starts(graph: Graph, start: Any, key: jax.Array, replicas: int) -> jax.Array:
    """Spins to start from, int8 [R, N].

    Args:
        graph: the graph.
        start: "random", every spin at random; "ones"; a number of single flips at random nodes, from all ones
            (paper 2 takes a million); or spins [N] or [R, N].
        key: random key; replica r draws from ``fold_in(key, r)``.
        replicas: R.

    Raises:
        ArgumentError: another word, or no replica.
        ShapeError: spins of another shape.
    """
    if replicas < 1:
        raise ArgumentError(f"replicas must be 1 or more, not {replicas}.")
    size = graph.num_nodes
    if isinstance(start, str):
        if start == "ones":
            return jax.device_put(np.ones((replicas, size), np.int8))
        if start == "random":
            return _random(key, replicas, size)
        raise ArgumentError(f"start is 'random', 'ones', a number of random flips, or spins; not {start!r}.")
    if isinstance(start, int | np.integer):
        if start < 0:
            raise ArgumentError(f"A number of random flips is not negative: {start}.")
        return _flipped(key, replicas, size, int(start))
    spins = np.asarray(start)
    if spins.shape not in ((size,), (replicas, size)):
        raise ShapeError(f"Starting spins are [{size}] or [{replicas}, {size}], not {spins.shape}.")
    if not (np.abs(spins) == 1).all():
        raise ArgumentError("A spin is -1 or 1.")
    return jax.device_put(np.broadcast_to(spins.astype(np.int8), (replicas, size)))


@functools.partial(jax.jit, static_argnums=(1, 2))
def _random(key: jax.Array, replicas: int, size: int) -> jax.Array:
    return jax.vmap(lambda k: jax.random.rademacher(k, (size,), jnp.int8))(_keys(key, replicas))


@functools.partial(jax.jit, static_argnums=(1, 2, 3))
def _flipped(key: jax.Array, replicas: int, size: int, flips: int) -> jax.Array:
    def one(key: jax.Array) -> jax.Array:
        times = jnp.zeros(size, jnp.int32).at[jax.random.randint(key, (flips,), 0, size)].add(1)
        return (1 - 2 * (times % 2)).astype(jnp.int8)

    return jax.vmap(one)(_keys(key, replicas))


def _keys(key: jax.Array, replicas: int) -> jax.Array:
    return jax.vmap(lambda r: jax.random.fold_in(key, r))(jnp.arange(replicas))
