"""Paper 1, first half: how networks that solve an easy or a hard task stand up to five kinds of perturbation.

Jankowski, Radicchi, Serrano, Boguna, Fortunato, 'Task complexity shapes internal representations and robustness
in neural networks', arXiv:2508.05463, sections 3, A.2 and A.5 to A.7.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from jprobe.errors import ArgumentError
from jprobe.models.mlp import Activation
from jprobe.train import Keep

Group = Literal["prune", "noise", "flip", "multiplicative", "spectral", "randomize"]
GROUPS: tuple[Group, ...] = ("prune", "noise", "flip", "multiplicative", "spectral", "randomize")


@dataclass(frozen=True)
class Config:
    """Probe networks on an easy and a hard task: prune, binarize, noise, sign flips, low rank, shuffling (paper 1).

    quick: 20 networks each on MNIST {0,7} and {7,9}, under 3 minutes on two cores. paper: MNIST and
    Fashion-MNIST, 100 networks a task, about 15 minutes. Expect on MNIST, in % test accuracy: base 99.7 (easy)
    and 98.7 (hard), signed about 95 and 49.5, signed hard above 90 once 60 to 80% of the weights are gone.

    Example:
        >>> Config(hidden=(32,), seeds=5).folder().as_posix()
        'runs/probes-quick'
    """

    preset: Literal["quick", "paper"] = "quick"
    """Which defaults the other options start from."""
    dataset: tuple[str, ...] = ("mnist",)
    """Names of datasets, as 'jprobe data show' lists them."""
    pair: tuple[int, int] | None = None
    """Two classes to tell apart, by index, in place of the paper's easy and hard pair."""
    hidden: tuple[int, ...] = (64,)
    """Nodes in each hidden layer. The paper's figures 10 to 13 take 32 and 128."""
    activation: Activation = "relu"
    """Activation of the hidden layers. The paper's figures 15 and 16 take tanh and hard_sigmoid."""
    seeds: int = 20
    """Networks a task."""
    keep: Keep = "last"
    """Weights kept: of the last epoch, or of the best test accuracy (which selects on the test set)."""
    probes: tuple[Group, ...] = GROUPS
    """Groups of probes to run."""
    widths: tuple[int, ...] = ()
    """Nodes of other single hidden layers to set beside in the pruning figure (the paper's figure 14)."""
    repeats: int = 1
    """Independent draws of each random probe at each network and level."""
    living: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Leave dead networks (accuracy at chance) out of the figures too; summary.json always leaves them out."""
    epochs: int = 10
    """Passes over the training set."""
    out: Path | None = None
    """Folder for the results, taken up again if the run was interrupted. Default: runs/probes-PRESET."""
    mesh: int | None = None
    """Devices to spread the networks over. Default: all of this machine's."""

    def __post_init__(self) -> None:
        """Check what no later step checks before long work begins."""
        for name in ("seeds", "epochs", "repeats"):
            if getattr(self, name) < 1:
                raise ArgumentError(f"--{name} must be 1 or more, not {getattr(self, name)}.")
        for name in ("dataset", "hidden", "probes"):
            if not getattr(self, name):
                raise ArgumentError(f"--{name} needs one value or more.")
        if min(*self.hidden, *self.widths, 1) < 1:
            raise ArgumentError(f"Hidden layers need one node or more, not {self.hidden} and {self.widths}.")

    def folder(self) -> Path:
        """Where the results go."""
        return self.out or Path("runs") / f"probes-{self.preset}"

    def numbers(self) -> dict[str, Any]:
        """The part of the configuration that the numbers depend on, as JSON types."""
        kept = {k: v for k, v in asdict(self).items() if k not in ("out", "mesh", "preset")}
        return {"study": "probes", **kept}


PRESETS = {
    "quick": Config(),
    "paper": Config(preset="paper", dataset=("mnist", "fashion_mnist"), seeds=100, widths=(32, 128)),
}
