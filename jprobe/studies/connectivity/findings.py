"""The paper's claims on learned connectivity, held against a run."""

from collections.abc import Callable, Iterator

import numpy as np
import xarray as xr

from jprobe import connectivity as wirings
from jprobe.intervals import Estimate, difference, exact, mean, share
from jprobe.report import Check, Finding
from jprobe.report.verdict import number, percent, points
from jprobe.studies.connectivity.reading import datasets, each, feature, from_the_first, separations, title
from jprobe.studies.connectivity.remarks import REMARKS

# The paper puts numbers on some of its claims; these are what its words come to elsewhere.
ALMOST_NONE = 0.005  # of the test images
LONG, ROUND = 0.25, 0.05  # elongation
MOST, FROM_THE_FIRST = 0.5, 0.4

# Pairs whose order the paper gives; of the two made of CIFAR-10 it gives none.
_ORDER = (
    (("cmnist",), ("ckmnist",)),
    (("ckmnist",), ("cfashion",)),
    (("cfashion",), ("cifar10", "cifar10_t8")),
    (("cmnist",), ("cmnist_two",)),
    (("cmnist_two",), ("cmnist_two_t8",)),
)
_SIZES = {"edges": "edges", "nodes": "nodes", "log_paths": "ln of the paths"}


def findings(ds: xr.Dataset) -> list[Finding]:
    """Claims L1 to L10, by the datasets that the run has; claims about others are left out.

    Example:
        >>> findings(xr.Dataset(coords={"dataset": []}))
        []
    """
    return [finding for _, finding in numbered(ds)]


def numbered(ds: xr.Dataset) -> list[tuple[str, Finding]]:
    """The same, each with the number of its claim."""
    if not ds.sizes["dataset"]:
        return []
    out = []
    for claim, (say, make) in CLAIMS.items():
        checks = tuple(make(ds))
        if checks:
            out.append(
                (claim, Finding(say, checks, REMARKS[claim](ds) if claim in REMARKS else "", _FIGURES.get(claim, "")))
            )
    return out


def _all(values: xr.DataArray) -> np.ndarray:
    found = values.values.ravel()
    return found[~np.isnan(found)]


def _cheap(ds: xr.Dataset) -> Iterator[Check]:
    lost = _all(ds.accuracy_full - ds.accuracy_thresholded)
    yield Check("accuracy lost by cutting", mean(lost), "at most", ALMOST_NONE, points)


def _grows(ds: xr.Dataset) -> Iterator[Check]:
    for name, words in _SIZES.items():
        for easy, hard in _pairs(ds):
            less, more = (_all(feature(ds, name).sel(dataset=list(some))) for some in (easy, hard))
            found = difference(less, more, _step(ds, name))
            yield Check(f"{words}, {_names(hard)} less {_names(easy)}", found, "above", 0.0)


def _pairs(ds: xr.Dataset) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    there = set(datasets(ds))
    for easy, hard in _ORDER:
        some = tuple(name for name in hard if name in there)
        if some and set(easy) <= there:
            yield easy, some


def _names(some: tuple[str, ...]) -> str:
    return " and ".join(map(title, some))


def _less(ds: xr.Dataset, name: str, a: str, b: str) -> Iterator[Estimate]:
    """A feature of dataset a less that of b, where the run has both."""
    if {a, b} <= set(datasets(ds)):
        less, more = (_all(feature(ds, name).sel(dataset=one)) for one in (b, a))
        yield difference(less, more, _step(ds, name))


def _step(ds: xr.Dataset, name: str) -> float:
    """What values of a feature are multiples of; 0 where they are not counted."""
    if name.startswith(("nodes", "edges")):
        return 1.0
    if not name.startswith("sparsity.stage_"):
        return 0.0
    nodes = int((ds.stage.isel(dataset=0, network=0) == int(name[-1])).sum())
    return 2 / (nodes * (nodes - 1)) if nodes > 1 else 0.0


def _middle(ds: xr.Dataset) -> Iterator[Check]:
    pair = "CIFAR-10 less its tiles"
    for found in _less(ds, "nodes.stage_1", "cifar10", "cifar10_t8"):
        yield Check(f"nodes of stage 1, {pair}", found, "above", 0.0)
    for stage in (0, 2):
        for found in _less(ds, f"sparsity.stage_{stage}", "cifar10", "cifar10_t8"):
            yield Check(f"sparsity of stage {stage}, {pair}", found, "above", 0.0)


