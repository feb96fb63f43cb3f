"""Networks after training."""

from typing import Any, NamedTuple

import numpy as np

from jprobe.errors import ArgumentError
from jprobe.typing import Params

# A network whose test accuracy is within this of always giving the commonest class has learnt nothing.
DEAD_MARGIN = 0.05


class Fit(NamedTuple):
    """Networks after training.

    Attributes:
        params: variables, every leaf [S, ...]: what ``forward(model)`` takes as first argument, such as
            {"params": ..., "batch_stats": ...} of a Flax module. :func:`jprobe.unstack` gives them one by one.
        seeds: [S] the seed of each network.
        accuracy: [S] mean test score of the kept weights: accuracy in [0, 1], unless ``score`` says otherwise; the test
            loss where targets are no labels and there is no ``score``.
        epoch: [S] the epoch whose weights were kept, from 1.
        test_accuracy: [S, epochs] the same score after each epoch.
        train_loss: [S, epochs] mean training loss in each epoch, in nats if the loss is.
        chance: test accuracy of always giving the commonest class; [S] where every network has a task of its own; NaN
            where targets are no labels.
        recorded: what ``record`` returned after each epoch, every leaf [S, epochs, ...]; None without ``record``.

    Example:
        >>> fit = Fit({}, np.arange(2), np.array([0.9, 0.5]), np.array([3, 3]), np.zeros((2, 3)), np.zeros((2, 3)), 0.5)
        >>> fit
        Fit(2 networks, accuracy 0.700 median, 1 dead, 3 epochs)
    """

    params: Params
    seeds: np.ndarray
    accuracy: np.ndarray
    epoch: np.ndarray
    test_accuracy: np.ndarray
    train_loss: np.ndarray
    chance: float | np.ndarray
    recorded: Any = None

    @property
    def dead(self) -> np.ndarray:
        """[S] whether a network learnt nothing: accuracy within 0.05 of always giving the commonest class.

        Raises:
            ArgumentError: the targets are no labels, so there is no chance to compare with.
        """
        if np.isnan(self.chance).any():
            raise ArgumentError(
                "Which networks are dead is known where targets are labels. Here, jp.train.dead(fit, task) compares the "
                "squared error with that of the mean target."
            )
        return self.accuracy <= self.chance + DEAD_MARGIN

    def __repr__(self) -> str:
        """One line: how many, how good, how many learnt nothing."""
        classes = not np.isnan(self.chance).any()
        count, epochs = self.test_accuracy.shape
        return (
            f"Fit({count} network{'s'[: count > 1]}, {'accuracy' if classes else 'score'} "
            f"{np.median(self.accuracy):.3f} median, {f'{int(self.dead.sum())} dead, ' if classes else ''}"
            f"{epochs} epoch{'s'[: epochs > 1]})"
        )
