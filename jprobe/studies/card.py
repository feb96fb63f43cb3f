"""What a list of studies says of each: light to import, so that the command line answers before anything is computed."""

from typing import NamedTuple


class Card(NamedTuple):
    """A study in words; the fields are those of :class:`jprobe.studies.Study`.

    Attributes:
        paper: the paper it reproduces: authors, title, where.
        reference: the paper in a few words.
        reproduces: which of the paper's figures and tables.
        asks: what it asks of networks, in one line of some 40 letters.
        cost: how long it takes, in words; of several presets "quick: 2 minutes; paper: an hour".

    Example:
        >>> Card("A and B, Title, 2021", "A and B 2021", "figures 1-2", "how fast", "quick: 1 minute").asks
        'how fast'
    """

    paper: str
    reference: str
    reproduces: str
    asks: str
    cost: str


def cost_of(cost: str, preset: str) -> str:
    """How long a preset takes, in words.

    Args:
        cost: of a study.
        preset: name of a preset.

    Example:
        >>> cost_of("quick: 2 minutes; paper: an hour", "paper")
        'an hour'
    """
    words = dict(each.strip().split(": ", 1) for each in cost.split(";") if ": " in each)
    return words.get(preset, cost)
