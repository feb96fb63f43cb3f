"""What is in the wheel and in the sdist, held against the checkout: python scripts/check_packages.py DIST.

Prints the sizes; ends with an error that names what is missing, or should not be there.
"""

import argparse
import hashlib
import re
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent

# Files of jprobe/ that are no part of it.
LEFT_OUT = re.compile(r"(^|/)(__pycache__|\.[^/]+)(/|$)|\.py[co]$")

# Without these an installed jprobe would fail late.
NEEDED = (
    "jprobe/py.typed",
    *(
        f"jprobe/report/{name}"
        for name in ("page.html.jinja", "figure.html.jinja", "comparison.html.jinja", "page.css", "page.js")
    ),
    *(
        f"jprobe/data/mnist/{kind}-ubyte.gz"
        for kind in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    ),
    "jprobe/data/mnist/NOTICE.md",
)

# What an sdist has besides jprobe/, which gives the same wheel: what the project says of itself, tests, scripts.
SOURCE = (
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "CITATION.cff",
    "tests/test_cli.py",
    "scripts/benchmark.py",
)


def of_checkout(root: Path) -> dict[str, str]:
    """Path -> digest of each file of the package."""
    files = (file for file in (root / "jprobe").rglob("*") if file.is_file())
    named = {file.relative_to(root).as_posix(): file for file in files}
    return {name: _digest(file.read_bytes()) for name, file in named.items() if not LEFT_OUT.search(name)}


def of_wheel(wheel: Path) -> dict[str, str]:
    """Path -> digest of each file in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: _digest(archive.read(name)) for name in archive.namelist() if not name.endswith("/")}


def of_sdist(sdist: Path) -> dict[str, str]:
    """Path -> digest of each file in an sdist, without the folder that holds all of them."""
    out = {}
    with tarfile.open(sdist) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None:
                out[member.name.partition("/")[2]] = _digest(content.read())
    return out


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def wrong_with_wheel(wheel: Mapping[str, str], checkout: Mapping[str, str]) -> list[str]:
    """What a wheel lacks, or has and should not have."""
    package = {name: digest for name, digest in wheel.items() if name.startswith("jprobe/")}
    strange = [name for name in wheel if not re.match(r"jprobe/|jprobe-[^/]+\.dist-info/", name)]
    return [
        *(f"it lacks {name}" for name in sorted({*checkout, *NEEDED} - set(package))),
        *(
            f"it has {name}, which is no part of the package"
            for name in sorted([*set(package) - set(checkout), *strange])
        ),
        *(f"its {name} is another" for name in sorted(package) if checkout.get(name, package[name]) != package[name]),
    ]


def wrong_with_sdist(sdist: Mapping[str, str], checkout: Mapping[str, str]) -> list[str]:
    """What an sdist lacks, and what of a checkout's leftovers it has."""
    return [
        *(f"it lacks {name}" for name in sorted({*checkout, *SOURCE} - set(sdist))),
        *(f"its {name} is another" for name in sorted(checkout) if sdist.get(name, checkout[name]) != checkout[name]),
        *(f"it has {name}" for name in sorted(sdist) if LEFT_OUT.search(name) and name != ".gitignore"),
    ]


def main() -> None:
    """Check the packages of a folder, and one wheel against another where it is given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dist", type=Path, help="folder of one wheel and one sdist")
    parser.add_argument("--rebuilt", type=Path, help="folder of the wheel that was built from that sdist")
    given = parser.parse_args()
    (wheel,), (sdist,) = given.dist.glob("*.whl"), given.dist.glob("*.tar.gz")
    checkout, found = of_checkout(ROOT), of_wheel(wheel)
    wrong = {wheel: wrong_with_wheel(found, checkout), sdist: wrong_with_sdist(of_sdist(sdist), checkout)}
    if given.rebuilt is not None:
        (rebuilt,) = given.rebuilt.glob("*.whl")
        again = of_wheel(rebuilt)
        changed = sorted(name for name in {*found, *again} if found.get(name) != again.get(name))
        wrong[rebuilt] = [f"built from the sdist, {name} is not that of the checkout's wheel" for name in changed]
    for file, complaints in wrong.items():
        print(f"{file.name}: {file.stat().st_size / 2**20:.1f} MiB", *complaints, sep="\n  ")
    sys.exit(any(wrong.values()))


if __name__ == "__main__":
    main()
