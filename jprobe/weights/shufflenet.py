"""ShuffleNet v1 as the ONNX model zoo published it."""

from collections.abc import Mapping

import numpy as np

from jprobe.models import ShuffleNet
from jprobe.weights.matching import Converted, match

_KINDS = {"kernel": "w", "scale": "s", "bias": "b", "mean": "rm", "var": "riv"}


def convert(tensors: Mapping[str, np.ndarray]) -> Converted:
    """The network from tensors such as "gpu_0/gconv1_0_w_0".

    Raises:
        CheckpointError: names missing or left over, other shapes, NaN weights.
    """
    model = ShuffleNet()
    params = match(
        model,
        (1, 224, 224, 3),
        tensors,
        _published,
        "the ONNX zoo's ShuffleNet v1",
        unread=r"OC2_DUMMY_\d+",  # shapes that the graph's reshapes read
    )
    return Converted(model, params)


def _published(path: tuple[str, ...]) -> str | None:
    *unit, layer, kind = path
    bn = layer.endswith("_bn")
    layer = layer.removesuffix("_bn")
    if unit:
        if kind == "bias" and not bn:
            return None
        n = int(unit[0].removeprefix("unit_"))
        name = {"gconv_in": f"gconv1_{2 * n}", "depthwise": f"gconv3_{n}", "gconv_out": f"gconv1_{2 * n + 1}"}[layer]
    else:
        name = {"conv": "conv3_0", "pred": "pred"}[layer]
    return f"gpu_0/{name}{'_bn' if bn else ''}_{_KINDS[kind]}_0"
