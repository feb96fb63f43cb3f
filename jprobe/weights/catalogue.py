"""Checkpoints that jprobe knows by name."""

from pathlib import Path
from typing import NamedTuple

from jprobe.data import tfds_files
from jprobe.data.checksums import digest_file
from jprobe.errors import MissingDataError, MissingFileError, MissingWeightsError, UnknownNameError
from jprobe.weights import distilbert, vision
from jprobe.weights.folders import HUB, copy_in, files_of, find, imported
from jprobe.weights.vision import ARCHITECTURES


class Entry(NamedTuple):
    """A checkpoint known by name.

    Attributes:
        name: what ``jprobe weights fetch`` and ``import`` take.
        what: the network, and what it was trained for.
        where: folder on this machine, or how to get it.

    Example:
        >>> Entry("mine", "a network", "/models/mine").name
        'mine'
    """

    name: str
    what: str
    where: str


_WHAT = {
    "distilbert-ner": "DistilBERT, named entities of CoNLL-2003 (dslim/distilbert-NER on huggingface.co)",
    **{name: known.what for name, known in ARCHITECTURES.items()},
}


def catalogue() -> list[Entry]:
    """The checkpoints known by name, and where each is.

    Example:
        >>> [entry.name for entry in catalogue()][:3]
        ['distilbert-ner', 'shufflenet', 'squeezenet']
    """
    out = []
    for name, what in _WHAT.items():
        try:
            where = str(find(name, download=False) if name in HUB else vision.kept(name).parent)
        except MissingWeightsError:
            where = f"jprobe weights fetch {name}"
        out.append(Entry(name, what, where))
    return out


def fetch(name: str) -> Path:
    """Download a checkpoint, unless it is on this machine.

    One of huggingface.co goes into huggingface_hub's cache. A network of photos comes from its publisher, is compared
    with the published checksum, and is kept where :func:`import_weights` keeps it.

    Args:
        name: one of :func:`catalogue`.

    Returns:
        Its folder.

    Raises:
        UnknownNameError: no checkpoint of that name.
        MissingWeightsError: it cannot be had from the network.
        DiskError: it could not be written.

    Example:
        >>> fetch("distilbert-nerr")
        Traceback (most recent call last):
            ...
        jprobe.errors.UnknownNameError: ... Did you mean 'distilbert-ner'? ...
    """
    _check(name)
    if name in HUB:
        return find(name)
    try:
        return vision.kept(name).parent
    except MissingWeightsError:
        return _download(name)


def import_weights(name: str, path: str | Path) -> list[Path]:
    """Take a checkpoint from a person's own files, read them once to be sure of them, and keep them.

    Args:
        name: one of :func:`catalogue`.
        path: for "distilbert-ner" a folder as huggingface.co has it: config.json, the weights, the tokenizer; for a
            network of photos a file that :func:`load` takes.

    Returns:
        The files kept.

    Raises:
        UnknownNameError: no checkpoint of that name.
        MissingFileError: the folder or a file is not there.
        CheckpointError: the weights are not those of such a network.
        DamagedFileError: a file that cannot be decoded.
        DiskError: the copy could not be written.

    Example:
        >>> import_weights("distilbert-ner", "/nowhere")
        Traceback (most recent call last):
            ...
        jprobe.errors.MissingFileError: ...
    """
    _check(name)
    path = Path(path)
    if name in HUB:
        if not path.is_dir():
            raise MissingFileError(path, "Give the folder that holds the checkpoint's files.")
        distilbert.load_tagger(path)
        return copy_in(files_of(path), name)
    if not path.is_file():
        raise MissingFileError(path, f"Give the file of weights, such as {ARCHITECTURES[name].url}")
    vision.load(path, name)
    return copy_in({path.name: path}, name)


def _download(name: str) -> Path:
    """Have the publisher's file downloaded where datasets are, check it, and move it to the other checkpoints."""
    from tensorflow_datasets.core.download import resource

    url, expected = ARCHITECTURES[name].url, ARCHITECTURES[name].checksum
    cached = tfds_files.download_dir() / name / resource.get_dl_fname(url, None)
    file = tfds_files.Registered(url, "", cached)
    try:
        if not tfds_files.is_cached(file):
            tfds_files.download(name, [file])
    except MissingDataError as error:
        raise vision.missing(name, error.reason.rstrip(".")) from error
    # torchvision publishes only how its checksums begin.
    if not digest_file(cached, expected.partition(":")[0]).startswith(expected):
        tfds_files.remove(cached)
        raise vision.missing(name, f"what {url} sent is not the published file (another checksum)")
    copy_in({url.rpartition("/")[2]: cached}, name)
    tfds_files.remove(cached)
    return imported(name)


def _check(name: str) -> None:
    if name not in _WHAT:
        raise UnknownNameError("checkpoint", name, _WHAT)
