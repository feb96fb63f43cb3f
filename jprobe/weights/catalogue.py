"""Checkpoints that jprobe knows by name."""

from pathlib import Path
from typing import NamedTuple

from jprobe.errors import MissingFileError, MissingWeightsError, UnknownNameError
from jprobe.weights import distilbert
from jprobe.weights.folders import HUB, copy_in, find


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


_WHAT = {"distilbert-ner": "DistilBERT, named entities of CoNLL-2003 (dslim/distilbert-NER on huggingface.co)"}


def catalogue() -> list[Entry]:
    """The checkpoints known by name, and where each is.

    Example:
        >>> catalogue()[0].name
        'distilbert-ner'
    """
    out = []
    for name, what in _WHAT.items():
        try:
            where = str(find(name, download=False))
        except MissingWeightsError:
            where = f"jprobe weights fetch {name}"
        out.append(Entry(name, what, where))
    return out


def fetch(name: str) -> Path:
    """Download a checkpoint into huggingface_hub's cache, unless it is on this machine.

    Args:
        name: one of :func:`catalogue`.

    Returns:
        Its folder.

    Raises:
        UnknownNameError: no checkpoint of that name.
        MissingWeightsError: it cannot be had from the network.

    Example:
        >>> fetch("distilbert-nerr")
        Traceback (most recent call last):
            ...
        jprobe.errors.UnknownNameError: ... Did you mean 'distilbert-ner'? ...
    """
    _check(name)
    return find(name)


def import_weights(name: str, folder: str | Path) -> list[Path]:
    """Take a checkpoint's files from a folder, read them once to be sure of them, and keep them.

    Args:
        name: one of :func:`catalogue`.
        folder: folder as huggingface.co has it: config.json, the weights, the tokenizer.

    Returns:
        The files kept.

    Raises:
        UnknownNameError: no checkpoint of that name.
        MissingFileError: the folder or one of its files is not there.
        CheckpointError: the weights are not those of such a network.
        DiskError: the copy could not be written.

    Example:
        >>> import_weights("distilbert-ner", "/nowhere")
        Traceback (most recent call last):
            ...
        jprobe.errors.MissingFileError: ...
    """
    _check(name)
    if not Path(folder).is_dir():
        raise MissingFileError(folder, "Give the folder that holds the checkpoint's files.")
    distilbert.load_tagger(Path(folder))
    return copy_in(Path(folder), name)


def _check(name: str) -> None:
    if name not in HUB:
        raise UnknownNameError("checkpoint", name, HUB)
