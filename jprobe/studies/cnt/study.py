"""The study ``cnt`` as a value."""

from jprobe.studies.cnt.comparison import table
from jprobe.studies.cnt.config import CARD, PRESETS
from jprobe.studies.cnt.findings import findings
from jprobe.studies.cnt.panels import about, panels
from jprobe.studies.cnt.parts import combine, parts, subject
from jprobe.studies.cnt.summary import summary
from jprobe.studies.study import Study

STUDY = Study(
    name="cnt",
    **CARD._asdict(),
    presets=PRESETS,
    subject=subject,
    parts=parts,
    combine=combine,
    findings=findings,
    panels=panels,
    summary=summary,
    about=about,
    table=table,
    spreads=True,
    side_by_side=2,
)
