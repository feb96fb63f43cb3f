"""Give jprobe bad input by the hundred, and count what it accepts, refuses with a clear error, and does wrong.

    python scripts/fuzz.py [--cases 300] [--kinds commands configs importers edges checkpoints results] [--seed 0]

Each case is valid input made wrong: a command line, a configuration, or a file that is cut short, has bytes flipped or
other sizes, or is something else. Wrong is: an exception that jprobe does not explain, a traceback, more than 20
seconds, memory that a header asks for, a file left behind or written elsewhere, code of a file that is run, a message
without the name of what it is about. Ends with 1 if anything is wrong. The same seed makes the same cases. Nothing may
connect to anything meanwhile.
"""

import argparse
import random
import socket
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

from fuzzing.judging import Box, Verdict, judge
from fuzzing.kinds import KINDS


def fuzz(kind: str, cases: int, seed: int, root: Path) -> tuple[Counter[str], list[str]]:
    """Try cases of a kind.

    Args:
        kind: one of KINDS.
        cases: how many.
        seed: of the cases.
        root: folder to work in, which is emptied for each.

    Returns:
        How many ended how, and what was wrong, a line each.
    """
    counts: Counter[str] = Counter()
    wrong = []
    for n in range(cases):
        verdict, says = one(kind, n, seed, root)
        counts[verdict.word] += 1
        if verdict.word == "wrong":
            wrong.append(f"{kind} {seed}:{n} {says[:300]}\n    {verdict.why}")
    return counts, wrong


def one(kind: str, number: int, seed: int, root: Path) -> tuple[Verdict, str]:
    """Try one case; gives its verdict, and what it was."""
    box = Box(root / "box")
    case = KINDS[kind](random.Random(f"{seed} {kind} {number}"), box)
    return judge(case, box), case.says


def offline(*_: Any, **__: Any) -> None:
    """In the place of a connection."""
    raise OSError(101, "Network is unreachable")


def main() -> None:
    """Run the cases, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cases", type=int, default=300, help="of each kind")
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="one case, whose answer is printed")
    given = parser.parse_args()
    socket.socket.connect = offline  # type: ignore[method-assign]
    warnings.simplefilter("ignore")
    rows, wrong = [], []
    with tempfile.TemporaryDirectory() as folder:
        if given.only is not None:
            print(*one(given.kinds[0], given.only, given.seed, Path(folder)), sep="\n")
            return
        for kind in given.kinds:
            counts, found = fuzz(kind, given.cases, given.seed, Path(folder))
            rows.append((kind, given.cases, counts["accepted"], counts["refused"], counts["wrong"]))
            wrong += found
            print(f"{kind}: {dict(counts)}", file=sys.stderr)
    print(f"{'kind':12}{'tried':>8}{'accepted':>10}{'refused':>10}{'wrong':>8}")
    for name, *numbers in rows:
        print(f"{name:12}{numbers[0]:8}{numbers[1]:10}{numbers[2]:10}{numbers[3]:8}")
    print("\n".join(wrong))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
