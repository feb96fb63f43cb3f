"""What all studies are told alike: preset, folder, devices; and the check of every value against its field's annotation."""

import dataclasses
import hashlib
import math
import numbers
import operator
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import annotated_types

from jprobe.errors import ArgumentError, quoted
from jprobe.memory import in_bytes

# Mark, in an annotation, of an option that changes no number: where results go, on how many devices they are computed.
NOT_NUMBERS = "numbers do not depend on this option"

# Mark of an option that says which of several processes this one is: it does not belong in a command that repeats a run.
OF_PROCESS = "of this process alone"


@dataclass(frozen=True)
class Config:
    """What every study can be told; a study's own Config adds to this.

    Ranges stand in the annotations (``Annotated[int, Ge(1)]``), and every value is checked against its own when a
    configuration is made.

    Raises:
        ArgumentError: a value of another kind than its field's, or out of its range.

    Example:
        >>> from annotated_types import Ge
        >>> @dataclass(frozen=True)
        ... class Mine(Config):
        ...     study = "mine"
        ...     seeds: Annotated[int, Ge(1)] = 3
        >>> Mine().numbers()
        {'study': 'mine', 'seeds': 3}
        >>> Mine(seeds=0)
        Traceback (most recent call last):
        jprobe.errors.ArgumentError: --seeds must be 1 or more, not 0.
    """

    study: ClassVar[str] = ""
    named: ClassVar[tuple[str, ...]] = ()
    """Options that a folder's name always says, such as the dataset."""
    counted: ClassVar[str] = ""
    """How many networks run, in words that name an option, such as "{seeds} networks a task"."""

    preset: Annotated[Literal["quick", "paper"], NOT_NUMBERS] = "quick"
    """Which defaults the other options start from."""
    out: Annotated[Path | None, NOT_NUMBERS] = None
    """Folder for the results, taken up again if the run was interrupted. Default: in runs/, named after the options."""
    mesh: Annotated[int | None, annotated_types.Ge(1), NOT_NUMBERS] = None
    """Devices to spread the work over. Default: all of this machine's."""
    distributed: Annotated[bool, NOT_NUMBERS, OF_PROCESS] = False
    """Share the run with the other processes that a cluster's scheduler has started with the same command and folder."""
    coordinator: Annotated[str | None, NOT_NUMBERS, OF_PROCESS] = None
    """HOST:PORT of process 0, where no scheduler says it; with --processes and --process-id."""
    processes: Annotated[int | None, annotated_types.Ge(1), NOT_NUMBERS, OF_PROCESS] = None
    """How many processes there are, where no scheduler says it."""
    process_id: Annotated[int | None, annotated_types.Ge(0), NOT_NUMBERS, OF_PROCESS] = None
    """Which of the processes this one is, from 0, where no scheduler says it."""
    memory: Annotated[str | None, NOT_NUMBERS] = None
    """Memory that a run may take, of the host or of each accelerator, such as 8GB. Default: all that this machine has."""

    def __post_init__(self) -> None:
        """Check every value against its field's annotation."""
        for name, hint in _hints(type(self)).items():
            value = _checked(f"--{name.replace('_', '-')}", getattr(self, name), hint)
            object.__setattr__(self, name, value)
        if self.out is not None and str(self.out) in ("", "."):
            raise ArgumentError("--out names a folder for the results, not '' or '.'; leave it out for the default.")
        if self.memory is not None:
            in_bytes(self.memory)

    def numbers(self) -> dict[str, Any]:
        """The part of the configuration that the numbers depend on, as JSON types."""
        hints = _hints(type(self))
        kept = {n: getattr(self, n) for n, hint in hints.items() if NOT_NUMBERS not in _metadata(hint)}
        return {"study": self.study, **{n: str(v) if isinstance(v, Path) else v for n, v in kept.items()}}

    @classmethod
    def of_process(cls) -> set[str]:
        """Names of the options that say which of several processes this one is."""
        return {name for name, hint in _hints(cls).items() if OF_PROCESS in _metadata(hint)}

    @property
    def shared(self) -> bool:
        """Whether several processes share the run."""
        return self.distributed or any(x is not None for x in (self.coordinator, self.processes, self.process_id))

    def in_words(self) -> str:
        """What runs, as a person is told before it does: its data or network, and how many networks.

        Example:
            >>> @dataclass(frozen=True)
            ... class Mine(Config):
            ...     study, named, counted = "mine", ("dataset",), "{seeds} networks a task"
            ...     dataset: tuple[str, ...] = ("mnist", "kmnist")
            ...     seeds: int = 3
            >>> Mine().in_words()
            'mnist, kmnist; 3 networks a task'
        """
        numbers = self.numbers()
        names = [numbers[name] for name in self.named]
        words = [", ".join(map(str, name if isinstance(name, list | tuple) else [name])) for name in names]
        return "; ".join(filter(None, [*words, self.counted.format(**numbers)]))

    def folder(self, presets: Mapping[str, Self]) -> Path:
        """Where the results go: ``out``, or runs/ with the study, its data, the preset and what differs from it.

        Args:
            presets: the study's.
        """
        if self.out is not None:
            return Path(self.out)
        numbers, preset = self.numbers(), presets[self.preset].numbers()
        words = [self.study, *(_slug(numbers[name]) for name in self.named), self.preset]
        words += [f"{n}-{_slug(v)}" for n, v in numbers.items() if v != preset[n] and n not in self.named]
        name = "-".join(filter(None, words))
        # File systems allow 255 bytes; a digest keeps long names apart.
        return Path("runs") / (
            name if len(name) <= 120 else f"{name[:100]}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
        )


