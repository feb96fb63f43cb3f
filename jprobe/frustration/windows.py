"""The most that spins can agree with a convolution of few inputs: all spins of a window are tried.

A unit's best spin is the sign of its row sum, so window p agrees with its F inputs s_p by at most
g(s_p) = sum_u |sum_i K_iu s_pi|, one function of 2^F spins for all windows. Windows that share inputs must agree on
them. For any function f of the inputs that one window has first and another last, the sum over a chain of windows
of f(first) - f(last) collapses to its two ends; so with v(s) = g(s) + sum_axes (f(first of s) - f(last of s))

    sum_p g(s_p) <= windows max_s v(s) + sum_axes chains (max f - min f),

and the best f is a linear program: the local-consistency bound of statistical physics and of weighted constraint
satisfaction. Where padding stands in the place of inputs, or a node is not alive, the same holds: |x| is convex, so an
absent input agrees less than the mean over both of its spins.
"""

import itertools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize
import scipy.sparse

from jprobe.graph import Graph
from jprobe.graph.link import Bundle, Link
from jprobe.graph.operators import Conv

# Inputs of a window at most: the table of its spins is 256 MB. Three by three windows of a colour image are within.
_FAN = 27
# Inputs that two windows share, at most, for f to be a table of all their spins.
_SHARED = 12


class Overlap(NamedTuple):
    """Inputs that windows share along one axis.

    Attributes:
        first: where in a window the inputs are that an earlier window has too.
        last: where that earlier window has them.
        chains: into how many chains of such windows all windows fall.
    """

    first: np.ndarray
    last: np.ndarray
    chains: int


class Windows(NamedTuple):
    """A convolution as its windows.

    Attributes:
        kernel: float32 [F, units].
        number: of windows.
        overlaps: those of the axes along which windows share inputs, few enough to tabulate.

    Example:
        >>> both = Windows(np.ones((2, 1), np.float32), 3, (Overlap(np.array([0]), np.array([1]), 1),))
        >>> round(both.ceiling(), 3)
        6.0
    """

    kernel: np.ndarray
    number: int
    overlaps: tuple[Overlap, ...]

    @property
    def work(self) -> int:
        """How many row sums :meth:`ceiling` takes."""
        fan, units = self.kernel.shape
        return 2 ** (fan - 1) * units

    def ceiling(self) -> float:
        """No spins have a larger sum over all edges of s_i A_ij s_j; rounding is allowed for."""
        fan, units = self.kernel.shape
        weight = float(np.abs(self.kernel, dtype=np.float64).sum())
        if weight == 0:
            return 0.0
        rounding = (fan + units + 2) * 2.0**-23
        # Scaled, as the program's tolerances are absolute.
        return weight * (self.number * rounding + _least(self, _agreements(self.kernel / np.float32(weight))))


