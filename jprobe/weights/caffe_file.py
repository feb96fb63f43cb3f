"""Tensors of a .caffemodel file, read without Caffe."""

from pathlib import Path

import numpy as np

from jprobe.errors import DamagedFileError
from jprobe.files import decoding
from jprobe.weights.protobuf import fields, varints

_MEND = "Get the .caffemodel file again from its publisher."

# Field numbers of caffe.proto: where a network's layers are, and a layer's name and blobs, in new and older files.
_LAYERS = {100: (1, 7), 2: (4, 6)}
_DATA, _SHAPE = 5, 7


def read_caffe(path: str | Path) -> dict[str, np.ndarray]:
    """Read the weights of a network.

    Args:
        path: a .caffemodel file.

    Returns:
        "LAYER.weight" and "LAYER.bias" -> array.

    Raises:
        DamagedFileError: no such file format, or cut short.

    Source:
        https://github.com/BVLC/caffe/blob/master/src/caffe/proto/caffe.proto

    Example:
        >>> import tempfile
        >>> path = tempfile.mktemp()
        >>> _ = open(path, "wb").write(b"not a network")
        >>> read_caffe(path)
        Traceback (most recent call last):
            ...
        jprobe.errors.DamagedFileError: ...
    """
    path = Path(path)
    out: dict[str, np.ndarray] = {}
    with decoding(path, "a Caffe network", _MEND):
        for number, layer in fields(memoryview(path.read_bytes())):
            if number in _LAYERS and isinstance(layer, memoryview):
                name, blobs = _layer(layer, *_LAYERS[number])
                out |= {f"{name}.{kind}": blob for kind, blob in zip(("weight", "bias"), blobs, strict=False)}
    if not out:
        raise DamagedFileError(path, "it is not a Caffe network, or one without weights.", _MEND)
    return out


def _layer(message: memoryview, name_field: int, blobs_field: int) -> tuple[str, list[np.ndarray]]:
    name, blobs = "", []
    for number, value in fields(message):
        if isinstance(value, memoryview) and number == name_field:
            name = bytes(value).decode()
        elif isinstance(value, memoryview) and number == blobs_field:
            blobs.append(_blob(value))
    return name, blobs


def _blob(message: memoryview) -> np.ndarray:
    old = [1, 1, 1, 1]  # num, channels, height, width
    shape: list[int] | None = None
    data = []
    for number, value in fields(message):
        if isinstance(value, int):
            if 1 <= number <= 4:
                old[number - 1] = value
        elif number == _DATA:
            data.append(value)  # packed into one field, or a field for each number
        elif number == _SHAPE:
            shape = [n for dim, packed in fields(value) if dim == 1 for n in _dims(packed)]
    if shape is None:
        # Older files give every blob four axes: a bias is [1, 1, 1, n] and a dense kernel [1, 1, m, n].
        shape = old[3:] if old[:3] == [1, 1, 1] else old[2:] if old[:2] == [1, 1] else old
    return np.frombuffer(b"".join(data), "<f4").reshape(shape)


def _dims(value: int | memoryview) -> list[int]:
    return [value] if isinstance(value, int) else list(varints(value))
