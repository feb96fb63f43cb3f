"""The study ``transformer`` as a value."""

from jprobe.studies.study import Study
from jprobe.studies.transformer.config import CARD, PRESETS
from jprobe.studies.transformer.curves import CURVES
from jprobe.studies.transformer.findings import findings
from jprobe.studies.transformer.panels import about, panels
from jprobe.studies.transformer.parts import combine, parts
from jprobe.studies.transformer.subjects import subject
from jprobe.studies.transformer.summary import summary
from jprobe.studies.transformer.table import table

STUDY = Study(
    name="transformer",
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
    curves=CURVES,
)
