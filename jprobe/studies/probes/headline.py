"""What a run of the study ``probes`` found, first: a sentence, key numbers, and the table of probes and tasks."""

from collections.abc import Callable, Iterator

import xarray as xr

from jprobe.figures.style import title
from jprobe.intervals import Estimate
from jprobe.report import KeyNumber, key_number
from jprobe.report.verdict import interval, percent, points
from jprobe.studies.probes.claims_curves import NEAR
from jprobe.studies.probes.estimates import middle, peak
from jprobe.studies.probes.summary import living

# (one task's numbers, whether of signed networks) -> accuracies of the networks, or None where there are none.
Picker = Callable[[xr.Dataset, bool], xr.DataArray | None]

# What the paper says of a row of the table.
_PAPER = {
    "as trained | signs alone": "hard, signs alone: chance",
    **dict.fromkeys(("randomization A", "randomization C", "randomization D", "randomization G"), "chance"),
    **dict.fromkeys(("randomization B", "randomization E", "randomization F"), "easy kept, hard in part"),
}


def headline(ds: xr.Dataset) -> str:
    """What signs alone cost each task, and what pruning gives back, dataset by dataset.

    Example:
        >>> headline(xr.Dataset(coords={"dataset": [], "task": []}))
        ''
    """
    return " ".join(_sentence(here) for here in _datasets(ds))


def _sentence(here: xr.Dataset) -> str:
    name = title(str(here.dataset.item()))
    tasks = here.task.values.tolist()
    if not {"easy", "hard"} <= set(tasks):
        each = (f"{percent(middle(here.binarized.sel(task=t)).value)} on {t}" for t in tasks)
        return f"{name}: as signs alone networks keep {', '.join(each)}."
    easy, hard = (here.sel(task=task) for task in ("easy", "hard"))
    kept, left = middle(easy.binarized), middle(hard.binarized)
    chance = float(hard.chance)
    fall = "fall to chance" if left.high <= chance + NEAR else f"fall to {percent(left.value)}"
    value = f" ({percent(left.value)})" if "chance" in fall else ""
    back = ""
    if "prune_smallest" in hard:
        curve = hard.prune_smallest.sel(signed=True)
        found = peak(curve, curve.isel(removed=0), "removed")
        if found.rise.low > 0:
            back = f"; with the weakest {found.level:.0%} of the weights removed they are at {percent(found.top)}"
    return f"{name}: as signs alone networks keep {percent(kept.value)} on the easy task and {fall}{value} on the hard one{back}."


def key_numbers(ds: xr.Dataset) -> list[KeyNumber]:
    """Four to six numbers of the first dataset with an easy and a hard task."""
    for here in _datasets(ds):
        if {"easy", "hard"} <= set(here.task.values.tolist()):
            return list(_numbers(here.sel(task="easy"), here.sel(task="hard")))
    return []


def _numbers(easy: xr.Dataset, hard: xr.Dataset) -> Iterator[KeyNumber]:
    yield key_number("hard task, as trained", middle(hard.base), percent)
    yield key_number("hard task, signs alone", middle(hard.binarized), percent, "chance")
    yield key_number("easy task, signs alone", middle(easy.binarized), percent, "stays high")
    for name, dim, words in (
        ("prune_smallest", "removed", "gained by pruning weak weights: signs"),
        ("noise", "amplitude", "gained by noise: signs"),
    ):
        if name in hard:
            curve = hard[name].sel(signed=True)
            yield key_number(f"{words}, hard task", peak(curve, hard.binarized, dim).rise, points, "recovers, sharply" if dim == "removed" else "lifted")  # fmt: skip
    if "randomize_B" in easy:
        yield key_number("easy task, shuffled by B", middle(easy.randomize_B), percent, "kept")


def table(ds: xr.Dataset) -> tuple[list[str], list[list[str]]]:
    """Probes by tasks, original and signed: medians of test accuracies in %, with their 95% intervals.

    Returns:
        (header, rows) of words.
    """
    columns = [(here, task) for here in _datasets(ds) for task in here.task.values.tolist()]
    several = ds.sizes["dataset"] > 1
    header = ["test accuracy (%)"]
    for here, task in columns:
        where = f"{title(str(here.dataset.item()))} {task}" if several else task
        header += [where, f"{where}, signs"]
    rows = []
    for label, pick in _rows(ds):
        cells = [_cell(pick(here.sel(task=task), signed)) for here, task in columns for signed in (False, True)]
        rows.append([label, *cells, _PAPER.get(label, "")])
    return [*header, "paper"], rows


def _rows(ds: xr.Dataset) -> Iterator[tuple[str, Picker]]:
    yield "as trained | signs alone", lambda one, signed: one.binarized if signed else one.base
    for name, dim, words, levels in (
        ("prune_smallest", "removed", "weakest {:.0%} removed", (0.4, 0.6, 0.8)),
        ("noise", "amplitude", "noise of amplitude {:g}", (0.0625, 0.25)),
        ("flip", "flipped", "weakest {:.0%} of signs flipped", (0.2, 0.4)),
        ("spectral", "rank", "{:g} singular values kept", (2, 8)),
    ):
        for level in levels if name in ds else ():
            yield words.format(level), _level(name, dim, level)
    for kind in "ABCDEFG":
        if f"randomize_{kind}" in ds:
            yield f"randomization {kind}", _original(f"randomize_{kind}")


def _level(name: str, dim: str, level: float) -> Picker:
    return lambda one, signed: one[name].sel(signed=signed).sel({dim: level}, method="nearest")


def _original(name: str) -> Picker:
    """Of what is not measured signed: a randomization that keeps accuracies keeps signs."""
    return lambda one, signed: None if signed else one[name]


def _cell(values: xr.DataArray | None) -> str:
    if values is None:
        return ""
    found: Estimate = middle(100 * values)
    form = "{:.1f}".format
    return " ".join(filter(None, [form(found.value), interval(found, form)]))


def _datasets(ds: xr.Dataset) -> Iterator[xr.Dataset]:
    """Living networks of each dataset, with the tasks that it has."""
    alive = living(ds)
    for name in ds.dataset.values.tolist():
        here = alive.sel(dataset=name)
        yield here.sel(task=[t for t in here.task.values.tolist() if bool(here.base.sel(task=t).notnull().any())])
