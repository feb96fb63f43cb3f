"""Paper 1, first half: networks on an easy and a hard task under pruning, noise, flips, low rank and shuffling.

Jankowski, Radicchi, Serrano, Boguna, Fortunato, 'Task complexity shapes internal representations and robustness
in neural networks', arXiv:2508.05463, sections 3, A.2 and A.5 to A.7.
"""

from jprobe.studies.probes.config import PRESETS, Config
from jprobe.studies.probes.panels import outcome
from jprobe.studies.probes.run import run
from jprobe.studies.probes.summary import findings, summary

__all__ = ["PRESETS", "Config", "findings", "outcome", "run", "summary"]
