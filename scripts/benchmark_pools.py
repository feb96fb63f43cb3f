"""Ratios, from one run on one machine: pools of paper 3's networks against a plain torch loop.

    pip install '.[benchmark]'
    python scripts/benchmark_pools.py [--networks 30] [--steps 100] [--rounds 3] [--only FC-3 CNN-3]

The torch loop is what one would write without jprobe: one network after the other, one thread, the test set in memory.
Both sides train on MNIST in minibatches of 128 with Adam and measure the test accuracy at the end of the epoch. Rounds
alternate between the contestants, each compared with its neighbour only, and medians are printed, because machines are
shared. Compilation is left out: it is paid once for a pool of any size.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import jax
import numpy as np
import torch

import jprobe as jp
from jprobe.choices import Kind

BATCH = 128
# Of 60,000 images.
STEPS_OF_AN_EPOCH = 469
NETWORKS: dict[str, tuple[Kind, int]] = {
    "FC-3": ("FC", 3), "CNN-3": ("CNN", 3), "CNN-5": ("CNN", 5), "RNN": ("RNN", 3), "AE-3": ("AE", 3),
}  # fmt: skip


class Recurrent(torch.nn.Module):
    """Torch's own recurrent network over rows."""

    def __init__(self) -> None:
        super().__init__()
        self.state = torch.nn.RNN(28, 64, nonlinearity="relu", batch_first=True)
        self.output = torch.nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of images [B, 1, 28, 28]."""
        return self.output(self.state(x[:, 0])[1][0])


def theirs(name: str) -> torch.nn.Module:
    """The same network in torch."""
    n = torch.nn
    layers: dict[str, Callable[[], torch.nn.Module]] = {
        "FC-3": lambda: n.Sequential(n.Flatten(), n.Linear(784, 32), n.ReLU(), n.Linear(32, 10)),
        "CNN-3": lambda: n.Sequential(n.Conv2d(1, 4, 3), n.ReLU(), n.Flatten(), n.Linear(2704, 10)),
        "CNN-5": lambda: n.Sequential(
            n.Conv2d(1, 5, 3), n.ReLU(), n.Conv2d(5, 5, 3), n.ReLU(), n.Conv2d(5, 5, 3), n.ReLU(), n.Flatten(),
            n.Linear(2420, 10),
        ),
        "RNN": Recurrent,
        "AE-3": lambda: n.Sequential(n.Flatten(), n.Linear(784, 16), n.ReLU(), n.Linear(16, 784), n.Sigmoid()),
    }  # fmt: skip
    return layers[name]()


def torch_loop(name: str, task: jp.data.Task, how: jp.train.Training) -> tuple[float, float]:
    """Seconds to train and test one network, and seconds of a processor."""
    net, labels = theirs(name), task.num_classes is not None
    x, x_test = (torch.tensor(a).permute(0, 3, 1, 2).contiguous() for a in (task.x_train, task.x_test))
    y, y_test = (torch.tensor(a).long() if labels else torch.tensor(a) for a in (task.y_train, task.y_test))
    loss = torch.nn.functional.cross_entropy if labels else torch.nn.functional.mse_loss
    adam = torch.optim.Adam(net.parameters(), lr=how.rate)
    start, cpu = time.perf_counter(), time.process_time()
    for rows in torch.randperm(len(x)).split(BATCH):
        adam.zero_grad()
        loss(net(x[rows]), y[rows]).backward()
        if how.clip is not None:
            torch.nn.utils.clip_grad_norm_(net.parameters(), how.clip)
        adam.step()
    with torch.no_grad():
        out = net(x_test)
        _ = ((out.argmax(1) == y_test).float().mean() if labels else loss(out, y_test)).item()
    return time.perf_counter() - start, time.process_time() - cpu


def first(task: jp.data.Task, steps: int) -> jp.data.Task:
    """As many training images as steps need, and the same share of the test set."""
    train = min(steps * BATCH, len(task.x_train))
    test = max(1, round(len(task.x_test) * steps / STEPS_OF_AN_EPOCH))
    arrays = task.x_train[:train], task.y_train[:train], task.x_test[:test], task.y_test[:test]
    return jp.data.Task(*arrays, num_classes=task.num_classes)


def contest(name: str, dataset: jp.data.Dataset, networks: int, steps: int, rounds: int) -> None:
    """Measure one architecture and print its line."""
    kind, depth = NETWORKS[name]
    whole = jp.data.reconstruction(dataset) if kind == "AE" else jp.data.task(dataset, "unit")
    task, model = first(whole, steps), jp.models.architecture(kind, depth)
    how = jp.train.training(kind, depth, "relu")._replace(epochs=1)

    def ours() -> tuple[float, float]:
        start, cpu = time.perf_counter(), time.process_time()
        jp.train.pool(model, task, how, networks)
        return (time.perf_counter() - start) / networks, (time.process_time() - cpu) / networks

    begun = time.perf_counter()
    ours()
    compiled = time.perf_counter() - begun
    torch_loop(name, first(whole, 2), how)
    rows = []
    for _ in range(rounds):
        wall, cpu = ours()
        loop, loop_cpu = torch_loop(name, task, how)
        rows.append((wall, cpu, loop, loop / wall, loop_cpu / cpu))
    wall, cpu, loop, ratio, of_cpu = np.median(np.array(rows), 0)
    compiling = compiled - statistics.median(row[0] for row in rows) * networks
    print(
        f"{name:6} {1e3 * wall / steps:10.2f} {1e3 * cpu / steps:10.2f} {1e3 * loop / steps:10.2f} {ratio:8.1f} "
        f"{of_cpu:14.1f} {max(compiling, 0):8.1f} s",
        flush=True,
    )


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=30, help="networks of a pool (the paper has 30)")
    parser.add_argument("--steps", type=int, default=100, help="of an epoch (a whole one has 469)")
    parser.add_argument("--rounds", type=int, default=3, help="repetitions; medians are printed")
    parser.add_argument("--only", nargs="+", choices=NETWORKS, default=list(NETWORKS), help="which architectures")
    args = parser.parse_args()
    torch.set_num_threads(1)
    dataset = jp.data.load("mnist")
    print(f"Milliseconds a step and network, pools of {args.networks} on {jax.default_backend()}:")
    print(
        f"{'':6} {'ours':>10} {'ours, CPU':>10} {'torch':>10} {'x torch':>8} {'x torch by CPU':>14} {'compiling':>10}"
    )
    for name in args.only:
        contest(name, dataset, args.networks, args.steps, args.rounds)


if __name__ == "__main__":
    main()
