"""The study ``difficulty`` as a value."""

from jprobe.studies.difficulty.config import PRESETS
from jprobe.studies.difficulty.findings import findings
from jprobe.studies.difficulty.panels import about, panels
from jprobe.studies.difficulty.parts import combine, parts
from jprobe.studies.difficulty.subject import subject
from jprobe.studies.difficulty.summary import summary
from jprobe.studies.study import Study

STUDY = Study(
    name="difficulty",
    paper="Jankowski et al., Task complexity shapes internal representations and robustness in neural networks, arXiv:2508.05463",
    reproduces="Beyond paper 1: whether networks lose more to signs where tasks are harder in known ways",
    asks="what makes a task lose more to signs",
    reference="Jankowski et al. 2025, arXiv:2508.05463",
    cost="quick: about 5 minutes on two cores; paper: about half an hour",
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
