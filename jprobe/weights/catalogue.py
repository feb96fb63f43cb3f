"""Checkpoints that jprobe knows by name."""

from functools import partial
from pathlib import Path
from typing import NamedTuple

from jprobe.data.checksums import note_sums
from jprobe.data.downloads import download
from jprobe.errors import MissingWeightsError, UnknownNameError
from jprobe.files import named_file, named_folder, writing
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
        MissingWeightsError: it cannot be downloaded, or has another checksum than the published one.
        DiskError: it cannot be written.

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
        MissingFileError: the folder or a file does not exist.
        ArgumentError: an empty path, a file in place of a folder, or the other way round.
        UnreadableFileError: a file cannot be read.
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
    if name in HUB:
        folder = named_folder(path, "Name the folder that holds the checkpoint's files.")
        distilbert.load_tagger(folder)
        return copy_in(files_of(folder), name)
    path = named_file(path, f"Name the file of weights, such as {ARCHITECTURES[name].url}")
    vision.load(path, name)
    return copy_in({path.name: path}, name)


def _download(name: str) -> Path:
    """Have the publisher's file downloaded to where :func:`import_weights` keeps it."""
    known = ARCHITECTURES[name]
    target = imported(name) / known.url.rpartition("/")[2]
    download(known.url, known.checksum, target, partial(vision.missing, name))
    with writing(target.parent):
        note_sums(target.parent)
    return target.parent


def _check(name: str) -> None:
    if name not in _WHAT:
        raise UnknownNameError("checkpoint", name, _WHAT)
