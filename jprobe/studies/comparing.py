"""Finished runs of one study side by side."""

import importlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import xarray as xr

from jprobe.errors import ArgumentError, DamagedFileError, MissingFileError, UnknownNameError
from jprobe.figures import comparison as figures
from jprobe.figures.style import title
from jprobe.files import is_there, read_object
from jprobe.report import Finding, Panel
from jprobe.report.comparison import Cell, Compared, Comparison
from jprobe.report.writing import SUMMED
from jprobe.results import load
from jprobe.seals import check_file, check_object
from jprobe.studies import NAMES
from jprobe.studies.command import configuration, taking_up
from jprobe.studies.study import Curve, Study

# A label of values has to fit a column.
_LABEL = 28

_ABSENT = "not recorded"


class _Run(NamedTuple):
    """A finished run, as its folder holds it."""

    folder: Path
    config: Mapping[str, Any]
    summary: Mapping[str, Cell]
    provenance: Mapping[str, Any]
    dataset: xr.Dataset

    @property
    def datasets(self) -> list[str]:
        """Names of the datasets that it ran on; none of a study that is of networks."""
        names = self.config.get("dataset", ())
        return [names] if isinstance(names, str) else list(names)


class _Column(NamedTuple):
    """A run, or one of the datasets of a run of several."""

    label: str
    run: _Run
    dataset: str | None


def compare(folders: Sequence[str | Path]) -> Comparison:
    """Set finished runs of one study side by side: two datasets, two activations, two networks.

    Findings are computed again from the numbers, so all are of this version of jprobe.

    Args:
        folders: of the runs, two or more.

    Returns:
        What differs in their configurations, the headline numbers that they share (without the names of datasets in
        their keys), what each says of every claim, and the curves of all in one figure.

    Raises:
        MissingFileError: a folder holds no finished run.
        DamagedFileError: a file of a run cannot be read.
        ArgumentError: fewer than two folders, one twice, more than eight columns, or runs of different studies.

    Example:
        >>> import tempfile
        >>> from jprobe import studies
        >>> from jprobe.studies import probes
        >>> folders = []
        >>> for activation in ("relu", "tanh"):
        ...     out = f"{tempfile.mkdtemp()}/{activation}"
        ...     config = probes.Config(seeds=2, epochs=1, pair=(0, 1), probes=("flip",), activation=activation, out=out)
        ...     folders.append(studies.run(probes.STUDY, config).report.parent)
        >>> found = compare(folders)
        >>> found.options, found.numbers[0][0], [panel.name for panel in found.panels]
        ([('activation', ['relu', 'tanh'])], '0-1.base', ['flip'])
    """
    paths = [Path(folder) for folder in folders]
    if len(paths) < 2:
        raise ArgumentError("A comparison needs the folders of two runs or more.")
    for n, path in enumerate(paths):
        if not is_there(path) or not path.is_dir():
            raise MissingFileError(path, "Name the folders of finished runs, such as those in runs/.")
        if path.resolve() in [other.resolve() for other in paths[:n]]:
            raise ArgumentError(f"{path} is named twice; a run compared with itself says nothing.")
    runs = [_read(path) for path in paths]
    studies = list(dict.fromkeys(run.config["study"] for run in runs))
    if len(studies) > 1:
        raise ArgumentError(
            f"The runs are of different studies ({', '.join(studies)}); only runs of one can be compared."
        )
    if studies[0] not in NAMES:
        raise UnknownNameError("study to compare runs of", studies[0], NAMES)
    study: Study[Any, Any] = importlib.import_module(f"jprobe.studies.{studies[0]}").STUDY
    options = _options(runs)
    labels = _labels(runs, options)
    columns = [
        _Column(f"{label}: {name}" if len(run.datasets) > 1 else label, run, name)
        for label, run in zip(labels, runs, strict=True)
        for name in (run.datasets or (None,))
    ]
    if len(columns) > len(figures.COLORS):
        raise ArgumentError(
            f"At most {len(figures.COLORS)} columns fit side by side (a dataset of a run each), not {len(columns)}."
        )
    compared = [
        Compared(label, str(run.folder), run.provenance.get("command", ""), run.provenance.get("finished", ""))
        for label, run in zip(labels, runs, strict=True)
    ]
    panels = [panel for name, curve in study.curves.items() for panel in _panel(name, curve, columns)]
    return Comparison(
        study.name,
        compared,
        options,
        [column.label for column in columns],
        _numbers(columns),
        _claims(study, runs),
        panels,
    )


