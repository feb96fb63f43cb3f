"""Tensors of a .bin or .pt file that torch.save wrote, read without torch and without running what it holds.

Both formats are pickles of a dictionary whose tensors refer to storages: a zip archive since torch 1.6, one stream
of pickles followed by the storages before. Unpickling can call any function that the file names, so the only names
let through are the handful that a dictionary of tensors needs.
"""

import collections
import io
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from jprobe.files import decoding

_MEND = "Get the file again from its publisher, or its safetensors version."

_TYPES = {
    "DoubleStorage": np.float64, "FloatStorage": np.float32, "HalfStorage": np.float16,
    "BFloat16Storage": ml_dtypes.bfloat16, "LongStorage": np.int64, "IntStorage": np.int32,
    "ShortStorage": np.int16, "CharStorage": np.int8, "ByteStorage": np.uint8, "BoolStorage": np.bool_,
}  # fmt: skip


class _Later(NamedTuple):
    """A tensor whose storage is read after the pickle that names it."""

    storage: tuple[str, str]  # type, key
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_torch(path: str | Path) -> dict[str, np.ndarray]:
    """Read a state dict.

    Args:
        path: file that ``torch.save(model.state_dict(), path)`` wrote, with any version of torch.

    Returns:
        Name -> array.

    Raises:
        DamagedFileError: no such file format, cut short, or it holds more than a dictionary of tensors.

    Example:
        >>> import tempfile
        >>> path = tempfile.mktemp()
        >>> _ = open(path, "wb").write(b"not a checkpoint")
        >>> read_torch(path)
        Traceback (most recent call last):
            ...
        jprobe.errors.DamagedFileError: ...
    """
    path = Path(path)
    with decoding(path, "a torch state dict", _MEND):
        found, storages = _read_zip(path) if zipfile.is_zipfile(path) else _read_stream(path)
        return {str(name): _array(later, storages) for name, later in found.items() if isinstance(later, _Later)}


def _read_zip(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    with zipfile.ZipFile(path) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith("/data.pkl") or n == "data.pkl"]
        root = name[: -len("data.pkl")]
        types: dict[str, str] = {}
        found = _load(io.BytesIO(archive.read(name)), types)
        storages = {key: np.frombuffer(archive.read(f"{root}data/{key}"), _TYPES[kind]) for key, kind in types.items()}
    return found, storages


def _read_stream(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    with open(path, "rb") as file:
        magic, protocol = _load(file, {}), _load(file, {})
        if magic != 0x1950A86A20F9469CFC6C or protocol != 1001:
            raise ValueError("no torch signature")
        _load(file, {})  # sizes of the writer's integers
        types: dict[str, str] = {}
        found = _load(file, types)
        storages = {}
        for key in _load(file, {}):
            (count,) = struct.unpack("<q", file.read(8))
            dtype = np.dtype(_TYPES[types[key]])
            storages[key] = np.frombuffer(file.read(count * dtype.itemsize), dtype, count)
    return found, storages


def _load(file: Any, types: dict[str, str]) -> Any:
    return _Unpickler(file, types).load()


# The one written in Python: pickle.Unpickler itself allots gigabytes, or crashes, when one byte of a file is wrong.
class _Unpickler(pickle._Unpickler):
    def __init__(self, file: Any, types: dict[str, str]) -> None:
        super().__init__(file, encoding="utf-8")
        self.types = types

    def find_class(self, module: str, name: str) -> Any:
        allowed: dict[tuple[str, str], Callable[..., Any]] = {
            ("collections", "OrderedDict"): collections.OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _rebuild,
            ("torch._utils", "_rebuild_parameter"): lambda tensor, *rest: tensor,
        }
        if (module, name) in allowed:
            return allowed[module, name]
        if module == "torch" and name in _TYPES:
            return name
        raise pickle.UnpicklingError(f"it names {module}.{name}, which a dictionary of tensors does not need")

    def persistent_load(self, pid: Any) -> tuple[str, str]:
        kind, key = str(pid[1]), str(pid[2])
        self.types[key] = kind
        return kind, key


def _rebuild(
    storage: tuple[str, str], offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *rest: Any
) -> _Later:
    return _Later(storage, offset, tuple(shape), tuple(strides))


def _array(later: _Later, storages: dict[str, np.ndarray]) -> np.ndarray:
    flat = storages[later.storage[1]][later.offset :]
    last = sum((n - 1) * step for n, step in zip(later.shape, later.strides, strict=True)) if all(later.shape) else -1
    if last >= len(flat):
        raise ValueError("a tensor is larger than its storage")
    strides = [step * flat.itemsize for step in later.strides]
    return np.lib.stride_tricks.as_strided(flat, later.shape, strides, writeable=False).copy()
