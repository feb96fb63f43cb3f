"""The study ``probes`` as a value."""

from jprobe.studies.probes.config import PRESETS
from jprobe.studies.probes.curves import curves
from jprobe.studies.probes.findings import findings
from jprobe.studies.probes.headline import table
from jprobe.studies.probes.panels import about, panels
from jprobe.studies.probes.parts import combine, parts
from jprobe.studies.probes.summary import summary
from jprobe.studies.probes.tasks import subject
from jprobe.studies.study import Study

STUDY = Study(
    name="probes",
    paper="Jankowski et al., Task complexity shapes internal representations and robustness in neural networks, arXiv:2508.05463",
    reproduces="Paper 1, first half (figures 1-3, 7, 10-19): pruning, binarization, noise, sign flips, low rank, shuffling",
    asks="pruning, signs, noise, flips, low rank, shuffles",
    reference="Jankowski et al. 2025, arXiv:2508.05463",
    cost="quick: 1 to 2 minutes on two cores; paper: about 15 minutes",
    presets=PRESETS,
    subject=subject,
    parts=parts,
    combine=combine,
    findings=findings,
    panels=panels,
    summary=summary,
    table=table,
    about=about,
    curves=curves(),
    spreads=True,
    side_by_side=2,
)
