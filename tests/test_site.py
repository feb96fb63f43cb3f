"""The documentation builds without a warning, holds every public name, and needs no network to be read."""

import html
import importlib
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = (
    "probes", "metrics", "complexity", "robustness", "frustration", "graph", "connectivity", "train", "models", "data", "weights",
    "errors", "report",
)  # fmt: skip

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built pages; mkdocs ends with 1 at any warning."""
    pytest.importorskip("mkdocs", reason="the documentation needs mkdocs: pip install -e '.[docs]'")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def pages(site):
    return {str(path.relative_to(site)): path.read_text() for path in site.rglob("*.html")}


def public(room):
    """Functions and classes of a room: those in its ``__all__``, or its own."""
    module = importlib.import_module(f"jprobe.{room}")
    things = {
        name: getattr(module, name) for name in getattr(module, "__all__", dir(module)) if not name.startswith("_")
    }
    things = {name: thing for name, thing in things.items() if inspect.isfunction(thing) or inspect.isclass(thing)}
    own = hasattr(module, "__all__")
    return [name for name, thing in things.items() if own or thing.__module__ == module.__name__]


@pytest.mark.parametrize("room", ROOMS)
def test_the_reference_holds_every_public_name(site, room):
    text = (site / "reference" / f"{room}.html").read_text()
    assert len(public(room)) > 1
    missing = [name for name in public(room) if f'id="jprobe.{room}.{name}"' not in text]
    assert not missing


def test_pages_fetch_nothing(site):
    for name, text in pages(site).items():
        loaded = re.findall(r"<(?:script|img|iframe)[^>]* src=[\"']?([^\"' >]+)", text)
        loaded += re.findall(r"<link[^>]* rel=[\"']?(?:stylesheet|icon|preconnect)[^>]* href=[\"']?([^\"' >]+)", text)
        assert loaded, name
        foreign = [address for address in loaded if re.match(r"(https?:)?//", address)]
        assert not foreign, f"{name}: {foreign}"
        for address in loaded:
            if not address.startswith(("data:", "/")):
                assert (site / name).parent.joinpath(address.partition("?")[0]).exists(), f"{name}: {address}"


def test_equations_are_drawn_by_the_browser(site):
    found = pages(site)
    assert all('class="arithmatex"' not in text for text in found.values())
    for paper in ("complexity", "frustration", "strengths", "connectivity"):
        text = found[f"papers/{paper}.html"]
        assert text.count("<math") > 10
        assert "<mtext>\\" not in text, "a command that is not known"


@pytest.mark.parametrize("notebook", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_notebooks_show_their_outputs(site, notebook):
    page = (site / "notebooks" / f"{notebook.stem}.html").read_text()
    outputs = [out for cell in json.loads(notebook.read_text())["cells"] for out in cell.get("outputs", ())]
    printed = ["".join(out["text"]).splitlines()[0] for out in outputs if out["output_type"] == "stream"]
    assert outputs
    assert not [line for line in printed if html.escape(line, quote=False) not in page]
    drawn = sum("image/png" in out.get("data", {}) for out in outputs)
    pictures = re.findall(rf'src="({notebook.stem}_\d+\.png)"', page)
    assert len(pictures) == drawn
    assert all((site / "notebooks" / name).read_bytes()[:4] == b"\x89PNG" for name in pictures)
