"""README.md and docs/: every Python snippet runs, in the order in which it stands, and every command can be parsed."""

import contextlib
import importlib
import io
import re
import shlex
import textwrap
from pathlib import Path

import numpy as np
import pytest

from jprobe import cli

pytestmark = pytest.mark.quick

ROOT = Path(__file__).parent.parent
PAGES = ["README.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))]


def snippets(page):
    """The blocks of Python of a page, some of which may stand in a list."""
    found = re.findall(r"^( *)```python\n(.*?)^\1```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(code) for _, code in found]


def run(page, smaller):
    """What the snippets of a page define, and what they print."""
    names: dict = {"__name__": "page"}
    printed = io.StringIO()
    for block in snippets(page):
        for large, small in smaller.items():
            block = block.replace(large, small)
        with contextlib.redirect_stdout(printed):
            exec(compile(block, page, "exec"), names)
    return names, printed.getvalue()


def readme(names, printed):
    (shown,) = re.findall(r"```text\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    # Medians of the same networks on any machine; a network may round otherwise on another.
    table, ours = ([line.split() for line in text.splitlines()[2:]] for text in (shown, printed))
    np.testing.assert_allclose(np.array(ours[: len(table)], float), np.array(table, float), atol=0.02)
    assert names["curve"].accuracy.dims == ("seed", "level", "repeat", "signed")
    assert names["found"].energy.shape == (2,)


def signed_graphs(names, printed):
    assert abs(names["frustrated"] - 7) < 1e-9
    assert names["camp"] == [1, 2, 15, 16]
    np.testing.assert_allclose(names["above"].energy * 58, 7)
    assert 6.2 < names["below"].certified * 58 < 6.32
    # The lattice of the page is 64 x 64; at every even size a quarter is the least, and the relaxation gives 0.1464.
    assert 0.25 <= names["spins"].energy[0] < 0.3
    assert 0.13 < names["certificate"].certified <= 0.1465


def counts(names, printed):
    assert printed == "3,269,923 nodes, 378,577,376 edges\n"
    assert printed.split()[0] in (ROOT / "docs/networks.md").read_text()


# Page -> what makes it smaller (numbers that make an example worth reading, and what a test can wait for), and whether
# its numbers are those that it states.
SPECIAL = {
    "README.md": ({"repeats=10": "repeats=2", "replicas=8": "replicas=2"}, readme),
    "docs/how_to/models.md": (
        {"repeats=10": "repeats=2", "replicas=8": "replicas=2", "seeds=30": "seeds=1", "key, 3)": "key, 2)"},
        lambda names, printed: None,
    ),
    "docs/local_graphs.md": ({"replicas=8": "replicas=2"}, lambda names, printed: None),
    "docs/networks.md": ({}, counts),
    "docs/signed_graphs.md": (
        {"(64, 64)": "(8, 8)", "sweeps=300": "sweeps=100", "sweeps=30,": "sweeps=20,"},
        signed_graphs,
    ),
    "docs/studies.md": ({"seeds=20": "seeds=2, epochs=1"}, lambda names, printed: None),
}


@pytest.mark.end_to_end
@pytest.mark.parametrize("page", [page for page in PAGES if snippets(page)])
def test_snippets_run(page, tmp_path, monkeypatch):
    if "equinox" in "".join(snippets(page)):
        pytest.importorskip("equinox", reason="the page shows an Equinox network: pip install -e '.[test]'")
    monkeypatch.chdir(tmp_path)
    smaller, check = SPECIAL.get(page, ({}, lambda names, printed: None))
    for large in smaller:
        assert any(large in block for block in snippets(page)), f"{page} no longer says {large}: take it off the list"
    check(*run(page, smaller))


def test_pages_with_snippets_are_found():
    assert {*SPECIAL, "docs/how_to/extend.md", "docs/how_to/gpus.md"} <= {page for page in PAGES if snippets(page)}


def commands(page):
    """Words after ``jprobe`` of every command on a page: indented lines, code within sentences, and shell commands, in which
    it may be another program that starts jprobe."""
    for block in re.findall(r"^```bash\n(.*?)^```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE):
        whole = block.replace("\\\n", " ").replace('"$JOB_COMPLETION_INDEX"', "0")
        yield from map(shlex.split, re.findall(r'\bjprobe ([^"\n]*)', whole))
    text = re.sub(r"^```.*?^```", "", (ROOT / page).read_text(), flags=re.DOTALL | re.MULTILINE)
    lines = [*re.findall(r"^ {4}(.*)$", text, re.MULTILINE), *re.findall(r"`([^`\n]+)`", text)]
    for line in lines:
        for command in line.partition(" #")[0].split(" && "):
            name, *words = command.split(" ")
            if name.rpartition("/")[2] == "jprobe" and words:
                yield shlex.split(" ".join(words))


ALL = sorted({tuple(words) for page in PAGES for words in commands(page)})


def test_commands_are_found():
    assert ("run", "probes") in ALL
    assert ("run", "frustration", "--table", "sizes") in ALL
    assert ("data", "import", "fashion_mnist", "DIR") in ALL
    assert any({"--distributed", "--process-id"} <= set(words) for words in ALL)
    assert len(ALL) > 40


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_commands_can_be_parsed(words):
    from jprobe.cli import planning, running
    from jprobe.studies.runner.devices import device

    words = [word for word in words if word != "--help"]
    cli._command(words)  # refuses what is no command; what it returns would run it
    if words[0] in ("run", "plan"):
        options, devices = planning._devices(words[2:]) if words[0] == "plan" else (words[2:], [])
        running.configured(words[1], options)
        assert all(map(device, devices))
    elif words[0] in ("data", "weights") and words[1] != "show":
        catalogue = importlib.import_module(f"jprobe.{words[0]}").catalogue()
        assert words[2] in {entry.name for entry in catalogue}
