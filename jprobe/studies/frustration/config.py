"""What the frustration study can be told."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from jprobe.errors import ArgumentError
from jprobe.graph.building import Residual


@dataclass(frozen=True)
class Config:
    """Measure how frustrated a network is as a signed DAG, beside null models, and how near to monotone (paper 2).

    quick: 8 replicas, 2 null models of each kind, 20 photos. paper: 80 of each, all photos. Expect for SqueezeNet a
    frustration of 0.407 to 0.410 (greedy) and 0.395 (annealed), against 0.425 for weights shuffled within layers, none
    of whose spins go below 0.3955, and 0.444 for fresh ones; active subnetworks near 0.38.

    Example:
        >>> Config(network="squeezenet").folder().as_posix()
        'runs/frustration-squeezenet-quick'
    """

    preset: Literal["quick", "paper"] = "quick"
    """Which defaults the other options start from."""
    network: str | None = None
    """A network of 'jprobe weights show', or 'mnist': a perceptron trained here. Default: squeezenet where its weights are, else mnist."""
    photos: Path | None = None
    """Folder of photos, a folder a class, for active subnetworks and monotonicity. Default: imagenette, if it was imported."""
    residual: Residual = "identity"
    """What the sum of two branches is: edges of weight 1, or the paper's rows."""
    fold_bn: bool = False
    """Multiply each edge by the factor of the normalisation that follows; the paper leaves normalisations out."""
    replicas: int = 8
    """Starts of the descent on the network's own weights."""
    nulls: int = 2
    """Null models of each kind (N1, N2, N3 Xavier, N3 He), each from two starts."""
    flips: int = 1_000_000
    """Random single flips that make a start; at most the number of nodes."""
    anneal: int = 6000
    """Sweeps of annealing; null models N1 and N3 (He) get a tenth. 0: none."""
    bound: int = 60
    """Sweeps of the mixing method for the certified lower bounds. 0: none."""
    images: int = 20
    """Photos whose active subnetwork is measured, and that are perturbed; evenly spaced over the classes."""
    sizes: int = 20
    """Perturbations a photo, their norms evenly spaced up to the largest."""
    largest: float = 8.0
    """Largest norm of a perturbation; pixels run from 0 to 1."""
    table: Literal["sizes"] | None = None
    """Print the paper's Table 1 beside our own counts, and do nothing else."""
    out: Path | None = None
    """Folder for the results, taken up again if the run was interrupted. Default: runs/frustration-NETWORK-PRESET."""

    def __post_init__(self) -> None:
        """Check what no later step checks before long work begins."""
        for name, low in (
            ("replicas", 1),
            ("nulls", 1),
            ("flips", 0),
            ("anneal", 0),
            ("bound", 0),
            ("images", 1),
            ("sizes", 1),
        ):
            if getattr(self, name) < low:
                raise ArgumentError(f"--{name} must be {low} or more, not {getattr(self, name)}.")
        if self.largest <= 0:
            raise ArgumentError(f"--largest must be above 0, not {self.largest}.")

    def chosen(self) -> str:
        """Name of the network that is meant."""
        from jprobe import weights  # here, so that listing the studies stays quick

        return self.network or ("squeezenet" if weights.is_here("squeezenet") else "mnist")

    def folder(self) -> Path:
        """Where the results go."""
        return self.out or Path("runs") / f"frustration-{self.chosen()}-{self.preset}"

    def numbers(self) -> dict[str, Any]:
        """The part of the configuration that the numbers depend on, as JSON types."""
        kept = {k: v for k, v in asdict(self).items() if k not in ("out", "preset", "table")}
        return {
            "study": "frustration",
            **kept,
            "network": self.chosen(),
            "photos": str(self.photos) if self.photos else None,
        }


PRESETS = {
    "quick": Config(),
    "paper": Config(preset="paper", replicas=80, nulls=80, anneal=20_000, bound=150, images=500, sizes=100),
}
