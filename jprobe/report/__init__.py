"""What a run leaves for people to read: findings with their verdicts, figures, one self-contained HTML page."""

from jprobe.report.html import page
from jprobe.report.outcome import About, KeyNumber, Outcome, Panel, key_number
from jprobe.report.verdict import Check, Finding, Verdict
from jprobe.report.writing import record

__all__ = ["About", "Check", "Finding", "KeyNumber", "Outcome", "Panel", "Verdict", "key_number", "page", "record"]
