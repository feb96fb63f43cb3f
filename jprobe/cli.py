"""The command ``jprobe``: run a study, list studies, bring data. Heavy rooms are imported only when used."""

import dataclasses
import importlib
import inspect
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jprobe.errors import JprobeError, UnknownNameError

STUDIES = {
    "probes": (
        "Paper 1, first half (figures 1-3, 7, 10-19): pruning, binarization, noise, sign flips, low rank, shuffling",
        "quick: under 3 minutes on two cores; paper: 14",
    ),
    "complexity": (
        "Paper 1, section 4 (figures 4, 6, 8): how hard each pair of classes is, by what networks lose without magnitudes",
        "quick: under 3 minutes on two cores; paper: about the same",
    ),
    "transformer": (
        "Paper 1, section 5 (figures 5, 9, 20): robustness of each layer of a pretrained DistilBERT, or of any network",
        "quick: about 7 minutes on two cores; paper: a GPU's work",
    ),
    "frustration": (
        "Paper 2 (figures 2-8, table 1): a network as a signed DAG: frustration, null models, bounds, monotonicity",
        "quick: 14 minutes on two cores for squeezenet, 20 s for mnist; paper: hours",
    ),
}

USAGE = """jprobe: probe trained neural networks as signed, weighted graphs

  jprobe run STUDY [--preset quick|paper] [--out DIR] [options]   reproduce a study; 'jprobe run STUDY --help' lists the options
  jprobe list                                                     studies, what each reproduces, what it costs
  jprobe data show                                                datasets, and where each is
  jprobe data fetch NAME                                          download a dataset
  jprobe data import NAME DIR                                     take a dataset's official files from a folder
  jprobe weights show                                             published checkpoints, and where each is
  jprobe weights fetch NAME                                       download a checkpoint
  jprobe weights import NAME PATH                                 take a checkpoint from a file (distilbert-ner: a folder)
"""

