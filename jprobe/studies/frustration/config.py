"""What the frustration study can be told."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt

from jprobe.choices import Residual
from jprobe.errors import ArgumentError
from jprobe.studies import config as base
from jprobe.studies.card import Card
from jprobe.studies.config import NOT_NUMBERS


@dataclass(frozen=True)
class Config(base.Config):
    """Measure how frustrated a network is as a signed DAG, beside null models, and how near to monotone (paper 2).

    quick: 8 replicas, 2 null models of each kind, 20 photos. paper: 80 of each, all photos. Expect for SqueezeNet a
    frustration of 0.398 (descent) and 0.394 (annealed), against 0.413 for weights shuffled within layers, none of whose
    spins go below 0.4000. With several networks, one page shows all of them; of a network whose weights are not here it
    shows the freshly initialised null models.

    Example:
        >>> Config(network="squeezenet").folder(PRESETS).as_posix()
        'runs/frustration-squeezenet-quick'
        >>> Config(network=("mnist", "resnet18")).folder(PRESETS).as_posix()
        'runs/frustration-mnist+resnet18-quick'
    """

    study = "frustration"
    named = ("network",)
    counted = "{replicas} starts, {nulls} null models of each kind"

    network: str | tuple[str, ...] | None = None
    """Networks of 'jprobe weights show', or 'mnist': a perceptron trained here. Default: squeezenet where its weights are, else mnist."""
    photos: Path | None = None
    """Folder of photos, a folder a class, for active subnetworks and monotonicity. Default: imagenette, if it was imported."""
    residual: Residual = "identity"
    """What the sum of two branches is: edges of weight 1; the paper's rows; or one layer, where both are layers."""
    fold_bn: bool = False
    """Multiply each edge by the factor of the normalisation that follows; the paper leaves normalisations out."""
    minimiser: Literal["descend", "greedy"] = "descend"
    """Whole blocks of spins at a time, or the paper's Algorithm 1: one spin at a time, for graphs small enough for a matrix."""
    replicas: Annotated[int, Ge(1)] = 8
    """Starts of the minimiser on the network's own weights."""
    nulls: Annotated[int, Ge(1)] = 2
    """Null models of each kind (N1, N2, N3 Xavier, N3 He), each from two starts."""
    flips: Annotated[int, Ge(0)] = 1_000_000
    """Random single flips that make a start; at most the number of nodes."""
    compare: Annotated[int, Ge(0)] = 300
    """Sweeps of annealing, the second minimiser: as many for the network as for each null model. 0: none."""
    anneal: Annotated[int, Ge(0)] = 6000
    """Sweeps of one long annealing of the network, for the least energy; no null model is compared with it. 0: none."""
    bound: Annotated[int, Ge(0)] = 60
    """Sweeps of the mixing method for the certified lower bounds. 0: none."""
    certify: Annotated[int, Ge(1)] = 2
    """Null models N1 that get a certified bound, of which the least counts; each takes as long as some 2,500 sweeps."""
    images: Annotated[int, Ge(1)] = 20
    """Photos whose active subnetwork is measured, and that are perturbed; evenly spaced over the classes."""
    sizes: Annotated[int, Ge(1)] = 20
    """Perturbations a photo, their norms evenly spaced up to the largest."""
    largest: Annotated[float, Gt(0)] = 8.0
    """Largest norm of a perturbation; pixels run from 0 to 1."""
    orders: Annotated[int, Ge(1)] = 2
    """Orders of each kind along which images are perturbed: minima of the network and of fresh weights, random signs."""
    table: Annotated[Literal["sizes"] | None, NOT_NUMBERS] = None
    """Print the paper's Table 1 beside our own counts, and do nothing else."""

    def __post_init__(self) -> None:
        """Check every value, and that each network is named once."""
        super().__post_init__()
        names = (self.network,) if isinstance(self.network, str) else self.network
        if names is not None and not (names and all(names) and len(set(names)) == len(names)):
            raise ArgumentError(f"--network names one network or more, each once, not {self.network!r}.")

    def chosen(self) -> tuple[str, ...]:
        """Names of the networks that are meant."""
        from jprobe import weights  # here, so that listing the studies stays quick

        if isinstance(self.network, str):
            return (self.network,)
        return self.network or ("squeezenet" if weights.is_here("squeezenet") else "mnist",)

    def numbers(self) -> dict[str, Any]:
        """The part of the configuration that the numbers depend on, the network by its name."""
        names = self.chosen()
        return {**super().numbers(), "network": names[0] if len(names) == 1 else names}


PRESETS = {
    "quick": Config(),
    "paper": Config(
        preset="paper", replicas=80, nulls=80, anneal=20_000, bound=150, certify=5, images=500, sizes=100, orders=5
    ),
}

CARD = Card(
    paper="Computing frustration and near-monotonicity in deep neural networks, arXiv:2510.05286",
    reference="Wendin et al. 2025, arXiv:2510.05286",
    reproduces="Paper 2 (figures 2-8, table 1): a network as a signed DAG: frustration, null models, bounds, monotonicity",
    asks="networks as signed graphs: frustration",
    cost="quick: 1 to 30 minutes on two cores (mnist, squeezenet); paper: hours",
)
