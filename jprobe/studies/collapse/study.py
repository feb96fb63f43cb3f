"""The study ``collapse`` as a value."""

from jprobe.studies.collapse.config import PRESETS
from jprobe.studies.collapse.findings import findings
from jprobe.studies.collapse.panels import about, panels
from jprobe.studies.collapse.parts import combine, parts
from jprobe.studies.collapse.subject import subject
from jprobe.studies.collapse.summary import summary
from jprobe.studies.study import Study

STUDY = Study(
    name="collapse",
    paper="Jankowski et al., Task complexity shapes internal representations and robustness in neural networks, arXiv:2508.05463",
    reproduces="Beyond paper 1: whether signed networks lose information or are shifted past their threshold",
    asks="why signed networks fall to chance",
    reference="Jankowski et al. 2025, arXiv:2508.05463",
    cost="quick: under a minute on two cores; paper: about 10 minutes",
    presets=PRESETS,
    subject=subject,
    parts=parts,
    combine=combine,
    findings=findings,
    panels=panels,
    summary=summary,
    about=about,
    spreads=True,
    side_by_side=2,
)
