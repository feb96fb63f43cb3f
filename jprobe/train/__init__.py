"""Train many networks at once, of any model, loss, optimizer and data."""

from jprobe.choices import Diverged, Keep
from jprobe.train.augment import flip_and_crop
from jprobe.train.fitting import fit, untrained
from jprobe.train.losses import Loss, cross_entropy, squared_error
from jprobe.train.optimizers import scale_by_epoch
from jprobe.train.pools import Training, dead, explained, pool, training
from jprobe.train.result import DEAD_MARGIN, Fit
from jprobe.train.running import BLOCK

__all__ = [
    "BLOCK",
    "DEAD_MARGIN",
    "Diverged",
    "Fit",
    "Keep",
    "Loss",
    "Training",
    "cross_entropy",
    "dead",
    "explained",
    "fit",
    "flip_and_crop",
    "pool",
    "scale_by_epoch",
    "squared_error",
    "training",
    "untrained",
]
