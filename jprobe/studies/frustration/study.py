"""The study ``frustration`` as a value."""

from jprobe.studies.frustration.config import PRESETS
from jprobe.studies.frustration.findings import findings
from jprobe.studies.frustration.panels import about, panels
from jprobe.studies.frustration.parts import combine, parts
from jprobe.studies.frustration.subjects import subject
from jprobe.studies.frustration.summary import summary, table
from jprobe.studies.study import Study

STUDY = Study(
    name="frustration",
    paper="Computing frustration and near-monotonicity in deep neural networks, arXiv:2510.05286",
    reproduces="Paper 2 (figures 2-8, table 1): a network as a signed DAG: frustration, null models, bounds, monotonicity",
    asks="networks as signed graphs: frustration",
    reference="Wendin et al. 2025, arXiv:2510.05286",
    cost="quick: 1 to 30 minutes on two cores (mnist, squeezenet); paper: hours",
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
