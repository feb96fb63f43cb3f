"""The templates of pages, and what all of them share: one style, one way to show a figure, one script."""

import json
from collections.abc import Iterable
from functools import cache

import jinja2

from jprobe.report.drawing import Drawing, drawn
from jprobe.report.outcome import Panel


def drawings(panels: Iterable[Panel]) -> dict[str, Drawing]:
    """Name of each panel -> its figure, drawn."""
    return {panel.name: drawn(panel.figure, panel.name) for panel in panels}


def template(name: str) -> jinja2.Template:
    """A page's template, by the name of its file."""
    return _environment().get_template(name)


@cache
def _environment() -> jinja2.Environment:
    loader = jinja2.PackageLoader("jprobe", "report")
    found = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    found.filters["json"] = lambda value: json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")
    for name in ("style", "script"):
        # As they stand: neither is a template.
        file = {"style": "page.css", "script": "page.js"}[name]
        found.globals[name] = loader.get_source(found, file)[0]
    return found
