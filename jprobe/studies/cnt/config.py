"""What the study of complex-network metrics can be told."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, MinLen

from jprobe.studies import config as base
from jprobe.studies.card import Card

Architecture = Literal["fc", "cnn", "rnn", "ae"]
Bend = Literal["linear", "relu", "sigmoid"]
Depth = Literal[3, 5, 7, 9]


@dataclass(frozen=True)
class Config(base.Config):
    """Measure strengths and activations in pools of trained networks, beside the same networks untrained (paper 3).

    quick: 5 networks of each of twelve kinds of depth 3 on MNIST, about 5 minutes on two cores. paper: 30 networks of
    every architecture, activation and depth on MNIST and CIFAR-10; a pool of MNIST takes one core 18 minutes (CNN-5), 6
    (CNN-3), 5 (RNN) or 1 to 2, all of them 2 hours. Expect on MNIST, as test accuracy: fully connected 0.91 to 0.96,
    convolutional 0.90 to 0.97, recurrent 0.85 to 0.90; and as mean squared error of autoencoders of depth 3 0.03 to 0.06,
    of which the mean image already has 0.0675.

    Example:
        >>> Config(architectures=("fc",), networks=3).folder(PRESETS).as_posix()
        'runs/cnt-mnist-quick-architectures-fc-networks-3'
    """

    study = "cnt"
    named = ("dataset",)
    counted = "{networks} networks of each kind"

    dataset: Annotated[tuple[Literal["mnist", "cifar10"], ...], MinLen(1)] = ("mnist",)
    """Datasets: mnist, cifar10."""
    architectures: Annotated[tuple[Architecture, ...], MinLen(1)] = ("fc", "cnn", "rnn", "ae")
    """Fully connected, convolutional, recurrent over image rows, autoencoders."""
    activations: Annotated[tuple[Bend, ...], MinLen(1)] = ("linear", "relu", "sigmoid")
    """Activations of hidden layers."""
    depths: Annotated[tuple[Depth, ...], MinLen(1)] = (3,)
    """Layers of nodes, input and output included; cnn has 3 and 5, rnn 3 alone."""
    networks: Annotated[int, Ge(2)] = 5
    """Networks of each kind."""
    samples: Annotated[int, Ge(2)] = 100
    """Training images that neuron strengths and activations are measured on, the same for all networks."""
    init: Literal["variance", "sd"] = "variance"
    """Whether the paper's 0.05 (MNIST) and 0.5 (CIFAR-10), of which kernels are drawn, is a variance or a standard deviation."""
    pixels: Literal["unit", "signed", "standardised"] = "unit"
    """Pixels in [0, 1], in [-1, 1], or with mean 0 and standard deviation 1 in each channel."""


PRESETS = {
    "quick": Config(),
    "paper": Config(preset="paper", dataset=("mnist", "cifar10"), depths=(3, 5, 7, 9), networks=30),
}

CARD = Card(
    paper="La Malfa et al., Deep neural networks via complex network theory: a perspective, IJCAI 2024",
    reference="La Malfa et al. 2024, arXiv:2404.11172",
    reproduces="Paper 3 (figures 2-8, Table 1): node strength, neuron strength and activation in pools of trained networks",
    asks="strengths and activations of neurons",
    cost="quick: 5 minutes on two cores; paper: MNIST 2 hours of CPU, CIFAR-10 more",
)
