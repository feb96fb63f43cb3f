"""Write all that a run leaves in its folder."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr
from matplotlib.figure import Figure

from jprobe.report.html import page
from jprobe.report.outcome import Outcome
from jprobe.results import provenance, save, write, write_json


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
    write_json(folder / "provenance.json", made)
    pictures = {panel.name: _rendered(panel.figure, "png") for panel in told.panels}
    for panel in told.panels:
        panel.figure.set_layout_engine("none")  # stays as it was laid out for the PNG: each layout draws all text again
        write(folder / "figures" / f"{panel.name}.png", pictures[panel.name])
        write(folder / "figures" / f"{panel.name}.pdf", _rendered(panel.figure, "pdf"))
    path = folder / "report.html"
    write(path, page(told, pictures, config, made))
    return path


def _rendered(figure: Figure, ending: str) -> bytes:
    """A figure as the bytes of a file; ``ending`` is "png" or "pdf"."""
    buffer = io.BytesIO()
    # No dates inside, so that the same numbers give the same file.
    metadata = {"CreationDate": None} if ending == "pdf" else {"Software": None}
    figure.savefig(buffer, format=ending, metadata=metadata)
    return buffer.getvalue()
