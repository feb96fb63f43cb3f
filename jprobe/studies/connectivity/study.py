"""The study ``connectivity`` as a value."""

from jprobe.studies.connectivity.config import CARD, PRESETS
from jprobe.studies.connectivity.findings import findings
from jprobe.studies.connectivity.material import subject
from jprobe.studies.connectivity.panels import about, panels, table
from jprobe.studies.connectivity.parts import combine, parts
from jprobe.studies.connectivity.summary import summary
from jprobe.studies.study import Study

STUDY = Study(
    name="connectivity",
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
