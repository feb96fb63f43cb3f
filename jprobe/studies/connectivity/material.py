"""The tasks of the study: five datasets of growing difficulty, or three that MNIST alone gives."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from jprobe import data
from jprobe.data import Dataset, Task
from jprobe.errors import MissingDataError
from jprobe.studies.connectivity.config import Config
from jprobe.studies.subject import Subject

Change = Callable[[Dataset], Dataset]


def _two(dataset: Dataset) -> Dataset:
    return data.coloured(dataset, "random")


# Name -> what it is made of, and how.
MADE: dict[str, tuple[str, Change]] = {
    "cmnist": ("mnist", data.coloured),
    "ckmnist": ("kmnist", data.coloured),
    "cfashion": ("fashion_mnist", data.coloured),
    "cifar10": ("cifar10", lambda dataset: dataset),
    "cifar10_t8": ("cifar10", data.tiles),
    "cmnist_two": ("mnist", _two),
    "cmnist_two_t8": ("mnist", lambda dataset: data.tiles(_two(dataset))),
}

TITLES = {
    "cmnist": "CMNIST",
    "ckmnist": "CKMNIST",
    "cfashion": "CFashionMNIST",
    "cifar10": "CIFAR-10",
    "cifar10_t8": "CIFAR-10 T8",
    "cmnist_two": "CMNIST 2 colours",
    "cmnist_two_t8": "CMNIST 2 colours T8",
}

# In the order of the paper, from easy to hard; and what a machine without downloads has.
PAPER = ("cmnist", "ckmnist", "cfashion", "cifar10", "cifar10_t8")
ALONE = ("cmnist", "cmnist_two", "cmnist_two_t8")


def subject(config: Config) -> Subject:
    """The tasks by name; a subject of one's own has such ``inputs``: name -> Task of images.

    Raises:
        JprobeError: what :func:`jprobe.data.load` raises of a dataset that was asked for by name.

    Example:
        >>> list(subject(Config(dataset=("cmnist",), images=10, test_images=10)).inputs)
        ['cmnist']
    """
    names, notes = _names(config)
    tasks = {name: _task(name, config) for name in names}
    sums = {file: value for task in tasks.values() for file, value in task.checksums.items()}
    return Subject(
        name=", ".join(TITLES[name] for name in tasks), inputs=tasks, checksums=sums, notes=[notes] if notes else []
    )


def _names(config: Config) -> tuple[tuple[str, ...], str]:
    if config.dataset:
        return tuple(dict.fromkeys(config.dataset)), ""
    try:
        for source in dict.fromkeys(MADE[name][0] for name in PAPER):
            data.load(source)
    except MissingDataError:
        return ALONE, (
            f"The paper's datasets are not all at hand ({source} is missing): these are coloured MNIST and two harder variants of it, "
            "digits of one random colour on another, and the same in shuffled tiles. 'jprobe data import' brings the others."
        )
    return PAPER, ""


def _task(name: str, config: Config) -> Task:
    source, make = MADE[name]
    whole = data.load(source)
    # Cut first: colours are drawn for those that are there.
    few = {
        f"{kind}_{split}": getattr(whole, f"{kind}_{split}")[_some(len(getattr(whole, f"y_{split}")), most, seed)]
        for split, most, seed in (("train", config.images, 0), ("test", config.test_images, 1))
        for kind in "xy"
    }
    task = data.task(make(replace(whole, **few)), "imagenet")
    return replace(task, x_train=_pooled(task.x_train, config.size), x_test=_pooled(task.x_test, config.size))


def _some(count: int, most: int, seed: int) -> np.ndarray:
    return np.sort(np.random.default_rng(seed).permutation(count)[:most])


def _pooled(images: np.ndarray, size: int) -> np.ndarray:
    """Means over squares of pixels."""
    wide = images.shape[1] // size
    return images.reshape(len(images), size, wide, size, wide, -1).mean((2, 4))
