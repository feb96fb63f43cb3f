"""The study ``connectivity`` as a value."""

from jprobe.studies.connectivity.config import PRESETS
from jprobe.studies.connectivity.findings import findings
from jprobe.studies.connectivity.material import subject
from jprobe.studies.connectivity.panels import about, panels, table
from jprobe.studies.connectivity.parts import combine, parts
from jprobe.studies.connectivity.summary import summary
from jprobe.studies.study import Study

STUDY = Study(
    name="connectivity",
    paper="Janik, Nowak, Connectivity properties of neural networks under performance-resources trade-off, 2021",
    reproduces="Paper 4 (figures 2-9, tables 1-5): the wirings that networks keep when every connection costs",
    asks="wirings learnt when connections cost",
    reference="Janik and Nowak 2021",
    cost="quick: 11 minutes on two cores; paper: accelerators (on two cores an epoch of one of its 50 networks takes half an hour)",
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
