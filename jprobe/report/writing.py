"""Write all that a run leaves in its folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from jprobe.files import writing
from jprobe.report.html import page
from jprobe.report.outcome import Outcome
from jprobe.report.templates import drawings
from jprobe.results import provenance, save, write, write_json
from jprobe.seals import sealed, sealed_object, sums_of

# Files whose checksums provenance.json keeps. It has its own inside, as the numbers and the report have.
SUMMED = ("config.json", "summary.json")


def record(
    folder: str | Path,
    dataset: xr.Dataset,
    told: Outcome,
    config: Mapping[str, Any],
    *,
    command: str = "",
    seconds: float = 0.0,
) -> Path:
    """Write results.nc, summary.json, provenance.json, the figures and report.html.

    Args:
        folder: where to.
        dataset: the study's numbers.
        told: what the study made of them.
        config: the configuration that the numbers depend on.
        command: what repeats the run, if it was a command.
        seconds: wall time of the run.

    Returns:
        The report's path.

    Raises:
        DiskError: something could not be written.

    Example:
        >>> import tempfile
        >>> from jprobe.report import About
        >>> told = Outcome(About("A run", "What was run."), [], [], {"energy": 0.4}, {})
        >>> record(tempfile.mkdtemp(), xr.Dataset({"energy": 0.4}), told, {"seeds": 3}).name
        'report.html'
    """
    folder = Path(folder)
    made = provenance(told.checksums, command, seconds)
    save(folder / "results.nc", dataset)
    write_json(folder / "summary.json", told.summary)
    with writing(folder):
        files = sums_of(folder, SUMMED)
    write_json(folder / "provenance.json", sealed_object({**made, "files": files}))
    pictures = drawings(told.panels)
    for name, drawing in pictures.items():
        write(folder / "figures" / f"{name}.png", drawing.png)
        write(folder / "figures" / f"{name}.pdf", drawing.pdf)
    path = folder / "report.html"
    write(path, sealed(page(told, pictures, config, made)))
    return path
