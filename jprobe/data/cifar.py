"""CIFAR-10 in its official binary form: records of one label byte and 3 x 32 x 32 pixels, channel first."""

import tarfile
from io import BytesIO
from pathlib import Path

import numpy as np

from jprobe.errors import DamagedFileError
from jprobe.files import decoding

ARCHIVE = "cifar-10-binary.tar.gz"
FOLDER = "cifar-10-batches-bin"
SHAPE = (3, 32, 32)
# Bytes of a record, and records of a file.
RECORD, RECORDS = 1 + 3 * 32 * 32, 10_000
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

# MD5 of the unpacked files. TFDS registers only the archive's checksum.
CHECKSUMS = {
    "data_batch_1.bin": "md5:5dd7e06a14cb22eb9f671a540d1b7c25",
    "data_batch_2.bin": "md5:5ea93a67294ea407fff1d09f752e9692",
    "data_batch_3.bin": "md5:942cd6a4bcdd0dd3c604fbe906cb4421",
    "data_batch_4.bin": "md5:ae636b3ba5c66a11e91e8cb52e771fcb",
    "data_batch_5.bin": "md5:53f37980c15c3d472c316c40844f3f0d",
    "test_batch.bin": "md5:803d5f7f4d78ea53de84dbe85f74fb6d",
}
TEST = "test_batch.bin"


def decode(data: bytes, path: Path, mend: str) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels from the content of one batch file.

    Args:
        data: the file's content.
        path: the file's name, for the error.
        mend: what the error says to do.

    Returns:
        images uint8 [N, 32, 32, 3] and labels int32 [N].

    Raises:
        DamagedFileError: not a whole number of records, or a label above 9.

    Source:
        https://www.cs.toronto.edu/~kriz/cifar.html
    """
    if not data or len(data) % RECORD:
        raise DamagedFileError(path, f"{len(data)} bytes are not a whole number of {RECORD}-byte records.", mend)
    records = np.frombuffer(data, np.uint8).reshape(-1, RECORD)
    labels = records[:, 0].astype(np.int32)
    if labels.max() >= len(CLASSES):
        raise DamagedFileError(path, f"it has a label {labels.max()}, above {len(CLASSES) - 1}.", mend)
    images = records[:, 1:].reshape(-1, *SHAPE).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), labels


def unpack(archive: bytes, path: Path, mend: str) -> dict[str, bytes]:
    """File name -> content, of the six batch files inside the official archive.

    Raises:
        DamagedFileError: the archive cannot be read, or lacks one of the files.
    """
    found: dict[str, bytes] = {}
    with (
        decoding(path, "a tar.gz archive of CIFAR-10", mend),
        tarfile.open(fileobj=BytesIO(archive), mode="r:gz") as tar,
    ):
        for member in tar:
            name = member.name.rpartition("/")[2]
            # A link's target is looked for elsewhere, and a size may be anything: neither is in the official archive.
            content = tar.extractfile(member) if name in CHECKSUMS and member.isreg() else None
            if content is not None and member.size <= RECORDS * RECORD:
                found[name] = content.read()
    for name in CHECKSUMS:
        if name not in found:
            raise DamagedFileError(path, f"it has no {name} inside.", mend)
    return found
