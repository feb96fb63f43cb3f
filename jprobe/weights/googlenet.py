"""GoogLeNet as Caffe's authors (bvlc_googlenet) and torchvision published it."""

import re
from collections.abc import Mapping

import numpy as np

from jprobe.models import GoogLeNet, GoogLeNetTorchvision
from jprobe.weights.matching import TORCH_NAMES, Converted, match

_BRANCHES = {
    "1x1": "branch1", "3x3_reduce": "branch2.0", "3x3": "branch2.1",
    "5x5_reduce": "branch3.0", "5x5": "branch3.1", "pool_proj": "branch4.1",
}  # fmt: skip


def convert(tensors: Mapping[str, np.ndarray]) -> Converted:
    """Caffe's network from tensors such as "inception_3a/1x1.weight"; its auxiliary heads are left out.

    Raises:
        CheckpointError: names missing or left over, other shapes, NaN weights.
    """
    model = GoogLeNet()
    params = match(model, (1, 224, 224, 3), tensors, _published, "bvlc_googlenet", unread=r"loss[12]/.*")
    return Converted(model, params)


def convert_torchvision(tensors: Mapping[str, np.ndarray]) -> Converted:
    """torchvision's network from tensors such as "inception3a.branch1.conv.weight"; auxiliary heads are left out.

    Raises:
        CheckpointError: names missing or left over, other shapes, NaN weights.
    """
    model = GoogLeNetTorchvision()
    params = match(
        model,
        (1, 224, 224, 3),
        tensors,
        _published_torchvision,
        "torchvision's GoogLeNet",
        unread=r"aux[12]\..*|.*\.num_batches_tracked",
    )
    return Converted(model, params)


def _published(path: tuple[str, ...]) -> str:
    *layers, kind = path
    # conv1_7x7_s2, conv2_3x3 and loss3_classifier have a slash for their first underscore.
    layer = "/".join(layers) if len(layers) > 1 else layers[0].replace("_", "/", 1)
    return f"{layer}.{TORCH_NAMES[kind]}"


def _published_torchvision(path: tuple[str, ...]) -> str | None:
    *block, layer, kind = path
    if layer == "fc":
        return f"fc.{TORCH_NAMES[kind]}"
    layer, bn = re.fullmatch(r"(.*?)(_bn)?", layer).groups()  # type: ignore[union-attr]
    if kind == "bias" and not bn:
        return None
    published = [name.replace("_", "") for name in block] + [_BRANCHES[layer] if block else layer]
    return f"{'.'.join(published)}.{'bn' if bn else 'conv'}.{TORCH_NAMES[kind]}"
