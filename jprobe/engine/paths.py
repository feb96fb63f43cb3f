"""Which short cuts a sweep may take; all of them, unless somebody measures what they are worth."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Literal, get_args

Path = Literal["columns", "signs", "nested"]

_open: ContextVar[frozenset[str]] = ContextVar("paths", default=frozenset(get_args(Path)))


def may_take(path: Path) -> bool:
    """Whether sweeps take a short cut where it applies."""
    return path in _open.get()


@contextlib.contextmanager
def only(*paths: Path) -> Iterator[None]:
    """Sweeps inside take no short cuts but these: for benchmarks, and for tests that hold each against the general way.

    Args:
        paths: "columns" folds constant columns of the data into a bias, "signs" multiplies signs by small integers in
            bfloat16, "nested" touches each weight once for all levels.

    Example:
        >>> with only("columns"):
        ...     may_take("columns"), may_take("nested")
        (True, False)
    """
    before = _open.set(frozenset(paths))
    try:
        yield
    finally:
        _open.reset(before)
