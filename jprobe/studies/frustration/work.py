"""What the parts of the frustration study compute for one network."""

import time
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from jprobe import frustration
from jprobe.errors import ArgumentError
from jprobe.frustration.energy import spins_of, total_weight
from jprobe.frustration.minimum import degrees, starts
from jprobe.frustration.nulls import Distribution
from jprobe.frustration.passes import downhill, pass_over_blocks
from jprobe.frustration.room import with_room
from jprobe.graph import Graph, Link, trace
from jprobe.graph.explicit import LARGEST
from jprobe.graph.operators import Pool
from jprobe.sharding import local_mesh
from jprobe.studies.frustration.config import Config
from jprobe.studies.frustration.subjects import Network
from jprobe.studies.study import Context

# Flipping one spin at a time takes nodes squared; a graph below these sizes, seconds.
_FEW_NODES, _FEW_EDGES = 20_000, 10_000_000

Minimise = Callable[..., frustration.Minimum]

_FRESH: dict[str, Distribution] = {"n3_xavier": "xavier_uniform", "n3_he": "he_normal"}


class Work:
    """One network, its null models, and how they are minimised.

    It holds the graph, which every process traces anew, and nothing else: a part depends on its key alone.

    Args:
        config: the study's.
        of: the network.

    Raises:
        UnsupportedOperationError: the network has no signed graph, see :func:`jprobe.graph.trace`.
        ArgumentError: the graph is too large for the minimiser that was asked for.
    """

    def __init__(self, config: Config, of: Network) -> None:
        self.config, self.of = config, of
        x = jax.ShapeDtypeStruct(of.shape, jnp.float32)
        graph = trace(of.fn, of.params, x, residual=config.residual, fold_bn=config.fold_bn)
        self.graph, _ = with_room(graph, local_mesh(config.mesh))
        self.flips = min(config.flips, self.graph.num_nodes)
        if config.minimiser == "greedy" and self.graph.num_edges > LARGEST:
            raise ArgumentError(
                f"--minimiser greedy keeps every edge, and {of.name} has {self.graph.num_edges:,}, more than {LARGEST:,}: "
                "leave it out; whole blocks of spins at a time need no matrix."
            )

    @cached_property
    def small(self) -> bool:
        """Whether one spin at a time, and every image by a second minimiser, costs little."""
        return self.graph.num_nodes <= _FEW_NODES and self.graph.num_edges <= _FEW_EDGES

    @cached_property
    def others(self) -> tuple[str, ...]:
        """Minimisers that the ranking is checked with, beside the one that was asked for."""
        wanted = {"descend": True, "greedy": self.small, "anneal": self.config.compare > 0}
        return tuple(name for name, want in wanted.items() if want and name != self.config.minimiser)

    def minimise(self, name: str) -> Minimise:
        """A minimiser with the settings that all models share."""
        by_name: dict[str, Minimise] = {
            "descend": frustration.descend,
            "greedy": frustration.greedy,
            "anneal": partial(frustration.anneal, sweeps=self.config.compare),
        }
        return by_name[name]

    def real(self, first: int, count: int, context: Context) -> xr.Dataset:
        """Replicas of the network's own weights, each from its own random flips."""
        descend = self.minimise(self.config.minimiser)
        found = descend(self.graph, key=context.key("real", first), start=self.flips, replicas=count)
        out = _minimum(found, np.arange(first, first + count))
        orders = found.spins[: max(self.config.orders - first, 0)]
        return out.assign(order_spins=(("order_start", "node"), orders)) if len(orders) else out

    def speed(self, context: Context) -> xr.Dataset:
        """Seconds of a sweep of one replica: the median of five times ten, compiled before."""
        blocks = spins_of(self.graph, starts(self.graph, "random", context.key("speed"), 1)[0], jnp.float32)
        degree, times = degrees(self.graph), []
        for _ in range(6):
            started = time.perf_counter()
            jax.block_until_ready(_ten_sweeps(self.graph, blocks, degree))
            times.append((time.perf_counter() - started) / 10)
        return xr.Dataset({"seconds_per_sweep": float(np.median(times[1:]))})

    def model(self, kind: str, n: int, context: Context) -> Graph:
        """The network itself, or its n-th null model of a kind."""
        if kind == "real":
            return self.graph
        key = context.key("null", kind, n)
        if kind == "n1":
            return frustration.shuffle_layers(self.graph, key=key)
        if kind == "n2":
            return frustration.shuffle_edges(self.graph, key=key)
        return frustration.reinitialize(self.graph, key=key, distribution=_FRESH[kind])

    def null_energy(self, kind: str, n: int, context: Context) -> xr.Dataset:
        """A null model from all ones and from random flips."""
        null, descend = self.model(kind, n, context), self.minimise(self.config.minimiser)
        flipped = descend(null, key=context.key(kind, n, "start"), start=self.flips)
        ones = descend(null, key=context.key(kind, n), start="ones")
        found = xr.Dataset(
            {"null_energy": ("start", [ones.energy[0], flipped.energy[0]])}, {"start": ["ones", "flips"]}
        )
        # Fresh weights make a network that can be run, along the order of this minimum.
        return found.assign(spins=("node", flipped.spins[0])) if kind in _FRESH and n < self.config.orders else found

    def compared(self, minimiser: str, kind: str, n: int, context: Context) -> xr.Dataset:
        """The network or a null model by another minimiser, from random flips, with the settings of all."""
        graph, key = self.model(kind, n, context), context.key(minimiser, kind, n)
        return xr.Dataset({"compared": self.minimise(minimiser)(graph, key=key, start=self.flips).energy[0]})

    def annealed(self, context: Context) -> xr.Dataset:
        """The least energy of the network that time allows; no null model is compared with it."""
        sweeps = self.config.anneal
        # Hotter than anneal's default, which is for hundreds of sweeps: of SqueezeNet 0.3942 in place of 0.3957.
        found = frustration.anneal(
            self.graph, key=context.key("anneal", "real"), sweeps=sweeps, hottest=5.0, coldest=0.5
        )
        return xr.Dataset(
            {
                "annealed": found.energy[0],
                "annealed_frustrated": ("block", found.frustrated[0]),
                "annealed_spins": ("node", found.spins[0]),
                "annealed_history": ("anneal_sweep", found.history[0][:sweeps]),
            },
            {"anneal_sweep": np.arange(1, sweeps + 1)},
        )

    def bounded(self, kind: str, n: int, context: Context) -> xr.Dataset:
        """A certified lower bound."""
        found = frustration.lower_bound(
            self.model(kind, n, context), key=context.key("bound", kind, n), sweeps=self.config.bound
        )
        return xr.Dataset(
            {
                "certified": found.certified,
                "relaxation": found.relaxation,
                "bound_failure": found.failure,
                "bound_margin": found.margin,
            }
        )

    def active(self, first: int, last: int, context: Context) -> xr.Dataset:
        """The active subnetworks of images, each from random flips; of small graphs by annealing, too."""
        of, rows = self.of, []
        find = jax.jit(partial(frustration.active, fn=of.fn, residual=self.config.residual, classes=of.classifies))
        names: dict[str, str] = {"active_energy": self.config.minimiser}
        if self.small and "anneal" in self.others:
            names["active_annealed"] = "anneal"
        for n in range(first, last):
            part, key = find(self.graph, params=of.params, x=of.inputs[n : n + 1]), context.key("active", n)
            found = [self.minimise(name)(part, key=key, start=self.flips).energy[0] for name in names.values()]
            share = float(sum(a.sum() for a in part.alive or ())) / self.graph.num_nodes
            rows.append((*found, share, total_weight(part)))
            context.progress((n + 1 - first) / (last - first))
        columns = zip((*names, "active_nodes", "active_weight"), np.array(rows).T, strict=True)
        return xr.Dataset({name: ("image", values) for name, values in columns}, {"image": np.arange(first, last)})

    def layout(self, context: Context) -> xr.Dataset:
        """Where each block and each link lies in the adjacency matrix, and what it is."""
        blocks, links = self.graph.blocks, [k for k in self.graph.layout.links if isinstance(k, Link)]
        kinds = [
            "sum" if k.layer is None else "pool" if isinstance(k.layer, Pool) else blocks[k.target].kind for k in links
        ]
        return xr.Dataset(
            {
                "block_nodes": ("block", [b.size for b in blocks]),
                "block_kind": ("block", [b.kind for b in blocks]),
                "link_source": ("link", [k.source for k in links]),
                "link_target": ("link", [k.target for k in links]),
                "link_edges": ("link", np.array(self.graph.edges_by_link(), np.float64)),
                "link_kind": ("link", kinds),
            },
            {"block": [b.name for b in blocks]},
        )


@jax.jit
def _ten_sweeps(graph: Graph, blocks: Any, degree: Any) -> Any:
    return jax.lax.fori_loop(0, 10, lambda _, s: pass_over_blocks(graph, s, downhill(degree))[0], blocks)


def _minimum(found: frustration.Minimum, replicas: np.ndarray) -> xr.Dataset:
    """What is kept of replicas, and the best one's spins."""
    return xr.Dataset(
        {
            "energy": ("replica", found.energy),
            "sweeps": ("replica", found.sweeps),
            "flips": ("replica", found.flips),
            "is_local": ("replica", found.is_local),
            "frustrated": (("replica", "block"), found.frustrated),
            "best_spins": ("node", found.spins[found.best]),
            "history": ("sweep", found.history[found.best]),
        },
        {"replica": replicas},
    )
