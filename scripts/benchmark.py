"""Ratios, from one run on one machine: jprobe with and without its short cuts, a plain torch loop, a plain matrix product.

    pip install '.[benchmark]'
    python scripts/benchmark.py [--networks 20] [--rounds 5]
    python scripts/benchmark.py --scaling [--quick]     # cost against seeds, levels, width, ...: scripts/benchmark_scaling.py

The torch loop is what one would write without jprobe: one network after the other, one thread (two are slower on
products this small), the test set in memory as one batch, weights sorted once a network. The matrix product is
the first layer alone, float32, for as many networks at once as a sweep's chunk holds: no sweep that multiplies at each level
can be faster than that, whatever the machine; its rate is printed for the machine to be known by.
All rounds alternate between the contestants, and medians are printed, because machines are shared.

Each sweep, of networks and of their signs, runs with all short cuts closed ("plain"), with constant columns as a bias, with
small integers times signs in bfloat16 as well, and with nested levels walked as well. Beside the speed stands what became of
the accuracies: how many differ from the plain path's, by how many images at most, and how many of the images that differ
float64 decides clearly (which ought to be none: the others are ties to within float32 rounding).
"""

import argparse
import functools
import statistics
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import benchmark_scaling
import jax
import jax.numpy as jnp
import numpy as np
import torch

import jprobe as jp
from jprobe import engine
from jprobe.engine.draws import draw_keys
from jprobe.paths import parameters

Networks = list[tuple[torch.Tensor, ...]]

# Short cuts that are open, each beside those before it.
CUTS = (
    ("plain", ()),
    ("+ columns", ("columns",)),
    ("+ signs", ("columns", "signs")),
    ("+ nested", ("columns", "signs", "nested")),
)


class Timed(NamedTuple):
    """One sweep: seconds an evaluation, seconds to the first result, traces of the metric, accuracies [S, L, R, F]."""

    each: float
    first: float
    traces: int
    accuracy: np.ndarray


class Round(NamedTuple):
    """One round: ours by short cuts, seconds an evaluation of the torch loop, and of the bare product."""

    ours: list[Timed]
    torch: float
    product: float


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=20, help="networks of a sweep (the paper has 100)")
    parser.add_argument("--rounds", type=int, default=5, help="repetitions; medians are printed")
    parser.add_argument("--scaling", action="store_true", help="how costs grow, in the place of ratios")
    parser.add_argument("--quick", action="store_true", help="with --scaling: few values, each timed once")
    args = parser.parse_args()
    if args.scaling:
        return benchmark_scaling.main(["--quick"] if args.quick else [])
    torch.set_num_threads(1)

    task = jp.data.pair(jp.data.load("mnist"), (7, 9))
    model = jp.models.MLP()
    train_ratio, fit = training(model, task, args.rounds)
    print(f"training, a network of 20 at once: {train_ratio:.1f} times the torch loop\n")

    params = jax.tree.map(lambda w: jnp.resize(w, (args.networks, *w.shape[1:])), fit.params)
    nets = [
        tuple(
            torch.tensor(np.array(parameters(params)[layer][leaf][n]))
            for layer in ("Dense_0", "Dense_1")
            for leaf in ("kernel", "bias")
        )
        for n in range(2)
    ]
    rate, half = product(task), product(task, dtype=jnp.bfloat16)
    work = 2 * len(task.x_test) * task.x_test[0].size * 64
    print(f"a plain product: {work / rate / 1e9:.0f} GFLOP/s in float32, {work / half / 1e9:.0f} in bfloat16\n")
    print(
        f"{'sweep':18} {'short cuts':15} {'ms each':>8} {'a second':>9} {'x plain':>8} {'x torch':>8} {'of matmul':>10} "
        f"{'first':>7} {'traces':>7} {'moved':>12} {'images':>7} {'clear':>6}"
    )
    for name, probe, levels, loop in contests():
        rounds = [one(model, task, params, nets, probe, levels, loop) for _ in range(args.rounds)]
        for row, (cuts, _) in enumerate(CUTS):
            # Other users of the machine come and go: each round's numbers are compared with one another only.
            timed = [
                (
                    r.ours[row].each,
                    r.ours[0].each / r.ours[row].each,
                    r.torch / r.ours[row].each,
                    r.product / r.ours[row].each,
                )
                for r in rounds
            ]
            ours, faster, gain, share = (statistics.median(column) for column in zip(*timed, strict=True))
            first = statistics.median(r.ours[row].first for r in rounds)
            moved, images, clear = differences(task, params, probe, levels, rounds[-1].ours[0], rounds[-1].ours[row])
            print(
                f"{name:18} {cuts:15} {1e3 * ours:8.2f} {1 / ours:9.0f} {faster:8.2f} {gain:8.2f} {share:10.2f} "
                f"{first:5.1f} s {rounds[-1].ours[row].traces:7d} {moved:12} {images:7d} {clear:6d}",
                flush=True,
            )


