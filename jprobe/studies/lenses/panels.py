"""What the study ``lenses`` shows: its figures, and a sentence on each from the run's own numbers."""

import xarray as xr

from jprobe.figures import lenses as draw
from jprobe.figures.style import title
from jprobe.report import About, Panel
from jprobe.studies.lenses.config import Config
from jprobe.studies.lenses.headline import headline, key_numbers
from jprobe.studies.lenses.summary import LENSES, correlation, datasets, matrix, means

# The first lens of each group, in the order of LENSES.
_GROUPS = {
    "known measures": "linear_error",
    "paper 1": "gap_signed",
    "paper 2": "frustration_ratio",
    "paper 3": "strength_correlation",
}

_AGAINST = ("gap_signed", "gap_randomized", "gap_threshold", "gap_auc", "frustration_ratio", "fluctuation")


def about(ds: xr.Dataset, config: Config) -> About:
    """Title, lead and notes of the report."""
    lead = (
        f"{config.seeds} network{'s' * (config.seeds > 1)} for each pair of classes of "
        f"{', '.join(title(d) for d in ds.dataset.values.tolist())} ({'-'.join(map(str, config.hidden))} hidden nodes, "
        f"{config.activation}), each seen by the measures of three papers and by known measures of difficulty."
    )
    dead, total = int(ds.dead.sum()), int(ds.dead.notnull().sum())
    notes = [
        f"{dead} of {total} networks are dead (accuracy within 5 points of always giving the commonest class); means leave them out.",
        "No paper compares its measure with another's: all claims are ours. Two lenses rank tasks alike if Spearman's correlation is 0.5 or more in size.",
        "Threshold moved: where the training outputs are split as the labels are, before and after signs. Frustration: lowest of "
        f"{config.replicas} descents of the network over the mean of {config.nulls} null models N1. Strength correlation: Pearson's r over hidden neurons of in-strength "
        "and mean neuron strength; fluctuation: standard deviation over hidden neurons of in-strength plus out-strength. Separation: of the two classes' logit differences, in standard deviations.",
        "Pixels are in [-1, 1], as in the paper: where most show -1, signs shift all outputs past the threshold ('jprobe run collapse').",
    ]
    if config.seeds < 10:
        notes.append(f"Scaled down: {config.seeds} network{'s' * (config.seeds > 1)} a pair, where the paper has 10.")
    return About("Do the papers mean the same by a hard task?", lead, notes, headline(ds), key_numbers(ds))


def panels(ds: xr.Dataset, config: Config) -> list[Panel]:
    """Two figures for each dataset: every lens against every other, and against the error of a linear classifier."""
    out = []
    for name, here in datasets(ds):
        table = means(here)
        rho = {lens: tuple(correlation(table, lens, "linear_error")) for lens in _AGAINST}
        says = "; ".join(f"{LENSES[lens]} {v:.2f} [{low:.2f}, {high:.2f}]" for lens, (v, low, high) in rho.items())
        out += [
            Panel(f"difficulty_{name}", f"{title(name)}: each lens against a known difficulty", f"Rank correlation with the error of a linear classifier: {says}.", draw.against_difficulty(table, LENSES, rho)),  # type: ignore[arg-type]
            Panel(f"agreement_{name}", f"{title(name)}: how alike the lenses rank {here.sizes['pair']} pairs", _says(table), draw.agreement(matrix(table), LENSES, _GROUPS)),
        ]  # fmt: skip
    return out


def _says(table: xr.Dataset) -> str:
    rho = matrix(table)
    pairs = [
        (float(rho.sel(a=a, b=b)), a, b)
        for a in ("gap_signed", "gap_threshold", "frustration_ratio", "fluctuation")
        for b in ("gap_signed", "gap_threshold", "frustration_ratio", "fluctuation")
        if a < b
    ]
    each = ", ".join(
        f"{LENSES[a]} and {LENSES[b]} {value:.2f}" for value, a, b in sorted(pairs, key=lambda p: -abs(p[0]))
    )
    return f"Between the lenses of the papers: {each}."
