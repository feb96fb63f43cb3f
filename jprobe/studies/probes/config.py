"""What the study of easy and hard tasks can be told."""

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro
from annotated_types import Ge, MinLen

from jprobe.choices import Activation, Keep
from jprobe.studies import config as base
from jprobe.studies.card import Card
from jprobe.studies.config import NOT_NUMBERS

Group = Literal["prune", "noise", "flip", "multiplicative", "spectral", "randomize"]
GROUPS: tuple[Group, ...] = ("prune", "noise", "flip", "multiplicative", "spectral", "randomize")


@dataclass(frozen=True)
class Config(base.Config):
    """Probe networks on an easy and a hard task: prune, binarize, noise, sign flips, low rank, shuffling (paper 1).

    quick: 20 networks each on MNIST {0,7} and {7,9}, 1 to 2 minutes on two cores. paper: MNIST and
    Fashion-MNIST, 100 networks a task, and the paper's other widths and activations, about 15 minutes. Expect on MNIST, in % test accuracy: base 99.7 (easy)
    and 98.7 (hard), signed about 95 and 49.5, signed hard above 90 once 60 to 80% of the weights are gone.

    Example:
        >>> Config(hidden=(32,), seeds=5).folder(PRESETS).as_posix()
        'runs/probes-mnist-quick-hidden-32-seeds-5'
    """

    study = "probes"
    named = ("dataset",)
    counted = "{seeds} networks a task"

    dataset: Annotated[tuple[str, ...], MinLen(1)] = ("mnist",)
    """Names of datasets, as 'jprobe data show' lists them."""
    pair: tuple[int, int] | None = None
    """Two classes to tell apart, by index, in place of the paper's easy and hard pair."""
    hidden: Annotated[tuple[Annotated[int, Ge(1)], ...], MinLen(1)] = (64,)
    """Nodes in each hidden layer."""
    activation: Activation = "relu"
    """Activation of the hidden layers."""
    seeds: Annotated[int, Ge(1)] = 20
    """Networks a task."""
    keep: Keep = "last"
    """Weights kept: of the last epoch, or of the best test accuracy (which selects on the test set)."""
    probes: Annotated[tuple[Group, ...], MinLen(1)] = GROUPS
    """Groups of probes to run."""
    widths: tuple[Annotated[int, Ge(1)], ...] = ()
    """Nodes of other single hidden layers, perturbed and randomized beside (the paper's figures 10 to 14: 32 and 128)."""
    activations: tuple[Activation, ...] = ()
    """Other activations, perturbed beside (the paper's figures 15 and 16: tanh and hard_sigmoid)."""
    repeats: Annotated[int, Ge(1)] = 1
    """Independent draws of each random probe at each network and level."""
    living: Annotated[bool, tyro.conf.FlagCreatePairsOff, NOT_NUMBERS] = False
    """Leave dead networks (accuracy at chance) out of the figures too; summary.json always leaves them out."""
    epochs: Annotated[int, Ge(1)] = 10
    """Passes over the training set."""


PRESETS = {
    "quick": Config(),
    "paper": Config(
        preset="paper",
        dataset=("mnist", "fashion_mnist"),
        seeds=100,
        widths=(32, 128),
        activations=("tanh", "hard_sigmoid"),
    ),
}

CARD = Card(
    paper="Jankowski et al., Task complexity shapes internal representations and robustness in neural networks, arXiv:2508.05463",
    reference="Jankowski et al. 2025, arXiv:2508.05463",
    reproduces="Paper 1, first half (figures 1-3, 7, 10-19): pruning, binarization, noise, sign flips, low rank, shuffling",
    asks="pruning, signs, noise, flips, low rank, shuffles",
    cost="quick: 1 to 2 minutes on two cores; paper: about 15 minutes",
)
