"""A run's report: one self-contained HTML page."""

import base64
from collections.abc import Mapping
from typing import Any

import jinja2

from jprobe.report.outcome import Outcome


def page(
    outcome: Outcome, pictures: Mapping[str, bytes], config: Mapping[str, Any], provenance: Mapping[str, Any]
) -> str:
    """The report as HTML that opens without a network: figures are inside, there is no script.

    Args:
        outcome: what the study has to say.
        pictures: name of each panel -> its figure as PNG.
        config: the run's configuration.
        provenance: from :func:`jprobe.results.provenance`; its ``command`` repeats the run.

    Example:
        >>> from jprobe.report import About
        >>> from jprobe.results import provenance
        >>> told = Outcome(About("Pruning", "Twenty networks."), [], [], {"accuracy": 0.98}, {})
        >>> "<h1>Pruning</h1>" in page(told, {}, {"seeds": 20}, provenance({}, "jprobe run probes", 1.0))
        True
    """
    images = {name: base64.b64encode(picture).decode() for name, picture in pictures.items()}
    rows = _rows(outcome.summary)
    return _TEMPLATE.render(
        outcome=outcome, images=images, rows=rows, config=config, provenance=provenance, marks=_MARKS
    )


# Verdicts are told apart by shape as well as by colour.
_MARKS = {"HOLDS": "✓", "DIFFERS": "✗", "INCONCLUSIVE": "?"}


def _rows(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(key, f"{value:.4f}" if isinstance(value, float) else str(value)) for key, value in summary.items()]


_TEMPLATE = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
    """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ outcome.about.title }}</title>
<style>
  :root { color-scheme: light; }
  body { font: 16px/1.55 system-ui, sans-serif; color: #1c2126; background: #fff; max-width: 58rem; margin: 2.5rem auto; padding: 0 1.2rem; }
  h1 { font-size: 1.7rem; line-height: 1.2; margin-bottom: .3rem; }
  h2 { font-size: 1.2rem; margin: 2.6rem 0 .4rem; }
  figure { margin: 1.2rem 0 2.6rem; }
  figure img { height: auto; max-width: 100%; }
  figcaption { margin-top: .4rem; }
  figcaption b { display: block; }
  table { border-collapse: collapse; font-size: .9rem; }
  td, th { padding: .28rem .8rem .28rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid #e4e7ea; }
  td.number { text-align: right; font-variant-numeric: tabular-nums; }
  .holds { color: #1d7a46; white-space: nowrap; } .differs { color: #b3441e; white-space: nowrap; } .inconclusive { color: #5b6470; } .remark { color: #5b6470; }
  pre { background: #f4f6f8; padding: .8rem 1rem; overflow-x: auto; border-radius: 4px; }
  code { font-size: .92em; }
  details { margin: .8rem 0; } summary { cursor: pointer; font-weight: 600; }
  .scroll { overflow-x: auto; }
</style>
</head>
<body>
<h1>{{ outcome.about.title }}</h1>
<p>{{ outcome.about.lead }}</p>
{% if outcome.findings %}
<h2>Claims, held against this run</h2>
<div class="scroll"><table>
<tr><th>Claim</th><th>This run [95% interval]</th><th></th></tr>
{% for finding in outcome.findings %}
<tr><td>{{ finding.claim }}</td>
<td>{% for check in finding.checks %}<div>{{ check }}</div>{% endfor %}{% if finding.remark %}<div class="remark">{{ finding.remark }}</div>{% endif %}</td>
<td class="{{ finding.verdict.name | lower }}">{{ marks[finding.verdict.name] }} {{ finding.verdict.value }}</td></tr>
{% endfor %}
</table></div>
{% endif %}
{% if outcome.table %}
<h2>Numbers</h2>
<div class="scroll"><table>
<tr>{% for word in outcome.table[0] %}<th>{{ word }}</th>{% endfor %}</tr>
{% for row in outcome.table[1] %}
<tr>{% for word in row %}<td>{{ word }}</td>{% endfor %}</tr>
{% endfor %}
</table></div>
{% endif %}
{% for note in outcome.about.notes %}
<p>{{ note }}</p>
{% endfor %}
<h2>Figures</h2>
{% for panel in outcome.panels %}
<figure id="{{ panel.name }}">
<img width="{{ (panel.figure.get_figwidth() * 96) | int }}" src="data:image/png;base64,{{ images[panel.name] }}" alt="{{ panel.title }}. {{ panel.says }}">
<figcaption><b>{{ panel.title }}</b>{{ panel.says }}</figcaption>
</figure>
{% endfor %}
{% if provenance.command %}
<h2>Repeat this run</h2>
<pre><code>{{ provenance.command }}</code></pre>
{% endif %}
<details><summary>Headline numbers (summary.json)</summary>
<table>{% for key, value in rows %}<tr><td><code>{{ key }}</code></td><td class="number">{{ value }}</td></tr>{% endfor %}</table>
</details>
<details><summary>Configuration</summary>
<table>{% for key, value in config.items() %}<tr><td><code>{{ key }}</code></td><td>{{ value }}</td></tr>{% endfor %}</table>
</details>
<details open><summary>Provenance</summary>
<table>
<tr><td>Finished</td><td>{{ provenance.finished }}{% if provenance.seconds %}, after {{ provenance.seconds }} s of this start{% endif %}</td></tr>
<tr><td>Machine</td><td>{{ provenance.platform }}; {{ provenance.devices }}; Python {{ provenance.python }}</td></tr>
<tr><td>Versions</td><td>{% for name, number in provenance.versions.items() %}{{ name }} {{ number }}{{ ', ' if not loop.last }}{% endfor %}</td></tr>
{% for name, sum in provenance.data.items() %}<tr><td>{{ name }}</td><td><code>{{ sum }}</code></td></tr>
{% endfor %}
</table></details>
</body>
</html>
"""
)
