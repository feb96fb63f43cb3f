"""What the study of learned connectivity can be told."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt

from jprobe.studies import config as base
from jprobe.studies.card import Card

Name = Literal["cmnist", "ckmnist", "cfashion", "cifar10", "cifar10_t8", "cmnist_two", "cmnist_two_t8"]


@dataclass(frozen=True)
class Config(base.Config):
    """Train networks in which every connection costs, and look at the wiring that is left (paper 4).

    quick: two networks of each dataset, scaled down to 12 nodes and images of 8 x 8, about 11 minutes on two cores. paper: ten
    networks of 60 nodes on five datasets, 100 epochs each, for accelerators: on two cores an epoch of one network takes
    half an hour. Expect edges to grow in number from CMNIST to CIFAR-10, and the accuracy to stay when those below 0.006
    are cut.

    Example:
        >>> Config(networks=3, dataset=("cmnist",)).folder(PRESETS).as_posix()
        'runs/connectivity-cmnist-quick-networks-3'
    """

    study = "connectivity"
    named = ("dataset",)
    counted = "{networks} networks a dataset"

    dataset: tuple[Name, ...] = ()
    """Coloured MNIST, KMNIST, Fashion-MNIST, CIFAR-10, its shuffled tiles; two made from MNIST. Default: the paper's if all are at hand, else MNIST's."""
    networks: Annotated[int, Ge(1)] = 2
    """Networks of each dataset."""
    nodes: Annotated[int, Ge(2)] = 4
    """Nodes of each of the three stages."""
    channels: Annotated[int, Ge(1)] = 8
    """Channels of the first stage."""
    size: Literal[4, 8, 16, 32] = 8
    """Height and width of the images, of 32 x 32 by means over squares."""
    images: Annotated[int, Ge(2)] = 8_000
    """Training images; all there are if there are fewer."""
    test_images: Annotated[int, Ge(2)] = 2_000
    """Test images; likewise."""
    epochs: Annotated[int, Ge(1)] = 18
    """Epochs; rates fall tenfold where the paper's do, in proportion."""
    batch: Annotated[int, Ge(1)] = 64
    """Images a step."""
    penalty: Annotated[float, Ge(0)] = 0.006
    """What an edge costs: the factor of sum |tanh w|. A step takes rate x penalty / (1 - momentum) off an edge, 0.006 at first."""
    tau: Annotated[float, Gt(0)] = 0.006
    """Edges whose |tanh w| is below this are cut."""
    augment: Literal["cifar", "all", "none"] = "none"
    """Which datasets are mirrored and shifted: CIFAR-10, all, none. In few epochs networks do not fit what is shifted, and drop edges."""
    retrained: Annotated[int, Ge(1)] = 1
    """Of how many networks of each dataset the wiring that was found is trained again."""
    baselines: Annotated[int, Ge(0)] = 0
    """Of how many of those it is held against other wirings of as many edges."""
    together: Annotated[int, Ge(1)] = 1
    """Networks of a dataset in one part of the run, which an accelerator trains at once, ten at most; a CPU trains them one by one."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of images and activations; weights and sums over a batch are float32."""


PRESETS = {
    "quick": Config(),
    "paper": Config(
        preset="paper", dataset=("cmnist", "ckmnist", "cfashion", "cifar10", "cifar10_t8"), networks=10, nodes=20, channels=11,
        size=32, images=60_000, test_images=10_000, epochs=100, batch=128, penalty=1e-3, augment="cifar", retrained=10, baselines=10,
        together=10,
    ),
}  # fmt: skip

CARD = Card(
    paper="Janik, Nowak, Connectivity properties of neural networks under performance-resources trade-off, 2021",
    reference="Janik and Nowak 2021",
    reproduces="Paper 4 (figures 2-9, tables 1-5): the wirings that networks keep when every connection costs",
    asks="wirings learnt when connections cost",
    cost="quick: 11 minutes on two cores; paper: accelerators (on two cores an epoch of one of its 50 networks takes half an hour)",
)