console = Console()


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line; exits with 1 on an explained error, 2 on a wrong call, 130 on Ctrl-C."""
    args = list(sys.argv[1:] if argv is None else argv)
    try:
        match args:
            case [] | ["-h" | "--help"]:
                print(USAGE)
            case ["--version"]:
                from importlib.metadata import version

                print(version("jprobe"))
            case ["list"]:
                _list()
            case ["run", study, *options] if not study.startswith("-"):
                if study not in STUDIES:
                    raise UnknownNameError("study", study, STUDIES)
                _run(study, options)
            case ["data", "show"]:
                _data_show()
            case ["data", "fetch", name]:
                from jprobe import data

                print((data.conll2003() if name == "conll2003" else data.fetch(name)).source)
            case ["data", "import", name, folder]:
                from jprobe import data

                for path in data.import_files(name, Path(folder)):
                    print(path)
            case ["weights", "show"]:
                _weights_show()
            case ["weights", "fetch", name]:
                from jprobe import weights

                print(weights.fetch(name))
                _weights_lack(name)
            case ["weights", "import", name, folder]:
                from jprobe import weights

                for path in weights.import_weights(name, folder):
                    print(path)
                _weights_lack(name)
            case _:
                print(USAGE, file=sys.stderr)
                sys.exit(2)
    except JprobeError as error:
        print(f"jprobe: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        sys.exit(130)


def _list() -> None:
    table = Table("study", "what it reproduces", "cost", box=None)
    for name, (what, cost) in STUDIES.items():
        table.add_row(name, what, cost)
    console.print(table)


def _data_show() -> None:
    from jprobe import data

    table = Table("name", "what", "where", "licence", box=None)
    for entry in data.catalogue():
        table.add_row(*(escape(text) for text in (entry.name, entry.what, entry.where, entry.licence)))
    console.print(table)


def _weights_show() -> None:
    from jprobe import weights

    table = Table("name", "what", "where", box=None)
    for entry in weights.catalogue():
        table.add_row(*(escape(text) for text in entry))
    console.print(table)


def _weights_lack(name: str) -> None:
    """Say what a checkpoint of a network of photos does not hold."""
    from jprobe import weights

    if weights.is_here(name) and (lacks := weights.load(name).lacks):
        print(f"It lacks {' and '.join(lacks)}; studies run on what is there, and say so.")


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for n, name in enumerate(header):
        table.add_column(name, justify="right" if n else "left", no_wrap=True)
    for row in rows:
        # What follows a row without a name of its own is what others found.
        table.add_row(*map(escape, row), style="" if row[0] else "dim")
    console.print(table)


def _preset(options: Sequence[str], presets: dict[str, Any]) -> Any:
    """The defaults that the other options start from: --preset is read before the rest."""
    for n, option in enumerate(options):
        name = option.partition("=")[2] if option.startswith("--preset=") else None
        if option == "--preset" and n + 1 < len(options):
            name = options[n + 1]
        if name is not None:
            if name not in presets:
                raise UnknownNameError("preset", name, presets)
            return presets[name]
    return presets["quick"]


def _run(name: str, options: Sequence[str]) -> None:
    """Run a study, or take up a run that was interrupted, and write all that it found into its folder."""
    study = importlib.import_module(f"jprobe.studies.{name}")
    default = _preset(options, study.PRESETS)
    about = inspect.cleandoc(study.Config.__doc__).partition("Example:")[0]
    config = tyro.cli(study.Config, args=options, default=default, prog=f"jprobe run {name}", description=about)

    if getattr(config, "table", None) is not None:
        header, rows = study.TABLES[config.table]
        return _table(header, rows())

    import jax

    from jprobe import data, report
    from jprobe.results import RunFolder

    if jax.config.values["jax_compilation_cache_dir"] is None:
        # Tasks share most of their programs, and so do runs: what is compiled once is not compiled again.
        jax.config.update("jax_compilation_cache_dir", str(data.cache_dir() / "compiled"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    started = time.monotonic()
    folder = RunFolder(config.folder(), config.numbers())
    dataset = _with_progress(lambda tick: study.run(config, folder, tick), folder.path)
    told = study.outcome(dataset, config)
    seconds = time.monotonic() - started
    command = _command(name, config, default)
    where = report.record(folder.path, dataset, told, config.numbers(), command=command, seconds=seconds).resolve()
    _tell(told)
    console.print(f"\n{seconds:.0f} s. Report: [bold]{escape(str(where))}[/bold]", soft_wrap=True)


def _tell(told: Any) -> None:
    table = Table("the paper's finding", "this run", "", box=None, padding=(0, 2, 0, 0))
    for finding in told.findings:
        verdict = "[green]holds[/green]" if finding.holds else "[red]not seen[/red]"
        table.add_row(escape(finding.claim), escape(finding.seen), verdict)
    if told.findings:
        console.print(table)
    else:
        for key, value in told.summary.items():
            console.print(f"{key:48} {f'{value:.4f}' if isinstance(value, float) else value}")


def _with_progress(work: Callable[[Callable[[str, float], None]], Any], folder: Path) -> Any:
    """Do the work under a progress display; Ctrl-C says what is kept and leaves with 130."""
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description:42}"),
        BarColumn(30),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    try:
        if not console.is_terminal:
            return work(_Lines())
        with Progress(*columns, console=console, speed_estimate_period=120) as progress:
            bar = progress.add_task("starting", total=1.0)

            def show(label: str, done: float) -> None:
                progress.update(bar, description=label, completed=done)

            return work(show)
    except KeyboardInterrupt:
        console.print(
            f"\nStopped. What is finished is kept in {escape(str(folder))}; the same command takes it up again."
        )
        sys.exit(130)


class _Lines:
    """Progress for logs: a line when the work changes."""

    def __init__(self) -> None:
        self.start, self.label = time.monotonic(), ""

    def __call__(self, label: str, done: float) -> None:
        if label != self.label:
            self.label = label
            passed = time.monotonic() - self.start
            left = f", about {passed / done * (1 - done):.0f} s left" if done > 0.02 else ""
            print(f"{done:4.0%} {passed:5.0f} s  {label}{left}", flush=True)


def _command(study: str, config: Any, default: Any) -> str:
    """The command that repeats a run: every option that differs from its preset."""
    words = ["jprobe", "run", study, "--preset", config.preset]
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if field.name == "preset" or value == getattr(default, field.name):
            continue
        if isinstance(value, bool):
            words.append(f"--{field.name}")
        else:
            words += [f"--{field.name}", *map(str, value if isinstance(value, tuple) else (value,))]
    return shlex.join(words)
