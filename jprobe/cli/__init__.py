"""The command ``jprobe``: run a study, plan it, list studies, bring data and weights.

Nothing heavy is imported before a command needs it, so help and mistakes are answered at once.
"""

import contextlib
import errno
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from jprobe.cli.stopping import STOP
from jprobe.errors import JprobeError, UnknownNameError, quoted
from jprobe.studies import NAMES

USAGE = """jprobe: probe trained neural networks as signed, weighted graphs

  jprobe run STUDY [options]        run a study; with --help: its options
  jprobe plan STUDY [options]       its parts, time, memory (--devices NAME...)
  jprobe open [DIR]                 show a run's report; without DIR the newest
  jprobe compare DIR DIR...         set finished runs side by side (--out FILE)
  jprobe list                       studies, what each asks, how long it takes
  jprobe data show                  datasets, and where each is
  jprobe data fetch NAME            download a dataset
  jprobe data import NAME DIR       take its official files from a folder
  jprobe weights show               published checkpoints, and where each is
  jprobe weights fetch NAME         download a checkpoint
  jprobe weights import NAME PATH   take it from a file, or a folder
  jprobe --version
"""

_WORDS = {
    "run": NAMES,
    "plan": NAMES,
    "open": (),
    "compare": (),
    "list": (),
    "data": ("show", "fetch", "import"),
    "weights": ("show", "fetch", "import"),
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line; exits with 1 on an explained error, 2 on a wrong call, 130 on Ctrl-C, 143 on SIGTERM."""
    args = list(sys.argv[1:] if argv is None else argv)
    STOP.listen()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show is no reason to stop
    try:
        _answer(args)
    except BaseException as error:
        # An exception that a signal raised inside other people's code may come out as another one.
        if isinstance(error, SystemExit) or (STOP.number is None and not isinstance(error, KeyboardInterrupt)):
            raise
        print("\nStopped.", file=sys.stderr)
        _leave(STOP.status)
    finally:
        STOP.end(last=argv is None)


def _answer(args: list[str]) -> None:
    try:
        _command(args)()
        sys.stdout.flush()
    except _WrongCallError as error:
        print(f"jprobe: {error}", file=sys.stderr)
        sys.exit(2)
    except JprobeError as error:
        STOP.check()
        print(f"jprobe: {error}", file=sys.stderr)
        _leave(1)
    except OSError as error:
        # Where jprobe writes files it says which; what is left is what it prints.
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EPIPE):
            raise
        _drop_output()
        if error.errno == errno.EPIPE:  # the reader, such as head, wants no more
            _leave(128 + signal.SIGPIPE)
        print(
            f"jprobe: What is printed could not be written: {error.strerror}. Finished work is kept; send it elsewhere, "
            "and run the same command again.", file=sys.stderr,
        )  # fmt: skip
        _leave(1)


def _drop_output() -> None:
    """Print to nowhere from now on: Python, when it ends, tries again to write what is left."""
    with contextlib.suppress(OSError, ValueError):  # no output of the system's, such as a test's
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _leave(status: int) -> NoReturn:
    """End with this status; only where JAX is there already, one of several processes may have to be left."""
    if "jax" in sys.modules:
        from jprobe import processes

        processes.leave(status)
    sys.exit(status)


class _WrongCallError(Exception):
    """A command line that cannot be understood."""


def _command(args: list[str]) -> Callable[[], None]:
    """What the words ask for, as a function to call."""
    match args:
        case [] | ["-h" | "--help"]:
            return lambda: print(USAGE)
        case ["--version"]:
            return _version
        case [command, *rest] if command in _WORDS and rest[-1:] in (["-h"], ["--help"]) and len(rest) == 1:
            return lambda: print(_usage(command))
        case ["list"]:
            from jprobe.cli import showing

            return showing.studies
        case ["run", study, *options] if not study.startswith("-"):
            _known("study", study, NAMES)
            return lambda: _run(study, options)
        case ["plan", study, *options] if not study.startswith("-"):
            _known("study", study, NAMES)
            return lambda: _plan(study, options)
        case ["open", *folder] if len(folder) < 2 and not "".join(folder).startswith("-"):
            from jprobe.cli import opening

            return lambda: opening.show(folder[0] if folder else None)
        case ["compare", *words] if words:
            folders, out = _folders_and_out(words)
            return lambda: _compare(folders, out)
        case [("data" | "weights") as kind, "show"]:
            from jprobe.cli import showing

            return getattr(showing, kind)
        case [("data" | "weights") as kind, "fetch", name]:
            from jprobe.cli import bringing

            return lambda: bringing.fetch(kind, name)
        case [("data" | "weights") as kind, "import", name, path]:
            from jprobe.cli import bringing

            return lambda: bringing.take(kind, name, path)
        case _:
            raise _WrongCallError(_advice(args))


def _run(study: str, options: list[str]) -> None:
    from jprobe.cli import running

    running.run(study, options)


def _plan(study: str, options: list[str]) -> None:
    from jprobe.cli import planning

    planning.plan(study, options)


def _folders_and_out(words: list[str]) -> tuple[list[str], str]:
    """Folders to compare, and the file to write."""
    folders, out = [], "comparison.html"
    rest = iter(words)
    for word in rest:
        if word == "--out" or word.startswith("--out="):
            out = word.removeprefix("--out").removeprefix("=") or next(rest, "")
        elif word.startswith("-"):
            raise _WrongCallError(f"'jprobe compare' knows no option {quoted(word)}:\n{_usage('compare')}")
        else:
            folders.append(word)
    if len(folders) < 2 or not out:
        raise _WrongCallError(
            f"'jprobe compare' needs two folders or more, and after --out a file:\n{_usage('compare')}"
        )
    return folders, out


def _compare(folders: list[str], out: str) -> None:
    from jprobe.cli import comparing

    comparing.compare(folders, out)


def _usage(command: str) -> str:
    """The lines of the usage that are of a command."""
    return "\n".join(line for line in USAGE.splitlines() if f"jprobe {command}" in line)


def _version() -> None:
    from jprobe import __version__

    print(__version__)


def _known(kind: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        raise UnknownNameError(kind, name, known)


def _advice(args: list[str]) -> str:
    """What to type in the place of a call that cannot be understood."""
    command, *rest = args
    if command not in _WORDS:
        try:
            _known("command", command, tuple(_WORDS))
        except UnknownNameError as error:
            return f"{error}\n\n{USAGE}"
    usage = _usage(command)
    if command in ("run", "plan"):
        return f"'jprobe {command}' needs the name of a study first: {', '.join(NAMES)}.\n{usage}"
    if not rest or rest[0] in _WORDS[command]:
        return f"{quoted(' '.join(['jprobe', *args]))} is not complete, or has a word too many:\n{usage}"
    return f"'jprobe {command}' knows no {quoted(rest[0])}:\n{usage}"
