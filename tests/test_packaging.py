"""What is packed: the script that checks wheels and sdists finds what is wrong, and the checkout says everything once."""

import importlib.util
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import jprobe

ROOT = Path(__file__).parent.parent
spec = importlib.util.spec_from_file_location("check_packages", ROOT / "scripts" / "check_packages.py")
assert spec is not None
assert spec.loader is not None
packages = importlib.util.module_from_spec(spec)
spec.loader.exec_module(packages)

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def checkout():
    return packages.of_checkout(ROOT)


def packed(folder, files, root=""):
    """A wheel and an sdist of these files: name -> content."""
    with zipfile.ZipFile(folder / "jprobe-1-py3-none-any.whl", "w") as wheel:
        for name, content in files.items():
            wheel.writestr(name, content)
    with tarfile.open(folder / "jprobe-1.tar.gz", "w:gz") as sdist:
        for name, content in files.items():
            (folder / "content").write_bytes(content)
            sdist.add(folder / "content", f"jprobe-1/{name}")
    return folder / "jprobe-1-py3-none-any.whl", folder / "jprobe-1.tar.gz"


def test_the_checkout_holds_all_that_an_installed_jprobe_needs(checkout):
    assert set(packages.NEEDED) <= set(checkout)
    assert not [name for name in checkout if "__pycache__" in name or name.startswith("tests")]
    tracked = subprocess.run(["git", "ls-files", "jprobe"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode == 0 and tracked.stdout:  # an sdist is no checkout
        assert set(tracked.stdout.split()) <= set(checkout)


def test_every_template_that_is_named_is_there(checkout):
    named = {
        template
        for module in (ROOT / "jprobe" / "report").glob("*.py")
        for template in re.findall(r"""['"](\w+\.(?:html\.jinja|css|js))['"]""", module.read_text())
    }
    assert len(named) >= 4
    assert {f"jprobe/report/{template}" for template in named} <= set(checkout)


def test_a_right_wheel_and_sdist_pass_and_each_fault_is_named(checkout, tmp_path):
    files = {name: (ROOT / name).read_bytes() for name in checkout}
    files |= {"jprobe-1.dist-info/METADATA": b"Name: jprobe"}
    source = dict.fromkeys(packages.SOURCE, b"")
    wheel, sdist = packed(tmp_path, files | source)
    found = packages.of_wheel(wheel)
    assert packages.of_sdist(sdist) == found
    assert packages.wrong_with_sdist(found, checkout) == []
    right = {name: digest for name, digest in found.items() if name not in source}
    assert packages.wrong_with_wheel(right, checkout) == []
    for gone in ("jprobe/py.typed", "jprobe/cli/__init__.py", "jprobe/data/mnist/NOTICE.md"):
        less = {name: digest for name, digest in found.items() if name != gone}
        assert packages.wrong_with_wheel({n: d for n, d in less.items() if n in right}, checkout) == [
            f"it lacks {gone}"
        ]
        assert packages.wrong_with_sdist(less, checkout) == [f"it lacks {gone}"]
    changed = {"jprobe/__init__.py": "another digest"}
    assert packages.wrong_with_wheel(right | changed, checkout) == ["its jprobe/__init__.py is another"]
    assert packages.wrong_with_sdist(found | changed, checkout) == ["its jprobe/__init__.py is another"]
    for strange in ("tests/test_cli.py", "jprobe/__pycache__/a.pyc", "jprobe/left_over.py"):
        (complaint,) = packages.wrong_with_wheel(right | {strange: ""}, checkout)
        assert strange in complaint
    for strange in ("jprobe/__pycache__/a.pyc", ".mypy_cache/x.json"):
        assert packages.wrong_with_sdist(found | {strange: ""}, checkout) == [f"it has {strange}"]
    assert packages.wrong_with_sdist({n: d for n, d in found.items() if n != "LICENSE"}, checkout) == [
        "it lacks LICENSE"
    ]


def test_the_script_fails_where_a_rebuilt_wheel_is_another(checkout, tmp_path):
    files = {name: (ROOT / name).read_bytes() for name in checkout}
    (tmp_path / "again").mkdir()
    packed(tmp_path, files)  # lacks what an sdist has besides
    packed(tmp_path / "again", files | {"jprobe/py.typed": b"changed"})
    words = [sys.executable, "scripts/check_packages.py", str(tmp_path), "--rebuilt", str(tmp_path / "again")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "MiB" in done.stdout
    assert "it lacks README.md" in done.stdout
    assert "built from the sdist, jprobe/py.typed is not that of the checkout's wheel" in done.stdout


def test_nothing_but_the_package_its_citation_and_its_history_states_the_version():
    version = re.compile(rf"(?<![\d.]){re.escape(jprobe.__version__)}(?![\d.])")
    texts = [ROOT / "pyproject.toml", ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    stating = [file for file in (*texts, *(ROOT / "jprobe").rglob("*.py")) if version.search(file.read_text())]
    assert stating == [ROOT / "jprobe" / "__init__.py"]


def test_the_workflow_runs_what_everybody_runs_on_every_python_that_is_promised():
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    tried = re.findall(r'"(3\.\d+)"', re.search(r"python: \[(.*)\]", workflow)[1])
    promised = [name.rpartition(" ")[2] for name in PROJECT["classifiers"] if "Python :: 3" in name]
    assert tried == promised
    assert PROJECT["requires-python"] == f">={promised[0]}"
    assert re.findall(r"- run: (.*)", workflow) == [".ci/run"]
    assert re.search(r"^permissions:\n  contents: read\n\n", workflow, re.MULTILINE)
    assert '"${PYTHON:-python3}" -m venv' in (ROOT / ".ci" / "run").read_text()
