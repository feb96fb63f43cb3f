"""What the frustration study can be told."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt

from jprobe.choices import Residual
from jprobe.studies import config as base
from jprobe.studies.config import NOT_NUMBERS


@dataclass(frozen=True)
class Config(base.Config):
    """Measure how frustrated a network is as a signed DAG, beside null models, and how near to monotone (paper 2).

    quick: 8 replicas, 2 null models of each kind, 20 photos. paper: 80 of each, all photos. Expect for SqueezeNet a
    frustration of 0.407 to 0.410 (greedy) and 0.395 (annealed), against 0.425 for weights shuffled within layers, none
    of whose spins go below 0.3955, and 0.444 for fresh ones; active subnetworks near 0.38.

    Example:
        >>> Config(network="squeezenet").folder(PRESETS).as_posix()
        'runs/frustration-squeezenet-quick'
    """

    study = "frustration"
    named = ("network",)

    network: str | None = None
    """A network of 'jprobe weights show', or 'mnist': a perceptron trained here. Default: squeezenet where its weights are, else mnist."""
    photos: Path | None = None
    """Folder of photos, a folder a class, for active subnetworks and monotonicity. Default: imagenette, if it was imported."""
    residual: Residual = "identity"
    """What the sum of two branches is: edges of weight 1, or the paper's rows."""
    fold_bn: bool = False
    """Multiply each edge by the factor of the normalisation that follows; the paper leaves normalisations out."""
    replicas: Annotated[int, Ge(1)] = 8
    """Starts of the descent on the network's own weights."""
    nulls: Annotated[int, Ge(1)] = 2
    """Null models of each kind (N1, N2, N3 Xavier, N3 He), each from two starts."""
    flips: Annotated[int, Ge(0)] = 1_000_000
    """Random single flips that make a start; at most the number of nodes."""
    anneal: Annotated[int, Ge(0)] = 6000
    """Sweeps of annealing; null models N1 and N3 (He) get a tenth. 0: none."""
    bound: Annotated[int, Ge(0)] = 60
    """Sweeps of the mixing method for the certified lower bounds. 0: none."""
    images: Annotated[int, Ge(1)] = 20
    """Photos whose active subnetwork is measured, and that are perturbed; evenly spaced over the classes."""
    sizes: Annotated[int, Ge(1)] = 20
    """Perturbations a photo, their norms evenly spaced up to the largest."""
    largest: Annotated[float, Gt(0)] = 8.0
    """Largest norm of a perturbation; pixels run from 0 to 1."""
    table: Annotated[Literal["sizes"] | None, NOT_NUMBERS] = None
    """Print the paper's Table 1 beside our own counts, and do nothing else."""

    def chosen(self) -> str:
        """Name of the network that is meant."""
        from jprobe import weights  # here, so that listing the studies stays quick

        return self.network or ("squeezenet" if weights.is_here("squeezenet") else "mnist")

    def numbers(self) -> dict[str, Any]:
        """The part of the configuration that the numbers depend on, the network by its name."""
        return {**super().numbers(), "network": self.chosen()}


PRESETS = {
    "quick": Config(),
    "paper": Config(preset="paper", replicas=80, nulls=80, anneal=20_000, bound=150, images=500, sizes=100),
}
