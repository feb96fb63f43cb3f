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

    def between(self, first: int, last: int, weights: Sequence[Any]) -> jax.Array:
        """The weights that the edges from number ``first`` to ``last - 1`` are dealt, in order, 4 bytes each."""
        # One size of chunk, so that one compilation serves all layers of all nulls.
        chunk, known = min(_CHUNK, int(self.starts[-1])), self._known(weights)
        out = np.empty(last - first, np.float32)
        for begin in range(first, last, chunk):
            out[begin - first : begin - first + chunk] = _dealt(*known, jnp.uint32(begin), chunk)[: last - begin]
        return jnp.asarray(out)

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
        stored: index of the weights, dealt beforehand; None: they are dealt anew whenever they are read.
    """

    taps: tuple[tuple[tuple[slice, ...], tuple[slice, ...]], ...]
    shape: tuple[int, ...]
    groups: int
    runs: tuple[int, ...]
    deal: Deal
    stored: int | None

    @property
    def edges(self) -> int:
        """Number of edges."""
        return sum(int(self.deal.starts[run + 1] - self.deal.starts[run]) for run in self.runs)

    def dealt(self, weights: Sequence[Any]) -> jax.Array:
        """Weights of all edges, tap after tap."""
        if self.stored is not None:
            return weights[self.stored]
        return jnp.concatenate([self.deal.weights(run, weights) for run in self.runs])

    def __call__(self, x: jax.Array, weights: Sequence[Any]) -> jax.Array:
        """Sum over every output's own weights times its inputs [examples, features, *space]."""
        examples, features = x.shape[:2]
        per_group, outs = features // self.groups, self.shape[1] // self.groups
        total, start = jnp.zeros(self.shape, x.dtype), 0
        for (to, of), run in zip(self.taps, self.runs, strict=True):
            count = int(self.deal.starts[run + 1] - self.deal.starts[run])
            here = x[(slice(None), slice(None), *of)]
            space = here.shape[2:]
            if self.stored is None:
                mine = self.deal.weights(run, weights)
            else:
                mine = lax.slice_in_dim(weights[self.stored], start, start + count)
            start += count
            mine = mine.reshape(examples, math.prod(space), self.groups, per_group, outs).astype(x.dtype)
            # Places first: XLA's CPU backend is ten times slower if it must find them among the last axes.
            here = here.reshape(examples, self.groups, per_group, -1).transpose(0, 3, 1, 2)
            sums = jnp.einsum("npgi,npgio->npgo", here, mine).transpose(0, 2, 3, 1).reshape(examples, -1, *space)
            # Interior padding puts evenly spaced outputs in their places; unlike a scatter it runs fast backwards.
            config = [(0, 0, 0)] * 2 + [
                (s.start, size - 1 - s.start - (n - 1) * s.step, s.step - 1)
                for s, n, size in zip(to, space, self.shape[2:], strict=True)
            ]
            total += lax.pad(sums, jnp.zeros((), x.dtype), config)
        return total
