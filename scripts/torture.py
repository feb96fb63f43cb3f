"""Break runs of the studies on purpose, take them up again, and compare: nothing lost, nothing wrong, one clear line.

    python scripts/torture.py [--faults kill signal disk readonly bytes read together clock] [--studies probes ...] [--times 30]

Runs are small (a few networks, one epoch; seconds each). A row says of a study and a fault, and of damaged bytes of which
kind of file, how often it was tried; how often the run ended, at once or when it was taken up, with every number of the
undisturbed one; how often one clear line was said on the way; and what went wrong. Needs Linux; full and read-only disks
need root, who may mount a tmpfs.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

# Small: what breaks does not depend on how much is computed. One study a paper, or more.
STUDIES = {
    "probes": "--seeds 2 --epochs 1 --hidden 8 --probes flip",
    "collapse": "--seeds 2 --epochs 1 --hidden 8 --refit 1 --pixels signed",
    "complexity": "--seeds 2 --epochs 1 --hidden 8 --image-pairs 5",
    "difficulty": "--seeds 2 --epochs 1 --hidden 8 --lens label_noise",
    "lenses": "--seeds 2 --epochs 1 --hidden 6 --nulls 1 --replicas 1 --samples 20 --image-pairs 5",
    "transformer": "--checkpoint mlp",
    "frustration": "--network mnist --replicas 2 --nulls 1 --compare 0 --anneal 0 --bound 0 --images 2 --sizes 3 --orders 1",
    "cnt": "--architectures fc --depths 3 --activations sigmoid --networks 2 --samples 20",
    "connectivity": "--dataset cmnist --networks 2 --epochs 2 --nodes 4 --images 60 --test-images 20 --size 8",
}
FAULTS = ("kill", "signal", "disk", "readonly", "bytes", "read", "together", "clock")

# How long something took is not what is computed.
TIMES = ("seconds", "per_second", "pace", "speed", "step_ratio")


class Bench:
    """One study, its undisturbed run, and a cache that knows its programs."""

    def __init__(self, study: str, place: Path, rng: random.Random) -> None:
        self.study, self.place, self.rng = study, place / study, rng
        self.place.mkdir()
        self.cache = place / "cache"
        self.folders, self.kind, self.same, self.told = 0, "", False, False
        self.start(self.place / "warm").wait()  # compiles
        begin = time.monotonic()
        assert self.run(self.place / "whole") == 0, self.said()
        self.seconds = time.monotonic() - begin
        self.numbers = numbers(self.place / "whole")
        self.shown = ""

    def folder(self) -> Path:
        """A folder for the next run."""
        self.folders += 1
        return self.place / f"run{self.folders}"

    def start(
        self, out: Path, behind: float = 0.0, after: float = 0.0, cache: Path | None = None, output: str = ""
    ) -> subprocess.Popen[bytes]:
        """The command, as a person types it, in a process of its own; its clock may be set back after some seconds."""
        words = ["run", self.study, *STUDIES[self.study].split(), "--out", str(out)]
        late = f"time.time = lambda: now() - {behind} * (time.monotonic() > start + {after})"
        code = f"import sys, time; now, start = time.time, time.monotonic(); {late}; sys.argv[1:] = {words!r}; from jprobe.cli import main; main()"
        return self.process(["-c", code], cache, output)

    def process(self, words: list[str], cache: Path | None = None, output: str = "") -> subprocess.Popen[bytes]:
        """Python, with these words; what it prints goes into a file, or stderr alone does."""
        environment = os.environ | {"JPROBE_CACHE": str(cache or self.cache), "JAX_PLATFORMS": "cpu", "BROWSER": "true"}
        with (self.place / "said").open("wb") as said, open(output or os.devnull, "wb") as other:
            return subprocess.Popen(
                [sys.executable, *words], stdout=other if output else said, stderr=said, env=environment
            )

    def run(self, out: Path, **options: object) -> int:
        """The exit status of the command."""
        return self.start(out, **options).wait(timeout=600)  # type: ignore[arg-type]

    def said(self) -> str:
        """All that the last run wrote on the terminal."""
        return (self.place / "said").read_text(errors="replace")

    def wrong(self, out: Path, status: int) -> str:
        """What is wrong with a run that has ended; empty where it is as the undisturbed one, or says one clear thing."""
        if "Traceback" in self.said():
            return f"a traceback: {self.said().strip().splitlines()[-1]}"
        if status == 0:
            self.same = numbers(out) == self.numbers
            return "" if self.same else "other numbers"
        return self.untold(status)

    def untold(self, status: int) -> str:
        """What is wrong with what was said by a command that did not do its work: it has to be one clear line."""
        lines = [line for line in self.said().splitlines() if line.startswith("jprobe: ")]
        one = status == 1 and len(lines) == 1 and "Traceback" not in self.said()
        self.told |= one
        return "" if one else f"status {status}: {self.said().strip()[-200:]}"

    def taken_up(self, out: Path, **options: object) -> str:
        """What is wrong when the same command takes a run up: it has to end as the undisturbed one."""
        status = self.run(out, **options)
        return self.wrong(out, status) or ("" if status == 0 else f"not taken up: {self.said().strip()[-200:]}")


def numbers(out: Path) -> dict[str, object]:
    """What a run found, but for how long it took: bytes of every variable, and the headline numbers."""
    import xarray as xr

    with xr.open_dataset(out / "results.nc") as ds:
        found = {
            str(name): (str(ds[name].dtype), ds[name].dims, str(ds[name].attrs), ds[name].values.tobytes() if ds[name].dtype != object else ds[name].values.tolist())
            for name in ds.variables
            if not any(word in str(name) for word in TIMES)
        }  # fmt: skip
    told = json.loads((out / "summary.json").read_text())
    attributes = str({name: value for name, value in ds.attrs.items() if name != "file_sha256"})
    # NaN is not equal to itself; written out it is.
    return found | {
        "attributes": attributes,
        "summary": json.dumps({k: v for k, v in told.items() if not any(word in k for word in TIMES)}),
    }


def stopped(bench: Bench, number: signal.Signals, behind: float = 0.0) -> str:
    """Stop a run at a random moment, and take it up."""
    out = bench.folder()
    process = bench.start(out)
    # Python itself, which takes a tenth of a second to begin, has its own ways; so it has while it ends.
    time.sleep(bench.rng.uniform(0.0 if number == signal.SIGKILL else 0.3, bench.seconds))
    process.send_signal(number)
    status = process.wait(timeout=600)
    if number != signal.SIGKILL and "Traceback" in bench.said():
        return f"a traceback: {bench.said()[-1500:]}"
    if number != signal.SIGKILL and status != 0:
        if status != 128 + number or "\nStopped." not in bench.said():
            return f"status {status}: {bench.said()[-300:]}"
        bench.told = True
    return bench.taken_up(out, behind=behind)


def set_back(bench: Bench) -> str:
    """A clock that is set back by three days between two starts, or during a run."""
    if bench.rng.random() < 0.5:
        return stopped(bench, signal.SIGKILL, behind=3 * 86400.0)
    return bench.taken_up(bench.folder(), behind=3 * 86400.0, after=bench.rng.uniform(0.0, bench.seconds))


def together(bench: Bench) -> str:
    """Two or three runs in one folder at once."""
    out = bench.folder()
    runs = [bench.start(out) for _ in range(bench.rng.choice([2, 3]))]
    told = [bench.wrong(out, run.wait(timeout=600)) for run in runs]
    return "; ".join(filter(None, told)) or bench.taken_up(out)


@contextlib.contextmanager
def disk(place: Path, kilobytes: int, mode: str = "rw") -> Iterator[Callable[[str], None]]:
    """A small disk; what is given mounts it again with other options."""

    def mount(options: str) -> None:
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True)

    place.mkdir()
    mount(f"size={kilobytes}k,{mode}")
    try:
        yield lambda options: mount(f"remount,{options}")
    finally:
        subprocess.run(["umount", str(place)], check=True)


def full(bench: Bench) -> str:
    """A disk that is full at some moment of the run, under its folder, the cache or its log; then there is room."""
    out = bench.folder()
    if bench.rng.random() < 0.1:
        status = bench.run(out, output="/dev/full")
        return bench.wrong(out, status) or ("" if status == 1 else "the log was lost in silence") or bench.taken_up(out)
    small = out.with_name(f"{out.name}.disk")
    under_cache = bench.rng.random() < 0.3
    used = sum(
        f.stat().st_size for f in ((bench.cache if under_cache else bench.place / "whole").rglob("*")) if f.is_file()
    )
    with disk(small, int(bench.rng.uniform(0.02, 1.2) * used / 1024) + 8) as mount_again:
        out = out if under_cache else small / "out"
        options: dict[str, object] = {"cache": small} if under_cache else {}
        told = bench.wrong(out, bench.run(out, **options))
        mount_again(f"size={used // 256 + 65536}k")
        return told or bench.taken_up(out, **options)


def read_only(bench: Bench) -> str:
    """A folder that turns read-only between two starts."""
    small = bench.folder()
    with disk(small, 2**17) as mount_again:
        process = bench.start(small / "out")
        time.sleep(bench.rng.uniform(0.0, bench.seconds))
        process.kill()
        process.wait()
        mount_again("ro")
        status = bench.run(small / "out")
        told = bench.wrong(small / "out", status) or ("" if status == 1 else "nothing was said of a read-only folder")
        mount_again("rw")
        return told or bench.taken_up(small / "out")


def damage(file: Path, rng: random.Random) -> None:
    """Flip a byte, or cut the file."""
    content = file.read_bytes()
    how, place = rng.choice(["flip", "cut", "empty"]), rng.randrange(max(len(content), 1))
    changed = {"flip": content[:place] + bytes([content[place] ^ (1 << rng.randrange(8))]) + content[place + 1 :] if content else b"", "cut": content[:place], "empty": b""}  # fmt: skip
    file.write_bytes(changed[how])


def bytes_of(bench: Bench) -> str:
    """A flipped byte, a cut or an emptied file of the run or of its cache; one kind of file as often as another."""
    out, cache = bench.folder(), bench.place / f"cache{bench.folders}"
    shutil.copytree(bench.place / "whole", out)
    shutil.copytree(bench.cache, cache)
    kinds: dict[str, list[Path]] = {}
    for file in sorted(f for top in (out, cache) for f in top.rglob("*") if f.is_file()):
        top = out if file.is_relative_to(out) else cache
        first, *below = file.relative_to(top).parts
        ending = "" if "checkpoints" in first or not below else f"/*{file.suffix}"
        kinds.setdefault(f"{'cache/' if top is cache else ''}{first}{ending}", []).append(file)
    # Each kind in its turn, so that none is left out.
    kind = sorted(kinds)[bench.folders % len(kinds)]
    bench.kind, file = kind, bench.rng.choice(kinds[kind])
    if (out / "parts") in file.parents or "checkpoints" in file.parts or cache in file.parents:
        (out / "results.nc").unlink()
    if "checkpoints" in file.parts or cache in file.parents:
        shutil.rmtree(out / "parts")  # else nobody reads them
    damage(file, bench.rng)
    status = bench.run(out, cache=cache)
    told = bench.wrong(out, status)
    shutil.rmtree(cache)
    return f"{file.relative_to(bench.place)}: {told}" if told else ""


def read_damaged(bench: Bench) -> str:
    """A damaged file of a finished run, which `jprobe open` and `jprobe compare` then read."""
    one = bench.place / "one"
    commands = {"open": ["open", str(one)], "compare": ["compare", str(one), str(bench.place / "whole"), "--out", str(bench.place / "page.html")]}  # fmt: skip
    shutil.copytree(bench.place / "whole", one, dirs_exist_ok=True)
    if not bench.shown:
        bench.process(["-m", "jprobe", *commands["compare"]]).wait(timeout=600)
        bench.shown = bench.said()
    files = sorted(file for file in one.glob("*.*") if file.is_file())
    file = files[bench.folders % len(files)]
    bench.folder()
    bench.kind = file.name
    damage(file, bench.rng)
    wrong = []
    for name, words in commands.items():
        status = bench.process(["-m", "jprobe", *words]).wait(timeout=600)
        if status != 0:
            wrong.append(bench.untold(status))
        elif name == "compare":
            bench.same = bench.said() == bench.shown
            wrong.append("" if bench.same else "compare shows something else")
        elif file.name == "report.html" and file.read_bytes() != (bench.place / "whole" / file.name).read_bytes():
            wrong.append("open shows a damaged page")
    return "; ".join(f"{file.name}: {told}" for told in wrong if told)


TRIALS: dict[str, Callable[[Bench], str]] = {
    "kill": lambda bench: stopped(bench, signal.SIGKILL),
    "signal": lambda bench: stopped(bench, bench.rng.choice([signal.SIGINT, signal.SIGTERM])),
    "disk": full,
    "readonly": read_only,
    "bytes": bytes_of,
    "read": read_damaged,
    "together": together,
    "clock": set_back,
}


def row(bench: Bench, fault: str, times: int) -> int:
    """Try a fault so often, and print its row; damaged bytes have one for each kind of file. How often it went wrong."""
    counts: dict[str, list[int]] = {}
    wrong = []
    for _ in range(times):
        bench.kind, bench.same, bench.told = "", False, False
        told = TRIALS[fault](bench)
        wrong += [told] if told else []
        found = (1, bench.same and not told, bench.told, bool(told))
        before = counts.setdefault(bench.kind, [0, 0, 0, 0])
        counts[bench.kind] = [n + int(more) for n, more in zip(before, found, strict=True)]
    for kind, (tried, same, one, failed) in sorted(counts.items()):
        print(f"{bench.study:14}{f'{fault} {kind}':32}{tried:6}{same:16}{one:16}{failed:7}", flush=True)
    for told in wrong:
        print(f"    {told}", flush=True)
    return len(wrong)


def main() -> None:
    """Print a row a study and fault; end with 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", nargs="+", choices=FAULTS, default=FAULTS)
    parser.add_argument("--studies", nargs="+", choices=list(STUDIES), default=list(STUDIES))
    parser.add_argument("--times", type=int, default=30, help="how often each fault is tried with each study")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    # In a shell's background runs would ignore Ctrl-C, as this process does then.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    bad = 0
    print(f"{'study':14}{'fault':32}{'tried':>6}{'as undisturbed':>16}{'one clear line':>16}{'wrong':>7}", flush=True)
    for study in args.studies:
        with tempfile.TemporaryDirectory() as place:
            bench = Bench(study, Path(place), random.Random(f"{args.seed} {study}"))
            for fault in args.faults:
                bad += row(bench, fault, args.times)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
