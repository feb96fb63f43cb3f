"""Ratios, from one run on one machine: jprobe against a plain torch loop and against a plain matrix product.

    pip install '.[benchmark]'
    python scripts/benchmark.py [--networks 20] [--rounds 5]

The torch loop is what one would write without jprobe: one network after the other, one thread (two are slower on
products this small), the test set in memory as one batch, weights sorted once a network. The matrix product is
the first layer alone, for as many networks at once as a sweep's chunk holds: no sweep can be faster than that.
All rounds alternate between the contestants, and medians are printed, because machines are shared.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
import torch

import jprobe as jp
from jprobe.paths import parameters

Networks = list[tuple[torch.Tensor, ...]]


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=20, help="networks of a sweep (the paper has 100)")
    parser.add_argument("--rounds", type=int, default=5, help="repetitions; medians are printed")
    args = parser.parse_args()
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
    print(f"{'sweep':22} {'ms each':>8} {'torch':>8} {'x torch':>8} {'of matmul':>10} {'compiling':>10} {'traces':>7}")
    for name, probe, levels, loop in contests():
        rows = [one(model, task, params, nets, probe, levels, loop) for _ in range(args.rounds)]
        # Other users of the machine come and go: each round's numbers are compared with one another only.
        columns = [(o, t, t / o, p / o, c) for o, t, p, c, _ in rows]
        ours, theirs, gain, rate, compiling = (statistics.median(column) for column in zip(*columns, strict=True))
        print(
            f"{name:22} {1e3 * ours:8.2f} {1e3 * theirs:8.2f} {gain:8.2f} {rate:10.2f} "
            f"{compiling:8.1f} s {rows[-1][4]:7d}"
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
) -> tuple[float, float, float, float, int]:
    """Seconds an evaluation: ours once compiled, the torch loop, the bare product; seconds to compile; traces."""
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
    evaluations = found.counted.size
    # The first chunk compiles; the rest of the sweep is timed, the sorting of each network's weights included.
    (first, early), (last, late) = ticks[0], ticks[-1]
    ours = (last - first) / ((late - early) * evaluations)
    compiling = first - start - ours * early * evaluations
    return ours, torch_sweep(task, nets, levels, loop), product(task), compiling, traces


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


def product(task: jp.data.Task, networks: int = 16) -> float:
    """Seconds for one network's share of a plain product of the test images with many first layers."""
    x = jnp.asarray(task.x_test).reshape(len(task.x_test), -1)
    w = jax.random.normal(jax.random.key(0), (x.shape[1], 64 * networks))
    multiply = jax.jit(jnp.dot)
    multiply(x, w).block_until_ready()
    times = []
    for _ in range(25):
        start = time.perf_counter()
        multiply(x, w).block_until_ready()
        times.append(time.perf_counter() - start)
    return statistics.median(times) / networks


if __name__ == "__main__":
    main()
