"""What a run leaves for people to read: findings with their verdicts, figures, one self-contained HTML page."""

from jprobe.report.comparison import Comparison, comparison_page
from jprobe.report.html import page
from jprobe.report.outcome import About, KeyNumber, Outcome, Panel, key_number
from jprobe.report.verdict import Check, Finding, Verdict
from jprobe.report.writing import record

__all__ = [
    "About",
    "Check",
    "Comparison",
    "Finding",
    "KeyNumber",
    "Outcome",
    "Panel",
    "Verdict",
    "comparison_page",
    "key_number",
    "page",
    "record",
]
