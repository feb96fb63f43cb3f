"""Claims held against a run, on the terminal: verdict, claim, numbers, each in a few lines."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from jprobe.cli.showing import console
from jprobe.report import Finding, Verdict

COLOURS = {Verdict.HOLDS: "green", Verdict.DIFFERS: "red", Verdict.INCONCLUSIVE: "yellow"}

# "At this scale" stands once, above the claims.
SHORT = {Verdict.HOLDS: "holds", Verdict.DIFFERS: "differs", Verdict.INCONCLUSIVE: "inconclusive"}

# Below this width a column of verdicts would leave no room for the words.
_ROOM_FOR_COLUMN = 60

# Numbers of a claim are told in so many letters, some two lines of 80 columns; the report has all of them.
_NUMBERS = 120


def tell_findings(findings: Sequence[Finding]) -> None:
    """Print the verdict, the claim and the numbers that decide it."""
    short = sum(SHORT[finding.verdict] != finding.verdict.value for finding in findings)
    about = "Claims, held against this run [95% interval]" + ("; inconclusive: at this scale" if short else "")
    console.print(f"{about}.", markup=False, highlight=False)
    wide = console.width >= _ROOM_FOR_COLUMN
    table = Table.grid(padding=(0, 2, 0, 0))
    for finding, claim in zip(findings, told_apart(findings), strict=True):
        verdict = Text(SHORT[finding.verdict], style=COLOURS[finding.verdict])
        numbers = Text(shortly(finding), style="dim")
        if wide:
            table.add_row(verdict, Group(Text(claim), numbers))
        else:
            table.add_row(Group(Text.assemble(verdict, ": ", claim), Padding(numbers, (0, 0, 0, 2))))
    console.print(table)


def told_apart(findings: Sequence[Finding]) -> list[str]:
    """The claims; one that is held against several datasets with what it is of, which its remark begins with.

    Example:
        >>> told_apart([Finding("It falls.", (), "mnist"), Finding("It falls.", (), "kmnist; by 3 points")])
        ['mnist: It falls.', 'kmnist: It falls.']
    """
    times = Counter(finding.claim for finding in findings)
    return [
        f"{finding.remark.partition('; ')[0]}: {finding.claim}"
        if times[finding.claim] > 1 and finding.remark
        else finding.claim
        for finding in findings
    ]


def shortly(finding: Finding, room: int = _NUMBERS) -> str:
    """The numbers that decide a claim, as many as fit, and how many others there are.

    Args:
        finding: with its checks; those that made the verdict come first.
        room: letters.

    Example:
        >>> from jprobe.intervals import Estimate
        >>> from jprobe.report import Check
        >>> checks = [Check(f"of {n}", Estimate(n, n, n, 9), "at least", 2) for n in (3, 1)]
        >>> shortly(Finding("All are large.", tuple(checks), "a remark"), room=40)
        'of 1 1 [1, 1] (claim: at least 2); and 1 more number'
    """
    deciding = sorted(finding.checks, key=lambda check: check.verdict != finding.verdict)
    remarks = [part for part in finding.remark.split("; ") if part]
    told = [str(check) for check in deciding[:1]]
    length = sum(map(len, told))
    for words in [*map(str, deciding[1:]), *remarks]:
        length += len(words) + 2
        if length > room:
            break
        told.append(words)
    left = len(deciding) - len(told)
    return "; ".join([*told, *([f"and {left} more number{'s' * (left != 1)}"] if left > 0 else [])])
