"""The command that repeats a run, or takes it up: from its configuration, or from the one in its folder."""

import dataclasses
import importlib
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jprobe.errors import DamagedFileError, JprobeError, MissingFileError
from jprobe.files import is_there, read_object
from jprobe.studies import NAMES
from jprobe.studies.config import Config

# What every study can be told.
_SHARED = {field.name for field in dataclasses.fields(Config)}


def command_of(config: Config, default: Config) -> str:
    """Every option that differs from its preset, but those that say which of several processes this one is.

    Args:
        config: of the run.
        default: its preset.

    Example:
        >>> from jprobe.studies.probes import Config as Probes
        >>> command_of(Probes(seeds=5, probes=("prune", "flip"), out="here"), Probes())
        'jprobe run probes --preset quick --seeds 5 --probes prune flip --out here'
    """
    words, here = ["jprobe", "run", config.study, "--preset", config.preset], {"preset", *config.of_process()}
    # What every study can be told comes first among the fields; in a command the folder reads better at the end.
    fields = sorted(dataclasses.fields(config), key=lambda field: field.name in _SHARED)
    for field in fields:
        value, option = getattr(config, field.name), f"--{field.name.replace('_', '-')}"
        if field.name in here or value == getattr(default, field.name):
            continue
        if isinstance(value, bool):
            words.append(option)
        else:
            words += [option, *map(str, value if isinstance(value, tuple) else (value,))]
    return shlex.join(words)


def configuration(folder: str | Path) -> Mapping[str, Any]:
    """What a run's numbers depend on, as its folder says; ``study`` is the study's name.

    Raises:
        MissingFileError: the folder is none of a run.
        DamagedFileError: its config.json cannot be read.
    """
    file = Path(folder) / "config.json"
    if not is_there(file):
        raise MissingFileError(file, "Name the folder of a run, such as one in runs/.")
    mend = "Run the study again, into another folder."
    found = read_object(file, mend)
    if not isinstance(found.get("study"), str):
        raise DamagedFileError(file, "its study has no name.", mend)
    return found


def taking_up(folder: str | Path) -> str:
    """The command that takes up the run of a folder, with as few options as one of the presets allows.

    Args:
        folder: of a run that ``jprobe run`` started.

    Raises:
        MissingFileError: the folder is none of a run.
        DamagedFileError: its config.json cannot be read.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> _ = (Path(folder) / "config.json").write_text('{"study": "probes", "seeds": 5, "widths": []}')
        >>> taking_up(folder) == f"jprobe run probes --preset quick --seeds 5 --out {folder}"
        True
    """
    found = configuration(folder)
    plain = shlex.join(["jprobe", "run", found["study"], "--out", str(folder)])
    if found["study"] not in NAMES:  # somebody's own
        return plain
    package = importlib.import_module(f"jprobe.studies.{found['study']}")
    known = {field.name for field in dataclasses.fields(package.Config)}
    commands = []
    for name, preset in package.PRESETS.items():
        given = {key: _as_given(value) for key, value in found.items() if key in known}
        try:
            config = dataclasses.replace(preset, **given, preset=name, out=Path(folder))
        except JprobeError:  # of another version, which knew other words
            continue
        commands.append(command_of(config, preset))
    return min(commands, key=len, default=plain)


def _as_given(value: Any) -> Any:
    """JSON's lists as the tuples that options are."""
    return tuple(map(_as_given, value)) if isinstance(value, list) else value
