"""What a network sees and when: arrays filled up to shared shapes, and the order of minibatches."""

from collections.abc import Sequence

import jax
import numpy as np

from jprobe.data import Task
from jprobe.errors import ArgumentError
from jprobe.train.loop import Data


def filled(task: Task, shape: tuple[int, int] | None) -> Data:
    """A task's arrays, filled up with zeros to numbers of training and test examples.

    Raises:
        ArgumentError: the task has more examples than that.
    """
    train, test = shape or (len(task.x_train), len(task.x_test))
    if train < len(task.x_train) or test < len(task.x_test):
        raise ArgumentError(
            f"pad_to={shape} is less than the task's {len(task.x_train)} and {len(task.x_test)} examples."
        )

    def fill(a: np.ndarray, size: int) -> np.ndarray:
        return np.pad(a, [(0, size - len(a))] + [(0, 0)] * (a.ndim - 1))

    return Data(
        *map(jax.device_put, (
            fill(task.x_train, train), fill(task.y_train, train), fill(task.x_test, test), fill(task.y_test, test),
            fill(np.ones(len(task.x_test), np.float32), test),
        ))
    )  # fmt: skip


def minibatches(
    block: int, epochs: Sequence[int], examples: int, batch: int, size: int, whole: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Examples of each step, and their weights: [epochs, steps, batch] each.

    Every example comes once an epoch. The last minibatch is filled up with examples of weight 0, which a mean leaves
    out exactly; or, for networks whose statistics would count them (``whole``), it is left out itself. Steps of weight
    0 alone follow where there are fewer examples than ``size``.

    Args:
        block: of seeds; decides the order.
        epochs: their numbers, from 0.
        examples: number of examples.
        batch: examples a step.
        size: number of examples to fill up to.
        whole: whether every minibatch must be whole.
    """
    steps = -(-size // batch)
    counted = examples // batch * batch if whole else examples
    orders = [np.random.default_rng((1, block, epoch)).permutation(examples) for epoch in epochs]
    rows = np.stack([np.resize(order, steps * batch) for order in orders]).astype(np.int32)
    weights = np.broadcast_to((np.arange(steps * batch) < counted).astype(np.float32), rows.shape)
    shape = (len(epochs), steps, batch)
    return rows.reshape(shape), weights.reshape(shape)
