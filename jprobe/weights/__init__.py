"""Published checkpoints as Flax parameters: one file an architecture; no torch."""

from jprobe.weights.caffe_file import read_caffe
from jprobe.weights.catalogue import Entry, catalogue, fetch, import_weights
from jprobe.weights.distilbert import Tagger, load_distilbert, load_tagger
from jprobe.weights.onnx_file import read_onnx
from jprobe.weights.tensor_file import read_tensors
from jprobe.weights.torch_file import read_torch
from jprobe.weights.vision import ImageClassifier, architecture, is_here, load

__all__ = [
    "Entry",
    "ImageClassifier",
    "Tagger",
    "architecture",
    "catalogue",
    "fetch",
    "import_weights",
    "is_here",
    "load",
    "load_distilbert",
    "load_tagger",
    "read_caffe",
    "read_onnx",
    "read_tensors",
    "read_torch",
]
