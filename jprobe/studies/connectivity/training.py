"""How networks of the study are trained, and how long an epoch takes."""

import statistics
import time
from collections.abc import Callable

import jax

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


def blocks(config: Config) -> dict[str, range]:
    """The networks of a dataset by parts of the run; none reaches over a block of seeds, which is what trains at once.

    Example:
        >>> blocks(Config(networks=3, together=2))
        {'0': range(0, 2), '2': range(2, 3)}
    """
    first = [n for n in range(config.networks) if n % train.BLOCK % config.together == 0]
    return {str(n): range(n, end) for n, end in zip(first, [*first[1:], config.networks], strict=True)}


class Clock:
    """Seconds of an epoch of one network, from the times at which progress was told; the first, which compiles, does not count.

    Args:
        progress: what is told.
        networks: that are trained. An accelerator trains them at once, and its time is shared among them.

    Example:
        >>> Clock(print, 1).seconds()
        nan
    """

    def __init__(self, progress: Callable[[float], None], networks: int) -> None:
        self._progress, self._times = progress, list[float]()
        self._share = 1 if jax.default_backend() == "cpu" else networks

    def __call__(self, fraction: float) -> None:
        """This fraction of the training is done."""
        self._times.append(time.monotonic())
        self._progress(fraction)

    def seconds(self) -> float:
        """The median; NaN of fewer than two epochs, or where none was trained because they were on disk."""
        gaps = [after - before for before, after in zip(self._times, self._times[1:], strict=False)]
        return statistics.median(gaps) / self._share if gaps else float("nan")
