"""Paper 3's networks by kind and depth: near 26,000 parameters each on MNIST."""

import math
from typing import NamedTuple, get_args

import flax.linen as nn

from jprobe.choices import Activation, Kind, Spread
from jprobe.errors import ArgumentError, UnknownNameError
from jprobe.models.autoencoder import Autoencoder
from jprobe.models.cnn import CNN
from jprobe.models.mlp import MLP
from jprobe.models.rnn import RNN


class Images(NamedTuple):
    """What a network of paper 3 must know of its dataset.

    Attributes:
        shape: of an image, (H, W, C).
        filters: of each convolution, by depth.
        spread: what the paper prints of the kernels' start, v.
    """

    shape: tuple[int, int, int]
    filters: dict[int, tuple[int, ...]]
    spread: float


# The depths of each kind of network: layers of nodes, input and output included, so FC-3 has one hidden layer.
DEPTHS: dict[Kind, tuple[int, ...]] = {"FC": (3, 5, 7, 9), "CNN": (3, 5), "RNN": (3,), "AE": (3, 5, 7, 9)}

_BOTTLENECKS = {3: (16,), 5: (16, 8, 16), 7: (16, 12, 8, 12, 16), 9: (16, 14, 12, 8, 12, 14, 16)}

_DATA = {
    "mnist": Images((28, 28, 1), {3: (4,), 5: (5, 5, 5)}, 0.05),
    "cifar10": Images((32, 32, 3), {3: (10,), 5: (10, 10, 10)}, 0.5),
}

CLASSES = 10


def architecture(
    kind: Kind,
    depth: int = 3,
    dataset: str = "mnist",
    *,
    activation: Activation = "relu",
    init: Spread = "variance",
) -> nn.Module:
    """A network of paper 3.

    Hidden layers: FC 32 each; CNN one or three convolutions of 3 x 3, of 4 or 5 filters (CIFAR-10: 10); RNN 64 units;
    AE 16, 16-8-16, 16-12-8-12-16 or 16-14-12-8-12-14-16.

    Args:
        kind: "FC", "CNN", "RNN" or "AE".
        depth: layers of nodes, input and output included: 3, 5, 7 or 9 of FC and AE; 3 or 5 of CNN; 3 of RNN.
        dataset: "mnist" or "cifar10".
        activation: of the hidden layers.
        init: kernels start from a normal distribution, biases at 0. The paper prints 0.05 for MNIST and 0.5 for CIFAR-10
            as its variance; its code of 2021 takes 0.05 for the standard deviation, "sd".

    Returns:
        Module; two of the same arguments are equal. ``.clone(kernel_sd=0.05)`` makes one that starts otherwise.

    Raises:
        UnknownNameError: another kind, dataset, activation or ``init``.
        ArgumentError: a depth that the kind does not have.

    Source:
        Paper 3, section 4 and table 1; its released code where the text is silent.

    Example:
        >>> architecture("AE", 5).hidden, architecture("CNN", 5, "cifar10").filters
        ((16, 8, 16), (10, 10, 10))
        >>> architecture("FC", init="sd").kernel_sd
        0.05
    """
    for what, name, known in (
        ("kind of network", kind, get_args(Kind)), ("dataset of these networks", dataset, tuple(_DATA)),
        ("reading of the spread", init, get_args(Spread)),
    ):  # fmt: skip
        if name not in known:
            raise UnknownNameError(what, name, known)
    if depth not in DEPTHS[kind]:
        raise ArgumentError(f"{kind} has a depth of {' or '.join(map(str, DEPTHS[kind]))}; found {depth}.")
    images = _DATA[dataset]
    sd = images.spread if init == "sd" else images.spread**0.5
    match kind:
        case "FC":
            return MLP((32,) * (depth - 2), CLASSES, activation, sd)
        case "CNN":
            return CNN(images.filters[depth], CLASSES, activation, sd)
        case "RNN":
            return RNN(64, CLASSES, activation, sd)
        case "AE":
            return Autoencoder(_BOTTLENECKS[depth], math.prod(images.shape), activation, sd)
