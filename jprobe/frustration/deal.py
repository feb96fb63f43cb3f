"""Edges that trade weights: edge number e takes the weight that edge number pi(e) had."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jprobe.graph.constant import Constant
from jprobe.graph.operators import Run, Weights
from jprobe.permutation import permute_index

# Edges whose weights are looked up together, so that the rounds of the permutation stay in cache.
_CHUNK = 2**20


@dataclass(frozen=True)
class Deal:
    """How all edges of a graph's layers trade weights, by a keyed permutation pi that is evaluated edge by edge.

    Edges are numbered through runs, one for each element of a window of each link; in a run the weights of a slice of
    a kernel repeat, once for each place of the window.

    Attributes:
        starts: uint32 [runs + 1], number of each run's first edge, and of all edges.
        bases: uint32 [runs], where each run's weights begin in the table.
        sizes: uint32 [runs], how many they are.
        table: index, among the graph's weights, of all kernels' entries in the order of runs.
        key: index of the permutation's key.
    """

    starts: Constant
    bases: Constant
    sizes: Constant
    table: int
    key: int

    def count(self, run: int) -> int:
        """Number of edges of a run."""
        return int(self.starts.array[run + 1]) - int(self.starts.array[run])

    def weights(self, run: int, weights: Weights) -> jax.Array:
        """The weights that the edges of a run are dealt, in order; found edge by edge, without a list of all."""
        first, count = int(self.starts.array[run]), self.count(run)
        chunk, known = min(_CHUNK, count), self._known(weights)
        begins = jnp.uint32(first) + jnp.arange(-(-count // chunk), dtype=jnp.uint32) * jnp.uint32(chunk)
        return lax.map(lambda begin: _dealt(*known, begin, chunk), begins).reshape(-1)[:count]

    def stored(self, runs: Sequence[int], weights: Weights) -> list[jax.Array]:
        """The weights that the edges of consecutive runs are dealt, an array for each run, 4 bytes an edge."""
        starts = self.starts.array
        # One size of chunk, so that one compilation serves all layers of all nulls.
        chunk, known = min(_CHUNK, int(starts[-1])), self._known(weights)
        first, last = int(starts[runs[0]]), int(starts[runs[-1] + 1])
        out = np.empty(last - first, np.float32)
        for begin in range(first, last, chunk):
            dealt = np.asarray(_dealt(*known, np.uint32(begin), chunk))
            out[begin - first : begin - first + chunk] = dealt[: last - begin]
        return [jax.device_put(out[int(starts[r]) - first : int(starts[r + 1]) - first]) for r in runs]

    def _known(self, weights: Weights) -> tuple[Any, ...]:
        return (weights[self.table], weights[self.key], self.starts.array, self.bases.array, self.sizes.array)


@dataclass(frozen=True)
class Dealt(Run):
    """Weights of a run's edges, dealt anew whenever they are read.

    Attributes:
        deal: where they come from.
        number: of the run.
    """

    deal: Deal
    number: int

    @property
    def size(self) -> int:
        """Number of edges."""
        return self.deal.count(self.number)

    def read(self, weights: Weights) -> jax.Array:
        """Their weights, in order."""
        return self.deal.weights(self.number, weights)


@functools.partial(jax.jit, static_argnames="chunk")
def _dealt(
    table: jax.Array,
    key: jax.Array,
    starts: jax.Array,
    bases: jax.Array,
    sizes: jax.Array,
    begin: jax.Array,
    chunk: int,
) -> jax.Array:
    """Weights of a chunk of edges; what runs over the last edge is the last one's again."""
    edge = jnp.minimum(begin + jnp.arange(chunk, dtype=jnp.uint32), starts[-1] - 1)
    origin = permute_index(jax.random.wrap_key_data(key), edge, starts[-1]).astype(jnp.uint32)
    run = jnp.searchsorted(starts[1:], origin, side="right")
    return table[bases[run] + (origin - starts[run]) % sizes[run]]
