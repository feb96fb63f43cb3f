"""Multiplication by constants."""

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

from jprobe.graph.operators.base import Carrier, Weights


@dataclass(frozen=True)
class Scale(Carrier):
    """Multiply by constants: a sign, or the factors of a normalisation.

    Attributes:
        weight: index of the factors; they broadcast against the array.
        unsigned: whether they count without their signs.

    Example:
        >>> Scale(0)(jnp.ones(2), [jnp.array([2.0, -3.0])]).tolist()
        [2.0, -3.0]
    """

    weight: int
    unsigned: bool = False

    def __call__(self, x: jax.Array, weights: Weights) -> jax.Array:
        """Multiply an array."""
        factors = weights[self.weight]
        return x * (jnp.abs(factors) if self.unsigned else factors).astype(x.dtype)

    def move(self, x: Any) -> Any:
        """Elements stay where they are."""
        return x

    @property
    def keeps(self) -> bool:
        """Every element arrives, once."""
        return True

    @property
    def has_factors(self) -> bool:
        """Elements are multiplied."""
        return True

    def absolute(self) -> "Scale":
        """Multiply by the absolute values."""
        return replace(self, unsigned=True)
