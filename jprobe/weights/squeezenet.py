"""SqueezeNet v1.1 as DeepScale published it, for Caffe."""

from collections.abc import Mapping

import numpy as np

from jprobe.models import SqueezeNet
from jprobe.weights.matching import TORCH_NAMES, Converted, match


def convert(tensors: Mapping[str, np.ndarray]) -> Converted:
    """The network from tensors such as "fire2/squeeze1x1.weight".

    Raises:
        CheckpointError: names missing or left over, other shapes, NaN weights.
    """
    model = SqueezeNet()
    return Converted(model, match(model, (1, 227, 227, 3), tensors, _published, "SqueezeNet v1.1 of Caffe"))


def _published(path: tuple[str, ...]) -> str:
    *layers, kind = path
    return f"{'/'.join(layers)}.{TORCH_NAMES[kind]}"
