"""One case: run it in a closed box, and say whether jprobe accepted it, refused it with a clear error, or did wrong."""

import contextlib
import io
import os
import resource
import shutil
import signal
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from jprobe.errors import JprobeError

# Seconds, bytes, lines and letters that an answer may take.
PATIENCE, MEMORY, LINES, LETTERS = 20, 2**30, 45, 6000


class Reached(BaseException):
    """A case came as far as it should: what follows is no question of input."""


class _HangError(BaseException):
    """A case takes too long."""


class Box:
    """A folder for one case: what it is given, jprobe's cache, where it runs, and nothing else.

    Args:
        root: the folder, which is emptied.
    """

    def __init__(self, root: Path) -> None:
        shutil.rmtree(root, ignore_errors=True)
        self.root, self.given, self.cache, self.here = root, root / "given", root / "cache", root / "here"
        for folder in (self.given, self.cache, self.here):
            folder.mkdir(parents=True)
        # What a file makes if its code is run, or if it is unpacked without care.
        self.marker = root / "marker"

    def listing(self) -> dict[str, tuple[int, int]]:
        """Every file: its size and when it was changed."""
        found = {}
        for folder, _, files in os.walk(self.root):
            for name in files:
                stat = os.lstat(os.path.join(folder, name))
                found[os.path.relpath(os.path.join(folder, name), self.root)] = (stat.st_size, stat.st_mtime_ns)
        return found


class Case(NamedTuple):
    """One input.

    Attributes:
        says: what it is, to find it again.
        run: gives it to jprobe.
        named: words of which a clear error has one: the file, the option.
        limited: whether little memory is given.
        anywhere: whether the case itself says where files go, if it is accepted.
    """

    says: str
    run: Callable[[], Any]
    named: tuple[str, ...] = ()
    limited: bool = True
    anywhere: bool = False


class Verdict(NamedTuple):
    """What became of a case: "accepted", "refused" or "wrong", and why."""

    word: str
    why: str


def judge(case: Case, box: Box) -> Verdict:
    """Run a case and look at everything that it left.

    Args:
        case: the input.
        box: made for this case, with its files in it.
    """
    before = box.listing()
    with _inside(box), _captured() as told, _limited(case.limited):
        verdict = _answer(case, told)
    if verdict.word != "wrong" and (left := _left(box, before, verdict.word, case.anywhere)):
        return Verdict("wrong", left)
    return verdict


def _answer(case: Case, told: Callable[[], str]) -> Verdict:
    error: BaseException | None = None
    try:
        case.run()
    except BaseException as raised:
        error = raised
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    said = told()
    if "Traceback (most recent call last)" in said or "panicked at" in said:
        return Verdict("wrong", f"a traceback on stderr: {said[-600:]}")
    chain = error
    while chain is not None:
        if isinstance(chain, MemoryError):
            return Verdict("wrong", f"asked for more memory than there is: {chain}")
        chain = chain.__cause__ or chain.__context__
    if error is None or isinstance(error, Reached) or (isinstance(error, SystemExit) and error.code in (None, 0)):
        return Verdict("accepted", "")
    if isinstance(error, SystemExit) and error.code in (1, 2):
        return _clear(said, case)
    if isinstance(error, JprobeError):
        return _clear(str(error), case)
    if isinstance(error, _HangError):
        return Verdict("wrong", f"took more than {PATIENCE} s: {_place(error)}")
    return Verdict("wrong", f"{type(error).__name__}: {str(error)[:300]} {_place(error)}")


def _clear(message: str, case: Case) -> Verdict:
    """Whether an error is one message of a few lines that names what it is of."""
    if not message.strip():
        return Verdict("wrong", "refused without a word")
    # What a person typed may be told again.
    room = len(case.says)
    if len(message) > LETTERS + 2 * room or message.count("\n") > LINES + room // 40:
        return Verdict(
            "wrong", f"a message of {len(message)} letters and {message.count(chr(10)) + 1} lines: {message[:200]}"
        )
    if "object at 0x" in message:
        return Verdict("wrong", f"a message that shows an address: {message[:300]}")
    if case.named and not any(name in message for name in case.named):
        return Verdict("wrong", f"a message that names none of {case.named}: {message[:300]}")
    return Verdict("refused", message)


def _left(box: Box, before: dict[str, tuple[int, int]], word: str, anywhere: bool) -> str:
    """What is there that should not be; nothing if all is well."""
    if box.marker.exists():
        return "code from the file was run, or a file was written outside its folder"
    after = box.listing()
    changed = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    # What a run may always make again, and what it waits for.
    changed = [name for name in changed if not name.startswith(("cache/compiled/", "cache/data/mnist.npz"))]
    if halves := [name for name in changed if name.endswith((".tmp", ".new", ".old"))]:
        return f"half a file is left: {halves}"
    allowed = (("",) if anywhere else ("cache/", "here/")) if word == "accepted" else ()
    if wrong := [name for name in changed if not name.startswith(allowed)] if allowed else changed:
        return f"{word}, and these files changed: {wrong[:5]}"
    return ""


def _place(error: BaseException) -> str:
    """The last lines of code that an error went through."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    return " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))


@contextlib.contextmanager
def _inside(box: Box) -> Iterator[None]:
    """Run in a box, with its cache."""
    here, environment = os.getcwd(), dict(os.environ)
    os.environ.update(
        JPROBE_CACHE=str(box.cache),
        TFDS_DATA_DIR=str(box.root / "tfds"),
        HF_HUB_CACHE=str(box.root / "hub"),
        COLUMNS="80",
    )
    os.chdir(box.here)
    try:
        yield
    finally:
        os.chdir(here)
        os.environ.clear()
        os.environ.update(environment)


@contextlib.contextmanager
def _captured() -> Iterator[Callable[[], str]]:
    """Take stdout and stderr, those of libraries in other languages too; gives what stderr was told."""
    said = io.StringIO()
    with tempfile.TemporaryFile() as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)

        def told() -> str:
            file.seek(0)
            return said.getvalue() + file.read().decode(errors="replace")

        try:
            with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO(), "utf-8")), contextlib.redirect_stderr(said):
                yield told
        finally:
            os.dup2(kept, 2)
            os.close(kept)


@contextlib.contextmanager
def _limited(memory: bool) -> Iterator[None]:
    """Give a case little time and, if asked, little memory beyond what there is now."""

    def stop(*_: Any) -> None:
        raise _HangError

    before = signal.signal(signal.SIGALRM, stop)
    limits = resource.getrlimit(resource.RLIMIT_AS)
    if memory:
        now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, limits[1]))
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, limits)
