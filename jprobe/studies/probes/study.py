"""The study ``probes`` as a value."""

from jprobe.studies.probes.config import CARD, PRESETS
from jprobe.studies.probes.curves import curves
from jprobe.studies.probes.findings import findings
from jprobe.studies.probes.headline import table
from jprobe.studies.probes.panels import about, panels
from jprobe.studies.probes.parts import combine, parts
from jprobe.studies.probes.summary import summary
from jprobe.studies.probes.tasks import subject
from jprobe.studies.study import Study

STUDY = Study(
    name="probes",
    **CARD._asdict(),
    presets=PRESETS,
    subject=subject,
    parts=parts,
    combine=combine,
    findings=findings,
    panels=panels,
    summary=summary,
    table=table,
    about=about,
    curves=curves(),
    spreads=True,
    side_by_side=2,
)
