"""Which of several processes computes which part of a run."""

from collections.abc import Sequence

from jprobe.studies.study import Part


def waves(parts: Sequence[Part]) -> list[list[Part]]:
    """The parts by when they can start: those that need nothing, then those that need some of these, and so on.

    Args:
        parts: in an order that respects what they need.

    Example:
        >>> nothing = lambda context: None
        >>> parts = [Part("a", "", nothing), Part("b", "", nothing, needs=("a",)), Part("c", "", nothing)]
        >>> [[part.name for part in wave] for wave in waves(parts)]
        [['a', 'c'], ['b']]
    """
    level: dict[str, int] = {}
    for part in parts:
        level[part.name] = 1 + max((level[name] for name in part.needs), default=-1)
    return [[part for part in parts if level[part.name] == n] for n in range(1 + max(level.values(), default=-1))]


def deal(parts: Sequence[Part], shares: int) -> list[list[Part]]:
    """The parts in as many shares, each part in one of them: the costliest first, to whom has least so far.

    Args:
        parts: independent of each other.
        shares: how many.

    Example:
        >>> parts = [Part(name, "", lambda context: None, cost=cost) for name, cost in (("a", 5), ("b", 3), ("c", 4), ("d", 2))]
        >>> [[part.name for part in share] for share in deal(parts, 2)]
        [['a', 'd'], ['c', 'b']]
    """
    out: list[list[Part]] = [[] for _ in range(shares)]
    for part in sorted(parts, key=lambda part: -part.cost):
        min(out, key=lambda share: sum(each.cost for each in share)).append(part)
    return out


def with_needs(some: Sequence[Part], parts: Sequence[Part]) -> list[Part]:
    """These parts, and all that they need, in the order of ``parts``.

    Args:
        some: of ``parts``.
        parts: in an order that respects what they need.

    Example:
        >>> nothing = lambda context: None
        >>> parts = [Part("a", "", nothing), Part("b", "", nothing), Part("c", "", nothing, needs=("a",))]
        >>> [part.name for part in with_needs(parts[2:], parts)]
        ['a', 'c']
    """
    names = {part.name for part in some}
    for part in reversed(parts):
        if part.name in names:
            names.update(part.needs)
    return [part for part in parts if part.name in names]
