"""Imports go down the list of rooms, ``import jprobe`` stays light, and what the project says of itself is true."""

import ast
import re
import subprocess
import sys
import tomllib
import types
from pathlib import Path

import pytest

import jprobe

ROOT = Path(jprobe.__file__).parent

# From the top: a room may import those below it, never one above.
ROOMS = [
    "cli", "studies", "report", "figures", "complexity", "robustness", "sweeping", "engine", "probes", "frustration", "metrics",
    "connectivity", "capture", "graph", "train", "checkpoint", "weights", "models", "data", "results", "intervals", "choices", "sharding", "processes", "programs",
    "permutation", "networks", "keys", "selection", "paths", "digests", "misfits", "seals", "files", "atomic", "convolution", "memory", "errors", "typing",
]  # fmt: skip

MODULES = sorted(path.relative_to(ROOT) for path in ROOT.rglob("*.py"))
FRONT_DOORS = {Path("__init__.py"), Path("__main__.py")}  # they stand before all rooms


def room(module):
    return module.parts[0].removesuffix(".py")


def imported_rooms(module):
    """(line, room) of each import of jprobe in a module, those inside functions and ``if TYPE_CHECKING`` too."""
    for node in ast.walk(ast.parse((ROOT / module).read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            # jprobe writes no relative imports; one would pass unseen here.
            assert node.level == 0, f"{module}:{node.lineno}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            package, *rest = name.split(".")
            if package == "jprobe" and rest != ["__version__"]:
                yield node.lineno, rest[0] if rest else ""


def test_every_module_belongs_to_a_room():
    strays = [str(module) for module in MODULES if module not in FRONT_DOORS and room(module) not in ROOMS]
    assert not strays, f"neither in a room nor in the list above: {strays}"


@pytest.mark.parametrize("module", [m for m in MODULES if m not in FRONT_DOORS], ids=str)
def test_imports_go_down(module):
    here = ROOMS.index(room(module))
    for line, name in imported_rooms(module):
        assert name in ROOMS, f"{module}:{line} imports jprobe itself, or a room that is not in the list: {name!r}"
        assert ROOMS.index(name) >= here, f"{module}:{line} imports {name}, which stands above {room(module)}"


HEAVY = {
    "jax",
    "flax",
    "optax",
    "scipy",
    "xarray",
    "pandas",
    "matplotlib",
    "orbax",
    "tensorflow_datasets",
    "tensorflow",
    "torch",
}


def run(code):
    """What a fresh Python prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT.parent)
    return done.stdout.strip()


@pytest.mark.parametrize("module", ["jprobe", "jprobe.cli", "jprobe.data", "jprobe.errors"])
def test_importing_is_light(module):
    assert run(f"import sys, {module}; print(sorted({HEAVY!r} & set(sys.modules)))") == "[]"


def test_help_is_light():
    heavy = f"print(sorted({HEAVY!r} & set(sys.modules)))"
    assert run(f"import sys; from jprobe import cli; cli.main(['--help']); {heavy}").endswith("\n[]")


def test_every_name_is_there():
    # Importing a module puts it into its package under its own name, where it would hide a function of that name.
    modules = {module.parts[0].removesuffix(".py") for module in MODULES}
    assert not modules & {name for name in jprobe.__all__ if not isinstance(getattr(jprobe, name), types.ModuleType)}
    assert set(jprobe.__all__) <= set(dir(jprobe))
    rooms_first = "import jprobe.robustness, jprobe.complexity; from jprobe import *; import jprobe"
    assert run(f"{rooms_first}; print(sweep is jprobe.sweep, callable(sweep), set(jprobe.__all__) - set(dir()))") == (
        "True True set()"
    )
    with pytest.raises(AttributeError, match="attribute swep"):
        _ = jprobe.swep


def test_type_checkers_see_what_python_sees():
    (block,) = [node for node in ast.parse((ROOT / "__init__.py").read_text()).body if isinstance(node, ast.If)]
    seen = {alias.name for node in block.body for alias in node.names}
    assert seen == set(jprobe.__all__)


# Addresses that others could take: whoever owned them would run code on users' machines.

HOME = Path(__file__).parent.parent  # the checkout; jprobe itself may be installed elsewhere
FOREIGN = re.compile(
    r"git(hub|lab)(\.com)?/jprobe|\bjprobe\.(org|dev|io|ai|com)\b|jprobe\.readthedocs|pip install ([^.#]*[ '\"])?jprobe\b"
)


def texts():
    """Every text of the project."""
    places = [HOME.glob("*"), HOME.glob(".*"), HOME.glob(".ci/*"), *((HOME / d).rglob("*") for d in FOLDERS)]
    return [path for place in places for path in place if path.is_file() and path.suffix not in {".gz", ".pyc", ".png"}]


FOLDERS = ("jprobe", "tests", "scripts", "notebooks", "docs")


def test_no_address_that_the_project_does_not_own():
    assert {path.name for path in texts()} >= {"pyproject.toml", "CITATION.cff", "run", "probes.ipynb", "running.py"}
    found = [
        f"{path.relative_to(HOME)}:{number}: {line.strip()}"
        for path in texts()
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if FOREIGN.search(line)
    ]
    assert not found


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("https://github.com/jprobe/jprobe", True), ("research.google.com/github/jprobe/jprobe/blob", True), ("https://jprobe.org", True),
        ("%pip install -q jprobe", True), ("pip install 'jprobe[test]'", True), ("pip install --no-deps jprobe", True),
        ("pip install -e '.[dev]'", False), ("pip install . && jprobe run probes", False), ("pip install ../jprobe.whl", False),
        ("import jprobe.data", False),
    ],
)  # fmt: skip
def test_what_counts_as_such_an_address(line, wrong):
    assert bool(FOREIGN.search(line)) == wrong


def test_the_version_is_written_once():
    version = re.search(r"^version: (\S+)$", (HOME / "CITATION.cff").read_text(), re.MULTILINE)
    assert version is not None
    assert version[1] == jprobe.__version__
    assert f"## {jprobe.__version__}" in (HOME / "CHANGELOG.md").read_text()
    project = tomllib.loads((HOME / "pyproject.toml").read_text())
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["hatch"]["version"]["path"] == "jprobe/__init__.py"
