"""Paper 2: how frustrated a network is as a signed DAG, and how near to monotone.

The paper's figures 2 to 8 and its Table 1, for networks trained on ImageNet, or for any JAX function.
"""

from jprobe.studies.frustration.config import PRESETS, Config
from jprobe.studies.frustration.panels import outcome
from jprobe.studies.frustration.run import run
from jprobe.studies.frustration.sizes import TABLES
from jprobe.studies.frustration.subjects import Subject, subject
from jprobe.studies.frustration.summary import findings, summary

__all__ = ["PRESETS", "TABLES", "Config", "Subject", "findings", "outcome", "run", "subject", "summary"]
