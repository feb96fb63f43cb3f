"""A run's report: one self-contained HTML page."""

import csv
import io
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jprobe.report.drawing import Drawing
from jprobe.report.outcome import Outcome, Panel
from jprobe.report.templates import template
from jprobe.report.verdict import Finding, Verdict

# Verdicts are told apart by shape as well as by colour.
MARKS = {Verdict.HOLDS: "✓", Verdict.DIFFERS: "✗", Verdict.INCONCLUSIVE: "?"}


def page(
    outcome: Outcome, drawings: Mapping[str, Drawing], config: Mapping[str, Any], provenance: Mapping[str, Any]
) -> str:
    """The report as HTML that opens without a network: figures, style and a small script are inside.

    Without the script nothing is missing but the values at the pointer.

    Args:
        outcome: what the study has to say.
        drawings: name of each panel -> its figure, drawn.
        config: the run's configuration.
        provenance: from :func:`jprobe.results.provenance`; its ``command`` repeats the run.

    Example:
        >>> from jprobe.report import About
        >>> from jprobe.results import provenance
        >>> told = Outcome(About("Pruning", "Twenty networks."), [], [], {"accuracy": 0.98}, {})
        >>> "<h1>Pruning</h1>" in page(told, {}, {"seeds": 20}, provenance({}, "jprobe run probes", 1.0))
        True
    """
    results = [panel for panel in outcome.panels if not panel.diagnostic]
    findings = [(finding, _shown_by(finding, outcome.panels)) for finding in outcome.findings]
    return template("page.html.jinja").render(
        outcome=outcome,
        main=results[:1],
        figures=results[1:],
        diagnostics=[panel for panel in outcome.panels if panel.diagnostic],
        drawings=drawings,
        files=True,
        told={name: drawing.told for name, drawing in drawings.items() if drawing.told["panels"]},
        findings=findings,
        tally=_tally(outcome.findings),
        marks=MARKS,
        summary=[(key, _written(value)) for key, value in outcome.summary.items()],
        numbers_csv=_csv(["key", "value"], outcome.summary.items()),
        findings_csv=_csv(["claim", "verdict", "numbers"], [(f.claim, f.verdict.value, f.seen) for f, _ in findings]),
        config={key: _listed(value) for key, value in config.items()},
        provenance=provenance,
    )


def _shown_by(finding: Finding, panels: Sequence[Panel]) -> str:
    """Name of the panel that shows a finding, or ""."""
    return next((panel.name for panel in panels if finding.figure and panel.name.endswith(finding.figure)), "")


def _tally(findings: Iterable[Finding]) -> str:
    """How many claims hold, differ, are open: "12 hold, 1 differs, 4 inconclusive"."""
    count = Counter(finding.verdict for finding in findings)
    words = {
        Verdict.HOLDS: ("holds", "hold"),
        Verdict.DIFFERS: ("differs", "differ"),
        Verdict.INCONCLUSIVE: ("inconclusive",) * 2,
    }
    return ", ".join(f"{count[v]} {one if count[v] == 1 else many}" for v, (one, many) in words.items() if count[v])


def _written(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _listed(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _csv(header: Sequence[str], rows: Iterable[Iterable[Any]]) -> str:
    """A table as the address of a file that is inside the page."""
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    return f"data:text/csv;base64,{b64encode(text.getvalue().encode()).decode()}"
