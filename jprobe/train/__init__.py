"""Train many networks at once, of any model, loss, optimizer and data."""

from jprobe.choices import Keep
from jprobe.train.fitting import fit, untrained
from jprobe.train.losses import Loss, cross_entropy, squared_error
from jprobe.train.optimizers import scale_by_epoch
from jprobe.train.result import DEAD_MARGIN, Fit
from jprobe.train.running import BLOCK

__all__ = [
    "BLOCK",
    "DEAD_MARGIN",
    "Fit",
    "Keep",
    "Loss",
    "cross_entropy",
    "fit",
    "scale_by_epoch",
    "squared_error",
    "untrained",
]
