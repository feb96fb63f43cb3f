"""What mkdocs needs besides Markdown: pages of the notebooks as they were run, and equations that need no network.

mkdocs calls the functions ``on_...`` by their names (mkdocs.yml, ``hooks``).
"""

import base64
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

_EQUATION = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">(?:\\\(|\\\[)(?P<latex>.*?)(?:\\\)|\\\])</(?P=tag)>', re.DOTALL
)


def on_files(files: Files, config: MkDocsConfig, **_: Any) -> Files:
    """Add a page for every notebook, with the outputs that are committed, and its pictures."""
    for path in sorted((Path(config.config_file_path).parent / "notebooks").glob("*.ipynb")):
        for name, content in _pages(path):
            files.append(File.generated(config, f"notebooks/{name}", content=content))
    return files


def on_page_content(content: str, **_: Any) -> str:
    """Equations as MathML, which browsers draw themselves."""
    return _EQUATION.sub(_mathml, content)


def _mathml(found: re.Match[str]) -> str:
    display = "block" if found["tag"] == "div" else "inline"
    equation = convert(html.unescape(found["latex"]), display=display)
    return f'<div class="equation">{equation}</div>' if display == "block" else equation


def _pages(path: Path) -> Iterator[tuple[str, str | bytes]]:
    """(name, content) of a notebook's pictures, and of its page at last."""
    page: list[str] = []
    pictures = 0
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            page.append(source)
            continue
        page.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            data = output.get("data", {})
            table = "".join(data.get("text/html", ""))
            if "image/png" in data:
                pictures += 1
                name = f"{path.stem}_{pictures}.png"
                yield name, base64.b64decode(data["image/png"])
                page.append(f"![What the code above draws]({name})")
            elif 'class="dataframe"' in table:
                page.append(_plain(table))
            else:
                text = "".join(output.get("text", data.get("text/plain", "")))
                page.append(f"```text\n{text.rstrip()}\n```")
    note = f"*This page is `notebooks/{path.name}` of the checkout, with the outputs of its last run.*"
    title, _, rest = "\n\n".join(page).partition("\n")
    yield f"{path.stem}.md", f"{title}\n\n{note}\n{rest}"


def _plain(table: str) -> str:
    """A table of pandas without its own style, on lines of its own without indentation, as Markdown wants HTML."""
    table = re.sub(r"<style.*?</style>", "", table, flags=re.DOTALL).replace(' border="1"', "")
    return "\n".join(line.strip() for line in table.splitlines() if line.strip())
