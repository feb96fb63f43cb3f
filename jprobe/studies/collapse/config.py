"""What the study of the collapse can be told."""

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from annotated_types import Ge, MinLen

from jprobe.choices import Activation
from jprobe.studies import config as base
from jprobe.studies.card import Card

# Pixels in [-1, 1], as the paper has them; in [0, 1]; with mean 0 and standard deviation 1.
Scale = Literal["signed", "unit", "standardised"]


@dataclass(frozen=True)
class Config(base.Config):
    """Ask why signed networks collapse to chance on hard tasks: move the threshold, scale, keep biases, scale pixels (beyond paper 1).

    quick: 10 networks a task on MNIST {0,7} and {7,9}, with pixels in [-1, 1], in [0, 1] and standardised; some 40 seconds on
    two cores. paper: MNIST, Fashion-MNIST, KMNIST and CIFAR-10, 30 networks a task, about ten minutes. Expect on MNIST {7,9},
    in % test accuracy: signed 49.5 with pixels in [-1, 1], 94 in [0, 1]; 84 in [-1, 1] once the threshold is moved.

    Example:
        >>> Config(seeds=5).folder(PRESETS).as_posix()
        'runs/collapse-mnist-quick-seeds-5'
    """

    study = "collapse"
    named = ("dataset",)
    counted = "{seeds} networks a task and scale of pixels"

    dataset: Annotated[tuple[str, ...], MinLen(1)] = ("mnist",)
    """Names of datasets: mnist, fashion_mnist, kmnist, cifar10."""
    pixels: Annotated[tuple[Scale, ...], MinLen(1)] = get_args(Scale)
    """Scales of the pixels that networks are trained on."""
    hidden: Annotated[tuple[Annotated[int, Ge(1)], ...], MinLen(1)] = (64,)
    """Nodes in each hidden layer."""
    activation: Activation = "relu"
    """Activation of the hidden layers."""
    seeds: Annotated[int, Ge(1)] = 10
    """Networks a task and scale of pixels."""
    epochs: Annotated[int, Ge(1)] = 10
    """Passes over the training set."""
    refit: Annotated[int, Ge(1)] = 3
    """Passes over the training set in which biases alone are trained, under weights that are scaled signs."""


PRESETS = {
    "quick": Config(),
    "paper": Config(preset="paper", dataset=("mnist", "fashion_mnist", "kmnist", "cifar10"), seeds=30),
}

CARD = Card(
    paper="Jankowski et al., Task complexity shapes internal representations and robustness in neural networks, arXiv:2508.05463",
    reference="Jankowski et al. 2025, arXiv:2508.05463",
    reproduces="Beyond paper 1: whether signed networks lose information or are shifted past their threshold",
    asks="why signed networks fall to chance",
    cost="quick: under a minute on two cores; paper: about 10 minutes",
)
