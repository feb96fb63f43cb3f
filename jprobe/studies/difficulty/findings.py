"""Whether networks lose more to signs where tasks are harder in a known way: hypotheses held against a run."""

from collections.abc import Iterator

import numpy as np
import scipy.stats
import xarray as xr

from jprobe.complexity import rank_correlation
from jprobe.figures.style import title
from jprobe.intervals import Estimate, median
from jprobe.report import Check, Finding
from jprobe.report.verdict import number, percent, points
from jprobe.studies.blocks import apart, blocks_of, median_of
from jprobe.studies.difficulty.config import Lens
from jprobe.studies.difficulty.settings import ALL, BASE
from jprobe.studies.difficulty.summary import GAPS, datasets, living, series

# A gap follows a difficulty if Spearman's rho of gap and level is 0.5 or more; it stays if it grows by at most 5 points.
FOLLOWS, STAYS = 0.5, 0.05

# The two gaps that claims are about: the paper's, and the one that no threshold makes.
_READ = {"gap_signed": "", "gap_threshold": ", with the threshold moved"}

_GROW: dict[Lens, str] = {
    "label_noise": "Networks lose more to signs the more training labels are wrong",
    "overlap": "Networks lose more to signs the more the classes overlap",
    "images": "Networks lose more to signs the fewer images they are trained on",
}


def findings(ds: xr.Dataset) -> list[Finding]:
    """Each claim for each dataset that has an easy and a hard task; all are ours.

    Example:
        >>> findings(xr.Dataset(coords={"dataset": [], "task": []}))
        []
    """
    if not {"easy", "hard"} <= set(ds.task.values.tolist()):
        return []
    found = [(name, finding) for name, here in datasets(living(ds)) for finding in _claims(here)]
    return [
        f._replace(remark="; ".join(filter(None, [title(name), f.remark])), figure=f"settings_{name}")
        for name, f in found
    ]


def _claims(here: xr.Dataset) -> Iterator[Finding]:
    for gap, words in _READ.items():
        values = here[gap]
        for lens, claim in _GROW.items():
            if names := series(here, lens):
                yield Finding(
                    f"{claim}{words}.",
                    tuple(Check(f"{task}: rank correlation of gap and level", _along(values.sel(task=task, setting=names)), "at least", FOLLOWS, number) for task in ("easy", "hard")),
                    "medians in points: " + "; ".join(f"{task} {_listed(values.sel(task=task, setting=names))}" for task in ("easy", "hard")),
                )  # fmt: skip
        if names := series(here, "depth"):
            easy = values.sel(task="easy")
            yield Finding(
                f"Deeper networks of an easy task lose no more to signs{words}.",
                (Check(f"easy: lost with {names[-1].split()[-1]} layers, less with one", median_of(easy.sel(setting=names[-1]) - easy.sel(setting=BASE)), "at most", STAYS, points),),
                f"error {percent(float(here.error.sel(task='easy', setting=BASE).median()))} and {percent(float(here.error.sel(task='easy', setting=names[-1]).median()))}; "
                f"medians in points: {_listed(easy.sel(setting=names))}",
            )  # fmt: skip
        if names := series(here, "steps"):
            yield _matched(here, gap, words, names)
        if series(here, "network"):
            hard, easy = (values.sel(task=task, setting="network cnn") for task in ("hard", "easy"))
            yield Finding(
                f"A convolutional network loses more on the hard task than on the easy one{words}.",
                (Check("hard less easy", apart(easy, hard), "above", 0.0, points),),
            )
    if ALL in here.task.values.tolist():
        yield _all_classes(here.sel(setting=BASE))
    if here.sizes["setting"] > 2:
        yield from _overall(here)


def _matched(here: xr.Dataset, gap: str, words: str, names: list[str]) -> Finding:
    """The hard task, and the easy one stopped where it errs as much."""
    error = here.error.median("seed")
    hard = float(error.sel(task="hard", setting=BASE))
    nearest = names[int(np.nanargmin(abs(error.sel(task="easy", setting=names) - hard)))]
    found = apart(here[gap].sel(task="easy", setting=nearest), here[gap].sel(task="hard", setting=BASE))
    return Finding(
        f"At equal accuracy the hard task loses more than the easy one{words}.",
        (Check("hard less easy", found, "above", 0.0, points),),
        f"error of the hard task {percent(hard)}, of the easy one {percent(float(error.sel(task='easy', setting=nearest)))} ({nearest})",
    )


def _all_classes(base: xr.Dataset) -> Finding:
    """Chance differs, so what is lost is a share of what there is above it."""
    lost = base.gap_signed / (1 - base.error - base.chance)
    signed = (1 - base.error - base.gap_signed).median("seed")
    return Finding(
        "Telling all classes apart, networks lose a larger share to signs than on the hard pair.",
        (Check("lost of what is above chance, all classes less the hard pair", apart(lost.sel(task="hard"), lost.sel(task=ALL)), "above", 0.0, points),),
        f"signed networks of all classes: {percent(float(signed.sel(task=ALL)))}, chance {percent(float(base.chance.sel(task=ALL).median()))}; "
        f"original ones {percent(float(1 - base.error.sel(task=ALL).median()))}",
    )  # fmt: skip


def _overall(here: xr.Dataset) -> Iterator[Finding]:
    """Over all tasks and settings."""
    medians = here.median("seed").stack(case=["task", "setting"]).dropna("case")
    for gap in ("gap_signed", "gap_threshold", "gap_auc"):
        rho = rank_correlation(medians[gap].values, medians.error.values)
        found = Estimate(rho.value, rho.low, rho.high, int(medians.sizes["case"]))
        yield Finding(
            f"Over all settings, what is {GAPS[gap]} follows the networks' error.",
            (Check("rank correlation", found, "at least", FOLLOWS, number),),
        )


def _along(values: xr.DataArray) -> Estimate:
    """Spearman's rho of a network's gap and the level, median over networks; a gap that never changes follows nothing."""
    rows = values.transpose("seed", "setting").values

    def rho(row: np.ndarray) -> float:
        if np.isnan(row).any():
            return np.nan
        return 0.0 if np.ptp(row) == 0 else float(scipy.stats.spearmanr(row, np.arange(len(row))).statistic)

    return median(np.array([rho(row) for row in rows]), blocks_of(values))


def _listed(values: xr.DataArray) -> str:
    return ", ".join(f"{100 * v:.1f}" for v in values.median("seed").values)
