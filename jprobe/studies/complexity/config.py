"""What the task-complexity map can be told."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, MinLen

from jprobe.choices import Activation, Keep
from jprobe.studies import config as base
from jprobe.studies.card import Card


@dataclass(frozen=True)
class Config(base.Config):
    """Map how hard every pair of a dataset's classes is, by what networks lose when probed (paper 1, section 4).

    quick: 3 networks for each of MNIST's 45 pairs. paper: MNIST and Fashion-MNIST, 10 networks a pair. Expect a Spearman correlation of
    the two gaps near 0.96, the smallest gaps for pairs such as {0, 3}, the largest for {1, 7} and {7, 9}.

    Example:
        >>> Config(seeds=5).folder(PRESETS).as_posix()
        'runs/complexity-mnist-quick-seeds-5'
    """

    study = "complexity"
    named = ("dataset",)
    counted = "{seeds} networks a pair of classes"

    dataset: Annotated[tuple[str, ...], MinLen(1)] = ("mnist",)
    """Names of datasets, as 'jprobe data show' lists them; any with three classes or more."""
    hidden: Annotated[tuple[Annotated[int, Ge(1)], ...], MinLen(1)] = (64,)
    """Nodes in each hidden layer."""
    activation: Activation = "relu"
    """Activation of the hidden layers."""
    seeds: Annotated[int, Ge(1)] = 3
    """Networks a pair of classes."""
    keep: Keep = "last"
    """Weights kept: of the last epoch, or of the best test accuracy (which selects on the test set)."""
    epochs: Annotated[int, Ge(1)] = 10
    """Passes over the training set."""
    repeats: Annotated[int, Ge(1)] = 1
    """Independent draws of randomization B for each network."""
    image_pairs: Annotated[int, Ge(1)] = 10_000
    """Image pairs drawn for the SSIM distance of two classes."""


PRESETS = {"quick": Config(), "paper": Config(preset="paper", dataset=("mnist", "fashion_mnist"), seeds=10)}

CARD = Card(
    paper="Jankowski et al., Task complexity shapes internal representations and robustness in neural networks, arXiv:2508.05463",
    reference="Jankowski et al. 2025, arXiv:2508.05463",
    reproduces="Paper 1, section 4 (figures 4, 6, 8): how hard each pair of classes is, by what networks lose without magnitudes",
    asks="how hard each pair of classes is",
    cost="quick: under 2 minutes on two cores; paper: about 6 minutes",
)