def _global(ds: xr.Dataset) -> Iterator[Check]:
    for found in _less(ds, "nodes.stage_2", "ckmnist", "cmnist"):
        yield Check("nodes of stage 2, CKMNIST less CMNIST", found, "above", 0.0)


def _elongated(ds: xr.Dataset) -> Iterator[Check]:
    long = _all(feature(ds, "pca_elongation")) > LONG
    yield Check(f"wirings with an elongation above {LONG}", share(long), "above", MOST, percent)
    _, _, one = next(each(ds))
    full = wirings.features(wirings.wiring(one.possible.values.astype(float), one.stage.values.astype(int)))
    yield Check("elongation of the complete wiring", exact(full["pca_elongation"]), "at most", ROUND)


def _alike(ds: xr.Dataset) -> Iterator[Check]:
    words = {"features": "features", "dice": "edges (Dice)"}
    for what, found in separations(ds).items():
        gap, (low, high) = found.within - found.between, found.chance
        # What shuffled labels do to the gap is what it may be off by.
        interval = Estimate(gap, gap - high, gap - low, ds.sizes["dataset"] * ds.sizes["network"])
        sizes = f"{number(found.within)} within a dataset and {number(found.between)} between two (permutations: p {number(found.p_value)})"
        yield Check(f"{words[what]}, {sizes}: more within", interval, "above", 0.0)


def _again(ds: xr.Dataset) -> Iterator[Check]:
    gain = _all(ds.again_accuracy.sel(kind="retrained") - ds.accuracy_full)
    yield Check("accuracy, retrained less whole", mean(gain), "at least", 0.0, points)
    yield Check("time of a step, whole over retrained", mean(_all(ds.step_ratio)), "above", 1.0)


def _changes(ds: xr.Dataset) -> Iterator[Check]:
    shared, chance = from_the_first(ds)
    some = chance < 1  # where edges were cut at all
    if some.any():
        beyond = (shared[some] - chance[some]) / (1 - chance[some])
        words = "final edges among as many largest ones of epoch 1, beyond chance"
        yield Check(words, mean(beyond), "at most", FROM_THE_FIRST, percent)


def _come_back(ds: xr.Dataset) -> Iterator[Check]:
    once = np.array(
        [wirings.dynamics(one.history.values, float(one.level[-1])).retained_once_below for _, _, one in each(ds)]
    )
    yield Check("kept edges that were below the threshold once", mean(once), "at least", MOST, percent)


def _dead(ds: xr.Dataset) -> Iterator[Check]:
    change = _all(abs(ds.accuracy_live - ds.accuracy_thresholded))
    yield Check("|change of accuracy| when dead paths go", mean(change), "at most", 0.0, points)


# Claim -> the panel that shows it.
_FIGURES = {
    "L1": "figure_2_thresholds", "L2": "tables_1_2_features", "L3": "tables_1_2_features", "L4": "tables_1_2_features",
    "L5": "tables_1_2_features", "L6": "figure_4_similarity", "L7": "figure_5_retraining", "L8": "figure_6_weights", "L9": "figure_6_weights",
    "L10": "figure_5_retraining",
}  # fmt: skip

Checks = Callable[[xr.Dataset], Iterator[Check]]

CLAIMS: dict[str, tuple[str, Checks]] = {
    "L1": ("Cutting edges below the threshold costs almost no accuracy.", _cheap),
    "L2": ("Edges, nodes and paths grow with the difficulty of the dataset.", _grows),
    "L3": ("CIFAR-10 keeps more nodes in the middle stage than its shuffled tiles, and fewer edges in the others.", _middle),
    "L4": ("CKMNIST keeps more nodes in the last stage than CMNIST.", _global),
    "L5": ("Learned wirings are elongated, the complete one is not.", _elongated),
    "L6": ("Wirings of one dataset are more alike than those of two.", _alike),
    "L7": ("Trained again from scratch the wiring that was found is as good or better, and faster.", _again),
    "L8": ("The structure is not fixed after the first epoch.", _changes),
    "L9": ("Edges come back: at least half of those kept were below the threshold once.", _come_back),
    "L10": ("Dead paths contribute nothing.", _dead),
}  # fmt: skip
