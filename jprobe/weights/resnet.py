"""ResNet-18 as torchvision published it."""

import re
from collections.abc import Mapping

import numpy as np

from jprobe.models import ResNet18
from jprobe.weights.matching import TORCH_NAMES, Converted, match


def convert(tensors: Mapping[str, np.ndarray]) -> Converted:
    """The network from tensors such as "layer1.0.conv1.weight"; "fc.weight" and "fc.bias" may be missing together.

    Raises:
        CheckpointError: names missing or left over, other shapes, NaN weights.
    """
    head = any(name.startswith("fc.") for name in tensors)
    model = ResNet18(head=head)
    params = match(
        model,
        (1, 224, 224, 3),
        tensors,
        _published,
        "torchvision's ResNet-18",
        unread=r".*\.num_batches_tracked",
    )
    return Converted(model, params, () if head else ("the 1000-way head (fc)",))


def _published(path: tuple[str, ...]) -> str | None:
    *layers, kind = path
    if kind == "bias" and re.fullmatch(r"conv\d|downsample_0", layers[-1]):
        return None
    return ".".join(layer.replace("_", ".") for layer in layers) + f".{TORCH_NAMES[kind]}"
