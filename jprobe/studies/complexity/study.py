"""The study ``complexity`` as a value."""

from jprobe.studies.complexity.config import CARD, PRESETS
from jprobe.studies.complexity.findings import findings
from jprobe.studies.complexity.panels import about, panels
from jprobe.studies.complexity.parts import combine, parts, subject
from jprobe.studies.complexity.summary import summary
from jprobe.studies.study import Study

STUDY = Study(
    name="complexity",
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
)
