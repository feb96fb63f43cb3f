"""MNIST, whose four official files are part of the package (see mnist/NOTICE.md for their licence)."""

from pathlib import Path

from jprobe.data import idx
from jprobe.data.checksums import read_checked
from jprobe.data.dataset import Dataset

FOLDER = Path(__file__).parent / "mnist"
MEND = "It is part of jprobe: install jprobe again, with pip's --force-reinstall --no-deps."
CLASSES = tuple("0123456789")
LICENCE = "CC BY-SA 3.0"
SOURCE = f"http://yann.lecun.com/exdb/mnist/ (LeCun, Cortes, Burges), {LICENCE}"

CHECKSUMS = {
    "train-images-idx3-ubyte.gz": "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "md5:d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "md5:9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "md5:ec29112dd5afa0611ce80d1b7f02629c",
}


def mnist() -> Dataset:
    """Decode MNIST from the package: 60,000 + 10,000 images, 28 x 28 x 1.

    Raises:
        DamagedFileError: a file of the installation has changed.
        MissingFileError: a file of the installation is gone.

    Source:
        http://yann.lecun.com/exdb/mnist/
    """
    files = {name: (FOLDER / name, read_checked(FOLDER / name, CHECKSUMS[name], MEND)) for name in idx.FILES}
    return idx.dataset("mnist", files, dict(CHECKSUMS), CLASSES, SOURCE, MEND)
