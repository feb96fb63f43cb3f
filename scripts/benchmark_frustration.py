"""Ratios, from one run on one machine: sweeps of the frustration minimisers against what a user would run instead.

    pip install '.[benchmark]'
    python scripts/benchmark_frustration.py [--networks squeezenet resnet18] [--rounds 3]
    python scripts/benchmark_frustration.py --minimisers mnist squeezenet resnet18 [--side 64] [--rounds 3]

1. A sweep over a whole network, in edges a second, against the machine's own limits: reading one float32 an edge from
   memory, and multiplying as many numbers in one large matrix product (a sweep multiplies every edge twice). The
   processor's time, which other work on the machine lengthens less; and a sweep of each of eight replicas at once.
2. Block descent against one-flip greedy on equal graphs: time and energy.
3. A product with A_u against scipy.sparse on the same graph; bytes that each needs.
4. Annealing against the samplers of D-Wave's Ocean (C++) on graphs small enough for them: energy in equal time.
Networks have random weights of the published shapes: times do not depend on the weights' values.

With --minimisers a table instead: energies and seconds of every minimiser on networks, their null models and active
parts, with equal effort; published weights where they are on this machine, of images --side pixels wide.
"""

import argparse
import functools
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

import dimod
import jax
import jax.numpy as jnp
import numpy as np
from dwave.samplers import SimulatedAnnealingSampler, SteepestDescentSampler, TabuSampler

import jprobe as jp
from jprobe.frustration.minimum import degrees
from jprobe.frustration.passes import downhill, pass_over_blocks
from jprobe.studies.frustration.config import Config
from jprobe.studies.frustration.subjects import subject


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="*", default=list(jp.graph.networks.NAMES))
    parser.add_argument("--rounds", type=int, default=3, help="repetitions; medians are printed")
    parser.add_argument("--minimisers", nargs="*", metavar="NETWORK", help="minimisers side by side; nothing else")
    parser.add_argument("--side", type=int, help="pixels of a side of what networks of photos read; default: all")
    args = parser.parse_args()
    if args.minimisers is not None:
        for name in args.minimisers or ["mnist", "squeezenet", "resnet18"]:
            by_minimiser(name, args.side, args.rounds)
        return
    print(
        f"{'network':24}{'edges':>15}{'sweep':>9}{'CPU time':>10}{'of eight':>10}{'edges/s':>10}{'x stream':>10}{'x matmul':>10}{'compiling':>11}{'peak':>9}"
    )
    for name in args.networks:
        sweeps(name, args.rounds)
    print("\nequal graphs, one start: seconds and energy (compiled before)")
    for name, graph in small_graphs().items():
        against_greedy(name, graph, args.rounds)
    print("\nproduct with A_u")
    against_scipy(args.rounds)
    print("\nequal time: least energy")
    for name, graph in small_graphs().items():
        if graph.num_edges < 10**6:  # their models are dictionaries of edges
            against_ocean(name, graph)