def _slug(value: Any) -> str:
    """A value as part of a file name."""
    if isinstance(value, tuple | list):
        return "+".join(map(_slug, value)) or "none"
    text = Path(value).name if isinstance(value, str) and "/" in value else str(value)
    return "".join(c if c.isalnum() or c in "._" else "_" for c in text)


def _hints(config: type) -> dict[str, Any]:
    hints = typing.get_type_hints(config, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(config)}


def _metadata(hint: Any) -> tuple[Any, ...]:
    return hint.__metadata__ if typing.get_origin(hint) is Annotated else ()


# Nobody means more, and arrays of JAX count no further.
_LARGEST = 2**31 - 1

# A bound of annotated_types -> (the comparison that has to be true, its words).
_BOUNDS: dict[type, tuple[typing.Callable[[Any, Any], bool], str, str]] = {
    annotated_types.Ge: (operator.ge, "ge", "{} or more"),
    annotated_types.Gt: (operator.gt, "gt", "above {}"),
    annotated_types.Le: (operator.le, "le", "{} or less"),
    annotated_types.Lt: (operator.lt, "lt", "below {}"),
}


def _checked(option: str, value: Any, hint: Any) -> Any:
    """A value that is what its annotation says, lists as tuples; ArgumentError if it, or a part of it, is not."""
    kind = typing.get_origin(hint)
    if kind is Annotated:
        value = _checked(option, value, typing.get_args(hint)[0])
        return value if value is None else _in_range(option, value, hint.__metadata__)
    if kind is Literal:
        words = typing.get_args(hint)
        if not isinstance(value, str | int | float) or value not in words:
            raise ArgumentError(f"{option} is one of {', '.join(map(repr, words))}, not {_shown(value)}.")
        return words[words.index(value)]
    if kind is tuple:
        each: tuple[Any, ...] = typing.get_args(hint)
        if not isinstance(value, tuple | list) or (each[-1] is not ... and len(each) != len(value)):
            count = "values" if each[-1] is ... else f"{len(each)} values"
            raise ArgumentError(f"{option} takes {count}, not {_shown(value)}.")
        each = each[:1] * len(value) if each[-1] is ... else each
        return tuple(_checked(option, item, one) for item, one in zip(value, each, strict=True))
    if kind in (typing.Union, types.UnionType):
        return _one_of(option, value, typing.get_args(hint))
    return _plain(option, value, hint)


def _in_range(option: str, value: Any, metadata: tuple[Any, ...]) -> Any:
    limits = [_BOUNDS[type(m)] + (m,) for m in metadata if type(m) in _BOUNDS]
    if not all(holds(value, getattr(limit, name)) for holds, name, _, limit in limits):
        words = " and ".join(text.format(f"{getattr(limit, name):g}") for _, name, text, limit in limits)
        raise ArgumentError(f"{option} must be {words}, not {_shown(value)}.")
    least = next((m.min_length for m in metadata if isinstance(m, annotated_types.MinLen)), 0)
    if least and len(value) < least:
        raise ArgumentError(f"{option} needs {'one value' if least == 1 else f'{least} values'} or more.")
    return value


def _one_of(option: str, value: Any, hints: tuple[Any, ...]) -> Any:
    """A value that is what one of several annotations says, None among them."""
    if value is None and types.NoneType in hints:
        return None
    refused = ArgumentError(f"{option} needs a value.")
    for hint in hints:
        if hint is not types.NoneType:
            try:
                return _checked(option, value, hint)
            except ArgumentError as error:
                refused = error
    raise refused


def _plain(option: str, value: Any, kind: Any) -> Any:
    """A number, a word, a path, or yes or no."""
    if kind is bool:
        right, what = isinstance(value, bool), "True or False"
    elif kind is int:
        right, what = isinstance(value, numbers.Integral) and not isinstance(value, bool), "a whole number"
        value = int(value) if right else value
        if right and abs(value) > _LARGEST:
            right, what = False, f"{_LARGEST:,} or less"
    elif kind is float:
        right = isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
        value, what = float(value) if right and not isinstance(value, int) else value, "a finite number"
    elif kind in (str, Path):
        right, what = isinstance(value, kind | str) and _is_text(str(value)), "a path" if kind is Path else "text"
    else:
        raise TypeError(f"the annotation {kind} of {option} is of no kind that options have")
    if not right:
        raise ArgumentError(f"{option} must be {what}, not {_shown(value)}.")
    return value


def _is_text(value: str) -> bool:
    """Whether a word can be printed, kept in a report, and be a file's name."""
    try:
        return "\0" not in value and bool(value.encode() or True)
    except UnicodeEncodeError:
        return False


def _shown(value: Any) -> str:
    """A wrong value in an error: itself, if it is of a kind that prints in a few words."""
    return (
        quoted(value)
        if isinstance(value, str | bytes | int | float | tuple | list | Path | None)
        else type(value).__name__
    )
