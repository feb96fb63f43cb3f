"""Imports go down the list of rooms, and ``import jprobe`` stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import jprobe

ROOT = Path(jprobe.__file__).parent

# From the top: a room may import those below it, never one above.
ROOMS = [
    "cli", "report", "studies", "figures", "complexity", "robustness", "sweep", "engine", "probes", "frustration", "metrics",
    "connectivity", "graph", "train", "checkpoint", "weights", "models", "data", "results", "sharding", "permutation", "networks", "keys", "paths",
    "digests", "atomic", "errors", "typing",
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
            if package == "jprobe":
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


def test_importing_jprobe_is_light():
    heavy = {"tensorflow_datasets", "tensorflow", "orbax", "matplotlib", "torch"}
    code = f"import sys, jprobe; print(sorted({heavy!r} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT.parent)
    assert found.stdout.strip() == "[]"
