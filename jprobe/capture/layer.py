"""What a value inside a network is while its layers are told apart: known, or what elementwise functions made of one layer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, NamedTuple

from jprobe.capture.axes import Axes

Array = Any
Carry = Callable[[Array], Array]


class Kernel(NamedTuple):
    """A leaf of the parameters, wherever it is read.

    Attributes:
        leaf: its number among the leaves.
        place: an array of the leaf's shape -> the same entries where the kernel has them.
    """

    leaf: int
    place: Carry


@dataclass(frozen=True, eq=False)
class Known:
    """A value that does not depend on the inputs.

    Attributes:
        value: array.
        varies: axes along which it may differ.
        learned: whether parameters went into it.
        kernel: the leaf that it is, at most cut, rearranged and changed element by element.
    """

    value: Array
    varies: frozenset[int]
    learned: bool = False
    kernel: Kernel | None = None


class Move(NamedTuple):
    """One rearrangement: how it is done, how it is undone, and a key that tells it from others."""

    do: Carry
    undo: Carry
    key: Any


@dataclass(frozen=True, eq=False)
class Part:
    """A value that is a layer's output after elementwise functions, whole, at most rearranged.

    Attributes:
        layer: which.
        chain: numbers of the layer's stages that all of it went through, in order.
        moves: all since the layer's output.
        axes: what its axes count.
    """

    layer: "Layer"
    chain: tuple[int, ...]
    moves: tuple[Move, ...]
    axes: Axes


@dataclass(frozen=True, eq=False)
class Signal:
    """A value that depends on the inputs; ``part`` where it is of one layer."""

    value: Array
    part: Part | None = None


Value = Known | Signal


class Stage(NamedTuple):
    """What a layer's output has become after one more elementwise function.

    Attributes:
        value: array.
        moves: since the layer's output.
        affine: the layer's output -> this value, where only parameters were added and multiplied since; else None.

    Example:
        >>> import jax, numpy as np
        >>> from jprobe.capture import layers_of_function
        >>> [(_, layer)] = layers_of_function(lambda w, x: jax.nn.relu(x @ w), -np.eye(2), np.ones((1, 2)))
        >>> [stage.value.tolist() for stage in layer.stages]
        [[[-1.0, -1.0]], [[0.0, 0.0]]]
    """

    value: Array
    moves: tuple[Move, ...]
    affine: Carry | None


class Read(NamedTuple):
    """Something that is no elementwise function takes a value of a layer.

    Attributes:
        chain: as of :class:`Part`.
        moves: since the last stage.
        by: the layer that reads it as its inputs, and not across samples; None for anything else.
    """

    chain: tuple[int, ...]
    moves: tuple[Move, ...]
    by: "Layer | None"


@dataclass(eq=False)
class Layer:
    """A product or convolution with a kernel that is parameters alone.

    Attributes:
        source: the leaf that the kernel is.
        kernel: array.
        inputs: array.
        apply: (inputs, kernel) -> output.
        axes: what the axes of the output count.
        fan_in: axes of the kernel that are summed over.
        stages: the output, and what elementwise functions make of it.
        reads: who else takes those.

    Example:
        >>> import numpy as np
        >>> from jprobe.capture import layers_of_function
        >>> [(_, layer)] = layers_of_function(lambda w, x: x @ w, np.eye(2), np.ones((1, 2)))
        >>> layer.fan_in, layer.apply(layer.inputs, 3 * layer.kernel).tolist()
        ((0,), [[3.0, 3.0]])
    """

    source: Kernel
    kernel: Array
    inputs: Array
    apply: Callable[[Array, Array], Array]
    axes: Axes
    fan_in: tuple[int, ...]
    stages: list[Stage] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)

    @property
    def activation(self) -> tuple[int, ...]:
        """Stages up to the last that everybody reads: where the first who is no elementwise function takes it."""
        return common([read.chain for read in self.reads])

    @property
    def affine(self) -> int:
        """The pre-activation: the last stage of those that only added and multiplied parameters."""
        return list(takewhile(lambda n: self.stages[n].affine is not None, self.activation))[-1]


def common(chains: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """What chains begin with alike.

    Example:
        >>> common([(0, 1, 3), (0, 1, 2, 3)])
        (0, 1)
    """
    together = zip(*chains, strict=False)
    return tuple(same[0] for same in takewhile(lambda same: len(set(same)) == 1, together))


def rearranged(v: Array, moves: Sequence[Move]) -> Array:
    """An array after moves, one after another.

    Example:
        >>> import numpy as np
        >>> rearranged(np.ones((2, 3)), [Move(np.transpose, np.transpose, "transpose")]).shape
        (3, 2)
    """
    for move in moves:
        v = move.do(v)
    return v
