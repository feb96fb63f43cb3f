"""Results on disk: labelled arrays with a checksum, and provenance."""

import datetime
import hashlib
import io
import json
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jax
import xarray as xr

from jprobe.atomic import replacing
from jprobe.errors import DamagedFileError
from jprobe.files import decoding, writing

PACKAGES = ("jprobe", "jax", "jaxlib", "flax", "optax", "numpy", "scipy", "xarray", "tensorflow-datasets")

# The attribute with the checksum of a file, taken over the file with zeros in the place of the checksum.
_CHECKSUM, _BLANK = "file_sha256", b"0" * 64


def write(path: str | Path, content: bytes | str) -> None:
    """Write a file whole or not at all, and its folder if need be.

    Raises:
        DiskError: it could not be written; an older file of that name is then still there.
    """
    path = Path(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(content.encode() if isinstance(content, str) else content)


def write_json(path: str | Path, content: Mapping[str, Any]) -> None:
    """Write a mapping as JSON, keys in their order."""
    write(path, json.dumps(content, indent=2) + "\n")


def save(path: str | Path, dataset: xr.Dataset) -> None:
    """Write an xarray Dataset as netCDF, with a checksum of the file inside it.

    Raises:
        DiskError: it could not be written.
    """
    content = bytes(dataset.assign_attrs({_CHECKSUM: _BLANK.decode()}).to_netcdf(engine="scipy"))
    write(path, content.replace(_BLANK, hashlib.sha256(content).hexdigest().encode(), 1))


def load(path: str | Path) -> xr.Dataset:
    """Read a Dataset that :func:`save` wrote, into memory.

    Raises:
        MissingFileError: there is no such file.
        DamagedFileError: it cannot be read, or is not what was written.

    Example:
        >>> import tempfile, xarray as xr
        >>> path = f"{tempfile.mkdtemp()}/a.nc"
        >>> save(path, xr.Dataset({"accuracy": ("seed", [0.5, 1.0])}))
        >>> load(path).accuracy.values.tolist()
        [0.5, 1.0]
    """
    mend = "Delete it to compute it again."
    with decoding(path, "a netCDF file", mend):
        content = Path(path).read_bytes()
        with xr.open_dataset(io.BytesIO(content), engine="scipy") as dataset:
            # How it was encoded in this file would fit no longer once it is joined with others.
            found = dataset.load().drop_encoding()
    checksum = str(found.attrs.pop(_CHECKSUM, ""))
    if hashlib.sha256(content.replace(checksum.encode(), _BLANK, 1)).hexdigest() != checksum:
        raise DamagedFileError(path, "its content is not what was written.", mend)
    return found


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


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
