"""The IDX format of MNIST and its successors: a big-endian header, then bytes in C order."""

import gzip
import math
import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np

from jprobe.data.dataset import Dataset
from jprobe.errors import DamagedFileError

UNSIGNED_BYTE = 0x08
DIMENSIONS = 4

# Bytes that one byte of a gzip file can stand for.
MOST = 1032

# The four files of a set, in the order: training images, training labels, test images, test labels.
FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


def decode(compressed: bytes, path: Path, mend: str) -> np.ndarray:
    """Array of unsigned bytes from the content of a gzipped IDX file.

    The header is two zero bytes, the type (8: unsigned byte), the number of dimensions, then each dimension
    as a big-endian 32-bit integer.

    Args:
        compressed: the file's content.
        path: the file's name, for the error.
        mend: what the error says to do.

    Returns:
        uint8, of the shape that the header gives.

    Raises:
        DamagedFileError: not gzip, or not IDX, or of another length than its header says.

    Source:
        http://yann.lecun.com/exdb/mnist/

    Example:
        >>> content = gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]))
        >>> decode(content, Path("labels.gz"), "Download it again.")
        array([7, 8, 9], dtype=uint8)
    """
    try:
        with gzip.GzipFile(fileobj=BytesIO(compressed)) as file:
            head = file.read(4)
            if head[:3] != bytes([0, 0, UNSIGNED_BYTE]) or not 1 <= head[-1] <= DIMENSIONS:
                raise DamagedFileError(path, "it does not begin as an IDX file of unsigned bytes does.", mend)
            shape = struct.unpack(f">{head[3]}I", file.read(4 * head[3]))
            expected = math.prod(shape)
            # No more is taken than the header says, and no more is asked for than gzip can hold in so few bytes.
            data = file.read(min(expected, MOST * len(compressed)) + 1)
    except (OSError, EOFError, zlib.error, struct.error) as error:
        raise DamagedFileError(path, f"it is not a whole gzip file ({error}).", mend) from error
    if len(data) != expected:
        found = f"{len(data)}" if len(data) < expected else "more"
        raise DamagedFileError(path, f"its header says {expected} bytes of content, it has {found}.", mend)
    return np.frombuffer(data, np.uint8).reshape(shape).copy()


def dataset(
    name: str,
    files: dict[str, tuple[Path, bytes]],
    checksums: dict[str, str],
    class_names: tuple[str, ...],
    source: str,
    mend: str,
) -> Dataset:
    """Put the four files of an IDX set together.

    Args:
        name, checksums, class_names, source: as in `Dataset`.
        files: each name in `FILES` -> where it is, and its content.
        mend: what an error about a file says to do.

    Returns:
        Images get a channel axis: [N, H, W] becomes [N, H, W, 1].

    Raises:
        DamagedFileError: a file that cannot be decoded.
    """
    x_train, y_train, x_test, y_test = (decode(files[file][1], files[file][0], mend) for file in FILES)
    return Dataset(
        name=name,
        x_train=x_train[..., None],
        y_train=y_train.astype(np.int32),
        x_test=x_test[..., None],
        y_test=y_test.astype(np.int32),
        class_names=class_names,
        checksums=checksums,
        source=source,
    )
