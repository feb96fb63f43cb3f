"""The study ``lenses`` as a value."""

from jprobe.studies.complexity import subject
from jprobe.studies.lenses.config import PRESETS
from jprobe.studies.lenses.findings import findings
from jprobe.studies.lenses.panels import about, panels
from jprobe.studies.lenses.parts import combine, parts
from jprobe.studies.lenses.summary import summary
from jprobe.studies.study import Study

STUDY = Study(
    name="lenses",
    paper="Jankowski et al., arXiv:2508.05463, beside papers 2 and 3: measures of one network, compared",
    reproduces="Beyond the papers: whether task complexity, frustration and strengths rank tasks alike",
    asks="do papers 1, 2 and 3 rank tasks alike?",
    reference="Jankowski et al. 2025, arXiv:2508.05463",
    cost="quick: about 2 minutes on two cores; paper: about a quarter of an hour",
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
