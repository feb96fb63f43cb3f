"""What the study ``difficulty`` shows: a figure for each dataset, and a sentence on it from the run's own numbers."""

from typing import get_args

import xarray as xr

from jprobe.figures import difficulty as draw
from jprobe.figures.style import title
from jprobe.report import About, Panel
from jprobe.studies.difficulty.config import Config, Lens
from jprobe.studies.difficulty.headline import headline, key_numbers
from jprobe.studies.difficulty.settings import ALL, BASE
from jprobe.studies.difficulty.summary import GAPS, datasets, living, series


def about(ds: xr.Dataset, config: Config) -> About:
    """Title, lead and notes of the report."""
    lead = (
        f"{config.seeds} networks at each of {ds.sizes['setting']} settings of an easy and a hard pair of classes of "
        f"{', '.join(title(d) for d in ds.dataset.values.tolist())}. That the gap to signed networks measures complexity is "
        "proposed by Jankowski et al., arXiv:2508.05463, section 4; the test is ours."
    )
    dead, total = int(ds.dead.sum()), int(ds.dead.notnull().sum())
    notes = [
        f"{dead} of {total} networks are dead (accuracy within 5 points of always giving the commonest class); they are left out.",
        "What is random about a task is drawn anew for each network. Wrong labels: of training images; test labels are right. Overlap: each image, test images too, is mixed with a random one of the other class. Fewer images are "
        "seen as often, so that the number of steps is the same. Steps: so many minibatches of new images. Pixels are in [-1, 1], as in the paper.",
        "Threshold moved: where the training outputs are split as the training labels are. A task with wrong labels is split by those.",
    ]
    return About(
        "Is it complexity? What signs cost where tasks are harder in known ways",
        lead,
        notes,
        headline(ds),
        key_numbers(ds),
    )


def panels(ds: xr.Dataset, config: Config) -> list[Panel]:
    """One figure for each dataset."""
    out = []
    for name, here in datasets(living(ds)):
        lenses = {lens: names for lens in get_args(Lens) if (names := series(here, lens))}
        if lenses:
            shown = {gap: GAPS[gap] for gap in ("gap_signed", "gap_threshold")}
            figure = draw.gaps_by_setting(here, lenses, shown)
            out.append(
                Panel(f"settings_{name}", f"{title(name)}: what signs cost, setting by setting", _says(here), figure)
            )
    return out


def _says(here: xr.Dataset) -> str:
    medians = 100 * here.median("seed")
    parts = []
    for task in (task for task in here.task.values.tolist() if task != ALL):
        of = medians.sel(task=task).dropna("setting", subset=["gap_signed"])
        order = of.setting.values[of.gap_signed.values.argsort()]
        least, most = (f"{order[n]} ({float(of.gap_signed.sel(setting=order[n])):.1f})" for n in (0, -1))
        parts.append(
            f"{task}: {float(of.gap_signed.sel(setting=BASE)):.1f} as it is, least with {least}, most with {most}"
        )
    return "Medians of what is lost to signs, in points. " + "; ".join(parts) + "."
