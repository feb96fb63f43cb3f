"""The study ``difficulty`` as a value."""

from jprobe.studies.difficulty.config import CARD, PRESETS
from jprobe.studies.difficulty.findings import findings
from jprobe.studies.difficulty.panels import about, panels
from jprobe.studies.difficulty.parts import combine, parts
from jprobe.studies.difficulty.subject import subject
from jprobe.studies.difficulty.summary import summary
from jprobe.studies.study import Study

STUDY = Study(
    name="difficulty",
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
