"""What a study is: a value. One runner (runner/) does with it what all studies need."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import jax
import xarray as xr
from jax.sharding import Mesh

from jprobe.keys import key_of
from jprobe.report import About, Finding, Panel
from jprobe.studies.card import cost_of
from jprobe.studies.config import Config
from jprobe.studies.subject import Subject

C = TypeVar("C", bound=Config)
S = TypeVar("S", bound=Subject)

Parts = Mapping[str, xr.Dataset]


@dataclass(frozen=True)
class Context:
    """What a part is given to compute with.

    Attributes:
        checkpoints: folder for networks that parts train, or None where nothing is kept.
        mesh: devices to spread networks over, or None for one device.
        progress: called with the fraction of this part that is done.
        needed: results of the parts that this one needs, by name.

    Example:
        >>> context = Context(checkpoints=None, mesh=None, progress=print, needed={})
        >>> bool(context.key("null", 1) == context.key("null", 1)), context.checkpoint("fit")
        (True, None)
    """

    checkpoints: Path | None
    mesh: Mesh | None
    progress: Callable[[float], None]
    needed: Parts

    def key(self, *names: object) -> jax.Array:
        """A random key that belongs to the names, whatever ran before or runs elsewhere."""
        return key_of(jax.random.key(2), *names)

    def checkpoint(self, name: str) -> Path | None:
        """Folder for the checkpoint of that name; None where nothing is kept."""
        return None if self.checkpoints is None else self.checkpoints / name


class Part(NamedTuple):
    """A unit of a study's work: it is computed once, kept, and never computed in halves.

    A part depends on the configuration, the subject and the parts that it needs, never on what another left in
    memory, so parts may run in any order that respects ``needs``, and in several processes.

    Attributes:
        name: of its file, unique within the study.
        label: what runs, as a person reads it while it does.
        compute: context -> its results.
        cost: seconds it takes, roughly, on two cores.
        kind: parts of one kind take time in proportion to their costs, whatever the machine.
        needs: names of earlier parts whose results it reads.
        spreads: whether it computes on all devices at once, so that nothing may run beside it.

    Example:
        >>> part = Part("speed", "timing a sweep", lambda context: xr.Dataset({"seconds": 0.1}), cost=2)
        >>> part.name, part.needs
        ('speed', ())
    """

    name: str
    label: str
    compute: Callable[[Context], xr.Dataset]
    cost: float = 1.0
    kind: str = ""
    needs: Sequence[str] = ()
    spreads: bool = False


class Curve(NamedTuple):
    """A curve of a study, for setting runs side by side.

    Attributes:
        title: what is done to the networks.
        x: its dimension of levels.
        along: the levels, in words for an axis.
        of: what is measured, in words for an axis; a fraction of 1, drawn in percent.
        panels: dimension that has a panel each.

    Example:
        >>> Curve("Pruning", "removed", "fraction removed").panels
        'task'
    """

    title: str
    x: str
    along: str
    of: str = "test accuracy, %"
    panels: str = "task"


@dataclass(frozen=True)
class Study(Generic[C, S]):
    """A study as a value; ``jprobe.studies.run`` runs it.

    Attributes:
        name: as typed on the command line.
        paper: the paper it reproduces: authors, title, where.
        reproduces: which of the paper's figures and tables.
        cost: how long it takes, in words; of several presets "quick: 2 minutes; paper: an hour".
        presets: name -> configuration; "quick" is the default.
        subject: configuration -> what is measured; finds data and weights, and refuses what is not there.
        parts: (configuration, subject) -> the units of work, in order.
        combine: (configuration, subject, results by part) -> one labelled Dataset.
        findings: Dataset -> the paper's claims held against it.
        panels: (Dataset, configuration) -> figures.
        summary: (Dataset, configuration) -> headline numbers by stable flat keys.
        about: (Dataset, configuration) -> title, lead and notes.
        asks: what it asks of networks, in one line of some 40 letters; default: what it reproduces.
        reference: the paper in a few words, such as "Jankowski et al. 2025, arXiv:2508.05463"; default: the paper.
        table: Dataset -> (header, rows), shown in the report, and on the terminal where there are no findings to show.
        curves: name of a variable -> how it is drawn where runs are set side by side.
        spreads: whether it spreads its work over the devices of a mesh.
        side_by_side: parts that run at the same time on one device; more than 1 pays where many programs are compiled, which
            keeps one core busy.

    Example:
        >>> from jprobe.studies import probes
        >>> probes.STUDY.name, sorted(probes.STUDY.presets)
        ('probes', ['paper', 'quick'])
    """

    name: str
    paper: str
    reproduces: str
    cost: str
    presets: Mapping[str, C]
    subject: Callable[[C], S]
    parts: Callable[[C, S], Iterable[Part]]
    combine: Callable[[C, S, Parts], xr.Dataset]
    findings: Callable[[xr.Dataset], Sequence[Finding]]
    panels: Callable[[xr.Dataset, C], Sequence[Panel]]
    summary: Callable[[xr.Dataset, C], Mapping[str, Any]]
    about: Callable[[xr.Dataset, C], About]
    asks: str = ""
    reference: str = ""
    table: Callable[[xr.Dataset], tuple[Sequence[str], Sequence[Sequence[str]]]] | None = None
    curves: Mapping[str, Curve] = field(default_factory=dict)
    spreads: bool = False
    side_by_side: int = 1

    def cost_of(self, preset: str) -> str:
        """How long a preset takes, in words.

        Example:
            >>> from jprobe.studies import probes
            >>> "minutes" in probes.STUDY.cost_of("quick")
            True
        """
        return cost_of(self.cost, preset)
