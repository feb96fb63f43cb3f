"""Layers whose every edge has its own weight: convolutions and products no longer, in the same places."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jprobe.graph.edges import Edges
from jprobe.graph.operators.base import Layer, Run, Shape, Weights


@dataclass(frozen=True)
class Stored(Run):
    """Weights of edges as one array.

    Attributes:
        index: of the array.
        length: number of edges.

    Example:
        >>> Stored(1, 2).read([None, jnp.array([1.0, -1.0])]).tolist()
        [1.0, -1.0]
    """

    index: int
    length: int

    @property
    def size(self) -> int:
        """Number of edges."""
        return self.length

    def read(self, weights: Weights) -> jax.Array:
        """The array."""
        return weights[self.index]


@dataclass(frozen=True)
class LocallyConnected(Layer):
    """A locally connected layer: the edges of a convolution or product, each with a weight of its own.

    Attributes:
        taps: for each element of the window, the outputs and the inputs it joins, as slices over the spatial axes.
        shape: of the output, [examples, features, *space].
        groups: groups of features.
        runs: where each tap's weights come from; they run over examples, places, groups, inputs and outputs, in this
            order. One array for each: slices of one array would be copied for the whole of a descent.
        unsigned: whether weights count without their signs; taken off while they are read, as one weight an edge is
            too much to have twice.

    Example:
        >>> both = (slice(0, 2, 1),)
        >>> layer = LocallyConnected(((both, both),), (1, 1, 2), 1, (Stored(0, 2),))
        >>> layer(jnp.ones((1, 1, 2)), [jnp.array([3.0, -4.0])]).tolist()
        [[[3.0, -4.0]]]
    """

    taps: tuple[tuple[tuple[slice, ...], tuple[slice, ...]], ...]
    shape: Shape
    groups: int
    runs: tuple[Run, ...]
    unsigned: bool = False

    def __hash__(self) -> int:
        """The same for the same layer."""
        return hash((self.shape, self.groups, self.runs, self.unsigned))  # before Python 3.12 slices have no hash

    def result(self, shape: Shape, weights: Weights) -> Shape:
        """The output's shape."""
        return self.shape

    def absolute(self) -> "LocallyConnected":
        """The layer of the absolute weights."""
        return replace(self, unsigned=True)

    def __call__(self, x: jax.Array, weights: Weights) -> jax.Array:
        """Sum over every output's own weights times its inputs [examples, features, *space]."""
        examples, features = x.shape[:2]
        per_group, outs = features // self.groups, self.shape[1] // self.groups
        total = jnp.zeros(self.shape, x.dtype)
        for run, (to, of) in zip(self.runs, self.taps, strict=True):
            here = x[(slice(None), slice(None), *of)]
            space = here.shape[2:]
            mine = run.read(weights).reshape(examples, math.prod(space), self.groups, per_group, outs)
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

    def entries(self, shape: Shape, weights: Weights) -> Iterator[Edges]:
        """The edges of each tap, in the order of its weights."""
        read, made = (np.arange(math.prod(s)).reshape(s) for s in (shape, self.shape))
        examples, outs, ins = self.shape[0], self.shape[1] // self.groups, shape[1] // self.groups
        for run, (to, of) in zip(self.runs, self.taps, strict=True):
            into, out_of = made[(slice(None), slice(None), *to)], read[(slice(None), slice(None), *of)]
            into = into.reshape(examples, self.groups, outs, -1).transpose(0, 3, 1, 2)[:, :, :, None]
            out_of = out_of.reshape(examples, self.groups, ins, -1).transpose(0, 3, 1, 2)[..., None]
            target, source = np.broadcast_arrays(into, out_of)
            weight = np.asarray(run.read(weights), np.float64)
            yield Edges(source.ravel(), target.ravel(), np.abs(weight) if self.unsigned else weight)

    def count(self, there: np.ndarray, weights: Weights) -> int:
        """Every input has an edge to each output of its group, for each tap."""
        outs = self.shape[1] // self.groups
        return outs * sum(int(there[(slice(None), slice(None), *of)].sum()) for _, of in self.taps)


def _summed(x: jax.Array, weights: jax.Array, unsigned: bool) -> jax.Array:
    """Sums over inputs: [examples, places, groups, inputs] by [..., inputs, outputs] -> [..., outputs]."""
    # Some places after others: XLA would keep a second copy of all weights for the way back, and two in double precision.
    places = x.shape[1]
    together = next(n for n in range(min(64, places), 0, -1) if places % n == 0)
    parts = [jnp.moveaxis(a.reshape(a.shape[0], -1, together, *a.shape[2:]), 1, 0) for a in (x, weights)]

    def some(part: tuple[jax.Array, ...]) -> jax.Array:
        here, mine = part
        mine = (jnp.abs(mine) if unsigned else mine).astype(x.dtype)
        return jnp.einsum("npgi,npgio->npgo", here, mine, precision=lax.Precision.HIGHEST)

    # A checkpoint, or JAX would move what is done to the weights out of the loop on the way back, and keep it.
    sums = lax.map(jax.checkpoint(some), tuple(parts))
    return jnp.moveaxis(sums, 0, 1).reshape(*x.shape[:3], -1)
