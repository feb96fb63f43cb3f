"""Convolutions whose gradients are fast inside loops on a CPU, as training steps in a scan need them.

XLA has fast code for convolutions of one plain form: positions of the batch first and features last, kernels not
flipped. The gradients that JAX derives are of other forms. XLA rewrites those, but not inside loops, where a training
step takes ten times as long (https://github.com/jax-ml/jax/issues/12868). Here both gradients are written in the plain
form, behind barriers that keep XLA from folding flips and transposes back into the convolution.
"""

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jprobe.errors import ShapeError


@dataclass(frozen=True)
class Convolution:
    """A convolution as a value: all but its operands. ``lax.conv_general_dilated`` documents the parts.

    Attributes:
        strides: of the window.
        padding: (low, high) along each spatial axis; negative cuts off.
        spread: ``lhs_dilation``, distance of the input's elements.
        dilation: ``rhs_dilation``, distance of the window's elements.
        numbers: dimension numbers.
        groups: groups of features.
        precision: of the products.

    Example:
        >>> numbers = lax.ConvDimensionNumbers((0, 2, 1), (2, 1, 0), (0, 2, 1))  # NHC, HIO, NHC
        >>> difference = Convolution((1,), ((0, 0),), (1,), (1,), numbers)
        >>> x, kernel = jnp.array([1.0, 4.0, 9.0]).reshape(1, 3, 1), jnp.array([-1.0, 1.0]).reshape(2, 1, 1)
        >>> difference(x, kernel).ravel().tolist()
        [3.0, 5.0]
        >>> difference.transpose(jnp.ones((1, 2, 1)), kernel, x.shape).ravel().tolist()
        [-1.0, 0.0, 1.0]
        >>> difference.kernel_gradient(x, jnp.ones((1, 2, 1)), kernel.shape).ravel().tolist()
        [5.0, 13.0]
    """

    strides: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    spread: tuple[int, ...]
    dilation: tuple[int, ...]
    numbers: lax.ConvDimensionNumbers
    groups: int = 1
    precision: Any = None

    def __call__(self, x: jax.Array, kernel: jax.Array) -> jax.Array:
        """Convolve an array; the gradients of this are those that JAX derives."""
        x, padding = self._cut(x)
        return lax.conv_general_dilated(
            x,
            kernel,
            window_strides=self.strides,
            padding=padding,
            lhs_dilation=self.spread,
            rhs_dilation=self.dilation,
            dimension_numbers=self.numbers,
            feature_group_count=self.groups,
            precision=self.precision,
        )

    def _cut(self, x: jax.Array) -> tuple[jax.Array, list[tuple[int, int]]]:
        """The input without what negative padding cuts off, and the padding of what is left, none of it negative.

        XLA for CPUs reads beyond an input whose padding is negative: https://github.com/openxla/xla/issues/48713.
        """
        padding = []
        for axis, step, (low, high) in zip(self.numbers.lhs_spec[2:], self.spread, self.padding, strict=True):
            size = x.shape[axis]
            start = min(size, -(min(low, 0) // step))
            stop = max(start, size + min(high, 0) // step)
            if (start, stop) != (0, size):
                x = lax.slice_in_dim(x, start, stop, axis=axis)
            if start == stop:  # nothing but zeros is left
                low, high = 0, (size - 1) * step + 1 + low + high
            else:
                low, high = low + start * step, high + (size - stop) * step
            padding.append((low, high))
        return x, padding

    def transpose(self, y: jax.Array, kernel: jax.Array, shape: Sequence[int]) -> jax.Array:
        """Apply the transposed map, the gradient by x: a convolution with the flipped kernel, its features swapped.

        Args:
            y: of the result's shape.
            kernel: the kernel.
            shape: of x.

        Returns:
            [*shape]
        """
        outs, ins, *spatial = self.numbers.rhs_spec
        rank, groups = len(spatial), self.groups
        flipped = jnp.flip(kernel, spatial).transpose(*spatial, outs, ins)
        *window, _, depth = flipped.shape
        by_group = jnp.moveaxis(flipped.reshape(*window, groups, -1, depth), -3, -2)
        swapped = by_group.reshape(*window, kernel.shape[outs] // groups, -1)  # *window, outputs of a group, inputs
        reach = _reach(window, self.dilation)
        before = [r - 1 - low for r, (low, _) in zip(reach, self.padding, strict=True)]
        made = _reach([y.shape[n] for n in self.numbers.out_spec[2:]], self.strides)
        sizes = _reach([shape[n] for n in self.numbers.lhs_spec[2:]], self.spread)
        after = [n + r - 1 - m - b for n, r, m, b in zip(sizes, reach, made, before, strict=True)]
        back = Convolution(
            strides=self.spread,
            padding=tuple(zip(before, after, strict=True)),
            spread=self.strides,
            dilation=self.dilation,
            numbers=lax.ConvDimensionNumbers(
                self.numbers.out_spec, (rank + 1, rank, *range(rank)), self.numbers.lhs_spec
            ),
            groups=groups,
            precision=self.precision,
        )
        return back(y, lax.optimization_barrier(swapped))

    def kernel_gradient(self, x: jax.Array, y: jax.Array, shape: Sequence[int]) -> jax.Array:
        """The gradient by the kernel, of the sum of y times the result.

        Args:
            x: the input.
            y: of the result's shape.
            shape: of the kernel.

        Returns:
            [*shape]
        """
        outs, ins, *spatial = self.numbers.rhs_spec
        plain_x = _last(x, self.numbers.lhs_spec)
        plain_y = _last(y, self.numbers.out_spec)
        window = [shape[n] for n in spatial]
        # Where the window takes strides the result is small: so are its patches, and one product is faster.
        by = self._as_convolution if max(self.strides) == 1 else self._as_product
        plain = by(plain_x, plain_y, window)  # *window, inputs of a group, outputs
        return plain.transpose([(*spatial, ins, outs).index(n) for n in range(len(shape))])

    def _as_convolution(self, x: jax.Array, y: jax.Array, window: list[int]) -> jax.Array:
        """The input by windows as large as the result: examples are the features, inputs of a group the examples."""
        batch, *places, _ = x.shape
        rank = len(places)
        by_input = x.reshape(batch, *places, self.groups, -1).transpose(rank + 2, *range(1, rank + 2), 0)
        by_place = y.transpose(*range(1, rank + 1), 0, rank + 1)  # *result, examples, outputs
        sizes, reach = _reach(places, self.spread), _reach(y.shape[1:-1], self.strides)
        steps = _reach(window, self.dilation)
        after = [r + k - 1 - n - low for r, k, n, (low, _) in zip(reach, steps, sizes, self.padding, strict=True)]
        plain = (0, rank + 1, *range(1, rank + 1))
        turned = Convolution(
            strides=self.dilation,
            padding=tuple((low, high) for (low, _), high in zip(self.padding, after, strict=True)),
            spread=self.spread,
            dilation=self.strides,
            numbers=lax.ConvDimensionNumbers(plain, (rank + 1, rank, *range(rank)), plain),
            groups=self.groups,
            precision=self.precision,
        )
        sums = turned(*lax.optimization_barrier((by_input.reshape(*by_input.shape[: rank + 1], -1), by_place)))
        return jnp.moveaxis(sums, 0, rank)

    def _as_product(self, x: jax.Array, y: jax.Array, window: list[int]) -> jax.Array:
        """What each element of the window sees of the input, times the result."""
        edges = [(low, high, step - 1) for (low, high), step in zip(self.padding, self.spread, strict=True)]
        wide = lax.pad(jnp.moveaxis(x, -1, 0), jnp.zeros((), x.dtype), [(0, 0, 0), (0, 0, 0), *edges])
        made = _reach(y.shape[1:-1], self.strides)
        seen = []
        for tap in itertools.product(*map(range, window)):
            start = [t * d for t, d in zip(tap, self.dilation, strict=True)]
            stop = [a + m for a, m in zip(start, made, strict=True)]
            seen.append(lax.slice(wide, (0, 0, *start), (*wide.shape[:2], *stop), (1, 1, *self.strides)))
        places = math.prod(y.shape[:-1])
        patches = lax.optimization_barrier(jnp.stack(seen).reshape(len(seen), self.groups, -1, places))
        by_group = y.reshape(places, self.groups, -1)
        sums = lax.dot_general(patches, by_group, (((3,), (0,)), ((1,), (1,))), precision=self.precision)
        return jnp.moveaxis(sums, 0, 2).reshape(*window, patches.shape[2], -1)


def convolve(
    x: jax.Array,
    kernel: jax.Array,
    window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    feature_group_count: int = 1,
    precision: Any = None,
) -> jax.Array:
    """``lax.conv_general_dilated``, with gradients that are fast inside loops on a CPU.

    The arguments are those of ``lax.conv_general_dilated``; so Flax's ``nn.Conv(conv_general_dilated=convolve)``
    trains with it. Gradients of gradients are right; forward differentiation (``jax.jvp``) is refused by JAX.

    Args:
        x: input, as the dimension numbers say.
        kernel: kernel, of the same type of numbers.
        window_strides: steps of the window along each spatial axis.
        padding: "SAME", "VALID", or (low, high) along each spatial axis.
        lhs_dilation: distance of the input's elements. Default: 1.
        rhs_dilation: distance of the window's elements. Default: 1.
        dimension_numbers: layouts of input, kernel and result. Default: NCHW, OIHW, NCHW.
        feature_group_count: groups of features.
        precision: of the products, ``lax.Precision``.

    Returns:
        The convolution.

    Raises:
        ShapeError: "SAME" padding of an input whose elements are spread.

    Example:
        >>> x, kernel = jnp.ones((1, 4, 4, 2)), jnp.ones((3, 3, 2, 5))
        >>> mean = lambda kernel: convolve(x, kernel, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")).mean()
        >>> jax.grad(mean)(kernel).shape
        (3, 3, 2, 5)
    """
    numbers = lax.conv_dimension_numbers(x.shape, kernel.shape, dimension_numbers)
    rank = len(window_strides)
    spread = tuple(lhs_dilation or (1,) * rank)
    dilation = tuple(rhs_dilation or (1,) * rank)
    if isinstance(padding, str):
        if max(spread, default=1) > 1:
            raise ShapeError(
                "Padding by name is of inputs that are not spread; give (low, high) for each spatial axis."
            )
        window = _reach([kernel.shape[n] for n in numbers.rhs_spec[2:]], dilation)
        padding = lax.padtype_to_pads([x.shape[n] for n in numbers.lhs_spec[2:]], window, window_strides, padding)
    pads = tuple((int(low), int(high)) for low, high in padding)
    form = Convolution(tuple(window_strides), pads, spread, dilation, numbers, feature_group_count, precision)
    return _convolve(form, x, kernel)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _convolve(form: Convolution, x: jax.Array, kernel: jax.Array) -> jax.Array:
    return form(x, kernel)


def _forward(form: Convolution, x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return form(x, kernel), (x, kernel)


def _backward(form: Convolution, seen: tuple[jax.Array, jax.Array], y: jax.Array) -> tuple[jax.Array, jax.Array]:
    x, kernel = seen
    return form.transpose(y, kernel, x.shape), form.kernel_gradient(x, y, kernel.shape)


_convolve.defvjp(_forward, _backward)


def _reach(sizes: Sequence[int], steps: Sequence[int]) -> list[int]:
    """How far elements reach that lie ``steps`` apart."""
    return [(size - 1) * step + 1 for size, step in zip(sizes, steps, strict=True)]


def _last(x: jax.Array, spec: Sequence[int]) -> jax.Array:
    """Batch first, features last."""
    batch, features, *spatial = spec
    return x.transpose(batch, *spatial, features)
