"""Cost against seeds, levels, width, images, nodes, edges, devices and processes: one at a time, all else fixed.

    python scripts/benchmark_scaling.py [--quick] [--out docs/pictures/scaling.png]

Every time is the median of repeated calls, after a call that compiles. Beside the times stands the exponent b of seconds ~ x^b,
fitted to the larger half of the values, where what a call costs whatever its size counts least. Devices are simulated: shares
of one CPU, which show what spreading costs and not what more devices would gain. Processes share one run's parts through the
command line, their start included.
"""

import argparse
import functools
import io
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator
from PIL import Image

import jprobe as jp
from jprobe.figures.style import OTHERS, canvas, styled

PICTURE = Path(__file__).parent.parent / "docs" / "pictures" / "scaling.png"

# What is fixed while another factor varies.
SEEDS, LEVELS, WIDTH, IMAGES, NODES, EDGES = 20, 10, 64, 2000, 4096, 2**20

# Factors that share the same work instead of adding to it.
SHARED = ("devices", "processes")


class Line(NamedTuple):
    """One measured line.

    Attributes:
        factor: what varies.
        work: what was timed.
        x: its values.
        seconds: medians.
    """

    factor: str
    work: str
    x: tuple[int, ...]
    seconds: tuple[float, ...]

    @property
    def exponent(self) -> float:
        """b of seconds ~ x^b over the larger half of the values."""
        half = min(len(self.x) // 2, len(self.x) - 2)
        return float(np.polyfit(np.log(self.x[half:]), np.log(self.seconds[half:]), 1)[0])


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print the table, draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three values of each factor, each timed once")
    parser.add_argument("--out", type=Path, default=PICTURE, help="the figure")
    parser.add_argument("--devices", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.devices:
        print(json.dumps(spread(args.devices, args.quick)))
        return
    found = []
    print(f"{'factor':10} {'work':24} exponent  seconds")
    for line in lines(args.quick):
        told = "  ".join(f"{x:,}: {seconds:.3g}" for x, seconds in zip(line.x, line.seconds, strict=True))
        print(f"{line.factor:10} {line.work:24} {line.exponent:8.2f}  {told}", flush=True)
        found.append(line)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_bytes(picture(drawn(found)))
    print(f"\n{args.out}")


def lines(quick: bool) -> Iterator[Line]:
    """Measure a line after the other."""
    kinds = {"noise": jp.probes.noise(), "pruning": jp.probes.prune()}
    few = {"training": (10, 20, 40), "sweeps": (5, 20, 80)}
    many = {"training": (10, 20, 40, 80), "sweeps": (5, 10, 20, 40, 80, 160)}
    seeds = few if quick else many

    yield measured("seeds", "training", seeds["training"], training, quick)
    for name, probe in kinds.items():
        sweep = functools.partial(sweeping, probe)
        yield measured("seeds", name, seeds["sweeps"], sweep, quick)
        yield measured("levels", name, (5, 20, 80) if quick else (5, 10, 20, 40, 80, 160), sweep, quick)
    train, sweep = (
        functools.partial(training, seeds=10),
        functools.partial(sweeping, kinds["noise"], seeds=10, levels=5),
    )
    for factor, values in {
        "width": (16, 32, 64, 128, 256, 512),
        "images": (500, 1000, 2000, 4000, 8000, 16000),
    }.items():
        some = values[::2] if quick else values
        yield measured(factor, "training", some, train, quick)
        yield measured(factor, "noise", some, sweep, quick)
    # A layer of a x b weights: a b edges, a + b nodes.
    sides = (1024, 256, 64) if quick else (1024, 512, 256, 128, 64, 32)
    layers = [(a, EDGES // a) for a in sides]
    yield of_graphs("nodes", layers, [a + b for a, b in layers], quick)
    layers = [(a, NODES - a) for a in ((64, 256, 1024) if quick else (32, 64, 128, 256, 512, 1024, 2048))]
    yield of_graphs("edges", layers, [a * b for a, b in layers], quick)
    counts = (1, 2) if quick else (1, 2, 4)
    told = [on_devices(count, quick) for count in counts]
    for work in told[0]:
        yield Line("devices", work, counts, tuple(one[work] for one in told))
    yield Line("processes", "a run of 16 parts", (1, 2), tuple(in_processes(count) for count in (1, 2)))


def measured(
    factor: str, work: str, values: Sequence[int], prepare: Callable[..., Callable[[], object]], quick: bool
) -> Line:
    """A line of medians; ``prepare`` gives the work of a value of the factor, which is run once before it is timed."""
    seconds = []
    for value in values:
        run = prepare(**{factor: value})
        run()
        seconds.append(median(run, quick))
    return Line(factor, work, tuple(values), tuple(seconds))


def median(run: Callable[[], object], quick: bool) -> float:
    """Seconds of a call: of one, or the median of three to nine, as many as two seconds have room for."""
    times: list[float] = []
    while not times or (not quick and (len(times) < 3 or (sum(times) < 2 and len(times) < 9))):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def task(images: int = IMAGES) -> jp.data.Task:
    """So many training and test images: digits 7 and 9, the same again where there are no more."""
    whole = jp.data.pair(jp.data.load("mnist"), (7, 9))
    rows = np.resize(np.arange(len(whole.x_train)), images)
    x, y = whole.x_train[rows], whole.y_train[rows]
    return jp.data.Task(x, y, x, y, num_classes=2)


def training(
    seeds: int = SEEDS, width: int = WIDTH, images: int = IMAGES, mesh: jax.sharding.Mesh | None = None
) -> Callable:
    """Two epochs of so many perceptrons."""
    data, model = task(images), jp.models.MLP((width,))
    return lambda: jp.train.fit(model, data, seeds, epochs=2, mesh=mesh)


def sweeping(
    probe: jp.probes.Probe, seeds: int = SEEDS, levels: int = LEVELS, width: int = WIDTH, images: int = IMAGES,
    mesh: jax.sharding.Mesh | None = None,
) -> Callable:  # fmt: skip
    """A sweep of so many perceptrons: what it costs does not depend on whether they are trained."""
    data, model = task(images), jp.models.MLP((width,))
    params = jax.tree.map(np.asarray, jp.train.untrained(model, data, seeds))
    metric, grid = jp.metrics.accuracy(model, data), np.linspace(0.0, 0.95, levels)
    return lambda: jp.sweep(probe, params, metric, grid, mesh=mesh)


def of_graphs(factor: str, layers: Sequence[tuple[int, int]], values: Sequence[int], quick: bool) -> Line:
    """Seconds of 20 sweeps of annealing and the descent after them, on layers of normal weights."""
    sizes = dict(zip(values, layers, strict=True))

    def anneal(**named: int) -> Callable[[], object]:
        graph = jp.graph.bipartite(jax.random.normal(jax.random.key(1), sizes[named[factor]]))
        return lambda: jp.frustration.anneal(graph, key=jax.random.key(0), sweeps=20).energy

    return measured(factor, "annealing", sorted(sizes), anneal, quick)


def spread(devices: int, quick: bool) -> dict[str, float]:
    """Seconds on all devices of this process."""
    mesh = None if devices == 1 else jax.make_mesh((devices,), ("seed",))
    found = {}
    for work, run in {"training": training(mesh=mesh), "noise": sweeping(jp.probes.noise(), mesh=mesh)}.items():
        run()
        found[work] = median(run, quick)
    return found


def on_devices(devices: int, quick: bool) -> dict[str, float]:
    """The same in a process of its own: how many devices there are is settled when JAX starts."""
    words = [sys.executable, __file__, "--devices", str(devices), *(["--quick"] if quick else [])]
    environment = os.environ | {"JAX_NUM_CPU_DEVICES": str(devices), "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(words, env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def in_processes(count: int) -> float:
    """Seconds of a small run by so many processes, their start and the report included."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        run = [sys.executable, "-m", "jprobe", "run", "probes", "--seeds", "10", "--epochs", "2", "--out", folder]
        shared = ["--distributed", "--coordinator", f"127.0.0.1:{port}", "--processes", str(count), "--process-id"]
        start = time.perf_counter()
        running = [
            subprocess.Popen([*run, *([*shared, str(n)] if count > 1 else [])], stdout=subprocess.DEVNULL)
            for n in range(count)
        ]
        codes = [process.wait() for process in running]
        if any(codes):
            raise RuntimeError(f"{count} processes ended with {codes}")
        return time.perf_counter() - start


@styled
def drawn(found: Sequence[Line]) -> Figure:
    """A panel a factor, a colour for what was timed; dotted: in proportion."""
    factors = list(dict.fromkeys(line.factor for line in found))
    hues = dict(zip(dict.fromkeys(line.work for line in found), OTHERS, strict=False))
    columns = 4
    figure, axes = canvas(-(-len(factors) // columns), columns, 1.7, legend=0.3)
    for n, (panel, factor) in enumerate(zip(axes.flat, factors, strict=False)):
        mine = [line for line in found if line.factor == factor]
        for line in mine:
            x, seconds = np.array(line.x), np.array(line.seconds)
            panel.plot(x, seconds, "o-", markersize=3, color=hues[line.work], label=line.work)
            if factor not in SHARED:
                panel.plot(x, seconds[-1] * x / x[-1], ":", linewidth=0.8, color=hues[line.work])
        panel.set_title(factor)
        panel.set_xscale("log")
        if factor in SHARED:  # the same work: no growth to see
            panel.set_ylim(0, 1.2 * max(max(line.seconds) for line in mine))
        else:
            panel.set_yscale("log")
            panel.yaxis.set_major_formatter("{x:g}")
            panel.yaxis.set_minor_formatter(NullFormatter())
        panel.set_ylabel("" if n % columns else "seconds")
        values = sorted({x for line in mine for x in line.x})
        shown = values if len(values) <= 4 else values[:: (len(values) - 1) // 2]
        panel.set_xticks(shown, [_short(x) for x in shown])
        panel.xaxis.set_minor_locator(NullLocator())
    for panel in axes.flat[len(factors) :]:
        panel.set_axis_off()
    handles = {h.get_label(): h for panel in axes.flat for h in panel.get_lines() if h.get_label() in hues}
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=len(handles))
    return figure


def _short(number: int) -> str:
    """A number on an axis.

    >>> _short(512), _short(32_800), _short(4_194_304)
    ('512', '33k', '4.2M')
    """
    if number < 1000:
        return str(number)
    return f"{number / 1000:.0f}k" if number < 10**6 else f"{number / 1e6:.1f}M"


def picture(figure: Figure) -> bytes:
    """A PNG of few colours."""
    raw, out = io.BytesIO(), io.BytesIO()
    figure.savefig(raw, format="png", dpi=160)
    Image.open(raw).convert("RGB").quantize(64).save(out, "PNG", optimize=True)
    return out.getvalue()


if __name__ == "__main__":
    main()
