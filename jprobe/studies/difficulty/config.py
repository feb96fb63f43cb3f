"""What the study of known difficulties can be told."""

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from annotated_types import Ge, MinLen

from jprobe.studies import config as base
from jprobe.studies.card import Card

# In what way a task, or the network and its training, is made harder.
Lens = Literal["label_noise", "overlap", "images", "steps", "depth", "network", "classes"]


@dataclass(frozen=True)
class Config(base.Config):
    """Make tasks harder in known ways, and ask whether networks lose more to signs: is the gap complexity? (beyond paper 1)

    quick: 10 networks at each of 20 settings of MNIST {0,7} and {7,9}, and on all ten classes, about five minutes on two
    cores. paper: MNIST, Fashion-MNIST, KMNIST and CIFAR-10, 30 networks. Expect that three hidden layers cost an easy task all its accuracy under signs, and that wrong
    labels and fewer images make the gap of the hard task smaller.

    Example:
        >>> Config(seeds=5).folder(PRESETS).as_posix()
        'runs/difficulty-mnist-quick-seeds-5'
    """

    study = "difficulty"
    named = ("dataset",)
    counted = "{seeds} networks a setting"

    dataset: Annotated[tuple[str, ...], MinLen(1)] = ("mnist",)
    """Names of datasets: mnist, fashion_mnist, kmnist, cifar10."""
    lens: Annotated[tuple[Lens, ...], MinLen(1)] = get_args(Lens)
    """Wrong training labels, classes that overlap, fewer images, fewer steps of training, more layers, a convolutional network, all classes in place
    of two."""
    hidden: Annotated[int, Ge(1)] = 64
    """Nodes in each hidden layer."""
    seeds: Annotated[int, Ge(1)] = 10
    """Networks a setting."""
    epochs: Annotated[int, Ge(1)] = 10
    """Passes over the training set."""


PRESETS = {
    "quick": Config(),
    "paper": Config(preset="paper", dataset=("mnist", "fashion_mnist", "kmnist", "cifar10"), seeds=30),
}

CARD = Card(
    paper="Jankowski et al., Task complexity shapes internal representations and robustness in neural networks, arXiv:2508.05463",
    reference="Jankowski et al. 2025, arXiv:2508.05463",
    reproduces="Beyond paper 1: whether networks lose more to signs where tasks are harder in known ways",
    asks="what makes a task lose more to signs",
    cost="quick: about 5 minutes on two cores; paper: about half an hour",
)
