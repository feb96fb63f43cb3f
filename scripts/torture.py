"""Break runs of the studies on purpose, take them up again, and compare: nothing lost, nothing wrong, one clear line.

    python scripts/torture.py [--faults kill signal disk readonly bytes together clock] [--studies probes ...] [--times 30]

Runs are small (a few networks, one epoch; seconds each). A row says of a study and a fault how often it was tried, how
often the run then ended as the undisturbed one or with one clear line, and what went wrong. Needs Linux; full and
read-only disks need root, who may mount a tmpfs.
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
FAULTS = ("kill", "signal", "disk", "readonly", "bytes", "together", "clock")

# How long something took is not what is computed.
TIMES = ("seconds", "per_second", "pace", "speed")


class Bench:
    """One study, its undisturbed run, and a cache that knows its programs."""

    def __init__(self, study: str, place: Path, rng: random.Random) -> None:
        self.study, self.place, self.rng = study, place / study, rng
        self.place.mkdir()
        self.cache = place / "cache"
        self.folders = 0
        self.start(self.place / "warm").wait()  # compiles
        begin = time.monotonic()
        assert self.run(self.place / "whole") == 0, self.said()
        self.seconds = time.monotonic() - begin
        self.numbers = numbers(self.place / "whole")

    def folder(self) -> Path:
        """A folder for the next run."""
        self.folders += 1
        return self.place / f"run{self.folders}"

    def start(self, out: Path, behind: float = 0.0, cache: Path | None = None) -> subprocess.Popen[bytes]:
        """The command, as a person types it, in a process of its own; its clock may be behind."""
        words = ["run", self.study, *STUDIES[self.study].split(), "--out", str(out)]
        code = f"import time; now = time.time; time.time = lambda: now() - {behind}; from jprobe.cli import main; main({words!r})"
        environment = os.environ | {"JPROBE_CACHE": str(cache or self.cache), "JAX_PLATFORMS": "cpu"}
        with (self.place / "said").open("wb") as said:
            return subprocess.Popen(
                [sys.executable, "-c", code], stdout=said, stderr=subprocess.STDOUT, env=environment
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
            return "" if numbers(out) == self.numbers else "other numbers"
        lines = [line for line in self.said().splitlines() if line.startswith("jprobe: ")]
        return "" if status == 1 and len(lines) == 1 else f"status {status}: {self.said().strip()[-200:]}"

    def taken_up(self, out: Path, **options: object) -> str:
        """What is wrong when the same command takes a run up: it has to end as the undisturbed one."""
        status = self.run(out, **options)
        return self.wrong(out, status) or ("" if status == 0 else f"not taken up: {self.said().strip()[-200:]}")


def numbers(out: Path) -> dict[str, object]:
    """What a run found, but for how long it took: bytes of every variable, and the headline numbers."""
    import xarray as xr

    with xr.open_dataset(out / "results.nc") as ds:
        found = {
            str(name): (str(ds[name].dtype), ds[name].dims, ds[name].values.tobytes() if ds[name].dtype != object else ds[name].values.tolist())
            for name in ds.variables
            if not any(word in str(name) for word in TIMES)
        }  # fmt: skip
    told = json.loads((out / "summary.json").read_text())
    # NaN is not equal to itself; written out it is.
    return found | {"summary": json.dumps({k: v for k, v in told.items() if not any(word in k for word in TIMES)})}


def stopped(bench: Bench, number: signal.Signals, behind: float = 0.0) -> str:
    """Stop a run at a random moment, and take it up."""
    out = bench.folder()
    process = bench.start(out)
    time.sleep(bench.rng.uniform(0.0, bench.seconds))
    process.send_signal(number)
    status = process.wait(timeout=600)
    # A signal may come while Python ends, or in a callback of its garbage collector, which cannot raise: it says so, and goes on.
    ignored = status == 0 and "Exception ignored in" in bench.said()
    if number != signal.SIGKILL and "Traceback" in bench.said() and not ignored:
        return f"a traceback: {bench.said()[-1500:]}"
    if number != signal.SIGKILL and status not in (0, 128 + number, -number):  # the latter before Python listens
        return f"status {status}"
    return bench.taken_up(out, behind=behind)


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
    """A disk that is full at some moment of the run, under its folder or under the cache; then there is room."""
    out = bench.folder()
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
        kinds.setdefault(f"{top is cache}{file.relative_to(top).parts[0]}{file.suffix}", []).append(file)
    file = bench.rng.choice(kinds[bench.rng.choice(sorted(kinds))])
    if (out / "parts") in file.parents or "checkpoints" in file.parts or cache in file.parents:
        (out / "results.nc").unlink()
    if "checkpoints" in file.parts or cache in file.parents:
        shutil.rmtree(out / "parts")  # else nobody reads them
    damage(file, bench.rng)
    status = bench.run(out, cache=cache)
    told = bench.wrong(out, status)
    shutil.rmtree(cache)
    return f"{file.relative_to(bench.place)}: {told}" if told else ""


TRIALS: dict[str, Callable[[Bench], str]] = {
    "kill": lambda bench: stopped(bench, signal.SIGKILL),
    "signal": lambda bench: stopped(bench, bench.rng.choice([signal.SIGINT, signal.SIGTERM])),
    "disk": full,
    "readonly": read_only,
    "bytes": bytes_of,
    "together": together,
    "clock": lambda bench: stopped(bench, signal.SIGKILL, behind=3 * 86400.0),
}


def main() -> None:
    """Print a row a study and fault; end with 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", nargs="+", choices=FAULTS, default=FAULTS)
    parser.add_argument("--studies", nargs="+", choices=list(STUDIES), default=list(STUDIES))
    parser.add_argument("--times", type=int, default=30, help="how often each fault is tried with each study")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    bad = 0
    print(f"{'study':14}{'fault':12}{'tried':>6}{'wrong':>7}", flush=True)
    for study in args.studies:
        with tempfile.TemporaryDirectory() as place:
            bench = Bench(study, Path(place), random.Random(f"{args.seed} {study}"))
            for fault in args.faults:
                wrong = [told for told in (TRIALS[fault](bench) for _ in range(args.times)) if told]
                bad += len(wrong)
                print(f"{study:14}{fault:12}{args.times:6}{len(wrong):7}", flush=True)
                for told in wrong:
                    print(f"    {told}", flush=True)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
