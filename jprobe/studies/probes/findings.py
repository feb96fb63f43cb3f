"""The paper's claims on easy and hard tasks, held against a run."""

from collections.abc import Callable, Iterator

import xarray as xr

from jprobe.figures.style import title
from jprobe.report import Finding
from jprobe.studies.probes import claims_curves as curves
from jprobe.studies.probes import claims_structure as structure
from jprobe.studies.probes.summary import living, pairs
from jprobe.studies.probes.variants import of_variant, suffixes, words


def findings(ds: xr.Dataset) -> list[Finding]:
    """The paper's claims for each dataset that has both an easy and a hard task, with this run's numbers.

    Medians over living networks; intervals are bootstrapped over blocks of networks that share their minibatches.

    Example:
        >>> findings(xr.Dataset(coords={"dataset": [], "task": []}))  # no easy and hard task
        []
    """
    alive, tasks, out = living(ds), set(pairs(ds)), []
    for name in ds.dataset.values.tolist():
        if {(name, "easy"), (name, "hard")} <= tasks:
            easy, hard = (alive.sel(dataset=name, task=task) for task in ("easy", "hard"))
            found = [f._replace(figure=figure) for claims, figure in _CLAIMS for f in claims(easy, hard)]
            found += _alike(easy, hard)
            out += [
                finding._replace(remark="; ".join(filter(None, [title(name), finding.remark]))) for finding in found
            ]
    return out


def _alike(easy: xr.Dataset, hard: xr.Dataset) -> Iterator[Finding]:
    """The paper: other widths and activations show similar trends."""
    for suffix in suffixes(hard, "hidden", "activation"):
        of_easy, of_hard = (of_variant(task, suffix) for task in (easy, hard))
        if "prune_smallest" in of_hard:
            signs = [finding.checks[0] for finding in curves.collapse(of_easy, of_hard)]
            recovery = next(curves.recovery(of_easy, of_hard))
            yield Finding(
                f"Networks with {words(suffix)} collapse and recover alike.",
                (*signs, *recovery.checks),
                recovery.remark,
            )


# Claims, and the end of the name of the figure that shows them.
_CLAIMS: tuple[tuple[Callable[[xr.Dataset, xr.Dataset], Iterator[Finding]], str], ...] = (
    (curves.collapse, "perturbations"),
    (curves.recovery, "perturbations"),
    (curves.falls, "perturbations"),
    (curves.lifts, "perturbations"),
    (curves.multiplied, "multiplicative"),
    (structure.randomizations, "randomizations"),
    (structure.low_rank, "spectral"),
    (structure.spread, "weights"),
)
