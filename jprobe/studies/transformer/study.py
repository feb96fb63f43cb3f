"""The study ``transformer`` as a value."""

from jprobe.studies.study import Study
from jprobe.studies.transformer.config import PRESETS
from jprobe.studies.transformer.curves import CURVES
from jprobe.studies.transformer.findings import findings
from jprobe.studies.transformer.panels import about, panels
from jprobe.studies.transformer.parts import combine, parts
from jprobe.studies.transformer.subjects import subject
from jprobe.studies.transformer.summary import summary
from jprobe.studies.transformer.table import table

STUDY = Study(
    name="transformer",
    paper="Jankowski et al., Task complexity shapes internal representations and robustness in neural networks, arXiv:2508.05463",
    reproduces="Paper 1, section 5 (figures 5, 9, 20): robustness of each layer of a pretrained DistilBERT, or of any network",
    asks="a transformer, one layer at a time",
    reference="Jankowski et al. 2025, arXiv:2508.05463",
    cost="quick: about 7 minutes on two cores; paper: a GPU's work",
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
