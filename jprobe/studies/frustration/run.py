"""Minimising the frustration of a network, of its null models and of its active parts."""

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from jprobe import frustration
from jprobe.frustration.energy import spins_of, total_weight
from jprobe.frustration.minimum import degrees, starts
from jprobe.frustration.sweeping import downhill, sweep
from jprobe.graph import Graph, trace
from jprobe.graph.steps import Pool
from jprobe.results import RunFolder
from jprobe.studies.frustration.config import Config
from jprobe.studies.frustration.subjects import Subject, subject

Report = Callable[[str, float], None]

# Replicas and photos that make one piece of the results: what an interruption can lose.
_PIECE = 8

KINDS = ("n1", "n2", "n3_xavier", "n3_he")


def run(
    config: Config, folder: RunFolder | None = None, report: Report | None = None, of: Subject | None = None
) -> xr.Dataset:
    """Measure a network's frustration beside its null models, and its monotonicity.

    Args:
        config: what to run.
        folder: where to keep each part as it is finished, and to find what is finished; None keeps nothing.
        report: called with what runs now and the fraction done, in [0, 1].
        of: the network; default: the one that ``config`` names. Any function and its parameters will do.

    Returns:
        Dataset: energy (replica), start_history; energies of null models (kind, null, start); annealed energies and
        certified bounds (model); energies of active subnetworks (image); Omega (order, image, norm); and the graph.

    Raises:
        JprobeError: what :func:`jprobe.graph.trace` and the minimisers raise.

    Source:
        Paper 2, figures 2 to 8.

    Example:
        >>> config = Config(network="mnist", replicas=2, nulls=1, anneal=20, bound=5, images=2, sizes=3)
        >>> dict(run(config).energy.sizes)
        {'replica': 2}
    """
    work = _Work(config, subject(config) if of is None else of, folder, report)
    return work.all()


