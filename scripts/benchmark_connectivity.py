"""Ratios, from one run on one machine: paper 4's network against the same in torch, written edge by edge.

    pip install '.[benchmark]'
    python scripts/benchmark_connectivity.py [--nodes 20] [--channels 11] [--batch 16] [--size 32] [--rounds 3]

The torch network is what one would write from the paper: a loop over nodes, a sum over edges, one thread. Both sides take steps of
SGD on the same random images. Processor time is compared, because XLA uses two cores where torch is given one, and
machines are shared. Then the same of networks as small as the paper's cut ones (table 1), beside its table 3.
"""

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch

from jprobe import connectivity
from jprobe.models import DAG, dag_block
from jprobe.models.dag import stage_of
from jprobe.train import cross_entropy

STEPS = 3

# Table 1: live nodes of each stage; edges from its sparsity; table 3: time of an epoch, whole over retrained.
CUT = {"CMNIST": ((4, 3, 6), 21, 7.0), "CFashionMNIST": ((9, 7, 11), 115, 3.6), "CIFAR-10": ((16, 17, 15), 299, 1.6)}


class TorchBlock(torch.nn.Module):
    """BN(conv3x3(ReLU s)) + BN(conv1x1 s)."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        n = torch.nn
        self.wide = n.Sequential(n.ReLU(), n.Conv2d(inputs, outputs, 3, stride, 1, bias=False), n.BatchNorm2d(outputs))
        self.narrow = n.Sequential(n.Conv2d(inputs, outputs, 1, stride, bias=False), n.BatchNorm2d(outputs))

    def forward(self, s: torch.Tensor) -> torch.Tensor:
        """The node's output."""
        return self.wide(s) + self.narrow(s)


class TorchDAG(torch.nn.Module):
    """Node after node, edge after edge."""

    def __init__(self, nodes: tuple[int, ...], channels: int) -> None:
        super().__init__()
        self.stage = stage_of(nodes).tolist()
        count, width = sum(nodes), lambda stage: channels * 2**stage
        self.nodes = torch.nn.ModuleList(TorchBlock(width(t), width(t)) for t in self.stage)
        self.nodes[0] = TorchBlock(3, channels)
        later = {(i, t) for i in range(count) for t in set(self.stage) if t > self.stage[i]}
        self.reduce = torch.nn.ModuleDict(
            {f"{i}_{t}": TorchBlock(width(self.stage[i]), width(t), 2 ** (t - self.stage[i])) for i, t in sorted(later)}
        )
        self.edges = torch.nn.Parameter(torch.full((count, count), 0.549306))
        self.head = torch.nn.Linear(width(self.stage[-1]), 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of images [B, 3, H, W]."""
        made, carried, weights = [self.nodes[0](x)], {}, torch.tanh(self.edges)
        for j in range(1, len(self.nodes)):
            s = 0.0
            for i in range(j):
                value = made[i]
                if self.stage[i] < self.stage[j]:
                    key = f"{i}_{self.stage[j]}"
                    if key not in carried:
                        carried[key] = self.reduce[key](value)
                    value = carried[key]
                s = s + weights[i, j] * value
            made.append(self.nodes[j](s))
        return self.head(made[-1].mean((2, 3)))


def timed(run: Callable[[], Any]) -> tuple[float, float]:
    """Seconds a step, by the clock and of a processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return (time.perf_counter() - wall) / STEPS, (time.process_time() - cpu) / STEPS


def theirs(nodes: tuple[int, ...], channels: int, x: np.ndarray, y: np.ndarray) -> Callable[[], None]:
    """Steps of torch."""
    net = TorchDAG(nodes, channels)
    sgd = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9, weight_decay=1e-4)
    images, labels = torch.tensor(x).permute(0, 3, 1, 2).contiguous(), torch.tensor(y).long()

    def run() -> None:
        for _ in range(STEPS):
            sgd.zero_grad()
            loss = torch.nn.functional.cross_entropy(net(images), labels) + 1e-3 * torch.tanh(net.edges).abs().sum()
            loss.backward()
            sgd.step()

    return run


def ours(model: DAG, x: np.ndarray, y: np.ndarray, wiring: Any = None, name: str = "") -> Callable[[], None]:
    """Steps of jprobe's network, compiled."""
    variables = jax.jit(model.init)(jax.random.key(0), x)
    if wiring is not None:
        variables = {**variables, "wiring": wiring}
    rest = {key: variables[key] for key in ("batch_stats", "wiring")}

    def loss(params: Any, rest: Any, x: jax.Array, y: jax.Array) -> tuple[jax.Array, Any]:
        logits, changed = model.apply({"params": params, **rest}, x, True, mutable=["batch_stats"])
        own = {"params": params, **rest}
        return cross_entropy(logits, y, own).mean() + 1e-3 * connectivity.regime.edge_sizes(own).sum(), changed

    return compiled(loss, variables["params"], rest, x, y, name)


