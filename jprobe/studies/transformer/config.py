"""What the study of layers can be told."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Gt, Le, MinLen

from jprobe.studies import config as base
from jprobe.studies.card import Card

if TYPE_CHECKING:
    from jprobe.robustness import Grids

Fraction = Annotated[float, Ge(0), Le(1)]

# Kept fractions of the paper's experiments, and 1, 0.02. Their list from 5e-5 to 1e-6 is not public; these nine are ours.
_KEPT = (
    1, .999, .9, .8, .7, .65, .6, .55, .5, .45, .4, .35, .3, .25, .2, .15, .1, .05, .02, .01, .005, .002, .001,
    5e-5, 4e-5, 3e-5, 2e-5, 1e-5, 8e-6, 5e-6, 2e-6, 1e-6,
)  # fmt: skip
_AMPLITUDES = tuple(round(n / 99, 6) for n in range(100))
_FLIPPED = tuple(round(n / 49, 6) for n in range(50))


@dataclass(frozen=True)
class Config(base.Config):
    """Probe one layer at a time of a pretrained transformer, or of any network with named layers (paper 1, section 5).

    quick: 60 sentences and few levels, some minutes on two cores. paper: all 3,453 sentences of the CoNLL-2003 test set, the
    paper's grids and 5 draws: about 9,000 evaluations, three days on two cores at 0.5 ms a word piece, so a GPU's work; a
    perturbation of a layer is a part, and the same command takes up what was interrupted. Expect of dslim/distilbert-NER an F1 of
    0.885, and with signs for weights 0.887 (classifier), 0.860 and 0.881 (last block), 0 and 0.009 (first block), 0 (positions).

    Example:
        >>> Config(checkpoint="mlp").folder(PRESETS).as_posix()
        'runs/transformer-mlp-quick'
    """

    study = "transformer"
    named = ("checkpoint",)

    checkpoint: str = "distilbert-ner"
    """A name of 'jprobe weights show', a folder or an owner/name of huggingface.co; or 'mlp': a perceptron trained here on MNIST 7 and 9."""
    sentences: Annotated[int | None, Ge(1)] = 60
    """Sentences of the CoNLL-2003 test set, evenly spaced. None: all 3,453."""
    layers: tuple[str, ...] = ()
    """Paths of the layers to probe, such as layer_3/ffn/lin1. Default: the paper's six, or all of a perceptron's."""
    kept: Annotated[tuple[Annotated[float, Gt(0), Le(1)], ...], MinLen(1)] = (
        1,
        0.999,
        0.5,
        0.2,
        0.1,
        0.03,
        0.01,
        0.001,
    )
    """Fractions of the layer's weights kept, largest first."""
    amplitudes: Annotated[tuple[Annotated[float, Ge(0)], ...], MinLen(1)] = (0.0, 0.05, 0.1, 0.3, 1.0)
    """Standard deviations of the Gaussian noise, in units of the weights."""
    flipped: Annotated[tuple[Fraction, ...], MinLen(1)] = (0.0, 0.25, 0.5, 0.75, 1.0)
    """Fractions of signs flipped, smallest weights first."""
    repeats: Annotated[int, Ge(1)] = 1
    """Independent draws of the noise and of each randomization."""
    cka_removed: tuple[Fraction, ...] = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.99)
    """Fractions removed at which activations are compared by CKA. None at all: leave CKA out."""

    def grids(self) -> "Grids":
        """Levels and draws."""
        from jprobe.robustness import Grids  # heavy, and listing the options does without

        return Grids(self.kept, self.amplitudes, self.flipped, self.repeats)


PRESETS = {
    "quick": Config(),
    "paper": Config(
        preset="paper", sentences=None, kept=_KEPT, amplitudes=_AMPLITUDES, flipped=_FLIPPED, repeats=5,
        cka_removed=(0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99),
    ),
}  # fmt: skip

CARD = Card(
    paper="Jankowski et al., Task complexity shapes internal representations and robustness in neural networks, arXiv:2508.05463",
    reference="Jankowski et al. 2025, arXiv:2508.05463",
    reproduces="Paper 1, section 5 (figures 5, 9, 20): robustness of each layer of a pretrained DistilBERT, or of any network",
    asks="a transformer, one layer at a time",
    cost="quick: about 7 minutes on two cores; paper: a GPU's work",
)
