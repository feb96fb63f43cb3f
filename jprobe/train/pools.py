"""Pools of paper 3's networks: how each kind is trained, as values, and many of one kind trained together."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
import optax
from flax import linen as nn

from jprobe.choices import Activation, Kind
from jprobe.data import Task
from jprobe.models import CNN
from jprobe.train.fitting import fit
from jprobe.train.losses import Loss, cross_entropy, squared_error
from jprobe.train.result import Fit

BATCH = 128

# An autoencoder that explains less of the variance gives one image whatever it sees.
LEAST_EXPLAINED = 0.01


class Training(NamedTuple):
    """How the networks of a pool are trained: Adam at a constant rate, minibatches of 128.

    Attributes:
        epochs: passes over the training set.
        rate: of Adam.
        clip: largest norm of the gradients of one network; None: any.
        loss: what is minimised.

    Example:
        >>> Training(epochs=5).optimizer is Training(epochs=3).optimizer
        True
    """

    epochs: int
    rate: float = 1e-3
    clip: float | None = None
    loss: Loss = cross_entropy

    @property
    def optimizer(self) -> optax.GradientTransformation:
        """The same object for the same rate and norm: :func:`fit` compiles once for it."""
        return _adam(self.rate, self.clip)


@functools.lru_cache(maxsize=64)
def _adam(rate: float, clip: float | None) -> optax.GradientTransformation:
    adam = optax.adam(rate)
    return adam if clip is None else optax.chain(optax.clip_by_global_norm(clip), adam)


def training(kind: Kind, depth: int, activation: Activation) -> Training:
    """How paper 3's networks are trained, as far as the paper and its code say, else so that they learn.

    Five epochs at 1e-3, or three of RNN, CNN-5 and AE. Sigmoids learn more slowly: five epochs of AE-5, 7 and 9, four at
    5e-3 of RNN, ten at 3e-3 of FC-9. Gradients of RNN are clipped to norm 1. Autoencoders minimise the mean squared error.

    Args:
        kind: "FC", "CNN", "RNN" or "AE".
        depth: layers of nodes, as :func:`jprobe.models.architecture` counts them.
        activation: of the hidden layers.

    Source:
        Paper 3, section 4 and table 1; its released code.

    Example:
        >>> training("RNN", 3, "sigmoid")[:3], training("AE", 3, "relu").loss.__name__
        ((4, 0.005, 1.0), 'squared_error')
    """
    sigmoid = activation == "sigmoid"
    match kind, depth:
        case "RNN", _:
            return Training(4, 5e-3, clip=1.0) if sigmoid else Training(3, clip=1.0)
        case "AE", _:
            return Training(5 if sigmoid and depth > 3 else 3, loss=squared_error)
        case "FC", 9 if sigmoid:
            return Training(10, 3e-3)
        case "CNN", 5:
            return Training(3)
        case _:
            return Training(5)


def pool(model: nn.Module, task: Task, how: Training, seeds: int | Sequence[int] = 30, **options: Any) -> Fit:
    """Train a pool of networks of one architecture.

    Networks that diverge are kept, and count as dead.

    Args:
        model: of all networks, such as :func:`jprobe.models.architecture` gives.
        task: the data; an autoencoder's is of :func:`jprobe.data.reconstruction`.
        how: epochs, rate, clipping and loss.
        seeds: how many networks, or their seeds.
        options: of :func:`fit`: ``record``, ``checkpoint``, ``mesh``, ``progress``.

    Returns:
        The networks and their history, as :func:`fit` returns them.

    Raises:
        ShapeError, CheckpointError, DiskError: as :func:`fit` says.

    Example:
        >>> import numpy as np, jprobe as jp
        >>> x, y = np.eye(2, dtype=np.float32), np.array([0, 1])
        >>> task = jp.data.Task(x, y, x, y, num_classes=2)
        >>> jp.train.pool(jp.models.MLP((4,), 2, kernel_sd=0.2), task, Training(epochs=2), seeds=3)
        Fit(3 networks, accuracy ... median, ... dead, 2 epochs)
    """
    # Deeper convolutions share no inputs, and one network's arrays fill a CPU's caches.
    alone = isinstance(model, CNN) and len(model.filters) > 1 and jax.default_backend() == "cpu"
    return fit(
        model, task, seeds, epochs=how.epochs, batch=BATCH, optimizer=how.optimizer, loss=how.loss,
        together=1 if alone else None, diverged="keep", **options,
    )  # fmt: skip


def explained(networks: Fit, task: Task) -> np.ndarray:
    """Share of the targets' variance that networks explain: 1 - error / error of the mean training target.

    Args:
        networks: trained on ``task`` with :func:`squared_error`.
        task: whose targets are no labels.

    Returns:
        [S]; 1 is perfect, 0 as good as the mean target, NaN of a network that diverged.

    Example:
        >>> import jprobe as jp
        >>> x = np.array([[0.0, 0.0], [1.0, 1.0]])
        >>> task = jp.data.Task(x, x, x, x, num_classes=None)
        >>> explained(Fit({}, np.arange(2), np.array([0.25, 0.05]), *[None] * 3, np.nan), task).tolist()
        [0.0, 0.8]
    """
    constant = np.square(task.y_test - task.y_train.mean(0, dtype=np.float64)).mean()
    return 1 - networks.accuracy / constant


def dead(networks: Fit, task: Task) -> np.ndarray:
    """Which networks learnt nothing: as :attr:`Fit.dead` says of labels; else they explain under 1% of the variance.

    Args:
        networks: trained on ``task``.
        task: with labels or other targets.

    Returns:
        [S] of truth values.

    Example:
        >>> import jprobe as jp
        >>> x = np.array([[0.0, 0.0], [1.0, 1.0]])
        >>> task = jp.data.Task(x, x, x, x, num_classes=None)
        >>> dead(Fit({}, np.arange(2), np.array([0.25, 0.05]), *[None] * 3, np.nan), task).tolist()
        [True, False]
    """
    return networks.dead if task.num_classes is not None else ~(explained(networks, task) > LEAST_EXPLAINED)
