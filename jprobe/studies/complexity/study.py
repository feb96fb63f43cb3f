"""The study ``complexity`` as a value."""

from jprobe.studies.complexity.config import PRESETS
from jprobe.studies.complexity.findings import findings
from jprobe.studies.complexity.panels import about, panels
from jprobe.studies.complexity.parts import combine, parts, subject
from jprobe.studies.complexity.summary import summary
from jprobe.studies.study import Study

STUDY = Study(
    name="complexity",
    paper="Jankowski et al., Task complexity shapes internal representations and robustness in neural networks, arXiv:2508.05463",
    reproduces="Paper 1, section 4 (figures 4, 6, 8): how hard each pair of classes is, by what networks lose without magnitudes",
    asks="how hard each pair of classes is",
    reference="Jankowski et al. 2025, arXiv:2508.05463",
    cost="quick: under 2 minutes on two cores; paper: about 6 minutes",
    presets=PRESETS,
    subject=subject,
    parts=parts,
    combine=combine,
    findings=findings,
    panels=panels,
    summary=summary,
    about=about,
    spreads=True,
)
