"""Tasks and networks that are harder in known ways."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple, get_args

import numpy as np

from jprobe import models
from jprobe.data import Task
from jprobe.studies.difficulty.config import Config, Lens

BATCH = 128

BASE = "as it is"

# The task of all classes of a dataset.
ALL = "all"


class Setting(NamedTuple):
    """What is trained.

    Attributes:
        name: "as it is", or the lens and its level.
        task: number of a draw -> the data; the same for all where ``drawn`` is false.
        drawn: whether the data are drawn at random, anew for each network.
        model: the network.
        epochs: passes over the training set.
    """

    name: str
    task: Callable[[int], Task]
    drawn: bool
    model: Any
    epochs: int


# The levels of each lens, from the least to the most difficult; what the study begins with is easier than the first.
LEVELS: dict[Lens, tuple[float | str, ...]] = {
    "label_noise": (0.1, 0.2, 0.3, 0.4),
    "overlap": (0.1, 0.2, 0.3, 0.4),
    "images": (3000, 1000, 300),
    "steps": (50, 20, 10, 5),
    "depth": (2, 3, 4),
    "network": ("cnn",),
    # All classes are a task beside the easy and the hard one.
    "classes": (),
}
assert set(LEVELS) == set(get_args(Lens))


def settings(config: Config, task: Task) -> list[Setting]:
    """The task as it is, and, if it is one of two classes, at every level of every lens that is asked for.

    Example:
        >>> x, y = np.zeros((400, 8, 8, 1)), np.arange(400) % 2
        >>> found = settings(Config(lens=("depth",)), Task(x, y, x, y, num_classes=2))
        >>> [(setting.name, setting.model.hidden) for setting in found]
        [('as it is', (64,)), ('depth 2', (64, 64)), ('depth 3', (64, 64, 64)), ('depth 4', (64, 64, 64, 64))]
    """
    base = Setting(BASE, lambda draw: task, False, models.MLP((config.hidden,), task.num_classes or 0), config.epochs)
    out = [base]
    for lens in dict.fromkeys(config.lens) if task.num_classes == 2 else ():
        out += [_MAKERS[lens](base, task, level)._replace(name=f"{lens} {level}") for level in LEVELS[lens]]
    return out


def in_words(setting: str) -> str:
    """A setting in words, by its name.

    Example:
        >>> in_words("label_noise 0.1"), in_words("steps 20"), in_words("as it is")
        ('10% of the labels wrong', '20 steps of training', 'the task as it is')
    """
    lens, _, level = setting.partition(" ")
    if lens in ("label_noise", "overlap"):
        return f"{float(level):.0%} of " + ("the labels wrong" if lens == "label_noise" else "the other class mixed in")
    units = {"images": "training images", "steps": "steps of training", "depth": "hidden layers"}
    if lens in units:
        return f"{level} {units[lens]}"
    return "a convolutional network" if lens == "network" else f"the task {setting}"


def _label_noise(base: Setting, task: Task, share: Any) -> Setting:
    """A share of the training labels is wrong; test labels are right."""

    def noisy(draw: int) -> Task:
        wrong = np.random.default_rng(draw).random(len(task.y_train)) < share
        return dataclasses.replace(task, y_train=np.where(wrong, 1 - task.y_train, task.y_train))

    return base._replace(task=noisy, drawn=True)


def _overlap(base: Setting, task: Task, share: Any) -> Setting:
    """Each image, test images too, is mixed pixel by pixel with a random one of the other class."""

    def mixed(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        out = x.copy()
        for label in (0, 1):
            here, there = np.flatnonzero(y == label), np.flatnonzero(y != label)
            out[here] = (1 - share) * x[here] + share * x[rng.choice(there, len(here))]
        return out

    def overlapping(draw: int) -> Task:
        rng = np.random.default_rng(draw)
        x_train, x_test = mixed(rng, task.x_train, task.y_train), mixed(rng, task.x_test, task.y_test)
        return dataclasses.replace(task, x_train=x_train, x_test=x_test)

    return base._replace(task=overlapping, drawn=True)


def _images(base: Setting, task: Task, count: Any) -> Setting:
    """Fewer training images, and as many steps."""
    count = min(count, len(task.y_train))
    steps = [-(-n // BATCH) for n in (len(task.y_train), count)]
    return base._replace(
        task=lambda draw: _some(task, count, draw), drawn=True, epochs=round(base.epochs * steps[0] / steps[1])
    )


def _steps(base: Setting, task: Task, count: Any) -> Setting:
    """So many steps in all, each on images that were not seen before."""
    return base._replace(task=lambda draw: _some(task, BATCH * count, draw), drawn=True, epochs=1)


def _depth(base: Setting, task: Task, layers: Any) -> Setting:
    return base._replace(model=models.MLP(base.model.hidden * layers, 2))


def _network(base: Setting, task: Task, kind: Any) -> Setting:
    """Two convolutions in the place of the hidden layer."""
    return base._replace(model=models.CNN(filters=(4, 4), features=2))


def _some(task: Task, count: int, draw: int) -> Task:
    """So many training images, or all where there are fewer."""
    rows = np.random.default_rng(draw).permutation(len(task.y_train))[:count]
    return dataclasses.replace(task, x_train=task.x_train[rows], y_train=task.y_train[rows])


_MAKERS: dict[Lens, Callable[[Setting, Task, Any], Setting]] = {
    "label_noise": _label_noise, "overlap": _overlap, "images": _images, "steps": _steps, "depth": _depth, "network": _network,
}  # fmt: skip
