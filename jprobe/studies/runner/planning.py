"""What a run will take: its parts by kind, from what earlier runs took on this machine and from how fast it is."""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from jprobe.data import cache_dir
from jprobe.results import write_json
from jprobe.sharding import local_mesh
from jprobe.studies.config import Config
from jprobe.studies.runner import pace
from jprobe.studies.runner.folder import RunFolder
from jprobe.studies.runner.speed import Speed
from jprobe.studies.study import Part, Study

# How far predictions may be off, in either direction: where parts of the kind ran here before, and where only their declared
# costs are known. docs/scaling.md has what they were compared with.
EARLIER, DECLARED = 2.0, 5.0

# Share of the planned work that a run has to have had to tell anything: one that is shorter mostly compiled.
_SHORT = 0.02

Source = Literal["earlier runs here", "shorter runs here", "declared costs"]


class Row(NamedTuple):
    """Parts of one kind that are left to do.

    Attributes:
        kind: of the parts; the study's own word.
        parts: how many there are.
        finished: of them, in the run's folder.
        seconds: least and most that the others take together.
        source: what tells: runs on this machine that had a quarter of this work or more; or less, of which compiling is a
            larger share; or what the parts declare, times the speed of this machine.

    Example:
        >>> Row("training", parts=4, finished=1, seconds=(20.0, 60.0), source="declared costs").finished
        1
    """

    kind: str
    parts: int
    finished: int
    seconds: tuple[float, float]
    source: Source


def rows(
    parts: Sequence[Part],
    finished: Collection[str],
    earlier: Mapping[str, tuple[float, float]],
    speed: Speed,
    width: int = 1,
) -> list[Row]:
    """Parts by kind, with the range of the time that is left.

    Args:
        parts: of the run.
        finished: names of those that are done.
        earlier: kind -> seconds declared and taken of an earlier run, as :func:`jprobe.studies.runner.pace.read` gives them.
        speed: of this machine.
        width: parts that run at a time.

    Returns:
        A row a kind, in the order in which they come.

    Example:
        >>> speed = Speed(training=2.0, sweeps=2.0, product=1e11, seconds=5.0)
        >>> both = [Part(name, "", lambda context: None, cost=10, kind="fits") for name in "ab"]
        >>> rows(both, {"a"}, {"fits": (10.0, 14.0)}, speed)[0].seconds
        (7.0, 28.0)
    """
    found = []
    for kind in dict.fromkeys(part.kind for part in parts):
        mine = [part for part in parts if part.kind == kind]
        left = [part.cost for part in mine if part.name not in finished]
        factors, source = _factors(kind, sum(part.cost for part in mine), earlier, speed)
        # Earlier parts ran beside as many; how much slower declared costs become beside one another is not known.
        together = max(min(width, len(left)), 1)
        low, high = (sum(left) * factor for factor in factors)
        seconds = low / together, high / (1 if source == "declared costs" else together)
        found.append(Row(kind or "all", len(mine), len(mine) - len(left), seconds, source))
    return found


def _factors(
    kind: str, planned: float, earlier: Mapping[str, tuple[float, float]], speed: Speed
) -> tuple[tuple[float, float], Source]:
    """Least and most seconds for one that is declared, and what says so."""
    declared, taken = earlier.get(kind, (0.0, 0.0))
    if declared <= _SHORT * planned:
        slow, fast = max(speed.training, speed.sweeps), min(speed.training, speed.sweeps)
        return (fast / DECLARED, slow * DECLARED), "declared costs"
    factor = taken / declared
    if declared < pace.ENOUGH * planned:
        return (factor / DECLARED, factor * EARLIER), "shorter runs here"
    return (factor / EARLIER, factor * EARLIER), "earlier runs here"


def total(found: Sequence[Row]) -> tuple[float, float]:
    """Least and most seconds of all rows."""
    return sum(row.seconds[0] for row in found), sum(row.seconds[1] for row in found)


class Planned(NamedTuple):
    """What is known of a run before it starts.

    Attributes:
        rows: its parts by kind.
        folder: where its results go.
        width: parts that run at a time.
        peaks: peak resident bytes of earlier runs of the study on this machine, by what they ran.
    """

    rows: list[Row]
    folder: Path
    width: int
    peaks: Mapping[str, int]


def planned(study: Study[Any, Any], config: Config, speed: Speed) -> Planned:
    """Plan a run: find its data and weights, and look into its folder. Nothing is computed, and no folder is made.

    Args:
        study: the study.
        config: its configuration.
        speed: of this machine.

    Raises:
        JprobeError: data or weights that are not there.
        ConfigMismatchError: the folder holds a run of another configuration, network or data.

    Example:
        >>> from jprobe.studies import probes
        >>> speed = Speed(training=1.0, sweeps=1.0, product=1e11, seconds=5.0)
        >>> config = probes.Config(seeds=2, probes=("flip",))
        >>> [row.kind for row in planned(probes.STUDY, config, speed).rows]
        ['training', 'sweeps']
    """
    subject = study.subject(config)
    parts = list(study.parts(config, subject))
    folder = config.folder(study.presets)
    done: set[str] = set()
    if (folder / "config.json").exists():
        kept = RunFolder(folder, config.numbers(), subject.digests())
        done = {part.name for part in parts if kept.has(part.name)}
    alone = not study.spreads or local_mesh(config.mesh) is None
    width = study.side_by_side if alone else 1
    earlier = pace.read(cache_dir() / "paces" / f"{study.name}.json")
    return Planned(rows(parts, done, earlier, speed, width), folder, width, peaks(study.name))


def peaks(study: str) -> dict[str, int]:
    """Peak resident bytes of earlier runs on this machine, by what they ran."""
    try:
        return {str(what): int(size) for what, size in json.loads(_peaks(study).read_text()).items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def remember_peak(study: str, what: str, size: int) -> None:
    """Keep the most memory that a run of this took here."""
    known = peaks(study)
    write_json(_peaks(study), {**known, what: max(size, known.get(what, 0))})


def _peaks(study: str) -> Path:
    return cache_dir() / "peaks" / f"{study}.json"
