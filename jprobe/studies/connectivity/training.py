"""How networks of the study are trained, and how long an epoch takes."""

import statistics
import time
from collections.abc import Callable

from jprobe import train
from jprobe.connectivity import Regime
from jprobe.data import IMAGENET_DEVIATION, IMAGENET_MEAN
from jprobe.studies.connectivity.config import Config
from jprobe.train.fitting import Augment

STAGES = 3


def regime(config: Config) -> Regime:
    """The paper's, in so many epochs and with such a penalty.

    Example:
        >>> regime(Config(epochs=20)).drops
        (16, 18)
    """
    return Regime(batch=config.batch, penalty=config.penalty).scaled(config.epochs)


def augmentation(config: Config, name: str) -> Augment | None:
    """What is done to the training images of a dataset, if anything."""
    if config.augment != "all" and (config.augment == "none" or name != "cifar10"):
        return None
    black = tuple(-mean / deviation for mean, deviation in zip(IMAGENET_MEAN, IMAGENET_DEVIATION, strict=True))
    return train.flip_and_crop(max(config.size // 8, 1), black)


class Clock:
    """Seconds of an epoch, from the times at which progress was told; the first, which compiles, does not count.

    Example:
        >>> Clock(print).seconds()
        nan
    """

    def __init__(self, progress: Callable[[float], None]) -> None:
        self._progress, self._times = progress, list[float]()

    def __call__(self, fraction: float) -> None:
        """This fraction of the training is done."""
        self._times.append(time.monotonic())
        self._progress(fraction)

    def seconds(self) -> float:
        """The median; NaN of fewer than two epochs, or where none was trained because they were on disk."""
        gaps = [after - before for before, after in zip(self._times, self._times[1:], strict=False)]
        return statistics.median(gaps) if gaps else float("nan")
