"""Classifiers of photos: the seven networks of paper 2, from their published checkpoints."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import numpy as np

from jprobe import models
from jprobe.data.checksums import digest_file
from jprobe.errors import CheckpointError, MissingWeightsError, UnknownNameError
from jprobe.files import is_there, named_file
from jprobe.typing import Params
from jprobe.weights import alexnet, googlenet, preparation, resnet, shufflenet, squeezenet
from jprobe.weights.folders import check_kept, imported
from jprobe.weights.matching import Converted
from jprobe.weights.preparation import Prepare
from jprobe.weights.tensor_file import SUFFIXES, read_tensors


class ImageClassifier(NamedTuple):
    """A network that classifies photos, with all that it takes to run it on them.

    Attributes:
        name: one of ``jprobe weights show``.
        model: the module; ``model.apply(params, prepare(photos))`` gives logits [B, C].
        params: its variables, float32: "params" and, with batch normalisation, "batch_stats".
        size: (H, W) of its input.
        prepare: uint8 RGB photos [B, h, w, 3] -> its input [B, H, W, 3], float32, resized where they differ in size.
        lacks: what the checkpoint does not hold and the published network has, in words; mostly nothing.
        source: file it was read from.
        checksum: of that file, "sha256:...".

    Example:
        >>> model, _ = architecture("squeezenet")
        >>> network = ImageClassifier("mine", model, {}, (227, 227), preparation.caffe((227, 227)), (), "", "")
        >>> network.prepare(np.zeros((2, 50, 60, 3), np.uint8)).shape
        (2, 227, 227, 3)
    """

    name: str
    model: nn.Module
    params: Params
    size: tuple[int, int]
    prepare: Prepare
    lacks: tuple[str, ...]
    source: str
    checksum: str


class Architecture(NamedTuple):
    """What is known of a published network before its weights are here.

    Attributes:
        what: the network in words.
        make: its module.
        size: (H, W) of its input.
        prepare: photos -> its input.
        convert: its published tensors -> the network.
        marks: published names of tensors that no other of these networks has.
        url: where its file is published.
        checksum: of that file, or how it begins.
    """

    what: str
    make: Callable[[], nn.Module]
    size: tuple[int, int]
    prepare: Callable[[tuple[int, int]], Prepare]
    convert: Callable[[Mapping[str, np.ndarray]], Converted]
    marks: tuple[str, ...]
    url: str
    checksum: str


# Checksums: torchvision's files carry the first digits of theirs in their names; Caffe's model zoo, OpenCV (for
# SqueezeNet) and the manifest of the ONNX zoo list the others.
ARCHITECTURES = {
    "shufflenet": Architecture(
        "ShuffleNet v1, 4 groups, ImageNet (ONNX model zoo)",
        models.ShuffleNet, (224, 224), preparation.torchvision, shufflenet.convert, ("gpu_0/gconv1_0_w_0",),
        "https://github.com/onnx/models/raw/main/validated/vision/classification/shufflenet/model/shufflenet-9.onnx",
        "sha256:3642c54024f09d35236f325df9822e772596c394cd90fd8e98ca1d2eba309e6f",
    ),
    "squeezenet": Architecture(
        "SqueezeNet v1.1, ImageNet (DeepScale, for Caffe)",
        models.SqueezeNet, (227, 227), preparation.caffe, squeezenet.convert, ("fire2/squeeze1x1.weight",),
        "https://github.com/forresti/SqueezeNet/raw/master/SqueezeNet_v1.1/squeezenet_v1.1.caffemodel",
        "sha1:3397f026368a45ae236403ccc81cfcbe8ebe1bd0",
    ),
    "resnet18": Architecture(
        "ResNet-18, ImageNet (torchvision)",
        models.ResNet18, (224, 224), preparation.torchvision, resnet.convert, ("layer1.0.conv1.weight",),
        "https://download.pytorch.org/models/resnet18-f37072fd.pth",
        "sha256:f37072fd",
    ),
    "alexnet": Architecture(
        "AlexNet, grouped convolutions, ImageNet (BVLC, for Caffe)",
        models.AlexNet, (227, 227), preparation.caffe, alexnet.convert, ("fc6.weight",),
        "http://dl.caffe.berkeleyvision.org/bvlc_alexnet.caffemodel",
        "sha1:9116a64c0fbe4459d18f4bb6b56d647b63920377",
    ),
    "alexnet_torchvision": Architecture(
        "AlexNet, ImageNet (torchvision)",
        models.AlexNetTorchvision, (224, 224), preparation.torchvision, alexnet.convert_torchvision, ("features.0.weight", "Conv_0.weight"),
        "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        "sha256:7be5be79",
    ),
    "googlenet": Architecture(
        "GoogLeNet, ImageNet (BVLC, for Caffe)",
        models.GoogLeNet, (224, 224), preparation.caffe, googlenet.convert, ("inception_3a/1x1.weight",),
        "http://dl.caffe.berkeleyvision.org/bvlc_googlenet.caffemodel",
        "sha1:405fc5acd08a3bb12de8ee5e23a96bec22f08204",
    ),
    "googlenet_torchvision": Architecture(
        "GoogLeNet with batch normalisation, ImageNet (torchvision)",
        models.GoogLeNetTorchvision, (224, 224), preparation.symmetric, googlenet.convert_torchvision,
        ("inception3a.branch1.conv.weight",),
        "https://download.pytorch.org/models/googlenet-1378be20.pth",
        "sha256:1378be20",
    ),
}  # fmt: skip


def architecture(name: str) -> tuple[nn.Module, tuple[int, int, int, int]]:
    """A network without weights, for what asks only for shapes.

    Args:
        name: "shufflenet", "squeezenet", "resnet18", "alexnet", "alexnet_torchvision", "googlenet" or
            "googlenet_torchvision".

    Returns:
        The module, and the shape (1, H, W, 3) of one photo as its input.

    Raises:
        UnknownNameError: another name.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> model, shape = architecture("alexnet")
        >>> jax.eval_shape(model.init, jax.random.key(0), jnp.zeros(shape))["params"]["fc8"]["kernel"].shape
        (4096, 1000)
    """
    known = _architecture(name)
    return known.make(), (1, *known.size, 3)


def load(name_or_file: str | Path, name: str | None = None) -> ImageClassifier:
    """A classifier of photos from its published checkpoint.

    Args:
        name_or_file: a name that :func:`architecture` takes, of weights that were fetched or imported; or a file:
            .safetensors, .npz, .pth, .bin, .caffemodel or .onnx, with the published names of tensors.
        name: which network the file holds; without it, its tensors' names tell.

    Returns:
        The classifier. Its ``lacks`` says what the file does not hold.

    Raises:
        UnknownNameError: no such network.
        MissingWeightsError: the weights of that name were neither fetched nor imported.
        MissingFileError: there is no such file.
        ArgumentError: an empty path, or a folder.
        UnreadableFileError: the system cannot read the file.
        CheckpointError: other tensors than the network's; NaN weights.
        DamagedFileError: the file cannot be decoded.

    Example:
        >>> load("no-such.safetensors")
        Traceback (most recent call last):
            ...
        jprobe.errors.MissingFileError: ...
    """
    if str(name_or_file) in ARCHITECTURES:
        path, name = kept(str(name_or_file)), str(name_or_file)
        check_kept(name, [path])
    else:
        # A word that is no file's name is a network's, misspelt.
        if Path(name_or_file).suffix not in SUFFIXES and not is_there(name_or_file):
            raise UnknownNameError("network or file of weights", name_or_file, ARCHITECTURES)
        path = named_file(name_or_file, "Name a file of weights, or a network that was fetched or imported.")
    known = None if name is None else _architecture(name)
    tensors = read_tensors(path)
    if name is None or known is None:
        name, known = _recognise(path, tensors)
    try:
        model, params, lacks = known.convert(tensors)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    return ImageClassifier(
        name, model, params, known.size, known.prepare(known.size), lacks, str(path), digest_file(path, "sha256")
    )


def kept(name: str) -> Path:
    """The file of a network's weights that were fetched or imported.

    Raises:
        MissingWeightsError: there is none.
    """
    found = [path for path in sorted(imported(name).glob("*")) if path.suffix in SUFFIXES]
    if not found:
        raise missing(name, "it was neither fetched nor imported.")
    return found[0]


def is_here(name: str) -> bool:
    """Whether a network's weights were fetched or imported.

    Example:
        >>> is_here("no-such-network")
        False
    """
    return name in ARCHITECTURES and any(path.suffix in SUFFIXES for path in imported(name).glob("*"))


def missing(name: str, reason: str) -> MissingWeightsError:
    """The error for weights that are not here, with what to do about it."""
    url = ARCHITECTURES[name].url
    return MissingWeightsError(name, reason, name, f"the file {url.rpartition('/')[2]} of {url}")


def _architecture(name: str) -> Architecture:
    if name not in ARCHITECTURES:
        raise UnknownNameError("network", name, ARCHITECTURES)
    return ARCHITECTURES[name]


def _recognise(path: Path, tensors: Mapping[str, Any]) -> tuple[str, Architecture]:
    for name, known in ARCHITECTURES.items():
        if any(mark in tensors for mark in known.marks):
            return name, known
    raise CheckpointError(
        f"{path} holds none of the networks that jprobe knows ({', '.join(ARCHITECTURES)}); its tensors are "
        f"{', '.join(sorted(tensors)[:4])}, ..."
    )