def clocked(run: Callable[[], Any], rounds: int) -> float:
    """Median seconds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        jax.block_until_ready(run())
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def random_network(name: str) -> jp.graph.Graph:
    """A network of the zoo with weights drawn afresh."""
    model, shape = jp.weights.architecture(name)
    params = jax.jit(model.init)(jax.random.key(0), jnp.zeros(shape))
    return jp.graph.network(name, params)


def sweeps(name: str, rounds: int) -> None:
    """One row of the first table."""
    graph = random_network(name)
    degree = degrees(graph)
    spins = tuple(jnp.sign(jax.random.normal(jax.random.key(n), (8, *b.shape))) for n, b in enumerate(graph.blocks))
    one = tuple(b[0] for b in spins)

    def sweep(graph: jp.graph.Graph, spins: Any, degree: Any, times: int) -> Any:
        return jax.lax.fori_loop(0, times, lambda _, s: pass_over_blocks(graph, s, downhill(degree)).blocks, spins)

    ten = jax.jit(lambda graph, spins, degree: sweep(graph, spins, degree, 10))
    eight = jax.jit(lambda graph, spins, degree: jax.vmap(lambda s: sweep(graph, s, degree, 2))(spins))
    start = time.perf_counter()
    compiled = ten.lower(graph, one, degree).compile()
    compiling = time.perf_counter() - start
    jax.block_until_ready(compiled(graph, one, degree))
    busy = time.process_time()
    ours = clocked(lambda: compiled(graph, one, degree), rounds) / 10
    busy = (time.process_time() - busy) / (10 * rounds)
    jax.block_until_ready(eight(graph, spins, degree))
    together = clocked(lambda: eight(graph, spins, degree), rounds) / 16
    edges = graph.num_edges
    part = np.ones(min(edges, 10**8), np.float32)
    stream = clocked(lambda: part.sum(), rounds) * edges / part.size
    side = 2048
    square = jnp.ones((side, side))
    product = jax.jit(lambda a: a @ a)
    product(square).block_until_ready()
    multiply = clocked(lambda: product(square), rounds) * 2 * edges / side**3
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{name:24}{edges:15,}{ours:8.3f}s{busy:9.3f}s{together:9.3f}s{edges / ours:10.2e}{ours / stream:10.2f}{ours / multiply:10.2f}{compiling:10.1f}s{peak:7.1f}GB"
    )


MINIMISERS: dict[str, Callable[..., jp.frustration.Minimum]] = {
    "descend": jp.frustration.descend,
    "without temperatures": functools.partial(jp.frustration.descend, temperatures=()),
    "thresholds": functools.partial(jp.frustration.descend, thresholds=np.geomspace(0.3, 0.002, 16).tolist()),
    "one flip at a time": jp.frustration.greedy,
    "annealing, 300": functools.partial(jp.frustration.anneal, sweeps=300),
}

# One flip at a time makes about N / 2 flips, each a look at all N row sums, and holds the matrix twice.
MOST_EDGES = 10**7


def by_minimiser(name: str, side: int | None, rounds: int) -> None:
    """One table: a row for each kind of graph, printed as it is done; mean energy over draws, and median seconds."""
    of, draws = subject(Config(network=name, images=rounds)), range(rounds)
    images = of.inputs if of.inputs.ndim == 2 or side is None else of.inputs[:, :side, :side]
    graph = jp.graph.trace(of.fn, of.params, jax.ShapeDtypeStruct((1, *images.shape[1:]), jnp.float32))
    keys = [jax.random.key(n) for n in draws]
    kinds: dict[str, Callable[[int], jp.graph.Graph]] = {
        "network": lambda n: graph,
        "N1": lambda n: jp.frustration.shuffle_layers(graph, key=keys[n]),
        "N2": lambda n: jp.frustration.shuffle_edges(graph, key=keys[n]),
        "N3 Xavier": lambda n: jp.frustration.reinitialize(graph, "xavier_uniform", key=keys[n]),
        "N3 He": lambda n: jp.frustration.reinitialize(graph, key=keys[n]),
    }
    if len(images):
        kinds["active"] = lambda n: jp.frustration.active(graph, of.fn, of.params, images[n : n + 1])
    start = min(10**6, graph.num_nodes)
    print(f"\n{of.name}, {images.shape[1:]}: {graph.num_nodes:,} nodes, {graph.num_edges:,} edges; {rounds} draws")
    print(f"{'':10}" + "".join(f"{label:>22}" for label in MINIMISERS), flush=True)
    for kind, draw in kinds.items():
        cells = []
        for label, minimise in MINIMISERS.items():
            if label == "one flip at a time" and graph.num_edges > MOST_EDGES:
                cells.append(f"{'too slow':>22}")
                continue
            minimise(draw(0), key=keys[0], start=start)  # compiles
            energies, seconds = [], []
            for n in draws:
                null = jax.block_until_ready(draw(n))
                began = time.perf_counter()
                energies.append(minimise(null, key=keys[n], start=start).energy[0])
                seconds.append(time.perf_counter() - began)
            cells.append(f"{np.mean(energies):13.4f} {statistics.median(seconds):6.2f} s")
        print(f"{kind:10}" + "".join(cells), flush=True)


def small_graphs() -> dict[str, jp.graph.Graph]:
    """Graphs small enough for a matrix: a dense layer, a small CNN, sparse random graphs of several weights."""
    layer = jp.graph.bipartite(jax.random.normal(jax.random.key(0), (400, 400)))
    rng = np.random.default_rng(0)

    def sparse(nodes: int, edges: int, draw: Callable[[int], np.ndarray]) -> jp.graph.Graph:
        ends = rng.integers(0, nodes, (2, edges))
        ends = ends[:, ends[0] != ends[1]]
        return jp.graph.from_edges(ends[0], ends[1], draw(ends.shape[1]), nodes)

    model, _ = jp.weights.architecture("squeezenet")
    shape = (1, 32, 32, 3)
    params = jax.jit(model.init)(jax.random.key(0), jnp.zeros(shape))
    cnn = jp.graph.trace(model.apply, params, jax.ShapeDtypeStruct(shape, jnp.float32))
    return {
        "dense layer 400-400": layer,
        "sparse, 4,000 nodes": sparse(4000, 20_000, lambda edges: rng.normal(size=edges)),
        "heavy-tailed, 1,000 nodes": sparse(1000, 5000, lambda edges: rng.standard_t(1.5, edges)),
        "signs, 2,000 nodes": sparse(2000, 6000, lambda edges: rng.choice([-1.0, 1.0], edges)),
        "SqueezeNet at 32 x 32": cnn,
    }


def against_greedy(name: str, graph: jp.graph.Graph, rounds: int) -> None:
    """Descent by blocks, with and without temperatures, against the paper's greedy from the same start."""
    key = jax.random.key(1)
    runs: dict[str, Callable[[], jp.frustration.Minimum]] = {
        "one flip": lambda: jp.frustration.greedy(graph, key=key),
        "blocks": lambda: jp.frustration.descend(graph, key=key),
        "without temperatures": lambda: jp.frustration.descend(graph, key=key, temperatures=()),
        "annealed": lambda: jp.frustration.anneal(graph, key=key, sweeps=300),
    }
    cells = []
    for label, run in runs.items():
        found = run()
        cells.append(f"{label} {clocked(run, rounds):.2f} s {found.energy[0]:.4f}")
    print(f"  {name} ({graph.num_nodes:,} nodes, {graph.num_edges:,} edges): " + "; ".join(cells))


