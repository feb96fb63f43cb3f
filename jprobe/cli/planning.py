"""``jprobe plan``: what a run would take here, from a short measurement, and what data sheets make of it elsewhere."""

from collections.abc import Sequence
from typing import Any

from jprobe.cli.running import configured
from jprobe.cli.showing import console, numbers
from jprobe.errors import ArgumentError


def plan(name: str, options: Sequence[str]) -> None:
    """Print parts, time and memory of a run, and the line that starts it; nothing of it is computed."""
    options, names = _devices(options)
    package, default, config = configured(name, options, "plan")
    if getattr(config, "table", None) is not None:
        raise ArgumentError("--table is printed at once: there is nothing to plan.")

    from jprobe.studies.command import command_of
    from jprobe.studies.runner.devices import device
    from jprobe.studies.runner.planning import planned
    from jprobe.studies.runner.speed import measured

    devices = [device(each) for each in names]
    _say(f"{name}, preset {config.preset}: {config.in_words()}")
    with console.status("finding data and weights, measuring this machine"):
        speed = measured()
        found = planned(package.STUDY, config, speed)
    _say(
        f"measured here in {speed.seconds:.0f} s: training takes {speed.training:.1f} times, sweeps {speed.sweeps:.1f} times what "
        f"parts declare (of two cores); a float32 product runs at {speed.product / 1e9:,.0f} GFLOP/s\n"
    )
    _table(found)
    _memory(found, config)
    if devices:
        _elsewhere(found, speed.product, devices)
    _say(f"\nThis starts it: {command_of(config, default)}")


def _devices(options: Sequence[str]) -> tuple[list[str], list[str]]:
    """The options of the run, and the names after --devices."""
    rest, names, taking = list[str](), list[str](), False
    for word in options:
        if word.startswith("-"):
            taking = word == "--devices" or word.startswith("--devices=")
            if taking:
                names += [word.partition("=")[2]] if "=" in word else []
                continue
        (names if taking else rest).append(word)
    if not names and len(rest) < len(options):
        raise ArgumentError("--devices needs names, such as: --devices H200 v5e")
    return rest, names


def _table(found: Any) -> None:
    from jprobe.studies.runner.planning import total

    table = [
        (row.kind, str(row.parts), str(row.finished), _range(row.seconds), row.source)
        for row in found.rows
    ]  # fmt: skip
    parts, finished = sum(row.parts for row in found.rows), sum(row.finished for row in found.rows)
    table.append(("in all", str(parts), str(finished), _range(total(found.rows)), ""))
    numbers(("parts of kind", "parts", "finished", "time left", "told by"), table)
    beside = f"{found.width} parts run at a time. " if found.width > 1 else ""
    _say(f"\n{beside}Figures and the report are not counted. Results go to {found.folder}")


def _memory(found: Any, config: Any) -> None:
    from jprobe.memory import in_bytes, limit, within

    with within(None if config.memory is None else in_bytes(config.memory)):
        _say(f"Memory: sweeps and trainings keep to {limit() / 1e9:.1f} GB a device.")
    for what, size in found.peaks.items():
        _say(f"A run here of {what} held {size / 1e9:.1f} GB of the host's memory at its peak.")
    if not found.peaks:
        _say("What the run holds at its peak is not known: no run of this study was finished on this machine.")


def _elsewhere(found: Any, product: float, devices: Sequence[Any]) -> None:
    from jprobe.studies.runner.devices import LEAST, extrapolated
    from jprobe.studies.runner.planning import total

    _say(
        f"\nExtrapolated from data sheets, measured on none of these: all of that time taken for float32 products, which run at "
        f"the device's peak, or at {LEAST:.0%} of it and not slower than here. Compiling and Python take their time anyway."
    )
    rows = [
        (each.name, f"{each.memory / 1e9:.0f} GB", _range(extrapolated(total(found.rows), product, each))) for each in devices
    ]  # fmt: skip
    numbers(("device", "memory", "extrapolated"), rows)


def _range(seconds: tuple[float, float]) -> str:
    from jprobe.cli.progress import duration

    low, high = map(duration, seconds)
    if not seconds[1]:
        return "-"
    return low if low == high else f"{low} to {high}"


def _say(line: str) -> None:
    console.print(line, soft_wrap=not console.is_terminal, markup=False, highlight=False)
