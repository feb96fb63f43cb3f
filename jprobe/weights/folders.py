"""Where the files of a checkpoint are: a folder, what was imported, or huggingface_hub's cache."""

import shutil
from pathlib import Path

import numpy as np

from jprobe.data.cache import cache_dir
from jprobe.errors import CheckpointError, DiskError, MissingFileError, MissingWeightsError
from jprobe.weights.torch_file import read_torch

# What is read of a published model, the first that is there of each line.
FILES = (
    ("config.json",),
    ("model.safetensors", "pytorch_model.bin"),
    ("tokenizer.json", "vocab.txt"),
)
ALSO = ("tokenizer_config.json",)

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
        MissingWeightsError: it is neither on this machine nor to be had from the network.
    """
    name = str(folder_or_name)
    if Path(name).is_dir():
        return Path(name)
    if name in HUB and imported(name).is_dir():
        return imported(name)
    hub = HUB.get(name, name)
    if hub.count("/") != 1 or hub.startswith((".", "/", "~")):
        raise MissingWeightsError(name, "there is no such folder, and it is no owner/name of huggingface.co")
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    patterns = [*(file for choice in FILES for file in choice), *ALSO]
    try:
        return Path(huggingface_hub.snapshot_download(hub, allow_patterns=patterns, local_files_only=not download))
    except LocalEntryNotFoundError as error:
        raise MissingWeightsError(name, "it is not in huggingface_hub's cache, and the network gave nothing") from error
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        raise MissingWeightsError(name, str(error).splitlines()[0]) from error


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
    path = file_of(folder, FILES[1])
    if path.suffix != ".safetensors":
        return read_torch(path)
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read as safetensors ({error}). Get the file again.") from error


def copy_in(source: Path, name: str) -> list[Path]:
    """Copy a checkpoint's files to where :func:`find` looks, all or none.

    Raises:
        DiskError: the copy could not be written.
    """
    target, unfinished = imported(name), imported(name + ".unfinished")
    files = [file_of(source, choice) for choice in FILES]
    files += [source / also for also in ALSO if (source / also).exists()]
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        for file in files:
            shutil.copyfile(file, unfinished / file.name)
        shutil.rmtree(target, ignore_errors=True)
        unfinished.rename(target)
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise DiskError(target, error.strerror or str(error)) from error
    return [target / file.name for file in files]