class _Work:
    """The parts of one run, in order; each is kept as soon as it is finished."""

    def __init__(self, config: Config, of: Subject, folder: RunFolder | None, report: Report | None) -> None:
        self.config, self.of, self.folder, self.report = config, of, folder, report
        self.graph = trace(of.fn, of.params, jax.ShapeDtypeStruct(of.shape, jnp.float32), residual=config.residual, fold_bn=config.fold_bn)  # fmt: skip
        self.flips = min(config.flips, self.graph.num_nodes)
        self.done, self.cost = 0.0, self._costs()

    def _costs(self) -> dict[str, float]:
        """What each part costs, in descents of one replica; for the progress display only."""
        c, images = self.config, len(self.of.inputs)
        return {
            "real": c.replicas, "n1": 2 * c.nulls, "n2": 30 * c.nulls, "n3_xavier": 2 * c.nulls, "n3_he": 2 * c.nulls,
            "anneal": 1.2 * c.anneal / 35, "bound": 3 * (c.bound * 32 + 600) / 60 if c.bound else 0,
            "active": 0.7 * images, "monotone": 3 * images * c.sizes / 150,
        }  # fmt: skip

    def piece(self, name: str, part: str, share: float, compute: Callable[[], xr.Dataset]) -> xr.Dataset:
        """A part of the results, kept; ``share`` of its part's cost is done after it."""
        if self.report is not None:
            self.report(name, min(self.done / sum(self.cost.values()), 0.99))
        found = compute() if self.folder is None else self.folder.piece(name, compute)
        self.done += share * self.cost[part]
        return found

    def key(self, *names: Any) -> jax.Array:
        """A random key that belongs to the names, whatever ran before."""
        key = jax.random.key(2)
        for letter in "/".join(map(str, names)).encode():
            key = jax.random.fold_in(key, letter)
        return key

    def all(self) -> xr.Dataset:
        parts = [self.real(), self.nulls(), self.annealed(), self.bounds()]
        if len(self.of.inputs):
            parts += [self.active(), self.monotone(parts[0])]
        found = xr.merge([*parts, self.layout()], join="outer", compat="no_conflicts")
        found.attrs = {
            "network": self.of.name, "nodes": str(self.graph.num_nodes), "edges": str(self.graph.num_edges),
            "params": str(self.graph.num_params), "notes": json.dumps(list(self.of.notes)),
            "checksums": json.dumps(dict(self.of.checksums)), "unit": self.of.unit,
        }  # fmt: skip
        if self.report is not None:
            self.report("finished", 1.0)
        return found

    def real(self) -> xr.Dataset:
        """Replicas of the network's own weights, each from its own random flips."""
        pieces = []
        for first in range(0, self.config.replicas, _PIECE):
            count = min(_PIECE, self.config.replicas - first)

            def compute(first: int = first, count: int = count) -> xr.Dataset:
                found = frustration.descend(self.graph, key=self.key("real", first), start=self.flips, replicas=count)
                return _minimum(found, np.arange(first, first + count))

            pieces.append(self.piece(f"real.{first}", "real", count / self.config.replicas, compute))
        joined = xr.concat(
            [p[["energy", "sweeps", "flips", "is_local", "frustrated"]] for p in pieces], "replica", join="outer"
        )
        best = pieces[int(np.argmin([float(p.energy.min()) for p in pieces]))]
        speed = self.piece("speed", "real", 0, self._speed)
        return xr.merge([joined, best[["best_spins", "history"]], speed])

    def _speed(self) -> xr.Dataset:
        """Seconds of a sweep of one replica: the median of five times ten, compiled before."""
        blocks = spins_of(self.graph, starts(self.graph, "random", self.key("speed"), 1)[0], jnp.float32)
        degree, times = degrees(self.graph), []
        for _ in range(6):
            started = time.perf_counter()
            jax.block_until_ready(_ten_sweeps(self.graph, blocks, degree))
            times.append((time.perf_counter() - started) / 10)
        return xr.Dataset({"seconds_per_sweep": float(np.median(times[1:]))})

    def nulls(self) -> xr.Dataset:
        """Null models of each kind, each from all ones and from random flips."""
        kinds = []
        for kind in KINDS:
            rows = []
            for n in range(self.config.nulls):

                def compute(kind: str = kind, n: int = n) -> xr.Dataset:
                    null = self.null(kind, n)
                    size = self.graph.num_nodes
                    flipped = frustration.descend(null, key=self.key(kind, n, "start"), start=self.flips)
                    ones = frustration.descend(null, key=self.key(kind, n), start=np.ones(size, np.int8))
                    energies = [ones.energy[0], flipped.energy[0]]
                    return xr.Dataset({"null_energy": (("start",), energies)}, {"start": ["ones", "flips"]})

                rows.append(self.piece(f"{kind}.{n}", kind, 1 / self.config.nulls, compute))
            kinds.append(xr.concat(rows, xr.DataArray(np.arange(len(rows)), dims="null", name="null")))
        return xr.concat(kinds, xr.DataArray(list(KINDS), dims="kind", name="kind"))

    def null(self, kind: str, n: int) -> Graph:
        """The n-th null model of a kind."""
        key = self.key("null", kind, n)
        if kind == "n1":
            return frustration.shuffle_layers(self.graph, key)
        if kind == "n2":
            return frustration.shuffle_edges(self.graph, key)
        return frustration.reinitialize(self.graph, key, "xavier_uniform" if kind == "n3_xavier" else "he_normal")

    def models(self) -> dict[str, Callable[[], Graph]]:
        """What is annealed and bounded: the network, and its first null models of two kinds that are still layers."""
        return {"real": lambda: self.graph} | {kind: partial(self.null, kind, 0) for kind in ("n1", "n3_he")}

    def annealed(self) -> xr.Dataset:
        """The best spins that time allows, of the network and of null models."""
        if not self.config.anneal:
            return xr.Dataset()
        rows = []
        for name, make in self.models().items():

            def compute(name: str = name, make: Callable[[], Graph] = make) -> xr.Dataset:
                # The question is what the network can reach; of null models the lower bound counts.
                sweeps = self.config.anneal if name == "real" else max(self.config.anneal // 10, 1)
                found = frustration.anneal(make(), key=self.key("anneal", name), sweeps=sweeps)
                return xr.Dataset(
                    {
                        "annealed": found.energy[0],
                        "annealed_frustrated": ("block", found.frustrated[0]),
                        "annealed_spins": ("node", found.spins[0]),
                        "annealed_history": ("anneal_sweep", found.history[0][:sweeps]),
                    },
                    {"anneal_sweep": np.arange(1, sweeps + 1)},
                )

            rows.append(self.piece(f"anneal.{name}", "anneal", 10 / 12 if name == "real" else 1 / 12, compute))
        return xr.concat(rows, xr.DataArray(list(self.models()), dims="model", name="model"), join="outer")

    def bounds(self) -> xr.Dataset:
        """Certified lower bounds."""
        if not self.config.bound:
            return xr.Dataset()
        rows = []
        for name, make in self.models().items():

            def compute(name: str = name, make: Callable[[], Graph] = make) -> xr.Dataset:
                found = frustration.lower_bound(make(), key=self.key("bound", name), sweeps=self.config.bound)
                return xr.Dataset(
                    {
                        "certified": found.certified,
                        "relaxation": found.relaxation,
                        "bound_failure": found.failure,
                        "bound_margin": found.margin,
                    }
                )

            rows.append(self.piece(f"bound.{name}", "bound", 1 / 3, compute))
        return xr.concat(rows, xr.DataArray(list(self.models()), dims="model", name="model"))

    def active(self) -> xr.Dataset:
        """The active subnetwork of each image, from random flips."""
        of, pieces = self.of, []
        find = jax.jit(partial(frustration.active, fn=of.fn, residual=self.config.residual, classes=of.classifies))
        for first in range(0, len(of.inputs), _PIECE):

            def compute(first: int = first) -> xr.Dataset:
                rows = []
                for n in range(first, min(first + _PIECE, len(of.inputs))):
                    part = find(self.graph, params=of.params, x=of.inputs[n : n + 1])
                    found = frustration.descend(part, key=self.key("active", n), start=self.flips)
                    share = float(sum(a.sum() for a in part.alive or ())) / self.graph.num_nodes
                    rows.append((found.energy[0], share, total_weight(part)))
                energy, nodes, weight = np.array(rows).T
                numbers = np.arange(first, first + len(rows))
                return xr.Dataset(
                    {
                        "active_energy": ("image", energy),
                        "active_nodes": ("image", nodes),
                        "active_weight": ("image", weight),
                    },
                    {"image": numbers},
                )

            share = min(_PIECE, len(of.inputs) - first) / len(of.inputs)
            pieces.append(self.piece(f"active.{first}", "active", share, compute))
        return xr.concat(pieces, "image")

    def monotone(self, real: xr.Dataset) -> xr.Dataset:
        """Perturbations along the network's own order, a null model's, and one of random signs.

        An order is what descent found, as in the paper: annealed spins are lower, but predict fewer outputs.
        """
        of, config = self.of, self.config
        norms = config.largest * of.unit * np.arange(1, config.sizes + 1) / config.sizes
        rows = []
        for name in ("real", "n3", "random"):

            def compute(name: str = name) -> xr.Dataset:
                params, spins = of.params, real.best_spins.values
                if name == "random":
                    spins = np.random.default_rng(2).choice(np.array([-1, 1], np.int8), size=spins.shape)
                if name == "n3":
                    null = self.null("n3_he", 0)
                    params = frustration.with_weights(of.params, null)
                    spins = frustration.descend(null, key=self.key("n3_he", 0, "start"), start=self.flips).spins[0]
                blocks = self.graph.split(jnp.asarray(spins))
                sy = jnp.concatenate([blocks[n].ravel() for n in self.graph.layout.outputs])
                omega, same = frustration.alignment(
                    of.fn, params, of.inputs, blocks[0], sy, jnp.asarray(norms), key=self.key("monotone")
                )
                over = ("image", "norm")
                return xr.Dataset({"omega": (over, omega), "same_class": (over, same)}, {"norm": norms / of.unit})

            rows.append(self.piece(f"monotone.{name}", "monotone", 1 / 3, compute))
        order = xr.DataArray(["real", "n3", "random"], dims="order", name="order")
        return xr.concat(rows, order).assign_coords(image=np.arange(len(of.inputs)))

    def layout(self) -> xr.Dataset:
        """Where each block and each link lies in the adjacency matrix, and what it is."""
        blocks, links = self.graph.blocks, self.graph.layout.links
        kinds = ["sum" if k.op is None else "pool" if isinstance(k.op, Pool) else self.graph.blocks[k.target].kind for k in links]  # fmt: skip
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
    return jax.lax.fori_loop(0, 10, lambda _, s: sweep(graph, s, downhill(degree))[0], blocks)


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
