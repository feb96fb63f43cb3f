"""Tensors of an .onnx file, read without onnx."""

from pathlib import Path

import numpy as np

from jprobe.errors import DamagedFileError
from jprobe.files import decoding
from jprobe.weights.protobuf import fields, varints

_MEND = "Get the .onnx file again from its publisher."

# Field numbers of onnx.proto.
_GRAPH, _INITIALIZER = 7, 5
_DIMS, _TYPE, _FLOATS, _NAME, _RAW, _DOUBLES, _EXTERNAL = 1, 2, 4, 8, 9, 10, 13
_TYPES = {1: "<f4", 10: "<f2", 11: "<f8"}


def read_onnx(path: str | Path) -> dict[str, np.ndarray]:
    """Read the weights of a network: the floating-point initializers of its graph.

    Args:
        path: an .onnx file that holds its weights itself.

    Returns:
        Name -> array.

    Raises:
        DamagedFileError: no such file format, cut short, or its weights are in other files.

    Source:
        https://github.com/onnx/onnx/blob/main/onnx/onnx.proto

    Example:
        >>> import tempfile
        >>> path = tempfile.mktemp()
        >>> _ = open(path, "wb").write(b"not a network")
        >>> read_onnx(path)
        Traceback (most recent call last):
            ...
        jprobe.errors.DamagedFileError: ...
    """
    path = Path(path)
    out: dict[str, np.ndarray] = {}
    with decoding(path, "an ONNX network", _MEND):
        for number, graph in fields(memoryview(path.read_bytes())):
            if number == _GRAPH and isinstance(graph, memoryview):
                for field, tensor in fields(graph):
                    if field == _INITIALIZER and isinstance(tensor, memoryview):
                        out |= _tensor(tensor)
    if not out:
        raise DamagedFileError(path, "it is not an ONNX network, or one without weights.", _MEND)
    return out


def _tensor(message: memoryview) -> dict[str, np.ndarray]:
    """Name and values of an initializer; nothing of one that holds no floating-point numbers."""
    name, kind, shape, data = "", 0, [], []
    for number, value in fields(message):
        if number == _DIMS:
            shape += [value] if isinstance(value, int) else list(varints(value))
        elif isinstance(value, int):
            kind = value if number == _TYPE else kind
        elif number == _NAME:
            name = bytes(value).decode()
        elif number in (_FLOATS, _DOUBLES, _RAW):
            data.append(value)
        elif number == _EXTERNAL:
            raise ValueError("its weights are in another file")
    if kind not in _TYPES:
        return {}
    return {name: np.frombuffer(b"".join(data), _TYPES[kind]).reshape(shape)}
