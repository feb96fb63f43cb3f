"""Sums over windows."""

from dataclasses import dataclass

from jprobe.graph.operators.pool import Pool


@dataclass(frozen=True)
class WindowSum(Pool):
    """Sum over windows, each edge of weight 1: the derivative of a pool that sums, without the paper's weights.

    Example:
        >>> import jax.numpy as jnp
        >>> WindowSum((4,), (4,), ((0, 0),), (1,))(jnp.ones(8), []).tolist()
        [4.0, 4.0]
    """

    @property
    def edge_weight(self) -> float:
        """Weight of each edge."""
        return 1.0
