"""A file of tensors, whatever its format."""

import math
import zipfile
from pathlib import Path

import numpy as np

from jprobe.errors import CheckpointError
from jprobe.files import decoding, named_file
from jprobe.weights.caffe_file import read_caffe
from jprobe.weights.onnx_file import read_onnx
from jprobe.weights.torch_file import read_torch

SUFFIXES = (".safetensors", ".npz", ".pth", ".pt", ".bin", ".caffemodel", ".onnx")


def read_tensors(path: str | Path) -> dict[str, np.ndarray]:
    """Read a file of named tensors.

    Args:
        path: .safetensors, .npz, torch's .pth, .pt or .bin, .caffemodel, or .onnx.

    Returns:
        Name -> array.

    Raises:
        MissingFileError: there is no such file.
        ArgumentError: an empty path, or a folder.
        UnreadableFileError: the system cannot read it.
        DamagedFileError: it cannot be decoded.
        CheckpointError: another format.

    Example:
        >>> import tempfile
        >>> path = tempfile.mkdtemp() + "/one.npz"
        >>> np.savez(path, a=np.ones(3))
        >>> read_tensors(path)
        {'a': array([1., 1., 1.])}
    """
    path = named_file(path, "Name the file that holds the weights.")
    match path.suffix:
        case ".safetensors":
            return _read_safetensors(path)
        case ".npz":
            return _read_npz(path)
        case ".pth" | ".pt" | ".bin":
            return read_torch(path)
        case ".caffemodel":
            return read_caffe(path)
        case ".onnx":
            return read_onnx(path)
    raise CheckpointError(
        f"{path} is of no format that jprobe reads; its name must end in one of {' '.join(SUFFIXES)}."
    )


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    with decoding(path, "a safetensors file", "Get the file again from its publisher."):
        return load_file(path)


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    with decoding(path, "a file of NumPy arrays", "Write the file again."):
        # NumPy reads only what an array's own header asks for, which skips the checksum of the rest.
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                raise zipfile.BadZipFile("an array has another checksum")
            for entry in archive.infolist():
                _check_size(archive, entry)
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}


def _check_size(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Raise ValueError if an array's header asks for more memory than the file holds: NumPy takes it before it reads."""
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
        if math.prod(shape) * dtype.itemsize > entry.file_size:
            raise ValueError(
                f"the header of {entry.filename} says {list(shape)}, and there are {entry.file_size} bytes"
            )
