"""Layers whose every edge has its own weight: convolutions and products no longer, in the same places."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jprobe.permutation import permute_index

# Edges whose weights are looked up together, so that the rounds of the permutation stay in cache.
_CHUNK = 2**20


class Deal(NamedTuple):
    """How all edges of a graph's layers trade weights: edge number e takes the weight that edge number pi(e) had.

    Edges are numbered through runs, one for each element of a window of each link; in a run the weights of a slice of
    a kernel repeat, once for each place of the window.

    Attributes:
        starts: uint32 [runs + 1], number of each run's first edge, and of all edges.
        bases: uint32 [runs], where each run's weights begin in the table.
        sizes: uint32 [runs], how many they are.
        table: index, among the graph's weights, of all kernels' entries in the order of runs.
        key: index of the permutation's key.
    """

    starts: np.ndarray
    bases: np.ndarray
    sizes: np.ndarray
    table: int
    key: int

    def weights(self, run: int, weights: Sequence[Any]) -> jax.Array:
        """The weights that the edges of a run are dealt, in order; found edge by edge, without a list of all."""
        first, count = int(self.starts[run]), int(self.starts[run + 1] - self.starts[run])
        chunk, known = min(_CHUNK, count), self._known(weights)
        begins = jnp.uint32(first) + jnp.arange(-(-count // chunk), dtype=jnp.uint32) * jnp.uint32(chunk)
        return lax.map(lambda begin: _dealt(*known, begin, chunk), begins).reshape(-1)[:count]

    def stored(self, runs: Sequence[int], weights: Sequence[Any]) -> list[jax.Array]:
        """The weights that the edges of consecutive runs are dealt, an array for each run, 4 bytes an edge."""
        # One size of chunk, so that one compilation serves all layers of all nulls.
        chunk, known = min(_CHUNK, int(self.starts[-1])), self._known(weights)
        first, last = int(self.starts[runs[0]]), int(self.starts[runs[-1] + 1])
        out = np.empty(last - first, np.float32)
        for begin in range(first, last, chunk):
            out[begin - first : begin - first + chunk] = _dealt(*known, jnp.uint32(begin), chunk)[: last - begin]
        return [jnp.asarray(out[int(self.starts[r]) - first : int(self.starts[r + 1]) - first]) for r in runs]

    def _known(self, weights: Sequence[Any]) -> tuple[jax.Array, ...]:
        return (weights[self.table], weights[self.key], *map(jnp.asarray, (self.starts, self.bases, self.sizes)))


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


@dataclass(frozen=True, eq=False)
class Local:
    """A locally connected layer: the edges of a convolution or product, each with a weight of its own.

    Attributes:
        taps: for each element of the window, the outputs and the inputs it joins, as slices over the spatial axes.
        shape: of the output, [examples, features, *space].
        groups: groups of features.
        runs: number of each tap's run in the deal.
        deal: where the weights come from.
        stored: index of the first run's weights, dealt beforehand, and the others' follow: an array for each, as slices
            of one array would be copied for the whole of a descent. None: they are dealt anew whenever they are read.
        unsigned: whether weights count without their signs; taken off here, where that needs no second copy.
    """

    taps: tuple[tuple[tuple[slice, ...], tuple[slice, ...]], ...]
    shape: tuple[int, ...]
    groups: int
    runs: tuple[int, ...]
    deal: Deal
    stored: int | None
    unsigned: bool = False

    @property
    def edges(self) -> int:
        """Number of edges."""
        return sum(int(self.deal.starts[run + 1] - self.deal.starts[run]) for run in self.runs)

    @property
    def kept(self) -> range:
        """Indices of the weights that were dealt beforehand."""
        return range(0) if self.stored is None else range(self.stored, self.stored + len(self.runs))

    def dealt(self, weights: Sequence[Any]) -> jax.Array:
        """Weights of all edges, tap after tap."""
        out = jnp.concatenate([self._run(n, weights) for n in range(len(self.runs))])
        return jnp.abs(out) if self.unsigned else out

    def _run(self, n: int, weights: Sequence[Any]) -> jax.Array:
        return self.deal.weights(self.runs[n], weights) if self.stored is None else weights[self.stored + n]

    def __call__(self, x: jax.Array, weights: Sequence[Any]) -> jax.Array:
        """Sum over every output's own weights times its inputs [examples, features, *space]."""
        examples, features = x.shape[:2]
        per_group, outs = features // self.groups, self.shape[1] // self.groups
        total = jnp.zeros(self.shape, x.dtype)
        for n, (to, of) in enumerate(self.taps):
            here = x[(slice(None), slice(None), *of)]
            space = here.shape[2:]
            mine = self._run(n, weights).reshape(examples, math.prod(space), self.groups, per_group, outs)
            # Places first: XLA's CPU backend is ten times slower if it must find them among the last axes.
            here = here.reshape(examples, self.groups, per_group, -1).transpose(0, 3, 1, 2)
            sums = _summed(here, mine, self.unsigned).transpose(0, 2, 3, 1).reshape(examples, -1, *space)
            # Interior padding puts evenly spaced outputs in their places; unlike a scatter it runs fast backwards.
            config = [(0, 0, 0)] * 2 + [
                (s.start, size - 1 - s.start - (many - 1) * s.step, s.step - 1)
                for s, many, size in zip(to, space, self.shape[2:], strict=True)
            ]
            total += lax.pad(sums, jnp.zeros((), x.dtype), config)
        return total


def _summed(x: jax.Array, weights: jax.Array, unsigned: bool) -> jax.Array:
    """Sums over inputs: [examples, places, groups, inputs] by [..., inputs, outputs] -> [..., outputs]."""
    # Some places after others: XLA would keep a second copy of all weights for the way back, and two in double precision.
    places = x.shape[1]
    together = next(n for n in range(min(64, places), 0, -1) if places % n == 0)
    parts = [jnp.moveaxis(a.reshape(a.shape[0], -1, together, *a.shape[2:]), 1, 0) for a in (x, weights)]

    def some(part: tuple[jax.Array, ...]) -> jax.Array:
        here, mine = part
        mine = (jnp.abs(mine) if unsigned else mine).astype(x.dtype)
        return jnp.einsum("npgi,npgio->npgo", here, mine)

    # A checkpoint, or JAX would move what is done to the weights out of the loop on the way back, and keep it.
    sums = lax.map(jax.checkpoint(some), tuple(parts))
    return jnp.moveaxis(sums, 0, 1).reshape(*x.shape[:3], -1)
