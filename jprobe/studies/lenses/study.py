"""The study ``lenses`` as a value."""

from jprobe.studies.complexity import subject
from jprobe.studies.lenses.config import CARD, PRESETS
from jprobe.studies.lenses.findings import findings
from jprobe.studies.lenses.panels import about, panels
from jprobe.studies.lenses.parts import combine, parts
from jprobe.studies.lenses.summary import summary
from jprobe.studies.study import Study

STUDY = Study(
    name="lenses",
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