def compiled(loss: Any, params: Any, rest: Any, x: np.ndarray, y: np.ndarray, name: str) -> Callable[[], None]:
    """Steps of SGD on a loss with statistics."""
    sgd = optax.chain(optax.add_decayed_weights(1e-4), optax.sgd(0.1, momentum=0.9))

    @jax.jit
    def steps(params: Any, state: Any, rest: Any, x: jax.Array, y: jax.Array) -> Any:
        def step(carry: Any, _: None) -> tuple[Any, Any]:
            params, state, rest = carry
            (value, changed), grads = jax.value_and_grad(loss, has_aux=True)(params, rest, x, y)
            updates, state = sgd.update(grads, state, params)
            return (optax.apply_updates(params, updates), state, {**rest, **changed}), value

        return jax.lax.scan(step, (params, state, rest), None, STEPS)

    state, started = sgd.init(params), time.perf_counter()
    program = steps.lower(params, state, rest, x, y).compile()
    if name:
        memory = program.memory_analysis()
        room = f", {memory.temp_size_in_bytes / 2**20:.0f} MiB beside the arguments" if memory is not None else ""
        print(f"{name}: compiled in {time.perf_counter() - started:.1f} s{room}", flush=True)
    return lambda: jax.block_until_ready(program(params, state, rest, x, y))


def unrolled(model: DAG, x: np.ndarray, y: np.ndarray) -> Callable[[], None]:
    """The same network with its nodes one after the other in the program, which XLA differentiates by itself."""
    nodes, stages = sum(model.nodes), stage_of(model.nodes)
    first = np.cumsum([0, *model.nodes])
    variables = jax.jit(model.init)(jax.random.key(0), x)
    table = jax.tree.map(np.asarray, variables["wiring"])

    def pick(tree: Any, row: int) -> Any:
        return jax.tree.map(lambda a: a[row], tree)

    def loss(params: Any, rest: Any, x: jax.Array, y: jax.Array) -> tuple[jax.Array, Any]:
        matrix = jnp.asarray(table["fixed"]).at[table["targets"], table["sources"]].add(jnp.tanh(params["edges"]))
        made, carried = [dag_block.block(params["input"], x)[0]], {}
        for j in range(1, nodes):
            stage, terms = stages[j], []
            for i in range(j):
                value = made[i]
                if stages[i] < stage:
                    if (i, stage) not in carried:
                        own = pick(params[f"reduce_{stages[i]}_{stage}"], int(i - first[stages[i]]))
                        carried[i, stage] = dag_block.block(own, value, 2 ** int(stage - stages[i]))[0]
                    value = carried[i, stage]
                terms.append(matrix[j, i] * value)
            own = pick(params[f"stage_{stage}"], int(j - first[stage] - (not stage)))
            made.append(dag_block.block(own, sum(terms[1:], start=terms[0]))[0])
        pooled = made[-1].mean((1, 2))
        logits = pooled @ params["head"]["kernel"] + params["head"]["bias"]
        own = {"params": params, **rest}
        return cross_entropy(logits, y, own).mean() + 1e-3 * connectivity.regime.edge_sizes(own).sum(), {}

    rest = {key: variables[key] for key in ("batch_stats", "wiring")}
    return compiled(loss, variables["params"], rest, x, y, "unrolled by node")


def random_wiring(counts: tuple[int, ...], edges: int, nodes: tuple[int, ...]) -> connectivity.Wiring:
    """A live wiring with so many nodes of each stage: a chain through all of them, and other edges at random."""
    rng, first = np.random.default_rng(0), np.cumsum([0, *nodes])
    own = np.concatenate([first[t] + np.arange(count) for t, count in enumerate(counts)])
    own[-1] = sum(nodes) - 1
    weights = np.zeros((sum(nodes),) * 2)
    weights[own[:-1], own[1:]] = 1
    others = np.argwhere(np.triu(np.ones((len(own),) * 2), 2))
    for i, j in rng.permutation(others)[: max(edges - len(own) + 1, 0)]:
        weights[own[i], own[j]] = 1
    return connectivity.wiring(weights, stage_of(nodes))


def main() -> None:
    """Print every comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("nodes", 20), ("channels", 11), ("batch", 16), ("size", 32), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--unrolled", action="store_true", help="also the network without scans; minutes to compile")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    nodes, rng = (chosen.nodes,) * 3, np.random.default_rng(0)
    x = rng.normal(size=(chosen.batch, chosen.size, chosen.size, 3)).astype(np.float32)
    y = rng.integers(10, size=chosen.batch)
    whole = DAG(nodes, chosen.channels)
    contestants: dict[str, Callable[[], None]] = {
        "torch": theirs(nodes, chosen.channels, x, y),
        "whole": ours(whole, x, y, name="whole network"),
    }
    if chosen.unrolled:
        contestants["unrolled"] = unrolled(whole, x, y)
    if chosen.nodes == 20:
        for name, (counts, edges, _) in CUT.items():
            small = connectivity.compact([random_wiring(counts, edges, nodes)], chosen.channels, 10)
            contestants[name] = ours(small.model, x, y, small.tables[0])
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    for run in contestants.values():
        run()
    for _ in range(chosen.rounds):
        for name, run in contestants.items():
            taken[name].append(timed(run))
    wall, cpu = ({name: statistics.median(t[k] for t in times) for name, times in taken.items()} for k in (0, 1))
    for name in contestants:
        print(f"{name}: {wall[name]:.3f} s a step, {cpu[name]:.3f} s of a processor")
    print(
        f"torch over whole network, processor: {cpu['torch'] / cpu['whole']:.2f}; clock: {wall['torch'] / wall['whole']:.2f}"
    )
    if chosen.unrolled:
        print(f"scan over unrolled, processor: {cpu['whole'] / cpu['unrolled']:.2f} (at most 1.3)")
    for name, (_, _, paper) in CUT.items() if chosen.nodes == 20 else ():
        print(f"whole over cut as of {name}, processor: {cpu['whole'] / cpu[name]:.1f} (paper, on a GPU: {paper})")
    print(f"most memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB")


if __name__ == "__main__":
    main()
