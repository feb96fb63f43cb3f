"""The study ``collapse`` as a value."""

from jprobe.studies.collapse.config import CARD, PRESETS
from jprobe.studies.collapse.findings import findings
from jprobe.studies.collapse.panels import about, panels
from jprobe.studies.collapse.parts import combine, parts
from jprobe.studies.collapse.subject import subject
from jprobe.studies.collapse.summary import summary
from jprobe.studies.study import Study

STUDY = Study(
    name="collapse",
    **CARD._asdict(),
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
