"""One class for each mistake that a person can make, with what to do about it.

Every message says what was found and how to mend it, so the command line prints it without a traceback. Each class is
also the built-in kind that Python has for such a mistake (ValueError, FileNotFoundError, OSError, ImportError), so
code that catches those catches these. Code that turns an OSError or ValueError into one of these must let these pass.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


def quoted(content: object, room: int = 80) -> str:
    """What a file holds, short enough for an error message: a web page may be one line of megabytes.

    Args:
        content: a line, its fields, a number as it is written.
        room: letters to show at most.

    Example:
        >>> quoted("Ann Bob"), quoted("<html>" * 1000, room=12)
        ("'Ann Bob'", "'<html><html... (6002 letters)")
    """
    words = repr(content)
    return words if len(words) <= room else f"{words[:room]}... ({len(words)} letters)"


class JprobeError(Exception):
    """Base class of all errors that jprobe explains."""


class UnknownNameError(JprobeError, ValueError):
    """An unknown name of a dataset, a probe, a study, an order."""

    def __init__(self, kind: str, name: object, known: Iterable[object]) -> None:
        names = [str(k) for k in known]
        close = get_close_matches(str(name), names, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        super().__init__(f"There is no {kind} named {quoted(name)}.{hint} Known: {', '.join(names)}.")


class MissingDataError(JprobeError, FileNotFoundError):
    """A dataset that is not on this machine and cannot be downloaded."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(
            f"The files of dataset {name!r} are not on this machine and could not be downloaded: {reason}\n"
            f"With a network, run: jprobe data fetch {name}\n"
            f"Without one, copy the official files into a folder DIR and run: jprobe data import {name} DIR"
        )


class MissingWeightsError(JprobeError, FileNotFoundError):
    """A checkpoint that is not on this machine; `known` can be fetched or imported, `bring` says which files."""

    def __init__(self, name: str, reason: str, known: str, bring: str) -> None:
        super().__init__(
            f"The checkpoint {name!r} is not on this machine: {reason}\n"
            f"With a network, run: jprobe weights fetch {known}\n"
            f"Without one, bring {bring} and run: jprobe weights import {known} PATH"
        )


class DamagedFileError(JprobeError, ValueError):
    """A file with another checksum than the published one, or that cannot be decoded."""

    def __init__(self, path: str | Path, reason: str, mend: str) -> None:
        super().__init__(f"{path} is damaged: {reason}\n{mend}")


class MissingFileError(JprobeError, FileNotFoundError):
    """A file or folder that does not exist."""

    def __init__(self, path: str | Path, mend: str) -> None:
        super().__init__(f"{path} does not exist. {mend}")


class UnreadableFileError(JprobeError, OSError):
    """A file or folder that exists and cannot be read: no permission, or a failing disk."""

    def __init__(self, path: str | Path, reason: str, mend: str) -> None:
        super().__init__(f"{path} cannot be read: {reason}. {mend}")


class MissingExtraError(JprobeError, ImportError):
    """An optional package that is not installed."""

    def __init__(self, what: str, package: str) -> None:
        super().__init__(f"{what} needs an optional package: pip install '{package}'")


class UnknownLayerError(JprobeError, ValueError):
    """A selection that matches no leaf, or no layer, of the network."""

    def __init__(self, pattern: object, paths: Iterable[str], *, of_layers: bool = False) -> None:
        there = ", ".join(paths)
        super().__init__(
            f"No layer of the network matches {pattern!r}. Its layers are: {there}. Select by name or by a glob such as 'Dense_*'."
            if of_layers
            else f"No floating-point leaf of the network matches {pattern!r}. Its leaves are: {there}. "
            "Select by path, by a glob such as '*/kernel', or by the name of a layer."
        )


class LevelError(JprobeError, ValueError):
    """A level outside the range of a probe."""

    def __init__(self, name: str, found: float, low: float, high: float, whole: bool = False) -> None:
        kind = "be a whole number" if whole else "lie"
        super().__init__(f"Level {found:g} is out of range: the {name} must {kind} between {low:g} and {high:g}.")


class WeightsError(JprobeError, ValueError):
    """Weights that no probe can change: NaN, infinite, or without a common seed axis."""


class ShapeError(JprobeError, ValueError):
    """An array or a metric's result whose shape does not fit."""


class ArgumentError(JprobeError, ValueError):
    """An argument with a value that makes no sense."""


class ConfigMismatchError(JprobeError, ValueError):
    """A run folder that holds results of another configuration."""

    def __init__(self, folder: str | Path, differences: Iterable[str]) -> None:
        super().__init__(
            f"{folder} holds a run with another configuration, so nothing was changed there.\n"
            + "\n".join(f"  {line}" for line in differences)
            + "\nChoose another folder with --out, or repeat the run with the options it was made with."
        )


class CheckpointError(JprobeError, ValueError):
    """A checkpoint that does not fit the network: arrays are missing, left over, or of another shape."""


class DiskError(JprobeError, OSError):
    """A file that cannot be written: the disk is full, or the folder is read-only."""

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(
            f"Could not write {path}: {reason}. Finished work is kept. Free some space, or choose another folder "
            "(--out for a run, JPROBE_CACHE for data and weights), and run the same command again."
        )


class LostProcessError(JprobeError, RuntimeError):
    """Another process of a run that several share is gone: it was killed, it failed, or the network between them did."""

    def __init__(self, place: str) -> None:
        super().__init__(
            f"Another process of this run is gone, so this one, which waited for {place!r}, ends too. If the other one failed, "
            "it says why. Finished work is kept; the same commands take the run up again, with as many processes as there are then."
        )


class UnsupportedOperationError(JprobeError, NotImplementedError):
    """An operation that a signed graph cannot represent; ``locate`` says of which layer, and on which line."""

    def __init__(self, primitive: str, where: str = "", why: str = "") -> None:
        self.primitive, self.where, self.why, self.line = primitive, where, why, ""
        super().__init__(self._message())

    def locate(self, where: str, line: str) -> None:
        """Add what is not known yet of where the operation stands: its layer, and the line of the user's code."""
        self.where, self.line = self.where or where, self.line or line
        self.args = (self._message(),)

    def _message(self) -> str:
        place = ", ".join(word for word in (self.where and f"in {self.where}", self.line) if word)
        return (
            f"The graph of this network is not known: {self.primitive}{self.why and f' {self.why}'}"
            f"{place and f' ({place})'}.\n"
            "If the signs of its derivatives hang on the input, take them at one input x0: "
            "jprobe.graph.trace(fn, params, x, at=x0). "
            "If it increases in each element (or nearly so), wrap it: jprobe.graph.elementwise(fn). "
            "If it comes after the output that you ask about, return the value before it."
        )


class UnsupportedDerivativeError(UnsupportedOperationError):
    """An operation whose derivative at one input a signed graph cannot represent."""

    def _message(self) -> str:
        place = ", ".join(word for word in (self.where and f"in {self.where}", self.line) if word)
        return (
            f"The local graph of this network is not known: {self.primitive} {self.why}{place and f' ({place})'}.\n"
            "Known are products, convolutions, sums, pools, indexing, elementwise functions, loops and branches. Write it "
            "with those, or return the value before it."
        )
