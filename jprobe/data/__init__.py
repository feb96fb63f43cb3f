"""Datasets as NumPy arrays: name -> images and labels, pairs of classes as tasks, files brought by hand."""

from jprobe.data.cache import cache_dir
from jprobe.data.catalogue import Entry, catalogue
from jprobe.data.dataset import Dataset
from jprobe.data.importing import import_files
from jprobe.data.loading import fetch, load
from jprobe.data.tasks import TASKS, Task, pair

__all__ = [
    "TASKS",
    "Dataset",
    "Entry",
    "Task",
    "cache_dir",
    "catalogue",
    "fetch",
    "import_files",
    "load",
    "pair",
]