def windows_of(graph: Graph, link: Bundle) -> Windows | None:
    """The windows of a link that is a convolution with few enough inputs; None of others.

    Args:
        graph: with weights.
        link: one of its links.
    """
    match link:
        case Link(operators=(Conv(groups=1, features=None) as conv,)):
            pass
        case _:
            return None
    if set(conv.spread) | set(conv.dilation) != {1}:
        return None
    kernel = np.asarray(conv.kernel(graph.weights)).transpose(*conv.numbers.rhs_spec[1:], conv.numbers.rhs_spec[0])
    *box, units = kernel.shape
    fan = math.prod(box)
    if fan > _FAN:
        return None
    shape = graph.blocks[link.target].shape
    count = math.prod(shape) // units
    place = np.arange(fan).reshape(box)  # inputs, *window
    overlaps = []
    for axis, (size, stride, along) in enumerate(
        zip(box[1:], conv.strides, (shape[n] for n in conv.numbers.out_spec[2:]), strict=True), start=1
    ):
        apart = (size - 1) // stride  # windows so far apart share the fewest inputs
        if apart == 0 or along <= apart:
            continue
        width = size - apart * stride
        first, last = (np.take(place, range(start, start + width), axis).ravel() for start in (0, size - width))
        if first.size <= _SHARED:
            overlaps.append(Overlap(first, last, count // along * apart))
    return Windows(kernel.reshape(fan, units), count, tuple(overlaps))


def _agreements(kernel: np.ndarray) -> np.ndarray:
    """g of all spins of a window, float32 [2^high, 2^low]; the last spin is 1, as -s agrees as much as s."""
    free = len(kernel) - 1
    near = min(free, 10)  # row sums of so many spins stay in the processor's cache
    rows = _spins(free - near) @ kernel[near:free] + kernel[free]
    return np.asarray(_absolute_sums(rows, _spins(near) @ kernel[:near])).reshape([2**n for n in _digits(free + 1)])


@jax.jit
def _absolute_sums(rows: jax.Array, columns: jax.Array) -> jax.Array:
    return jax.lax.map(lambda row: jnp.abs(row + columns).sum(1), rows)


def _digits(fan: int) -> tuple[int, int]:
    """How many spins number the rows of the table, and how many its columns."""
    low = min(fan - 1, 16)
    return fan - 1 - low, low


def _spins(digits: int) -> np.ndarray:
    """All spins [2^digits, digits], float32: bit i of the number is the i-th."""
    return (2.0 * (np.arange(2**digits)[:, None] >> np.arange(digits) & 1) - 1).astype(np.float32)


def _least(windows: Windows, agreements: np.ndarray) -> float:
    """The bound with the best f, by a linear program over those spins that matter so far."""
    best = windows.number * float(agreements.max())
    if not windows.overlaps:
        return best
    entries = [[_entries(places, len(windows.kernel)) for places in (o.first, o.last)] for o in windows.overlaps]
    values, level = [np.zeros(2 ** (o.first.size - 1)) for o in windows.overlaps], -math.inf
    chosen = np.zeros(0, int)
    for _ in range(_ROUNDS):
        top, highest = _highest(agreements, entries, values)
        ends = sum(o.chains * np.ptp(f) for o, f in zip(windows.overlaps, values, strict=True))
        best = min(best, windows.number * highest + ends)
        if highest <= level + _TOLERANCE:
            break
        chosen = np.union1d(chosen, top)
        values, level = _program(windows, agreements, entries, chosen)
    return best


# The program ends when no spins are above those it knows by so much of the layer's weight, or after so many rounds.
_TOLERANCE = 1e-4
_ROUNDS = 12
# Of each row of the table, how many of its highest spins enter the program in one round.
_TAKEN = 32


def _entries(places: np.ndarray, fan: int) -> tuple[np.ndarray, np.ndarray]:
    """Which entry of f each row and each column of the table adds up to, before folding."""
    high, low = _digits(fan)
    bit = np.zeros(fan, int)
    bit[places] = 2 ** np.arange(places.size)
    rows = (np.arange(2**high)[:, None] >> np.arange(high) & 1) @ bit[low : low + high] + bit[-1]
    return rows, (np.arange(2**low)[:, None] >> np.arange(low) & 1) @ bit[:low]


def _highest(agreements: np.ndarray, entries: Any, values: list[np.ndarray]) -> tuple[np.ndarray, float]:
    """The numbers of the spins with the highest v of each row of the table, and the highest v of all."""
    whole = [np.concatenate([f, f[::-1]]) for f in values]  # f is even: spins and their opposite have one entry
    top, highest = [], -math.inf
    for r, row in enumerate(agreements):
        v = row.astype(np.float64)
        for f, (first, last) in zip(whole, entries, strict=True):
            v += f[first[0][r] + first[1]] - f[last[0][r] + last[1]]
        taken = np.argpartition(v, -min(_TAKEN, v.size))[-_TAKEN:]
        top.append(r * v.size + taken)
        highest = max(highest, float(v[taken].max()))
    return np.concatenate(top), highest


def _program(
    windows: Windows, agreements: np.ndarray, entries: Any, chosen: np.ndarray
) -> tuple[list[np.ndarray], float]:
    """The best f, and max v, if there were the chosen spins alone. Variables: each f, not below 0; its maxima; max v."""
    row, column = np.divmod(chosen, agreements.shape[1])
    sizes = [2 ** (o.first.size - 1) for o in windows.overlaps]
    starts = np.cumsum([0, *sizes])
    blocks, k = [], np.arange(chosen.size)
    for size, (first, last) in zip(sizes, entries, strict=True):
        at = [
            np.minimum(e, 2 * size - 1 - e) for e in (first[0][row] + first[1][column], last[0][row] + last[1][column])
        ]
        ones = np.ones(chosen.size)
        blocks.append(
            scipy.sparse.csr_array((np.r_[ones, -ones], (np.r_[k, k], np.concatenate(at))), (chosen.size, size))
        )
    maxima = scipy.sparse.block_diag([np.ones((size, 1)) for size in sizes])
    each = scipy.sparse.eye_array(starts[-1])
    below = scipy.sparse.block_array(
        [[scipy.sparse.hstack(blocks), None, -np.ones((chosen.size, 1))], [each, -maxima, None]], format="csr"
    )
    limits = np.concatenate([-agreements.ravel()[chosen].astype(np.float64), np.zeros(starts[-1])])
    cost = np.concatenate([np.zeros(starts[-1]), [o.chains / windows.number for o in windows.overlaps], [1.0]])
    found: Any = scipy.optimize.linprog(cost, A_ub=below, b_ub=limits, method="highs")
    return [found.x[a:b] for a, b in itertools.pairwise(starts)], float(found.x[-1])