def training(model: jp.models.MLP, task: jp.data.Task, rounds: int) -> tuple[float, jp.train.Fit]:
    """Seconds for one torch network over seconds for one of 20 of ours, compilation included."""
    ours, theirs = [], []
    torch_training(task, seed=0)  # torch's first call is slow
    for n in range(rounds):
        start = time.perf_counter()
        fit = jp.train.fit(model, task, seeds=20)
        ours.append((time.perf_counter() - start) / 20)
        start = time.perf_counter()
        torch_training(task, seed=n)
        theirs.append(time.perf_counter() - start)
    return statistics.median(theirs) / statistics.median(ours), fit


def torch_training(task: jp.data.Task, seed: int) -> None:
    """One network, as the paper trains it."""
    torch.manual_seed(seed)
    x, y = torch.tensor(task.x_train).flatten(1), torch.tensor(task.y_train).long()
    net = torch.nn.Sequential(torch.nn.Linear(x.shape[1], 64), torch.nn.ReLU(), torch.nn.Linear(64, 2))
    adam = torch.optim.Adam(net.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, 10)
    for _ in range(10):
        order = torch.randperm(len(x))
        for rows in order.split(128):
            adam.zero_grad()
            torch.nn.functional.cross_entropy(net(x[rows]), y[rows]).backward()
            adam.step()
        schedule.step()


def contests() -> Iterator[tuple[str, jp.probes.Probe, tuple[float, ...], Callable[..., torch.Tensor]]]:
    """(name, our probe, levels, the same on one torch kernel)."""
    p = jp.probes
    yield "prune", p.prune(), p.prune().level.grid, torch_prune
    yield "noise", p.noise(), p.noise().level.grid, torch_noise
    yield "flip", p.flip(), p.flip().level.grid, torch_flip
    yield "prune, randomize B", p.chain(p.prune(), p.randomize("B")), p.prune().level.grid, torch_randomize


def torch_prune(w: torch.Tensor, order: torch.Tensor, level: float) -> torch.Tensor:
    """The smallest weights to zero."""
    out = w.flatten().clone()
    out[order[: w.numel() - int((1 - level) * w.numel() + 1e-6)]] = 0
    return out.view_as(w)


def torch_flip(w: torch.Tensor, order: torch.Tensor, level: float) -> torch.Tensor:
    """The smallest weights with the other sign."""
    out = w.flatten().clone()
    first = order[: int(level * w.numel())]
    out[first] = -out[first]
    return out.view_as(w)


def torch_noise(w: torch.Tensor, order: torch.Tensor, level: float) -> torch.Tensor:
    """Uniform noise on nonzero weights."""
    return w + (torch.rand_like(w) * 2 - 1) * level * (w != 0)


def torch_randomize(w: torch.Tensor, order: torch.Tensor, level: float) -> torch.Tensor:
    """Pruned, then positive and negative weights shuffled apart."""
    out = torch_prune(w, order, level).flatten()
    for group in (out > 0, out < 0):
        values = out[group]
        out[group] = values[torch.randperm(len(values))]
    return out.view_as(w)


def one(
    model: jp.models.MLP,
    task: jp.data.Task,
    params: dict,
    nets: Networks,
    probe: jp.probes.Probe,
    levels: tuple[float, ...],
    loop: Callable[..., torch.Tensor],
) -> Round:
    """One round of a contest."""
    ours = []
    for _, paths in CUTS:
        with engine.only(*paths):
            ours.append(timed(model, task, params, probe, levels))
    return Round(ours, torch_sweep(task, nets, levels, loop), product(task))


