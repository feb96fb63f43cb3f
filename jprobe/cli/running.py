"""``jprobe run``: options from a study's Config, the one runner, and what it found, on the terminal."""

import contextlib
import importlib
import inspect
from collections.abc import Sequence
from typing import Any

import tyro
from rich.markup import escape

from jprobe.cli.showing import console, numbers
from jprobe.cli.stopping import STOP
from jprobe.errors import DiskError, UnknownNameError

# Keys of summary.json that are printed where a study has neither findings nor a table of its own.
_SHOWN = 20


def run(name: str, options: Sequence[str]) -> None:
    """Run a study, or take up a run that was interrupted, and write all that it found into its folder."""
    package, default, config = configured(name, options)
    if getattr(config, "table", None) is not None:
        header, rows = package.TABLES[config.table]
        return numbers(header, rows())

    from jprobe import processes
    from jprobe.cli.progress import duration, shown
    from jprobe.studies import run as run_study
    from jprobe.studies.command import command_of

    study, folder = package.STUDY, config.folder(package.PRESETS)
    what = f"{name}, preset {config.preset}: {config.in_words()}"
    time = study.cost_of(config.preset)
    if config.numbers() != default.numbers():
        time = f"with the preset's own options {time}"
    command = command_of(config, default)
    if config.shared:
        # JAX waits for minutes, and then ends the program with a message of its own.
        print(f"looking for the other processes ({config.coordinator or 'as the cluster says'})", flush=True)
        processes.join(config.coordinator, config.processes, config.process_id)
        if processes.index() != 0:
            return _help(study, config, f"process {processes.index()}, from 0, of {processes.count()}: {what}")
    STOP.unwind()
    try:
        with shown(what, folder, time) as display:

            def show(label: str, done: float) -> None:
                STOP.check()
                display(label, done)

            result = run_study(study, config, command=command, progress=show, planned=display.plan)
    except BaseException as error:
        if STOP.number is None and not isinstance(error, KeyboardInterrupt):
            raise
        kept = f"What is finished is kept in {folder}; the same command takes it up again."
        console.print(f"\nStopped. {escape(kept)}", soft_wrap=True)
        processes.leave(STOP.status)
    _remember_peak(name, what)
    _tell(study, result)
    took = f"{duration(result.seconds)}. Report: [bold]{escape(str(result.report.resolve()))}[/bold]"
    console.print(f"\n{took}", soft_wrap=True, highlight=False)


def _help(study: Any, config: Any, what: str) -> None:
    """Compute this process's share of a run; process 0 tells what was found."""
    from jprobe.studies import assist

    print(what, flush=True)
    assist(study, config, planned=lambda plan: print(f"{plan.parts - plan.finished} parts are this one's", flush=True))
    print("finished", flush=True)


def configured(name: str, options: Sequence[str], command: str = "run") -> tuple[Any, Any, Any]:
    """A study's package, the preset that its options start from, and its configuration with these options."""
    package = importlib.import_module(f"jprobe.studies.{name}")
    # Only the options so far: they are light to import, and a mistake in them is answered at once.
    default = _preset(options, package.PRESETS)
    about = inspect.cleandoc(package.Config.__doc__).partition("Example:")[0]
    config = tyro.cli(package.Config, args=options, default=default, prog=f"jprobe {command} {name}", description=about)
    return package, default, config


def _remember_peak(name: str, what: str) -> None:
    """Keep how much memory the run took: this process has run nothing else."""
    from jprobe.memory import peak
    from jprobe.studies.runner.planning import remember_peak

    size = peak()
    if size is not None:
        # A plan that says less is no reason to fail a finished run.
        with contextlib.suppress(DiskError):
            remember_peak(name, what, size)


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


def _tell(study: Any, result: Any) -> None:
    """Findings with their verdicts; a study without findings shows its table, or its first numbers."""
    from jprobe.cli.findings import tell_findings

    told = result.outcome
    if told.findings:
        tell_findings(told.findings)
    elif study.table is not None:
        numbers(*study.table(result.dataset))
    else:
        keys = list(told.summary)
        for key in keys[:_SHOWN]:
            value = told.summary[key]
            console.print(f"{key:40} {f'{value:.4f}' if isinstance(value, float) else value}", soft_wrap=True)
        if len(keys) > _SHOWN:
            console.print(f"... and {len(keys) - _SHOWN} more in summary.json")
