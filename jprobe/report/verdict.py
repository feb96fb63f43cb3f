"""A published claim held against a run: holds, differs, or inconclusive at this scale."""

import math
import operator
from collections.abc import Callable
from enum import StrEnum
from typing import Literal, NamedTuple

from jprobe.intervals import Estimate


class Verdict(StrEnum):
    """What a run says of a claim.

    Example:
        >>> [verdict.value for verdict in Verdict]
        ['holds', 'differs', 'inconclusive at this scale']
    """

    HOLDS = "holds"
    DIFFERS = "differs"
    INCONCLUSIVE = "inconclusive at this scale"


def percent(fraction: float) -> str:
    """A fraction as a percentage with one decimal."""
    return f"{100 * fraction:.1f}%"


def points(fraction: float) -> str:
    """A difference of fractions in percentage points, with its sign."""
    return f"{100 * fraction:+.1f} points"


def number(value: float) -> str:
    """A number with three significant digits."""
    return f"{value:.3g}"


def four(value: float) -> str:
    """A number with four decimals, as frustrations are given."""
    return f"{value:.4f}"


def interval(found: Estimate, form: Callable[[float], str]) -> str:
    """An interval in brackets, without units; "" for what is exact, or rests on too few values.

    Example:
        >>> interval(Estimate(0.5, 0.4, 0.6, 20), percent)
        '[40.0%, 60.0%]'
    """
    if found.size is None or math.isnan(found.low) or math.isnan(found.high):
        return ""
    return f"[{', '.join(form(end).partition(' ')[0] for end in (found.low, found.high))}]"


Side = Literal["at least", "at most", "above", "below"]

_SIDES: dict[Side, Callable[[float, float], bool]] = {
    "at least": operator.ge,
    "at most": operator.le,
    "above": operator.gt,
    "below": operator.lt,
}


class Check(NamedTuple):
    """One condition of a claim: a number that has to lie on one side of a threshold.

    It holds if the whole interval lies on that side, differs if the whole interval lies on the other, and is inconclusive
    if the interval reaches over the threshold or there are too few values for one.

    Attributes:
        what: the number, in words.
        found: the number and its interval.
        side: which side of the threshold the claim asks for.
        threshold: from the paper's sentence.
        form: how numbers are written.

    Example:
        >>> Check("signed hard", Estimate(0.495, 0.49, 0.51, 20), "at most", 0.55, percent).verdict.value
        'holds'
    """

    what: str
    found: Estimate
    side: Side
    threshold: float
    form: Callable[[float], str] = number

    @property
    def verdict(self) -> Verdict:
        """What this condition says."""
        if math.isnan(self.found.low) or math.isnan(self.found.high):
            return Verdict.INCONCLUSIVE
        ends = {_SIDES[self.side](end, self.threshold) for end in (self.found.low, self.found.high)}
        if len(ends) == 2:
            return Verdict.INCONCLUSIVE
        return Verdict.HOLDS if ends == {True} else Verdict.DIFFERS

    def __str__(self) -> str:
        """The number, its 95% interval in brackets, and the threshold in words."""
        if math.isnan(self.found.value):
            return f"{self.what}: no value (claim: {self.side} {self.form(self.threshold)})"
        size = self.found.size
        middle, _, unit = self.form(self.found.value).partition(" ")
        few = math.isnan(self.found.low) or math.isnan(self.found.high)
        count = f"from {size} value{'s' * (size != 1)}" if few else ""
        found = " ".join(filter(None, [middle, interval(self.found, self.form), unit, count]))
        return f"{self.what} {found} (claim: {self.side} {self.form(self.threshold)})"


class Finding(NamedTuple):
    """A published claim held against this run.

    Attributes:
        claim: what the paper reports.
        checks: the conditions that make it up.
        remark: what else a reader needs to read the numbers right, or "".
        figure: the end of the name of the panel that shows it, or "".

    Example:
        >>> found = Finding("A claim.", (Check("value", Estimate(1.0, 0.9, 1.1, 9), "at least", 2.0),))
        >>> found.verdict.value
        'differs'
    """

    claim: str
    checks: tuple[Check, ...]
    remark: str = ""
    figure: str = ""

    @property
    def verdict(self) -> Verdict:
        """It holds if every condition holds, and differs if one differs."""
        found = {check.verdict for check in self.checks}
        for verdict in (Verdict.DIFFERS, Verdict.INCONCLUSIVE):
            if verdict in found:
                return verdict
        return Verdict.HOLDS if found else Verdict.INCONCLUSIVE

    @property
    def seen(self) -> str:
        """What this run shows, in numbers."""
        return "; ".join([*map(str, self.checks), *([self.remark] if self.remark else [])])
