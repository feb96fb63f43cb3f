"""Every Python snippet of README.md and of docs/ runs, in the order in which it stands, each after those before it."""

import re
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.quick

ROOT = Path(__file__).parent.parent

# Numbers that make an example worth reading, and what a test can wait for.
SMALLER = {
    "seeds=100": "seeds=3, epochs=2",
    "seeds=30": "seeds=1",
    "repeats=10": "repeats=2",
    "replicas=8": "replicas=2",
    "key, 10)": "key, 2)",
}


def snippets(page="README.md"):
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


def run(page, smaller):
    """What the snippets of a page define."""
    names: dict = {"__name__": "page"}
    for block in snippets(page):
        for large, small in smaller.items():
            block = block.replace(large, small)
        exec(compile(block, page, "exec"), names)
    return names


@pytest.mark.end_to_end
def test_snippets_of_the_readme_run(tmp_path, monkeypatch):
    pytest.importorskip("equinox", reason="README shows an Equinox network: pip install -e '.[test]'")
    monkeypatch.chdir(tmp_path)
    code = snippets()
    assert len(code) >= 4
    for small in SMALLER:
        assert any(small in block for block in code), f"README no longer says {small}: take it off the list"
    names = run("README.md", SMALLER)
    assert names["curve"].accuracy.dims == ("seed", "level", "repeat", "signed")


def signed_graphs(names):
    assert abs(names["frustrated"] - 7) < 1e-9
    assert names["camp"] == [1, 2, 15, 16]
    np.testing.assert_allclose(names["above"].energy * 58, 7)
    assert 6.2 < names["below"].certified * 58 < 6.32
    # The lattice of the page is 64 x 64; at every even size a quarter is the least, and the relaxation gives 0.1464.
    assert 0.25 <= names["spins"].energy[0] < 0.3
    assert 0.13 < names["certificate"].certified <= 0.1465


# Page of the docs -> what makes it smaller, and whether its numbers are those that it states.
PAGES = {
    "local_graphs.md": ({"replicas=8": "replicas=2"}, lambda names: None),
    "signed_graphs.md": ({"(64, 64)": "(8, 8)", "sweeps=300": "sweeps=100", "sweeps=30,": "sweeps=20,"}, signed_graphs),
}


@pytest.mark.end_to_end
@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / "docs").glob("*.md")))
def test_snippets_of_the_docs_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    smaller, check = PAGES.get(page, ({}, lambda names: None))
    assert all(any(large in block for block in snippets(f"docs/{page}")) for large in smaller)
    check(run(f"docs/{page}", smaller))


def test_commands_of_the_readme_exist():
    from jprobe.cli import _WORDS

    for command, word in re.findall(r"^ {4}jprobe (\w+) (\w+)", (ROOT / "README.md").read_text(), re.MULTILINE):
        assert command in _WORDS
        assert not _WORDS[command] or word in _WORDS[command]
