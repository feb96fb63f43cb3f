"""Convolutions of all kinds: strided, dilated, transposed, grouped, in any layout."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jprobe.convolution import Convolution
from jprobe.graph.edges import Edges
from jprobe.graph.operators.base import Layer, Operator, Run, Shape, Unshared, Weights
from jprobe.graph.operators.locally_connected import LocallyConnected
from jprobe.graph.operators.movement import Place, Transpose
from jprobe.graph.operators.windows import Tap, length, taps


@dataclass(frozen=True)
class Conv(Layer):
    """Convolution, ``lax.conv_general_dilated``.

    Attributes:
        weight: index of the kernel.
        strides: of the window.
        padding: (low, high) along each spatial axis.
        spread: ``lhs_dilation``, distance of the input's elements.
        dilation: ``rhs_dilation``, distance of the window's elements.
        numbers: dimension numbers.
        groups: groups of features.
        features: (start, size) along the kernel's input-feature axis, where only these inputs are there.
        unsigned: whether weights count without their signs.

    Example:
        >>> numbers = lax.ConvDimensionNumbers((0, 2, 1), (2, 1, 0), (0, 2, 1))  # NHC, HIO, NHC
        >>> conv = Conv(0, (1,), ((0, 0),), (1,), (1,), numbers, 1)
        >>> x, kernel = jnp.arange(3.0).reshape(1, 3, 1), jnp.array([1.0, -1.0]).reshape(2, 1, 1)
        >>> conv(x, [kernel]).ravel().tolist(), conv.count(np.ones((1, 3, 1), bool), [kernel])
        ([-1.0, -1.0], 4)
    """

    weight: int
    strides: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    spread: tuple[int, ...]
    dilation: tuple[int, ...]
    numbers: lax.ConvDimensionNumbers
    groups: int
    features: tuple[int, int] | None = None
    unsigned: bool = False

    @classmethod
    def of(cls, weight: int, params: Mapping[str, Any]) -> "Conv":
        """The convolution that an equation of a jaxpr computes.

        Args:
            weight: index of the kernel.
            params: the equation's parameters.
        """
        return cls(
            weight,
            strides=tuple(params["window_strides"]),
            padding=tuple(map(tuple, params["padding"])),
            spread=tuple(params["lhs_dilation"]),
            dilation=tuple(params["rhs_dilation"]),
            numbers=params["dimension_numbers"],
            groups=params["feature_group_count"],
        )

    def kernel(self, weights: Weights) -> Any:
        """The part of the kernel that reads these inputs."""
        kernel = weights[self.weight]
        if self.features is not None:
            kernel = lax.slice_in_dim(kernel, self.features[0], sum(self.features), axis=self.numbers.rhs_spec[1])
        return jnp.abs(kernel) if self.unsigned else kernel

    @property
    def form(self) -> Convolution:
        """All but the kernel, in full precision."""
        strides, padding, spread, dilation = self.strides, self.padding, self.spread, self.dilation
        return Convolution(strides, padding, spread, dilation, self.numbers, self.groups, lax.Precision.HIGHEST)

    def __call__(self, x: jax.Array, weights: Weights) -> jax.Array:
        """Convolve an array."""
        return self.form(x, self.kernel(weights).astype(x.dtype))

    def transpose(self, y: jax.Array, shape: Shape, weights: Weights) -> jax.Array:
        """As a convolution with the flipped kernel, which is fast inside loops."""
        return self.form.transpose(y, self.kernel(weights).astype(y.dtype), shape)

    def absolute(self) -> "Conv":
        """Convolution with the kernel's absolute values."""
        return replace(self, unsigned=True)

    def reading(self, place: Place) -> tuple[Operator, tuple[Operator, ...]] | None:
        """A piece along features is read by its part of the kernel."""
        if self.features is not None or self.groups != 1 or self.numbers.lhs_spec[1] != place.axis:
            return None
        return replace(self, features=(place.start, place.length)), ()

    def entries(self, shape: Shape, weights: Weights) -> Iterator[Edges]:
        """One edge for each element of the window that lies on an input, each input and each output of its group."""
        result = self.result(shape, weights)
        read = np.arange(math.prod(shape)).reshape(shape).transpose(self.numbers.lhs_spec)
        made = np.arange(math.prod(result)).reshape(result).transpose(self.numbers.out_spec)
        # outputs, inputs of a group, *window
        plain: Any = np.asarray(self.kernel(weights), np.float64).transpose(self.numbers.rhs_spec)
        outs, ins = plain.shape[0] // self.groups, plain.shape[1]
        for tap in self._taps(shape, weights):
            for g in range(self.groups):
                mine = slice(g * outs, (g + 1) * outs)
                into = made[(slice(None), mine, *tap.outputs)][:, :, None]
                of = read[(slice(None), slice(g * ins, (g + 1) * ins), *tap.inputs)][:, None]
                slab = plain[mine][(..., *tap.at)]
                target, source, weight = np.broadcast_arrays(into, of, slab.reshape(1, outs, ins, *[1] * len(tap.at)))
                yield Edges(source.ravel(), target.ravel(), weight.ravel())

    def count(self, there: np.ndarray, weights: Weights) -> int:
        """Every input feature meets all output features of its group, so features only multiply."""
        plane = np.transpose(there, self.numbers.lhs_spec).sum((0, 1))
        per_group = weights[self.weight].shape[self.numbers.rhs_spec[0]] // self.groups
        return per_group * sum(int(plane[tap.inputs].sum()) for tap in self._taps(there.shape, weights))

    def _taps(self, shape: Shape, weights: Weights) -> Iterator[Tap]:
        kernel = weights[self.weight].shape
        size = [shape[n] for n in self.numbers.lhs_spec[2:]]
        window = [kernel[n] for n in self.numbers.rhs_spec[2:]]
        return taps(size, window, self.strides, self.padding, self.dilation, self.spread)

    def fans(self, weights: Weights) -> dict[int, tuple[int, int]]:
        """Features times the window's area."""
        shape = weights[self.weight].shape
        outs, ins, *window = self.numbers.rhs_spec
        area = math.prod(shape[n] for n in window)
        return {self.weight: (shape[ins] * area, shape[outs] * area)}

    def unshared(self, shape: Shape, weights: Weights) -> Unshared:
        """A run for each element of the window; it repeats its slice of the kernel at every place."""
        numbers, found = self.numbers, list(self._taps(shape, weights))
        kernel = weights[self.weight].shape
        ins = kernel[numbers.rhs_spec[1]] if self.features is None else self.features[1]
        size = kernel[numbers.rhs_spec[0]] * ins
        places = [shape[numbers.lhs_spec[0]] * math.prod(map(length, tap.outputs)) for tap in found]
        result = self.result(shape, weights)

        def tables(weights: Weights) -> list[jax.Array]:
            plain = self.kernel(weights).transpose(numbers.rhs_spec)  # outputs, inputs of a group, *window
            slabs = [
                plain[(slice(None), slice(None), *tap.at)].reshape(self.groups, -1, plain.shape[1]) for tap in found
            ]
            return [slab.transpose(0, 2, 1).ravel() for slab in slabs]

        def operators(runs: Sequence[Run]) -> tuple[Operator, ...]:
            local = LocallyConnected(
                taps=tuple((tap.outputs, tap.inputs) for tap in found),
                shape=tuple(result[n] for n in numbers.out_spec),
                groups=self.groups,
                runs=tuple(runs),
            )
            return Transpose(tuple(numbers.lhs_spec)), local, Transpose(tuple(np.argsort(numbers.out_spec).tolist()))

        return Unshared([n * size for n in places], [size] * len(found), tables, operators)
