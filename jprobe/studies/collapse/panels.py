"""What the study ``collapse`` shows: its figures, and a sentence on each from the run's own numbers."""

import xarray as xr

from jprobe.figures import collapse as draw
from jprobe.figures.style import title
from jprobe.report import About, Panel
from jprobe.report.verdict import percent
from jprobe.studies.collapse.config import Config
from jprobe.studies.collapse.headline import headline, key_numbers
from jprobe.studies.collapse.parts import INKED
from jprobe.studies.collapse.summary import gaps, living


def about(ds: xr.Dataset, config: Config) -> About:
    """Title, lead and notes of the report."""
    lead = (
        f"{config.seeds} network{'s' * (config.seeds > 1)} a task and scale of the pixels ({'-'.join(map(str, config.hidden))} "
        f"hidden nodes, {config.activation}) on {', '.join(title(d) for d in ds.dataset.values.tolist())}. The collapse is "
        "the finding of Jankowski et al., arXiv:2508.05463, section 3.1; the questions are ours."
    )
    return About("Why signed networks collapse to chance", lead, _notes(ds, config), headline(ds), key_numbers(ds))


def panels(ds: xr.Dataset, config: Config) -> list[Panel]:
    """Every signed network, and what is left of the gap in each reading."""
    alive, lost = living(ds), gaps(ds)
    return [
        Panel("signed_accuracy", "Signed networks by scale of the pixels and threshold", _says_accuracy(alive), draw.accuracies(alive)),
        Panel("what_is_left", "What signs cost, read in eight ways", _says_left(lost), draw.what_is_left(lost)),
    ]  # fmt: skip


def _notes(ds: xr.Dataset, config: Config) -> list[str]:
    dead, total = int(ds.dead.sum()), int(ds.dead.notnull().sum())
    return [
        f"{dead} of {total} networks are dead (accuracy within 5 points of always giving the commonest class); they are left out.",
        "Threshold moved: where the training outputs are split as the training labels are, before and after signs are taken; no "
        "label is compared with an output. Scale: signs times the mean magnitude of each tensor, as XNOR-Net has them. Trained biases kept: signs of "
        f"kernels only. Biases refitted: {config.refit} epochs of Adam on the biases, kernels at scaled signs. Inked pixels only: signs, and 0 for weights of "
        f"pixels in which at most {INKED:.0%} of the training images differ from the median.",
        "A pixel that shows -1 in every image adds the sum of its weights to each node: trained, these weights are small and "
        "their sum is part of the bias; as signs they count as much as any other.",
    ]


def _says_accuracy(alive: xr.Dataset) -> str:
    medians = alive.value.sel(weights="signs").median("seed")
    parts = []
    for name in medians.dataset.values.tolist():
        for task in medians.task.values.tolist():
            here = medians.sel(dataset=name, task=task)
            each = ", ".join(
                f"{scale} {percent(float(here.sel(pixels=scale, measure='accuracy')))} "
                f"({percent(float(here.sel(pixels=scale, measure='threshold')))})"
                for scale in here.pixels.values.tolist()
            )
            parts.append(f"{title(name)} {task}: {each}")
    return "Median test accuracy of signed networks, in brackets with the threshold moved. " + "; ".join(parts) + "."


def _says_left(lost: xr.DataArray) -> str:
    first = lost.pixels.values.tolist()[0]
    parts = []
    for name in lost.dataset.values.tolist():
        here = 100 * lost.sel(dataset=name, task="hard", pixels=first) if "hard" in lost.task else None
        if here is not None:
            each = ", ".join(
                f"{reading} {float(here.sel(reading=reading)):.1f}" for reading in here.reading.values.tolist()
            )
            parts.append(f"{title(name)} hard, pixels {first}: {each}")
    return "Medians, in points (of area under the curve in the last row). " + "; ".join(parts) + "."
