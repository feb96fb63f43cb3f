"""The weight layers of any function, told apart while it runs: by the kernels that it reads, not by names of modules."""

from jprobe.capture.axes import sampled
from jprobe.capture.layer import Layer, Stage, rearranged
from jprobe.capture.layers import apart, layers_of_function

__all__ = ["Layer", "Stage", "apart", "layers_of_function", "rearranged", "sampled"]
