"""What the task-complexity map can be told."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from jprobe.errors import ArgumentError
from jprobe.models.mlp import Activation
from jprobe.train import Keep


@dataclass(frozen=True)
class Config:
    """Map how hard every pair of a dataset's classes is, by what networks lose when probed (paper 1, section 4).

    quick: 3 networks for each of MNIST's 45 pairs. paper: 10 networks a pair. Expect a Spearman correlation of
    the two gaps near 0.96, the smallest gaps for pairs such as {0, 3}, the largest for {1, 7} and {7, 9}.

    Example:
        >>> Config(seeds=5).folder().as_posix()
        'runs/complexity-quick'
    """

    preset: Literal["quick", "paper"] = "quick"
    """Which defaults the other options start from."""
    dataset: tuple[str, ...] = ("mnist",)
    """Names of datasets, as 'jprobe data show' lists them; any with three classes or more."""
    hidden: tuple[int, ...] = (64,)
    """Nodes in each hidden layer."""
    activation: Activation = "relu"
    """Activation of the hidden layers."""
    seeds: int = 3
    """Networks a pair of classes."""
    keep: Keep = "last"
    """Weights kept: of the last epoch, or of the best test accuracy (which selects on the test set)."""
    epochs: int = 10
    """Passes over the training set."""
    repeats: int = 1
    """Independent draws of randomization B for each network."""
    image_pairs: int = 10_000
    """Image pairs drawn for the SSIM distance of two classes."""
    out: Path | None = None
    """Folder for the results, taken up again if the run was interrupted. Default: runs/complexity-PRESET."""
    mesh: int | None = None
    """Devices to spread the networks over. Default: all of this machine's."""

    def __post_init__(self) -> None:
        """Check what no later step checks before long work begins."""
        for name in ("seeds", "epochs", "repeats", "image_pairs"):
            if getattr(self, name) < 1:
                raise ArgumentError(f"--{name.replace('_', '-')} must be 1 or more, not {getattr(self, name)}.")
        for name in ("dataset", "hidden"):
            if not getattr(self, name):
                raise ArgumentError(f"--{name} needs one value or more.")
        if min(self.hidden) < 1:
            raise ArgumentError(f"Hidden layers need one node or more, not {self.hidden}.")

    def folder(self) -> Path:
        """Where the results go."""
        return self.out or Path("runs") / f"complexity-{self.preset}"

    def numbers(self) -> dict[str, Any]:
        """The part of the configuration that the numbers depend on, as JSON types."""
        kept = {k: v for k, v in asdict(self).items() if k not in ("out", "mesh", "preset")}
        return {"study": "complexity", **kept}


PRESETS = {"quick": Config(), "paper": Config(preset="paper", seeds=10)}