def _read(folder: Path) -> _Run:
    config = configuration(folder)
    for name in ("results.nc", "summary.json"):
        if not (folder / name).is_file():
            raise MissingFileError(folder / name, f"The run is not finished. This takes it up: {taking_up(folder)}")
    file = folder / "provenance.json"
    provenance = _json(file) if file.is_file() else {}
    check_object(provenance, file)
    sums = provenance.get("files", {})
    for name in SUMMED:
        check_file(folder / name, sums if isinstance(sums, dict) else {})
    return _Run(folder, config, _json(folder / "summary.json"), provenance, load(folder / "results.nc"))


def _json(file: Path) -> dict[str, Any]:
    return read_object(file, "Delete it, and the run's command writes it again.")


def _options(runs: Sequence[_Run]) -> list[tuple[str, list[str]]]:
    """(option, its value in each run) where configurations differ."""
    names = dict.fromkeys(name for run in runs for name in run.config)
    found = [(name, [_words(run.config.get(name, _ABSENT)) for run in runs]) for name in names]
    return [(name, values) for name, values in found if len(set(values)) > 1]


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def _labels(runs: Sequence[_Run], options: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """What tells the runs apart: values of options if they are short, else names of folders."""
    # What an older version did not record tells nothing apart.
    recorded = [values for _, values in options if _ABSENT not in values]
    # Of a checkpoint's folder or address the last word is enough.
    values = [", ".join(word.rpartition("/")[2] for word in words) for words in zip(*recorded, strict=True)]
    names = [run.folder.resolve().name for run in runs]
    for labels in (values, names):
        if len(set(labels)) == len(runs) and max(map(len, labels)) <= _LABEL:
            return labels
    return names if len(set(names)) == len(runs) else [str(run.folder) for run in runs]


def _numbers(columns: Sequence[_Column]) -> list[tuple[str, list[Cell]]]:
    """The headline numbers that all columns share."""
    tables = [_of_dataset(column) for column in columns]
    shared = [key for key in tables[0] if all(key in table for table in tables)]
    return [(key, [table[key] for table in tables]) for key in shared]


def _of_dataset(column: _Column) -> dict[str, Cell]:
    """A column's headline numbers, its dataset taken off their keys, those of other datasets left out."""
    others = set(column.run.datasets) - {column.dataset}
    out: dict[str, Cell] = {}
    for key, value in column.run.summary.items():
        parts = key.split(".")
        if not others & set(parts):
            if column.dataset in parts:
                parts.remove(column.dataset)
            out[".".join(parts)] = value
    return out


def _claims(study: Study[Any, Any], runs: Sequence[_Run]) -> list[tuple[str, list[list[Finding]]]]:
    """(claim, what each run's findings say of it), the dataset that a claim begins with taken off."""
    found: dict[str, list[list[Finding]]] = {}
    for n, run in enumerate(runs):
        try:
            findings = study.findings(run.dataset)
        except (KeyError, AttributeError, ValueError) as error:
            mend = f"Run it again into another folder: {taking_up(run.folder)}"
            raise DamagedFileError(run.folder, f"another version wrote its numbers ({error}).", mend) from error
        for finding in findings:
            claim = finding.claim
            for name in run.datasets:
                claim = claim.removeprefix(f"{title(name)}: ")
            found.setdefault(claim, [[] for _ in runs])[n].append(finding)
    return list(found.items())


def _panel(name: str, curve: Curve, columns: Sequence[_Column]) -> list[Panel]:
    """The overlaid figure of one variable, of the tasks that two columns or more have; none where there is none."""
    curves: dict[str, xr.DataArray] = {}
    for column in columns:
        if name in column.run.dataset:
            values = column.run.dataset[name]
            values = values.sel(dataset=column.dataset) if "dataset" in values.dims else values
            # A task of another dataset is a row without numbers.
            curves[column.label] = values.dropna(curve.panels, how="all")
    times = Counter(name for values in curves.values() for name in values[curve.panels].values.tolist())
    shared = [name for name, count in times.items() if count > 1]
    if not shared:
        return []
    here = {label: [name for name in shared if name in values[curve.panels]] for label, values in curves.items()}
    curves = {label: values.sel({curve.panels: here[label]}) for label, values in curves.items() if here[label]}
    signed = " Dashed: signed networks." if any("signed" in values.dims for values in curves.values()) else ""
    says = f"Medians and interquartile ranges over all networks and draws, dead ones too.{signed}"
    return [Panel(name, curve.title, says, figures.overlaid(curves, curve.x, curve.panels, curve.along, curve.of))]
