"""``jprobe compare``: finished runs side by side, on the terminal and on a page."""

from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from jprobe.cli.findings import COLOURS, SHORT
from jprobe.cli.showing import console, numbers
from jprobe.report.comparison import Comparison, comparison_page
from jprobe.results import write
from jprobe.studies import compare as compared


def compare(folders: Sequence[str], out: str) -> None:
    """Print what differs between runs, and write the page that shows all of it.

    Args:
        folders: of the runs.
        out: the page's file.

    Raises:
        JprobeError: what :func:`jprobe.studies.compare` raises.
        DiskError: the page cannot be written.
    """
    found = compared(folders)
    _options(found)
    _claims(found)
    if found.numbers:
        console.print("\nHeadline numbers that the runs share", style="bold", highlight=False)
        numbers(*found.table())
    page = Path(out)
    write(page, comparison_page(found))
    console.print(f"\nPage: {page.resolve()}", soft_wrap=True, markup=False, highlight=False)


def _options(found: Comparison) -> None:
    names = ", ".join(run.label for run in found.runs)
    console.print(f"{found.study}: {names}", style="bold", markup=False, highlight=False)
    if found.options:
        numbers(
            ["what differs", *(run.label for run in found.runs)], [[name, *values] for name, values in found.options]
        )
    else:
        console.print("The runs have one configuration.")


def _claims(found: Comparison) -> None:
    if found.claims:
        console.print("\nClaims, held against each run; inconclusive: at this scale.", style="bold", highlight=False)
    for claim, of_runs in found.claims:
        console.print(claim, markup=False, highlight=False)
        words = Text("  ")
        for run, findings in zip(found.runs, of_runs, strict=True):
            words.append(f"{run.label}: " if not words.plain.strip() else f"; {run.label}: ")
            for n, finding in enumerate(findings):
                words.append(", " if n else "").append(SHORT[finding.verdict], style=COLOURS[finding.verdict])
                # Of a run of several datasets a claim's remark begins with the one that it is of.
                words.append(f" ({finding.remark.partition('; ')[0]})" if len(findings) > 1 else "")
            words.append("" if findings else "-")
        console.print(words)
