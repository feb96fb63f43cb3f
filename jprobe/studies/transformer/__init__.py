"""Paper 1, section 5: how robust each layer of a pretrained transformer is; or of any network with named layers.

Jankowski, Radicchi, Serrano, Boguna, Fortunato, 'Task complexity shapes internal representations and robustness
in neural networks', arXiv:2508.05463, sections 5, A.4 and A.8.
"""

from jprobe.studies.transformer.config import PRESETS, Config
from jprobe.studies.transformer.panels import outcome
from jprobe.studies.transformer.run import run
from jprobe.studies.transformer.subjects import Subject, subject
from jprobe.studies.transformer.summary import findings, summary

__all__ = ["PRESETS", "Config", "Subject", "findings", "outcome", "run", "subject", "summary"]
