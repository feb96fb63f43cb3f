"""Models: Flax Linen modules only, and the one way to call any model."""

from jprobe.models.forward import forward
from jprobe.models.mlp import MLP

__all__ = ["MLP", "forward"]
