"""Published checkpoints as Flax parameters: one file an architecture; no torch."""

from jprobe.weights.catalogue import Entry, catalogue, fetch, import_weights
from jprobe.weights.distilbert import Tagger, load_distilbert, load_tagger
from jprobe.weights.torch_file import read_torch

__all__ = [
    "Entry",
    "Tagger",
    "catalogue",
    "fetch",
    "import_weights",
    "load_distilbert",
    "load_tagger",
    "read_torch",
]
