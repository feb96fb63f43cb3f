"""Results on disk: labelled arrays, provenance, and the folder of a run that can be taken up again."""

import datetime
import json
import platform
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jax
import xarray as xr

from jprobe.atomic import replacing
from jprobe.errors import ConfigMismatchError, DiskError

PACKAGES = ("jprobe", "jax", "jaxlib", "flax", "optax", "numpy", "scipy", "xarray", "tensorflow-datasets")


def write(path: str | Path, content: bytes | str) -> None:
    """Write a file whole or not at all, and its folder if need be.

    Raises:
        DiskError: it could not be written; an older file of that name is then still there.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise DiskError(path, error.strerror or str(error)) from error


def write_json(path: str | Path, content: Mapping[str, Any]) -> None:
    """Write a mapping as JSON, keys in their order."""
    write(path, json.dumps(content, indent=2) + "\n")


def save(path: str | Path, dataset: xr.Dataset) -> None:
    """Write an xarray Dataset as netCDF.

    Raises:
        DiskError: it could not be written.
    """
    write(path, bytes(dataset.to_netcdf(engine="scipy")))


def load(path: str | Path) -> xr.Dataset:
    """Read a Dataset that :func:`save` wrote, into memory.

    Example:
        >>> import tempfile, xarray as xr
        >>> path = f"{tempfile.mkdtemp()}/a.nc"
        >>> save(path, xr.Dataset({"accuracy": ("seed", [0.5, 1.0])}))
        >>> load(path).accuracy.values.tolist()
        [0.5, 1.0]
    """
    with xr.open_dataset(path, engine="scipy") as dataset:
        return dataset.load()


def provenance(checksums: Mapping[str, str], command: str, seconds: float) -> dict[str, Any]:
    """What made these results: versions, machine, data checksums, command, time.

    Args:
        checksums: file name -> checksum of each data file used.
        command: the command that repeats the run.
        seconds: wall time of the run.
    """
    devices = jax.devices()
    return {
        "command": command,
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "devices": f"{len(devices)} x {devices[0].device_kind}",
        "versions": {name: _version(name) for name in PACKAGES},
        "data": dict(checksums),
    }


class RunFolder:
    """The folder of one run: what is finished stays, and the same configuration takes it up again.

    Args:
        path: the folder.
        config: what the numbers depend on, as JSON types.

    Raises:
        ConfigMismatchError: the folder holds a run with another configuration.
        DiskError: the folder cannot be written.
    """

    def __init__(self, path: str | Path, config: Mapping[str, Any]) -> None:
        self.path = Path(path)
        wanted = json.loads(json.dumps(config))
        file = self.path / "config.json"
        if file.exists():
            found = json.loads(file.read_text())
            differences = [
                f"{key}: {found.get(key, 'absent')} there, {wanted.get(key, 'absent')} now"
                for key in dict.fromkeys([*found, *wanted])
                if found.get(key) != wanted.get(key)
            ]
            if differences:
                raise ConfigMismatchError(self.path, differences)
        write_json(file, wanted)

    def piece(self, name: str, compute: Callable[[], xr.Dataset]) -> xr.Dataset:
        """The named part of the results: read if an earlier run finished it, else computed and written."""
        path = self.path / "sweeps" / f"{name}.nc"
        if path.exists():
            try:
                return load(path)
            except (OSError, ValueError, TypeError, IndexError):
                path.unlink()  # cut short by a crash outside our hands: compute it again
        dataset = compute()
        save(path, dataset)
        return dataset

    def has(self, name: str) -> bool:
        """Whether the named part is finished."""
        return (self.path / "sweeps" / f"{name}.nc").exists()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