def timed(
    model: jp.models.MLP, task: jp.data.Task, params: dict, probe: jp.probes.Probe, levels: tuple[float, ...]
) -> Timed:
    """One of our sweeps."""
    measured = jp.metrics.accuracy(model, task)
    traces = 0

    def counted(weights: dict) -> jax.Array:
        nonlocal traces
        traces += 1
        return measured(weights)

    ticks: list[tuple[float, float]] = []
    start = time.perf_counter()
    found = jp.sweep(
        probe, params, counted, levels, signed=True, progress=lambda f: ticks.append((time.perf_counter(), f))
    )
    # The first chunk compiles, in the first round; the rest is timed, the sorting of each network's weights included.
    (first, early), (last, late) = ticks[0], ticks[-1]
    return Timed((last - first) / ((late - early) * found.counted.size), first - start, traces, found.counted.values)


def differences(
    task: jp.data.Task, params: dict, probe: jp.probes.Probe, levels: tuple[float, ...], plain: Timed, ours: Timed
) -> tuple[str, int, int]:
    """Accuracies that a short cut moved, of how many; most images that one moved by; images among them that are no ties."""
    moved = np.rint((ours.accuracy - plain.accuracy) * len(task.y_test)).astype(int)
    clear = 0
    for n, k, _, flag in np.argwhere(moved):
        net = jax.tree.map(lambda w, n=n: w[n], params)
        key = draw_keys(jax.random.key(0), np.array([n]), np.array(levels[k : k + 1]), np.array([0]))
        weights = parameters(probe.apply(key[0, 0, 0], net, probe.init(net), jnp.float32(levels[k])))
        weights = jax.tree.map(jnp.sign, weights) if flag else weights
        clear += max(0, abs(moved[n, k, 0, flag]) - ties(task, weights))
    return f"{(moved != 0).sum()} of {moved.size}", int(abs(moved).max()), int(clear)


def ties(task: jp.data.Task, weights: dict) -> int:
    """Test images whose two outputs, in float64, differ by less than float32 rounding may add to them."""
    layers = [[np.asarray(weights[n][leaf], np.float64) for leaf in ("kernel", "bias")] for n in ("Dense_0", "Dense_1")]
    (w1, b1), (w2, b2) = layers
    x = np.asarray(task.x_test, np.float64).reshape(len(task.x_test), -1)
    outputs = np.maximum(x @ w1 + b1, 0) @ w2 + b2
    size = (np.abs(x) @ np.abs(w1) + np.abs(b1)) @ np.abs(w2) + np.abs(b2)
    rounding = 16 * np.finfo(np.float32).eps * size.max(1)
    return int((np.abs(outputs[:, 1] - outputs[:, 0]) <= rounding).sum())


def torch_sweep(
    task: jp.data.Task, nets: Networks, levels: tuple[float, ...], loop: Callable[..., torch.Tensor]
) -> float:
    """Seconds an evaluation of the plain loop, original and signed."""
    x, y = torch.tensor(task.x_test).flatten(1), torch.tensor(task.y_test)
    start = time.perf_counter()
    with torch.no_grad():
        for kernel, bias, kernel2, bias2 in nets:
            orders = [w.flatten().abs().argsort() for w in (kernel, kernel2)]
            for level in levels:
                w1, w2 = loop(kernel, orders[0], level), loop(kernel2, orders[1], level)
                for a, b, c, d in ((w1, bias, w2, bias2), (w1.sign(), bias.sign(), w2.sign(), bias2.sign())):
                    logits = torch.relu(x @ a + b) @ c + d
                    (logits.argmax(1) == y).float().mean().item()
    return (time.perf_counter() - start) / (2 * len(nets) * len(levels))


def product(task: jp.data.Task, networks: int = 16, dtype: type = jnp.float32) -> float:
    """Seconds for one network's share of a plain product of the test images with many first layers."""
    x = jnp.asarray(task.x_test, dtype).reshape(len(task.x_test), -1)
    w = jax.random.normal(jax.random.key(0), (x.shape[1], 64 * networks), dtype)
    multiply = jax.jit(functools.partial(jnp.dot, preferred_element_type=jnp.float32))
    multiply(x, w).block_until_ready()
    times = []
    for _ in range(25):
        start = time.perf_counter()
        multiply(x, w).block_until_ready()
        times.append(time.perf_counter() - start)
    return statistics.median(times) / networks


if __name__ == "__main__":
    main()
