"""name -> Dataset: embedded, from official files, or through TFDS; decoded once and then kept."""

from jprobe.data import cache, embedded, official, prepared
from jprobe.data.dataset import Dataset
from jprobe.errors import UnknownNameError

SHIPPED = ["mnist", *official.OFFICIAL]


def load(name: str) -> Dataset:
    """Load a dataset by name, downloading it where it is not on this machine.

    What jprobe downloads, imports and decodes lies in :func:`jprobe.data.cache_dir`. Files that TFDS downloaded itself
    ($TFDS_DATA_DIR/downloads, by default ~/tensorflow_datasets/downloads) are read there, and never changed.

    Args:
        name: "mnist" (part of jprobe), "fashion_mnist", "kmnist", "cifar10", or the name of any other
            image-classification dataset of TFDS.

    Returns:
        Images uint8 [N, H, W, C] from 0 to 255 and labels int32 [N], both for training and for test.

    Raises:
        UnknownNameError: no dataset has this name.
        MissingDataError: its files are not here and cannot be downloaded.
        DamagedFileError: one of its files is not the official one; the error names it and says what to do.
        MissingExtraError: TFDS has to prepare it first, which takes TensorFlow.
        ArgumentError: a TFDS dataset that is not images of one size with one label each.
        DiskError: a download cannot be written.

    Example:
        >>> mnist = load("mnist")
        >>> mnist.x_train.shape, mnist.y_train[:3].tolist()
        ((60000, 28, 28, 1), [5, 0, 4])
    """
    _check_name(name)
    return cache.recall(name) or _decode_and_store(name)


def fetch(name: str) -> Dataset:
    """Bring a dataset onto this machine: check its files, download those that are missing or damaged.

    Unlike `load` it does not trust the decoded copy, but makes it again.

    Args:
        name: as for `load`.

    Returns:
        The dataset, as `load` returns it.

    Raises:
        JprobeError: what `load` raises.

    Example:
        >>> fetch("mnist").source
        'http://yann.lecun.com/exdb/mnist/ (LeCun, Cortes, Burges), CC BY-SA 3.0'
    """
    _check_name(name)
    if name in official.OFFICIAL:
        official.replace_damaged(name)
    return _decode_and_store(name)


def _check_name(name: str) -> None:
    if not isinstance(name, str) or not name:
        raise UnknownNameError("dataset", name, [*SHIPPED, prepared.OTHERS])


def _decode_and_store(name: str) -> Dataset:
    if name == "mnist":
        dataset = embedded.mnist()
    elif name in official.OFFICIAL:
        dataset = official.decode(name)
    else:
        dataset = prepared.decode(name, SHIPPED)
    cache.store(dataset)
    return dataset
