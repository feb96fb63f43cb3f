"""What each device holds of a graph that is spread over four: megabytes, as XLA plans a descent from one start.

    python scripts/benchmark_spread.py [--networks squeezenet alexnet resnet18]

Devices are simulated. Nothing is run; weights are ones, for memory depends on shapes alone.
"""

import argparse
import os
from typing import Any

os.environ["JAX_NUM_CPU_DEVICES"] = "4"

import jax
import jax.numpy as jnp
import numpy as np

from jprobe import graph, weights
from jprobe.frustration import kernels


def held(g: graph.Graph) -> tuple[float, float]:
    """Megabytes on each device: of the weights and spins that it is given, and of what it computes with."""
    spins = np.ones((1, g.num_nodes), np.int8)
    found: Any = jax.jit(kernels.descend).lower(g, spins).compile().memory_analysis()
    return found.argument_size_in_bytes / 1e6, found.temp_size_in_bytes / 1e6


def main() -> None:
    """Print a line a network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["squeezenet", "alexnet", "resnet18"])
    args = parser.parse_args()
    mesh = jax.make_mesh((4,), ("device",))
    print(f"{'network':14}{'nodes':>12}{'edges':>16}{'one device':>20}{'each of four':>20}   MB given + computed with")
    for name in args.networks:
        model, shape = weights.architecture(name)
        shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros(shape))
        params = jax.tree.map(lambda leaf: np.ones(leaf.shape, np.float32), shapes)
        alone = graph.trace(model.apply, params, jax.ShapeDtypeStruct(shape, jnp.float32))
        one, four = ("{:.0f} + {:.0f}".format(*held(g)) for g in (alone, alone.spread(mesh)))
        print(f"{name:14}{alone.num_nodes:12,}{alone.num_edges:16,}{one:>20}{four:>20}", flush=True)


if __name__ == "__main__":
    main()
