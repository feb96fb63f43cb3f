"""Models: Flax Linen modules, and one way to call any model."""

from jprobe.models.distilbert import DistilBert
from jprobe.models.forward import forward
from jprobe.models.mlp import MLP

__all__ = ["MLP", "DistilBert", "forward"]
