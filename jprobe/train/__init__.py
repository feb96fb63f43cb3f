"""Train many networks at once, of any model, loss, optimizer and data."""

from jprobe.train.fitting import fit
from jprobe.train.losses import Loss, cross_entropy, squared_error
from jprobe.train.optimizers import scale_by_epoch
from jprobe.train.result import DEAD_MARGIN, Fit
from jprobe.train.running import BLOCK

__all__ = ["BLOCK", "DEAD_MARGIN", "Fit", "Loss", "cross_entropy", "fit", "scale_by_epoch", "squared_error"]
