"""What a probe is: two pure functions, and a description of its level."""

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jprobe.errors import LevelError
from jprobe.typing import Params

State = Any
InitFn = Callable[[Params], State]
ApplyFn = Callable[[jax.Array, Params, State, jax.Array], Params]
NestedFn = Callable[[Params, State], Params]


class Level(NamedTuple):
    """What the level of a probe means.

    Attributes:
        name: axis label, in words.
        unit: unit as xarray and the figures print it; "1" for a fraction.
        low: smallest level that makes sense.
        high: largest level that makes sense.
        grid: levels that a sweep visits when it is given none, the paper's where it names them. Empty: a sweep must be
            given some.
        whole: whether only whole numbers make sense.
        read: whether the probe reads its level at all; binarization, for one, does not.

    Example:
        >>> level = Level("bits a weight", low=2, high=8, grid=(2, 4, 8), whole=True)
        >>> level.check([2, 4])
        >>> level.described()
        'the bits a weight: a whole number from 2 to 8, such as 4'
    """

    name: str
    unit: str = "1"
    low: float = -math.inf
    high: float = math.inf
    grid: tuple[float, ...] = ()
    whole: bool = False
    read: bool = True

    def check(self, levels: Iterable[float]) -> None:
        """Raise LevelError for the first level that is out of range or not finite, or not a whole number where it must be."""
        for level in levels:
            fits = math.isfinite(level) and self.low <= level <= self.high
            if not fits or (self.whole and not float(level).is_integer()):
                raise LevelError(self.name, level, self.low, self.high, self.whole)

    def described(self) -> str:
        """What to give, for error messages: the name, the range and a level in the middle of the grid."""
        kind = "a whole number" if self.whole else "a number"
        low = f" from {self.low:g}" if self.low > -math.inf else ""
        high = f" to {self.high:g}" if self.high < math.inf else ""
        example = f", such as {self.grid[len(self.grid) // 2]:g}" if self.grid else ""
        return f"the {self.name}: {kind}{low}{high}{example}"


# The level of a probe that reads none. A sweep visits it once.
UNREAD = Level("level", grid=(0.0,), read=False)


class Probe(NamedTuple):
    """A perturbation of a network's weights, as a pair of pure functions.

    Attributes:
        init: ``init(params) -> state`` does what does not depend on the level (ranks, an SVD), once per
            network; the state is any pytree of arrays.
        apply: ``apply(key, params, state, level) -> params`` keeps every shape and dtype, leaves a leaf
            that it does not touch as it is, and is safe under jit, vmap and shard_map; ``level`` is traced.
        level: what the level means. Default: the probe reads none.
        nested: ``nested(params, state) -> ranks`` says in what order weights change as the level rises (or falls), for
            probes at whose levels the changed weights contain those of the levels before: a pytree like params, each
            leaf that the probe touches an int32 array of ranks, the lowest first. A sweep then touches each weight once
            for all levels. An order that does not fit what ``apply`` does makes a sweep slow, not wrong. Default: none.

    Example:
        >>> import jax, jax.numpy as jnp, jprobe as jp
        >>> scale = jp.probes.Probe(
        ...     init=lambda params: (),
        ...     apply=lambda key, params, state, level: jax.tree.map(lambda w: w * level, params),
        ...     level=jp.probes.Level("factor"))
        >>> scale.apply(jax.random.key(0), {"kernel": jnp.ones((2, 2))}, (), 2.0)["kernel"].sum().item()
        8.0
    """

    init: InitFn
    apply: ApplyFn
    level: Level = UNREAD
    nested: NestedFn | None = None


def count(fraction: jax.Array, total: int) -> jax.Array:
    """Number of whole items in a fraction of ``total``: int(f N), as the papers write it.

    float32 cannot hold 0.7, and 0.7 of 10 must be 7. A fraction that is a number of millionths to within
    float32's precision is taken for that number, and its count is exact; others are exact to float32.

    Args:
        fraction: scalar in [0, 1].
        total: N, the number of items, below 2^31.

    Returns:
        int32 scalar in [0, N].
    """
    million = 10**6
    scaled = jnp.asarray(fraction) * million
    millionths = jnp.round(scaled)
    whole, rest = divmod(total, million)
    m = millionths.astype(jnp.uint32)
    # m * rest takes 40 bits. A float32 guess of the quotient is within one of it; the remainder that tells is
    # small, so 32-bit words that wrap around give it exactly.
    guess = jnp.floor(millionths.astype(jnp.float32) * (rest / million)).astype(jnp.uint32)
    remainder = (m * rest - guess * million).astype(jnp.int32)
    exact = (m * whole + guess).astype(jnp.int32) + (remainder >= million) - (remainder < 0)
    # Rounding of the fraction, of its difference from 1 (a fraction kept of one removed) and of the product.
    slack = jnp.minimum((2.0**-25 + fraction * 2.0**-24) * total, 0.5)
    rough = jnp.floor(fraction * total + slack).astype(jnp.int32)
    return jnp.clip(jnp.where(jnp.abs(scaled - millionths) < 0.13, exact, rough), 0, total)
