"""Every Python snippet of README.md runs, in the order in which it stands, each after those before it."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.quick

ROOT = Path(__file__).parent.parent

# Numbers that make an example worth reading, and what a test can wait for.
SMALLER = {
    "seeds=100": "seeds=3, epochs=2",
    "repeats=10": "repeats=2",
    "replicas=8": "replicas=2",
    "key, 10)": "key, 2)",
}


def snippets():
    return re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def test_snippets_of_the_readme_run(tmp_path, monkeypatch):
    pytest.importorskip("equinox", reason="README shows an Equinox network: pip install -e '.[test]'")
    monkeypatch.chdir(tmp_path)
    code = snippets()
    assert len(code) >= 4
    for small in SMALLER:
        assert any(small in block for block in code), f"README no longer says {small}: take it off the list"
    names: dict = {"__name__": "readme"}
    for block in code:
        for large, small in SMALLER.items():
            block = block.replace(large, small)
        exec(compile(block, "README.md", "exec"), names)
    assert names["curve"].accuracy.dims == ("seed", "level", "repeat", "signed")


def test_commands_of_the_readme_exist():
    from jprobe.cli import _WORDS

    for command, word in re.findall(r"^ {4}jprobe (\w+) (\w+)", (ROOT / "README.md").read_text(), re.MULTILINE):
        assert command in _WORDS
        assert not _WORDS[command] or word in _WORDS[command]
