"""What the study of all lenses can be told."""

from dataclasses import dataclass
from typing import Annotated

import tyro
from annotated_types import Ge, MinLen

from jprobe.choices import Activation
from jprobe.studies import config as base
from jprobe.studies.card import Card


@dataclass(frozen=True)
class Config(base.Config):
    """Look at every pair of classes through the lenses of papers 1, 2 and 3, and ask whether they rank the pairs alike.

    quick: 3 networks for each of MNIST's 45 pairs, about two minutes on two cores. paper: MNIST, Fashion-MNIST and KMNIST, 10
    networks a pair. Expect on MNIST a rank correlation with the error of a linear classifier near 0.3 for the gap to
    signed networks, 0.8 for that gap with the threshold moved, 0.6 for frustration.

    Example:
        >>> Config(seeds=5).folder(PRESETS).as_posix()
        'runs/lenses-mnist-quick-seeds-5'
    """

    study = "lenses"
    named = ("dataset",)
    counted = "{seeds} networks a pair of classes"

    dataset: Annotated[tuple[str, ...], MinLen(1)] = ("mnist",)
    """Names of datasets, as 'jprobe data show' lists them; any with three classes or more."""
    hidden: Annotated[tuple[Annotated[int, Ge(1)], ...], MinLen(1)] = (64,)
    """Nodes in each hidden layer; strengths are those of the first."""
    activation: Activation = "relu"
    """Activation of the hidden layers."""
    seeds: Annotated[int, Ge(1)] = 3
    """Networks a pair of classes."""
    epochs: Annotated[int, Ge(1)] = 10
    """Passes over the training set."""
    nulls: Annotated[int, Ge(1)] = 4
    """Null models N1 of each network."""
    replicas: Annotated[int, Ge(1)] = 8
    """Starts of each minimisation, of which the lowest energy counts."""
    samples: Annotated[int, Ge(2)] = 200
    """Test images that neuron strengths are means over."""
    image_pairs: Annotated[int, Ge(1)] = 2000
    """Image pairs drawn for the SSIM distance of two classes."""
    dimension: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Measure the intrinsic dimension of each pair's images, too; needs pip install scikit-dimension."""


PRESETS = {
    "quick": Config(),
    "paper": Config(preset="paper", dataset=("mnist", "fashion_mnist", "kmnist"), seeds=10, image_pairs=10_000),
}

CARD = Card(
    paper="Jankowski et al., arXiv:2508.05463, beside papers 2 and 3: measures of one network, compared",
    reference="Jankowski et al. 2025, arXiv:2508.05463",
    reproduces="Beyond the papers: whether task complexity, frustration and strengths rank tasks alike",
    asks="do papers 1, 2 and 3 rank tasks alike?",
    cost="quick: about 2 minutes on two cores; paper: about a quarter of an hour",
)
