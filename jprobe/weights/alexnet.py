"""AlexNet as Caffe's authors (bvlc_alexnet) and torchvision published it."""

from collections.abc import Mapping

import numpy as np

from jprobe.models import AlexNet, AlexNetTorchvision
from jprobe.weights.matching import TORCH_NAMES, Converted, match

# What the first dense layer reads.
IMAGE = (256, 6, 6)

_TORCHVISION = {
    "conv1": "features.0", "conv2": "features.3", "conv3": "features.6", "conv4": "features.8", "conv5": "features.10",
    "fc6": "classifier.1", "fc7": "classifier.4", "fc8": "classifier.6",
}  # fmt: skip


def convert(tensors: Mapping[str, np.ndarray]) -> Converted:
    """Caffe's network from tensors such as "conv1.weight".

    Raises:
        CheckpointError: names missing or left over, other shapes, NaN weights.
    """
    model = AlexNet()

    def published(path: tuple[str, ...]) -> str:
        layer, kind = path
        return f"{layer}.{TORCH_NAMES[kind]}"

    flattened = {"fc6.weight": IMAGE}
    return Converted(model, match(model, (1, 227, 227, 3), tensors, published, "bvlc_alexnet", flattened=flattened))


def convert_torchvision(tensors: Mapping[str, np.ndarray]) -> Converted:
    """torchvision's network from tensors such as "features.0.weight"; all of "classifier" may be missing.

    The convolutions may be named "Conv_0" to "Conv_4" instead, as copies of them without dense layers are.

    Raises:
        CheckpointError: names missing or left over, other shapes, NaN weights.
    """
    numbered = "Conv_0.weight" in tensors
    head = any(name.startswith("classifier.") for name in tensors)
    model = AlexNetTorchvision(head=head)

    def published(path: tuple[str, ...]) -> str:
        layer, kind = path
        if numbered and layer.startswith("conv"):
            return f"Conv_{int(layer[4:]) - 1}.{TORCH_NAMES[kind]}"
        return f"{_TORCHVISION[layer]}.{TORCH_NAMES[kind]}"

    params = match(
        model,
        (1, 224, 224, 3),
        tensors,
        published,
        "torchvision's AlexNet",
        flattened={"classifier.1.weight": IMAGE},
    )
    return Converted(model, params, () if head else ("the three dense layers (classifier)",))
