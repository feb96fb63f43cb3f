"""What the study of layers can be told."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from jprobe.errors import ArgumentError
from jprobe.robustness import Grids

# Kept fractions of the paper, .999 to one in a million, and the round ones that summary.json names.
_KEPT = tuple(sorted({1.0, 0.5, 0.1, *(float(f"{k:.3g}") for k in np.geomspace(0.999, 1e-6, 30))}, reverse=True))
_AMPLITUDES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
_FLIPPED = tuple(round(0.1 * n, 1) for n in range(11))


@dataclass(frozen=True)
class Config:
    """Probe one layer at a time of a pretrained transformer, or of any network with named layers (paper 1, section 5).

    quick: 60 sentences and few levels, some minutes on two cores. paper: all 3,453 sentences of the CoNLL-2003 test
    set, the full grids and 5 draws: a GPU's work. Expect of dslim/distilbert-NER an F1 of 0.885, and with signs for
    weights 0.887 (classifier), 0.860 and 0.881 (last block), 0 and 0.009 (first block), 0 (positions).

    Example:
        >>> Config(checkpoint="mlp").folder().as_posix()
        'runs/transformer-quick'
    """

    preset: Literal["quick", "paper"] = "quick"
    """Which defaults the other options start from."""
    checkpoint: str = "distilbert-ner"
    """A name of 'jprobe weights show', a folder or an owner/name of huggingface.co; or 'mlp': a perceptron trained here on MNIST 7 and 9."""
    sentences: int | None = 60
    """Sentences of the CoNLL-2003 test set, evenly spaced. None: all 3,453."""
    layers: tuple[str, ...] = ()
    """Paths of the layers to probe, such as layer_3/ffn/lin1. Default: the paper's six, or all of a perceptron's."""
    kept: tuple[float, ...] = (1, 0.999, 0.5, 0.2, 0.1, 0.03, 0.01, 0.001)
    """Fractions of the layer's weights kept, largest first."""
    amplitudes: tuple[float, ...] = (0.0, 0.05, 0.1, 0.3, 1.0)
    """Standard deviations of the Gaussian noise, in units of the weights."""
    flipped: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
    """Fractions of signs flipped, smallest weights first."""
    repeats: int = 1
    """Independent draws of the noise and of each randomization."""
    cka_removed: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.99)
    """Fractions removed at which activations are compared by CKA. None at all: leave CKA out."""
    out: Path | None = None
    """Folder for the results, taken up again if the run was interrupted. Default: runs/transformer-PRESET."""

    def __post_init__(self) -> None:
        """Check what no later step checks before long work begins."""
        if self.repeats < 1 or (self.sentences is not None and self.sentences < 1):
            raise ArgumentError("--repeats and --sentences must be 1 or more.")
        for name in ("kept", "amplitudes", "flipped"):
            if not getattr(self, name):
                raise ArgumentError(f"--{name} needs one value or more.")

        for name, low in (("kept", "above 0"), ("flipped", "0"), ("cka_removed", "0")):
            values = getattr(self, name)
            if values and (min(values) < 0 or max(values) > 1 or (name == "kept" and min(values) == 0)):
                raise ArgumentError(f"--{name.replace('_', '-')} are fractions from {low} to 1, not {values}.")

    def folder(self) -> Path:
        """Where the results go."""
        return self.out or Path("runs") / f"transformer-{self.preset}"

    def grids(self) -> Grids:
        """Levels and draws."""
        return Grids(self.kept, self.amplitudes, self.flipped, self.repeats)

    def numbers(self) -> dict[str, Any]:
        """The part of the configuration that the numbers depend on, as JSON types."""
        kept = {k: v for k, v in asdict(self).items() if k not in ("out", "preset")}
        return {"study": "transformer", **kept}


PRESETS = {
    "quick": Config(),
    "paper": Config(
        preset="paper", sentences=None, kept=_KEPT, amplitudes=_AMPLITUDES, flipped=_FLIPPED, repeats=5,
        cka_removed=(0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99),
    ),
}  # fmt: skip
