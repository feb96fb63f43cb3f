"""Paper 1, second half: how hard each pair of classes is, by what networks lose without magnitudes.

Jankowski, Radicchi, Serrano, Boguna, Fortunato, 'Task complexity shapes internal representations and robustness
in neural networks', arXiv:2508.05463, sections 4, A.1 and A.3.
"""

from jprobe.studies.complexity.config import PRESETS, Config
from jprobe.studies.complexity.panels import outcome
from jprobe.studies.complexity.run import run
from jprobe.studies.complexity.summary import findings, summary

__all__ = ["PRESETS", "Config", "findings", "outcome", "run", "summary"]
