"""Sums over windows, and their transpose, as sums of slices.

On a CPU ``lax.reduce_window`` visits one element after another, and its transpose does so over zeros put between the
elements: in SqueezeNet's sweeps these took longer than any convolution. Sums of slices are vectorized, and take the
terms in the same order, so that they round alike.
"""

import functools
import itertools
import operator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jprobe.graph.operators.base import Shape


class Windows(NamedTuple):
    """Where windows lie.

    Attributes:
        size: along every axis.
        strides: their steps.
        padding: (low, high) along every axis, not negative.
        dilation: distance of their elements.

    Example:
        >>> pairs = Windows((2,), (2,), ((0, 0),), (1,))
        >>> pairs.sums(jnp.arange(5.0)).tolist()
        [1.0, 5.0]
        >>> pairs.spread(jnp.array([1.0, 5.0]), (5,)).tolist()
        [1.0, 1.0, 5.0, 5.0, 0.0]
    """

    size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]

    def sums(self, x: jax.Array) -> jax.Array:
        """The sum of each window."""
        wide = lax.pad(x, np.zeros((), x.dtype), [(low, high, 0) for low, high in self.padding])
        reach = [(k - 1) * d + 1 for k, d in zip(self.size, self.dilation, strict=True)]
        last = [(n - r) // s * s + 1 for n, r, s in zip(wide.shape, reach, self.strides, strict=True)]
        starts = itertools.product(*(range(0, r, d) for r, d in zip(reach, self.dilation, strict=True)))
        return functools.reduce(
            operator.add, (lax.slice(wide, a, np.add(a, last).tolist(), self.strides) for a in starts)
        )

    def spread(self, y: jax.Array, shape: Shape) -> jax.Array:
        """The transpose: to each element of an array of this shape, the sum of y over the windows that hold it."""
        # Element n, low + n = q stride + r, lies in window q - (t dilation - r) / stride as its element t.
        per_phase = [-(-(n + low) // s) for n, (low, _), s in zip(shape, self.padding, self.strides, strict=True)]
        most = [(k - 1) * d // s for k, d, s in zip(self.size, self.dilation, self.strides, strict=True)]
        config = [(m, q - made, 0) for m, q, made in zip(most, per_phase, y.shape, strict=True)]
        wide = lax.optimization_barrier(lax.pad(y, np.zeros((), y.dtype), config))

        def phase(rest: tuple[int, ...]) -> jax.Array:
            axes = zip(self.size, self.dilation, self.strides, rest, most, strict=True)
            starts = [
                [m - (t * d - r) // s for t in reversed(range(k)) if (t * d - r) % s == 0] for k, d, s, r, m in axes
            ]
            terms = [lax.slice(wide, a, np.add(a, per_phase).tolist()) for a in itertools.product(*starts)]
            return functools.reduce(operator.add, terms) if terms else jnp.zeros(per_phase, y.dtype)

        def interleaved(rest: tuple[int, ...]) -> jax.Array:
            axis = len(rest)
            if axis == len(shape):
                return phase(rest)
            parts = [interleaved((*rest, r)) for r in range(self.strides[axis])]
            merged = list(parts[0].shape)
            merged[axis] *= len(parts)
            return jnp.stack(parts, axis + 1).reshape(merged) if len(parts) > 1 else parts[0]

        lows = [low for low, _ in self.padding]
        return lax.slice(interleaved(()), lows, np.add(lows, shape).tolist())
