"""What a run of the study ``difficulty`` found, first: a sentence and key numbers."""

from collections.abc import Iterator

import xarray as xr

from jprobe.figures.style import title
from jprobe.report import KeyNumber, key_number
from jprobe.report.verdict import points
from jprobe.studies.blocks import median_of
from jprobe.studies.difficulty.settings import BASE
from jprobe.studies.difficulty.summary import datasets, living, series

# (task, lens, what its hardest level is called).
_ENDS = (
    ("hard", "label_noise", "{:.0%} of the labels wrong"),
    ("hard", "images", "{:.0f} training images"),
    ("easy", "overlap", "classes mixed by {:.0%}"),
    ("easy", "depth", "{:.0f} hidden layers"),
)


def headline(ds: xr.Dataset) -> str:
    """What signs cost as tasks become harder, each from the task as it is to the hardest level.

    Example:
        >>> over, at = ("dataset", "task", "setting", "seed"), [[[[0.05], [0.2]]]]
        >>> ds = xr.Dataset({"gap_signed": (over, at), "dead": (over, [[[[0], [0]]]])},
        ...     {"dataset": ["mnist"], "task": ["hard"], "setting": [BASE, "label_noise 0.4"]})
        >>> headline(ds)
        'MNIST: what signs cost, in points, from the task as it is: 40% of the labels wrong, hard task: 5 to 20.'
    """
    for name, here in datasets(living(ds)):
        each = [
            f"{words}, {task} task: {_median(here, task, BASE)} to {_median(here, task, end)}"
            for task, end, words in _ends(here)
        ]
        if each:
            return f"{title(name)}: what signs cost, in points, from the task as it is: {'; '.join(each)}."
    return ""


def key_numbers(ds: xr.Dataset) -> list[KeyNumber]:
    """What signs cost at the hardest level of each difficulty, of the first dataset."""
    for _, here in datasets(living(ds)):
        found = [
            key_number(f"{task} task, {words}", median_of(here.gap_signed.sel(task=task, setting=end)), points)
            for task, end, words in _ends(here)
        ]
        if found:
            base = [
                key_number(f"{t} task, as it is", median_of(here.gap_signed.sel(task=t, setting=BASE)), points)
                for t in ("easy", "hard")
            ]
            return [*base, *found]
    return []


def _ends(here: xr.Dataset) -> Iterator[tuple[str, str, str]]:
    """(task, name of the hardest setting, its words) of the difficulties that were run."""
    for task, lens, words in _ENDS:
        names = series(here, lens) if task in here.task.values.tolist() else []  # type: ignore[arg-type]
        if names:
            yield task, names[-1], words.format(float(names[-1].rpartition(" ")[2]))


def _median(here: xr.Dataset, task: str, setting: str) -> str:
    return f"{100 * median_of(here.gap_signed.sel(task=task, setting=setting)).value:.0f}"
