"""Ctrl-C, and a scheduler's SIGTERM: a run ends between two steps, in one line, and the exit status says which it was."""

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

# What asks a program to end.
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether somebody has asked the program to end.

    While modules are imported an exception would come out as anything, or as a crash, so the program ends at once: nothing
    is written then. Once :meth:`unwind` was called, ``KeyboardInterrupt`` is raised, and what is being written is left out,
    not left half written. A second signal ends the program at once, as files appear whole or not at all.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._unwinds = False
        self._before: dict[signal.Signals, Any] = {}
        self._unraisable: Callable[[Any], Any] | None = None

    @property
    def status(self) -> int:
        """The exit status that says which signal it was: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + (self.number or signal.SIGINT)

    def unwind(self) -> None:
        """From now on there is something to leave in good order."""
        self._unwinds = True

    def check(self) -> None:
        """Raise ``KeyboardInterrupt`` if a signal has come: callbacks of C, and of Python's collector, swallow the first."""
        if self.number is not None:
            raise KeyboardInterrupt

    def heard(self, number: int, frame: FrameType | None) -> None:
        """A signal has come."""
        again, self.number = self.number is not None, number
        if self._unwinds and not again:
            raise KeyboardInterrupt
        show_cursor = b"\x1b[?25h" if sys.stdout.isatty() else b""
        os.write(2, show_cursor + b"\nStopped.\n")
        os._exit(self.status)

    def listen(self) -> None:
        """Hear signals from now on; what the program's parent ignores, as nohup does, stays ignored."""
        self.number, self._unwinds = None, False
        if self._unraisable is None:
            self._unraisable, sys.unraisablehook = sys.unraisablehook, self._swallowed
        with contextlib.suppress(ValueError):  # in a thread that is not the main one signals are somebody else's
            for number in _SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before.setdefault(number, signal.signal(number, self.heard))

    def end(self, last: bool) -> None:
        """There is nothing more to leave in good order; unless the program ends with this, signals are others' again."""
        self._unwinds = False
        while self._before and not last:
            signal.signal(*self._before.popitem())
        if self._unraisable is not None and not last:
            sys.unraisablehook, self._unraisable = self._unraisable, None

    def _swallowed(self, unraisable: Any) -> None:
        """Say nothing of what a signal raised where nothing can be raised, as :meth:`check` raises it again."""
        if self._unraisable is not None and (self.number is None or unraisable.exc_type is not KeyboardInterrupt):
            self._unraisable(unraisable)


# The one of this program.
STOP = Stop()
