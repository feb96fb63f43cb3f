"""Tensors of a .bin or .pt file that torch.save wrote, read without torch and without running what it holds.

Both formats are pickles of a dictionary whose tensors refer to storages: a zip archive since torch 1.6, one stream
of pickles followed by the storages before. Unpickling can call any function that the file names, so the only names
let through are the handful that a dictionary of tensors needs.
"""

import collections
import io
import math
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

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
        if not isinstance(found, dict):
            raise ValueError(f"it is a {type(found).__name__}")
        return {str(name): _array(later, storages) for name, later in found.items() if isinstance(later, _Later)}


def _read_zip(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    with zipfile.ZipFile(path) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise ValueError("it is compressed, as no file of torch.save is")
        (name,) = [n for n in archive.namelist() if n.endswith("/data.pkl") or n == "data.pkl"]
        root = name[: -len("data.pkl")]
        types: dict[str, str] = {}
        found = _load(io.BytesIO(archive.read(name)), types)
        storages = {key: np.frombuffer(archive.read(f"{root}data/{key}"), _TYPES[kind]) for key, kind in types.items()}
    return found, storages


def _read_stream(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    # From memory no more is read than there is; a file makes room for whatever length its content claims.
    file = io.BytesIO(path.read_bytes())
    magic, protocol = _load(file, {}), _load(file, {})
    if magic != 0x1950A86A20F9469CFC6C or protocol != 1001:
        raise ValueError("no torch signature")
    _load(file, {})  # sizes of the writer's integers
    types: dict[str, str] = {}
    found = _load(file, types)
    storages = {}
    for key in _load(file, {}):
        (count,) = struct.unpack("<q", file.read(8))
        if count < 0:
            raise ValueError(f"a storage has {count} numbers")
        dtype = np.dtype(_TYPES[types[key]])
        storages[key] = np.frombuffer(file.read(count * dtype.itemsize), dtype, count)
    return found, storages


def _load(file: Any, types: dict[str, str]) -> Any:
    return _Unpickler(file, types).load()


# The one written in Python: pickle.Unpickler itself allots gigabytes, or crashes, when one byte of a file is wrong.
class _Unpickler(pickle._Unpickler):
    stack: list[Any]
    pop_mark: Callable[[], list[Any]]
    append: Callable[[Any], None]

    def __init__(self, file: Any, types: dict[str, str]) -> None:
        super().__init__(file, encoding="utf-8")
        self.types = types

    # A dictionary of tensors has words for names, holds no sets, and sets attributes of nothing but itself.
    def _set_items(self) -> None:
        items = self.pop_mark()
        self.stack[-1].update({_name(key): value for key, value in zip(items[::2], items[1::2], strict=True)})

    def _dictionary(self) -> None:
        items = self.pop_mark()
        self.append(_ordered(zip(items[::2], items[1::2], strict=True)))

    def _set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.stack[-1][_name(key)] = value

    def _build(self) -> None:
        state = self.stack.pop()
        if isinstance(self.stack[-1], dict) and isinstance(state, dict):
            return  # attributes of a state dict: its versions
        raise pickle.UnpicklingError("it gives attributes to something else than a dictionary")

    def _refuse(self) -> None:
        raise pickle.UnpicklingError("it holds more than a dictionary of tensors")

    dispatch: ClassVar[Any] = pickle._Unpickler.dispatch | {
        pickle.SETITEMS[0]: _set_items,
        pickle.SETITEM[0]: _set_item,
        pickle.BUILD[0]: _build,
        pickle.DICT[0]: _dictionary,
        pickle.ADDITEMS[0]: _refuse,
        pickle.FROZENSET[0]: _refuse,
    }

    def find_class(self, module: str, name: str) -> Any:
        allowed: dict[tuple[str, str], Callable[..., Any]] = {
            ("collections", "OrderedDict"): _ordered,
            ("torch._utils", "_rebuild_tensor_v2"): _rebuild,
            ("torch._utils", "_rebuild_parameter"): lambda tensor, *rest: tensor,
        }
        if (module, name) in allowed:
            return allowed[module, name]
        if module == "torch" and name in _TYPES:
            return name
        raise pickle.UnpicklingError(f"it names {module}.{name}, which a dictionary of tensors does not need")

    def persistent_load(self, pid: Any) -> tuple[str, str]:
        _, kind, key, *_ = pid
        self.types[_name(key)] = _name(kind)
        return kind, key


def _ordered(items: Any = ()) -> dict[Any, Any]:
    """A dictionary that takes attributes, as torch's state dicts do."""
    out: dict[Any, Any] = collections.OrderedDict()
    for name, value in items:
        out[_name(name)] = value
    return out


def _name(key: Any) -> Any:
    """A name or a number. To hash, or to print, a tuple of tuples of tuples may take longer than a life."""
    if not isinstance(key, str | int):
        raise pickle.UnpicklingError(f"a name is a {type(key).__name__}")
    return key


def _rebuild(
    storage: tuple[str, str], offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *rest: Any
) -> _Later:
    kind, key = storage
    if not all(isinstance(n, int) and n >= 0 for n in (offset, *shape, *strides)):
        raise pickle.UnpicklingError("a tensor has a size that is no number from 0")
    return _Later((_name(kind), _name(key)), offset, tuple(shape), tuple(strides))


def _array(later: _Later, storages: dict[str, np.ndarray]) -> np.ndarray:
    whole = storages[later.storage[1]]
    # torch keeps a tensor spread out over one number as that number; no layer's weights are.
    if math.prod(later.shape) > len(whole):
        raise ValueError("a tensor is larger than its storage")
    flat = whole[later.offset :]
    last = sum((n - 1) * step for n, step in zip(later.shape, later.strides, strict=True)) if all(later.shape) else -1
    if last >= len(flat):
        raise ValueError("a tensor is larger than its storage")
    strides = [step * flat.itemsize for step in later.strides]
    return np.lib.stride_tricks.as_strided(flat, later.shape, strides, writeable=False).copy()
