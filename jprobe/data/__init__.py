"""Datasets as NumPy arrays: name -> images and labels, pairs of classes as tasks, files brought by hand."""

from jprobe.data.cache import cache_dir
from jprobe.data.catalogue import Entry, catalogue
from jprobe.data.conll import Sentences, conll2003
from jprobe.data.dataset import Dataset
from jprobe.data.derived import coloured, tiles
from jprobe.data.importing import import_files
from jprobe.data.loading import fetch, load
from jprobe.data.photos import Photos, load_photos
from jprobe.data.tasks import IMAGENET_DEVIATION, IMAGENET_MEAN, TASKS, Task, pair, reconstruction, task
from jprobe.data.tokens import Batch, TokenTask, token_task

__all__ = [
    "IMAGENET_DEVIATION",
    "IMAGENET_MEAN",
    "TASKS",
    "Batch",
    "Dataset",
    "Entry",
    "Photos",
    "Sentences",
    "Task",
    "TokenTask",
    "cache_dir",
    "catalogue",
    "coloured",
    "conll2003",
    "fetch",
    "import_files",
    "load",
    "load_photos",
    "pair",
    "reconstruction",
    "task",
    "tiles",
    "token_task",
]
