"""Datasets as NumPy arrays: name -> images and labels, pairs of classes as tasks, files brought by hand."""

from jprobe.data.cache import cache_dir
from jprobe.data.catalogue import Entry, catalogue
from jprobe.data.conll import Sentences, conll2003
from jprobe.data.dataset import Dataset
from jprobe.data.importing import import_files
from jprobe.data.loading import fetch, load
from jprobe.data.photos import Photos, load_photos
from jprobe.data.tasks import TASKS, Task, pair, reconstruction, task
from jprobe.data.tokens import Batch, TokenTask, token_task

__all__ = [
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
    "conll2003",
    "fetch",
    "import_files",
    "load",
    "load_photos",
    "pair",
    "reconstruction",
    "task",
    "token_task",
]
