"""What trainings and sweeps of large and many networks cost: seconds and peak resident memory, each case in a fresh process.

    python scripts/benchmark_memory.py [--only many wide] [--memory 8GB]

A case trains networks and sweeps them; its peak is of the whole process: Python, JAX, data, networks, compiled programs.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable

CASES = {
    "many": "1,000 perceptrons 784-64-2, one epoch; pruned at 100 levels, with their signs",
    "draws": "the same networks under noise at 10 levels",
    "wide": "4 perceptrons 784-4096-2, one epoch; pruned at 20 levels, with their signs, and under noise at 5",
    "deep": "20 perceptrons of 8 hidden layers of 64, one epoch; pruned at 20 levels, with their signs, and under noise at 5",
    "cnn": "4 CNNs on the ten digits, one epoch of 10,000 images; pruned at 10 levels, with their signs, on 2,000 images",
}


def main() -> None:
    """Run the cases, each in a process of its own, and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--memory", help="what a run may take, such as 8GB; default: what the machine has")
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.case:
        print(json.dumps(_measured(args.case, args.memory)))
        return
    print(f"{'case':8}{'training':>10}{'sweeps':>10}{'peak':>10}")
    for case in args.only:
        words = [sys.executable, __file__, "--case", case, *(["--memory", args.memory] if args.memory else [])]
        told = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        print(
            f"{case:8}{told['training']:8.1f} s{told['sweeps']:8.1f} s{told['peak'] / 1e9:7.2f} GB  {CASES[case]}",
            flush=True,
        )


def _measured(case: str, memory: str | None) -> dict[str, float]:
    from jprobe.memory import in_bytes, peak, within

    with within(None if memory is None else in_bytes(memory)):
        training, sweeps = _case(case)
    return {"training": training, "sweeps": sweeps, "peak": peak() or float("nan")}


def _case(name: str) -> tuple[float, float]:
    """Seconds of training, seconds of sweeps."""
    import numpy as np

    import jprobe as jp

    digits = jp.data.load("mnist")
    pair = jp.data.pair(digits, (7, 9))
    prune, noise = jp.probes.prune(), jp.probes.noise()
    hundred, twenty = np.linspace(0, 0.99, 100), np.linspace(0, 0.95, 20)

    def case(
        model: jp.models.Model, task: jp.data.Task, seeds: int, sweeps: Callable[..., object]
    ) -> tuple[float, float]:
        start = time.perf_counter()
        fit = jp.train.fit(model, task, seeds, epochs=1)
        trained = time.perf_counter()
        sweeps(fit.params, jp.metrics.accuracy(model, task))
        return trained - start, time.perf_counter() - trained

    def both(params: dict, metric: Callable) -> None:
        jp.sweep(prune, params, metric, twenty, signed=True)
        jp.sweep(noise, params, metric, twenty[:5])

    if name == "many":
        return case(jp.models.MLP(), pair, 1000, lambda p, m: jp.sweep(prune, p, m, hundred, signed=True))
    if name == "draws":
        return case(jp.models.MLP(), pair, 1000, lambda p, m: jp.sweep(noise, p, m, hundred[:10]))
    if name == "wide":
        return case(jp.models.MLP((4096,)), pair, 4, both)
    if name == "deep":
        return case(jp.models.MLP((64,) * 8), pair, 20, both)
    whole = jp.data.task(digits)
    few = jp.data.Task(
        whole.x_train[:10_000], whole.y_train[:10_000], whole.x_test[:2000], whole.y_test[:2000], num_classes=10
    )
    return case(jp.models.CNN(features=10), few, 4, lambda p, m: jp.sweep(prune, p, m, twenty[::2], signed=True))


if __name__ == "__main__":
    main()
