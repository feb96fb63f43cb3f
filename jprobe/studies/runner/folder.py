"""The folder of one run: what is finished stays, and only what it was computed from takes it up again."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from jprobe.atomic import remove_leftovers
from jprobe.errors import ConfigMismatchError, DamagedFileError, DiskError
from jprobe.files import is_there, read_object
from jprobe.results import load, save, write_json

# Raise this when the numbers of a part, or what its file holds, change their meaning.
FORMAT = 1

_WORDS = {
    "params": "the network's parameters",
    "inputs": "the inputs",
    "data": "the files of data and weights",
    "function": "the network's function",
    "format": "the format of results",
}


class RunFolder:
    """Parts of a run on disk.

    Nothing is written before everything that is there fits: a refused folder stays as it was.

    Args:
        path: the folder.
        config: what the numbers depend on, as JSON types.
        made_from: name -> digest of what else they depend on, see :meth:`jprobe.studies.subject.Subject.digests`.

    Raises:
        ConfigMismatchError: the folder holds a run with another configuration, or of another network or data.
        DamagedFileError: its config.json cannot be read.
        DiskError: the folder cannot be written.

    Example:
        >>> import tempfile, xarray as xr
        >>> folder = RunFolder(tempfile.mkdtemp(), {"seeds": 3}, {"params": "abc"})
        >>> folder.part("a", lambda: xr.Dataset({"x": 1.0})).x.item(), folder.has("a")
        (1.0, True)
    """

    def __init__(self, path: str | Path, config: Mapping[str, Any], made_from: Mapping[str, str]) -> None:
        self.path = Path(path)
        if is_there(self.path) and not self.path.is_dir():
            raise DiskError(self.path, "it is a file, where results need a folder")
        self._made_from = {**made_from, "format": str(FORMAT)}
        wanted = json.loads(json.dumps(config))
        file = self.path / "config.json"
        if file.exists():
            mend = "Choose another folder with --out, or delete this one to compute everything again."
            self._refuse(_differences(read_object(file, mend), wanted))
        for part in sorted((self.path / "parts").glob("*.nc")):
            found = _loaded(part)
            if found is not None:
                self._refuse(self._others(part.stem, found))
        write_json(file, wanted)
        remove_leftovers(self.path)

    def part(self, name: str, compute: Callable[[], xr.Dataset]) -> xr.Dataset:
        """The named part of the results: read if an earlier run finished it, else computed and written."""
        path = self._file(name)
        found = _loaded(path) if path.exists() else None
        if found is not None:
            self._refuse(self._others(name, found))
            del found.attrs["made_from"]
            return found
        dataset = compute()
        save(path, dataset.assign_attrs(made_from=json.dumps(self._made_from)))
        return dataset

    def has(self, name: str) -> bool:
        """Whether the named part is finished."""
        return self._file(name).exists()

    def _file(self, name: str) -> Path:
        return self.path / "parts" / f"{name.replace('/', '_')}.nc"

    def _others(self, name: str, found: xr.Dataset) -> list[str]:
        """What a part was computed from that is something else now."""
        there = json.loads(found.attrs.get("made_from", "{}"))
        changed = [key for key in {**there, **self._made_from} if there.get(key) != self._made_from.get(key)]
        words = " and ".join(_WORDS.get(key, key) for key in changed)
        return [f"{name}: computed there from something else than is given now ({words})"] if changed else []

    def _refuse(self, differences: list[str]) -> None:
        if differences:
            raise ConfigMismatchError(self.path, differences)


def _differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    return [
        f"{key}: {found.get(key, 'absent')} there, {wanted.get(key, 'absent')} now"
        for key in dict.fromkeys([*found, *wanted])
        if found.get(key) != wanted.get(key)
    ]


def _loaded(path: Path) -> xr.Dataset | None:
    """The part in a file; None if the file is damaged, so that it is computed again."""
    try:
        return load(path)
    except DamagedFileError:
        return None
