"""``jprobe open``: a run's report in the browser."""

import webbrowser
from pathlib import Path

from jprobe.errors import MissingFileError
from jprobe.files import is_there
from jprobe.seals import check_page
from jprobe.studies.command import taking_up


def show(folder: str | None) -> None:
    """Print the path of a run's report, and show it where there is a browser.

    Args:
        folder: of the run; None: the newest one in runs/.

    Raises:
        MissingFileError: there is no run, or it has no report yet.
        DamagedFileError: the report is not as it was written.
    """
    report = report_of(newest() if folder is None else Path(folder))
    print(report)
    try:
        webbrowser.open(report.as_uri())
    except webbrowser.Error:  # no browser: the path is all there is to tell
        return


def report_of(folder: Path) -> Path:
    """The report of a run, as an absolute path.

    Raises:
        MissingFileError: there is no such folder, it is none of a run, or the run is not finished.
        DamagedFileError: the report is not as it was written.
    """
    if not is_there(folder):
        raise MissingFileError(folder, "Name the folder of a run, or nothing for the newest one in runs/.")
    report = folder.resolve() / "report.html"
    if report.is_file():
        check_page(report)
        return report
    raise MissingFileError(report, f"The run is not finished. This takes it up: {taking_up(folder)}")


def newest(where: str | Path = "runs") -> Path:
    """The run that was begun or finished last.

    Raises:
        MissingFileError: there is none.
    """
    runs = [file.parent for file in Path(where).glob("*/config.json")]
    if not runs:
        raise MissingFileError(f"A run in {where}/", "Name the folder of one, or start one: jprobe run probes")
    return max(runs, key=_touched)


def _touched(run: Path) -> float:
    """When a run was last written to."""
    files = (run / "config.json", run / "parts", run / "report.html")
    return max(file.stat().st_mtime for file in files if file.exists())
