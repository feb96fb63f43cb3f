"""Sliding windows by index arithmetic: which inputs each element of a window meets, and for which outputs."""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np


class Tap(NamedTuple):
    """One element of a window.

    Attributes:
        at: its place in the window.
        outputs: for which outputs it lies on an input, a slice for each axis.
        inputs: those inputs, in the same order.
    """

    at: tuple[int, ...]
    outputs: tuple[slice, ...]
    inputs: tuple[slice, ...]


def taps(
    size: Sequence[int],
    window: Sequence[int],
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    dilation: Sequence[int],
    spread: Sequence[int],
) -> Iterator[Tap]:
    """Each element of a sliding window that lies on an input for any output.

    Args:
        size: of the input along each axis.
        window: of the window.
        strides: of the window.
        padding: (low, high).
        dilation: distance of the window's elements.
        spread: distance of the input's elements, more than 1 in a transposed convolution.

    Example:
        >>> for tap in taps([3], [2], [2], [(0, 1)], [1], [1]):
        ...     print(tap.at, tap.outputs, tap.inputs)
        (0,) (slice(0, 2, 1),) (slice(0, 3, 2),)
        (1,) (slice(0, 1, 1),) (slice(1, 2, 1),)
    """
    axes = []
    for n, length in enumerate(size):
        wide, (low, high) = (length - 1) * spread[n] + 1, padding[n]
        outputs = (wide + low + high - (window[n] - 1) * dilation[n] - 1) // strides[n] + 1
        axis = []
        for tap in range(window[n]):
            at = np.arange(outputs) * strides[n] - low + tap * dilation[n]
            out = np.flatnonzero((at >= 0) & (at < wide) & (at % spread[n] == 0))
            if out.size:
                axis.append((tap, _even(out), _even(at[out] // spread[n])))
        axes.append(axis)
    for choice in itertools.product(*axes):
        yield Tap(tuple(c[0] for c in choice), tuple(c[1] for c in choice), tuple(c[2] for c in choice))


def length(places: slice) -> int:
    """Number of places of a slice."""
    return len(range(places.start, places.stop, places.step))


def _even(places: np.ndarray) -> slice:
    """Evenly spaced places as a slice."""
    pace = int(places[1] - places[0]) if places.size > 1 else 1
    return slice(int(places[0]), int(places[-1]) + 1, pace)
