"""The study ``frustration`` as a value."""

from jprobe.studies.frustration.config import CARD, PRESETS
from jprobe.studies.frustration.findings import findings
from jprobe.studies.frustration.panels import about, panels
from jprobe.studies.frustration.parts import combine, parts
from jprobe.studies.frustration.subjects import subject
from jprobe.studies.frustration.summary import summary, table
from jprobe.studies.study import Study

STUDY = Study(
    name="frustration",
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
)