def against_scipy(rounds: int) -> None:
    """SqueezeNet at 64 x 64, one vector."""
    model, _ = jp.weights.architecture("squeezenet")
    shape = (1, 64, 64, 3)
    params = jax.jit(model.init)(jax.random.key(0), jnp.zeros(shape))
    graph = jp.graph.trace(model.apply, params, jax.ShapeDtypeStruct(shape, jnp.float32))
    matrix = jp.graph.to_scipy(graph).astype(np.float32)
    both = (matrix + matrix.T).tocsr()
    s = np.sign(np.random.default_rng(0).normal(size=graph.num_nodes)).astype(np.float32)
    matvec = jax.jit(lambda graph, s: graph.matvec(s))
    far = float(np.abs(np.asarray(matvec(graph, s)) - both @ s).max())
    ours, theirs = clocked(lambda: matvec(graph, s), 5 * rounds), clocked(lambda: both @ s, 5 * rounds)
    bytes_ours = sum(w.nbytes for w in graph.weights)
    bytes_theirs = both.data.nbytes + both.indices.nbytes + both.indptr.nbytes
    print(
        f"  SqueezeNet at 64 x 64, {graph.num_edges:,} edges: ours {1e3 * ours:.1f} ms, scipy.sparse {1e3 * theirs:.1f} ms "
        f"({theirs / ours:.1f} times); weights {bytes_ours / 2**20:.0f} MB, matrix {bytes_theirs / 2**20:.0f} MB; differ by {far:.1g} at most"
    )


def against_ocean(name: str, graph: jp.graph.Graph) -> None:
    """Their samplers and our annealing, each with the time that our annealing of 16 replicas takes."""
    run = lambda: jp.frustration.anneal(graph, key=jax.random.key(2), sweeps=1000, replicas=16)  # noqa: E731
    run()
    start = time.perf_counter()
    best = run().energy.min()
    budget = time.perf_counter() - start
    edges = jp.graph.edge_list(graph)
    model = dimod.BinaryQuadraticModel("SPIN")
    for node in range(graph.num_nodes):
        model.add_linear(node, 0.0)
    for a, b, w in zip(*(x.tolist() for x in edges), strict=True):
        model.add_quadratic(a, b, -w)  # parallel edges add up
    energy = lambda samples: jp.frustration.energy(graph, _ordered(samples, graph.num_nodes)).min()  # noqa: E731
    cells = [f"jprobe {best:.4f} in {budget:.2f} s"]
    samplers: dict[str, Callable[[int], Any]] = {
        "annealing": lambda seed: SimulatedAnnealingSampler().sample(model, num_reads=1, num_sweeps=1000, seed=seed),
        "steepest descent": lambda seed: SteepestDescentSampler().sample(model, num_reads=1, seed=seed),
    }
    for label, sample in samplers.items():
        reads, start = 0, time.perf_counter()
        least = 1.0
        while time.perf_counter() - start < budget or not reads:
            least = min(least, energy(sample(reads)))
            reads += 1
        cells.append(f"{label} {least:.4f} in {time.perf_counter() - start:.2f} s ({reads} reads)")
    least = energy(TabuSampler().sample(model, timeout=max(int(1e3 * budget), 20), num_reads=1, seed=1))
    cells.append(f"tabu {least:.4f}")
    print(f"  {name}: " + "; ".join(cells))


def _ordered(samples: Any, nodes: int) -> np.ndarray:
    order = np.argsort(list(samples.variables))
    return samples.record.sample[:, order][:, :nodes]


if __name__ == "__main__":
    main()
