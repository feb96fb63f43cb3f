"""The study ``cnt`` as a value."""

from jprobe.studies.cnt.comparison import table
from jprobe.studies.cnt.config import PRESETS
from jprobe.studies.cnt.findings import findings
from jprobe.studies.cnt.panels import about, panels
from jprobe.studies.cnt.parts import combine, parts, subject
from jprobe.studies.cnt.summary import summary
from jprobe.studies.study import Study

STUDY = Study(
    name="cnt",
    paper="La Malfa et al., Deep neural networks via complex network theory: a perspective, IJCAI 2024",
    reproduces="Paper 3 (figures 2-8, Table 1): node strength, neuron strength and activation in pools of trained networks",
    asks="strengths and activations of neurons",
    reference="La Malfa et al. 2024, arXiv:2404.11172",
    cost="quick: 5 minutes on two cores; paper: MNIST 2 hours of CPU, CIFAR-10 more",
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
