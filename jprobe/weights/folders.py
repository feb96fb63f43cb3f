"""Where the files of a checkpoint are: a folder, what was imported, or huggingface_hub's cache."""

import shutil
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from jprobe.atomic import replacing_folder
from jprobe.data.cache import cache_dir
from jprobe.data.checksums import check_sums, note_sums
from jprobe.errors import MissingFileError, MissingWeightsError
from jprobe.files import is_there, named_folder, writing
from jprobe.weights.hub import snapshot
from jprobe.weights.tensor_file import read_tensors

# What is read of a published model, the first that is there of each line.
FILES = (
    ("config.json",),
    ("model.safetensors", "pytorch_model.bin"),
    ("tokenizer.json", "vocab.txt"),
)
ALSO = ("tokenizer_config.json",)

_FOLDER = "Name a folder with the files of a published model: config.json, model.safetensors, tokenizer.json."

# Short names of published checkpoints.
HUB = {"distilbert-ner": "dslim/distilbert-NER"}


def imported(name: str) -> Path:
    """Where ``jprobe weights import`` puts a checkpoint."""
    return cache_dir() / "weights" / name


def find(folder_or_name: str | Path, download: bool = True) -> Path:
    """Folder of a checkpoint.

    Args:
        folder_or_name: a folder; a name of ``jprobe weights show``; or an owner/name of huggingface.co.
        download: whether to look on the network for what is not on this machine.

    Raises:
        MissingWeightsError: it is not on this machine and cannot be downloaded.
        ArgumentError: it is a file.
        DiskError: huggingface_hub's cache cannot be written.
    """
    name = str(folder_or_name)
    if name and is_there(name):
        return named_folder(name, _FOLDER)
    if name in HUB and imported(name).is_dir():
        check_kept(name, imported(name).iterdir())
        return imported(name)
    hub = HUB.get(name, name)
    if hub.count("/") != 1 or hub.startswith((".", "/", "~")):
        raise _missing(name, "there is no such folder, and it is no owner/name of huggingface.co.")
    patterns = [*(file for choice in FILES for file in choice), *ALSO]
    return snapshot(hub, patterns, download, partial(_missing, name))


def check_kept(name: str, files: Iterable[Path]) -> None:
    """Compare files of a checkpoint that was fetched or imported with what they were then.

    Raises:
        DamagedFileError: one is another.
    """
    folder = imported(name)
    check_sums(
        folder, files, f"Delete {folder}, and bring it again: jprobe weights fetch {name}, or import {name} PATH."
    )


def _missing(name: str, reason: str) -> MissingWeightsError:
    known = name if name in HUB else next(iter(HUB))
    return MissingWeightsError(
        name, reason, known, "its files in a folder (config.json, model.safetensors, tokenizer.json)"
    )


def file_of(folder: Path, names: tuple[str, ...]) -> Path:
    """The first of these files that is in the folder.

    Raises:
        MissingFileError: none is.
    """
    for name in names:
        if (folder / name).exists():
            return folder / name
    raise MissingFileError(folder / names[0], f"A published model has {' or '.join(names)}; bring the whole folder.")


def tensors_of(folder: Path) -> dict[str, np.ndarray]:
    """Name -> array of the folder's weights, safetensors before .bin."""
    return read_tensors(file_of(folder, FILES[1]))


def files_of(folder: Path) -> dict[str, Path]:
    """Name -> path of the files that are read of a published model.

    Raises:
        MissingFileError: one is not there.
    """
    files = [file_of(folder, choice) for choice in FILES]
    files += [folder / also for also in ALSO if (folder / also).exists()]
    return {file.name: file for file in files}


def copy_in(files: Mapping[str, Path], name: str) -> list[Path]:
    """Copy a checkpoint's files, name to keep -> source, to where :func:`imported` says, all or none.

    Raises:
        DiskError: the copy could not be written.
    """
    target = imported(name)
    with writing(target), replacing_folder(target) as unfinished:
        for kept, source in files.items():
            shutil.copyfile(source, unfinished / kept)
        note_sums(unfinished)
    return [target / kept for kept in files]
