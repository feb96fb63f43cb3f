"""Minimising the frustration of a network, of its null models and of its active parts."""

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from jprobe import frustration
from jprobe.frustration.energy import spins_of, total_weight
from jprobe.frustration.minimum import degrees, starts
from jprobe.frustration.nulls import Distribution
from jprobe.frustration.passes import downhill, pass_over_blocks
from jprobe.graph import Graph, Link, trace
from jprobe.graph.operators import Pool
from jprobe.studies.frustration.config import Config
from jprobe.studies.frustration.subjects import Network
from jprobe.studies.study import Context, Part, Parts

# Replicas and photos that make one part of the results: what an interruption can lose.
_PORTION = 8

KINDS = ("n1", "n2", "n3_xavier", "n3_he")

# What is annealed and bounded: the network, and its first null models of two kinds that are still layers.
MODELS = ("real", "n1", "n3_he")

ORDERS = ("real", "n3", "random")

_NAMES = {"real": "the network", "n1": "N1", "n2": "N2", "n3_xavier": "N3 (Xavier)", "n3_he": "N3 (He)"}

# Seconds of a sweep over an edge and back, measured on two cores, and sweeps of a descent; for the progress display only.
_EDGE, _SWEEPS = 7e-11, 60


def parts(config: Config, subject: Network) -> Iterator[Part]:
    """Replicas, null models, annealing, bounds, active subnetworks and monotonicity.

    Raises:
        UnsupportedOperationError: the network has no signed graph, see :func:`jprobe.graph.trace`.
    """
    work = _Work(config, subject)
    descent = work.graph.num_edges * _EDGE * _SWEEPS + 2.0
    for first in range(0, config.replicas, _PORTION):
        count = min(_PORTION, config.replicas - first)
        label = f"descending from {count} starts"
        yield Part(f"real.{first}", label, partial(work.real, first, count), count * descent, "descent")
    yield Part("speed", "timing a sweep", work.speed, descent, "speed")
    for kind in KINDS:
        for n in range(config.nulls):
            label = f"null model {_NAMES[kind]}, {n + 1} of {config.nulls}"
            yield Part(f"{kind}.{n}", label, partial(work.null_energy, kind, n), 2 * descent, kind)
    for model in MODELS if config.anneal else ():
        seconds = work.sweeps(model) * work.graph.num_edges * _EDGE + 2.0
        yield Part(f"anneal.{model}", f"annealing {_NAMES[model]}", partial(work.annealed, model), seconds, "anneal")
    for model in MODELS if config.bound else ():
        seconds = (config.bound * 32 + 600) * work.graph.num_edges * _EDGE + 2.0
        yield Part(
            f"bound.{model}", f"certifying a bound for {_NAMES[model]}", partial(work.bounded, model), seconds, "bound"
        )
    images = len(subject.inputs)
    for first in range(0, images, _PORTION):
        last = min(first + _PORTION, images)
        label = f"active subnetworks of images {first + 1} to {last}"
        yield Part(f"active.{first}", label, partial(work.active, first, last), (last - first) * descent, "active")
    replicas = tuple(f"real.{first}" for first in range(0, config.replicas, _PORTION))
    for order in ORDERS if images else ():
        label = f"monotonicity along the order of {_ORDER_NAMES[order]}"
        seconds = images * config.sizes * descent / 500
        yield Part(f"monotone.{order}", label, partial(work.monotone, order), seconds, "monotone", replicas)
    yield Part("layout", "layout of the adjacency matrix", work.layout, 0.1, "layout")


_ORDER_NAMES = {"real": "the network", "n3": "fresh weights", "random": "random signs"}


def combine(config: Config, subject: Network, done: Parts) -> xr.Dataset:
    """All parts as one Dataset.

    Returns:
        energy (replica), history of the best; energies of null models (kind, null, start); annealed energies and
        certified bounds (model); energies of active subnetworks (image); Omega (order, image, norm); and the graph.
    """

    def rows(names: list[str], dim: str, labels: Any) -> xr.Dataset:
        """Parts side by side along a new dimension."""
        return xr.concat([done[name] for name in names], xr.DataArray(list(labels), dims=dim, name=dim), join="outer")

    real = [found for name, found in done.items() if name.startswith("real.")]
    kept = ["energy", "sweeps", "flips", "is_local", "frustrated"]
    found = [
        xr.concat([part[kept] for part in real], "replica", join="outer"),
        _best(real)[["best_spins", "history"]],
        done["speed"],
    ]
    nulls = [rows([f"{kind}.{n}" for n in range(config.nulls)], "null", range(config.nulls)) for kind in KINDS]
    found.append(xr.concat(nulls, xr.DataArray(list(KINDS), dims="kind", name="kind")))
    for name in ("anneal", "bound"):
        if f"{name}.real" in done:
            found.append(rows([f"{name}.{model}" for model in MODELS], "model", MODELS))
    if len(subject.inputs):
        found.append(xr.concat([part for name, part in done.items() if name.startswith("active.")], "image"))
        found.append(rows([f"monotone.{order}" for order in ORDERS], "order", ORDERS))
    out = xr.merge([*found, done["layout"]], join="outer", compat="no_conflicts")
    graph = _graph(config, subject)
    counts = {"nodes": graph.num_nodes, "edges": graph.num_edges, "params": graph.num_params}
    out.attrs = {"network": subject.name, "unit": subject.unit, **{name: str(count) for name, count in counts.items()}}
    return out


def _graph(config: Config, of: Network) -> Graph:
    x = jax.ShapeDtypeStruct(of.shape, jnp.float32)
    return trace(of.fn, of.params, x, residual=config.residual, fold_bn=config.fold_bn)


def _best(real: list[xr.Dataset]) -> xr.Dataset:
    return real[int(np.argmin([float(part.energy.min()) for part in real]))]


class _Work:
    """What the parts compute; it holds the graph, which every process traces anew, and nothing else."""

    def __init__(self, config: Config, of: Network) -> None:
        self.config, self.of, self.graph = config, of, _graph(config, of)
        self.flips = min(config.flips, self.graph.num_nodes)

    def real(self, first: int, count: int, context: Context) -> xr.Dataset:
        """Replicas of the network's own weights, each from its own random flips."""
        found = frustration.descend(self.graph, key=context.key("real", first), start=self.flips, replicas=count)
        return _minimum(found, np.arange(first, first + count))

    def speed(self, context: Context) -> xr.Dataset:
        """Seconds of a sweep of one replica: the median of five times ten, compiled before."""
        blocks = spins_of(self.graph, starts(self.graph, "random", context.key("speed"), 1)[0], jnp.float32)
        degree, times = degrees(self.graph), []
        for _ in range(6):
            started = time.perf_counter()
            jax.block_until_ready(_ten_sweeps(self.graph, blocks, degree))
            times.append((time.perf_counter() - started) / 10)
        return xr.Dataset({"seconds_per_sweep": float(np.median(times[1:]))})

    def null(self, kind: str, n: int, context: Context) -> Graph:
        """The n-th null model of a kind."""
        key = context.key("null", kind, n)
        if kind == "n1":
            return frustration.shuffle_layers(self.graph, key=key)
        if kind == "n2":
            return frustration.shuffle_edges(self.graph, key=key)
        distribution: Distribution = "xavier_uniform" if kind == "n3_xavier" else "he_normal"
        return frustration.reinitialize(self.graph, key=key, distribution=distribution)

    def model(self, name: str, context: Context) -> Graph:
        """The network itself, or its first null model of a kind."""
        return self.graph if name == "real" else self.null(name, 0, context)

    def null_energy(self, kind: str, n: int, context: Context) -> xr.Dataset:
        """A null model from all ones and from random flips."""
        null, size = self.null(kind, n, context), self.graph.num_nodes
        flipped = frustration.descend(null, key=context.key(kind, n, "start"), start=self.flips)
        ones = frustration.descend(null, key=context.key(kind, n), start=np.ones(size, np.int8))
        return xr.Dataset({"null_energy": ("start", [ones.energy[0], flipped.energy[0]])}, {"start": ["ones", "flips"]})

    def sweeps(self, model: str) -> int:
        """Sweeps of annealing: the question is what the network can reach; of null models the lower bound counts."""
        return self.config.anneal if model == "real" else max(self.config.anneal // 10, 1)

    def annealed(self, model: str, context: Context) -> xr.Dataset:
        """The best spins that time allows."""
        sweeps = self.sweeps(model)
        found = frustration.anneal(self.model(model, context), key=context.key("anneal", model), sweeps=sweeps)
        return xr.Dataset(
            {
                "annealed": found.energy[0],
                "annealed_frustrated": ("block", found.frustrated[0]),
                "annealed_spins": ("node", found.spins[0]),
                "annealed_history": ("anneal_sweep", found.history[0][:sweeps]),
            },
            {"anneal_sweep": np.arange(1, sweeps + 1)},
        )

    def bounded(self, model: str, context: Context) -> xr.Dataset:
        """A certified lower bound."""
        graph, key = self.model(model, context), context.key("bound", model)
        found = frustration.lower_bound(graph, key=key, sweeps=self.config.bound)
        return xr.Dataset(
            {
                "certified": found.certified,
                "relaxation": found.relaxation,
                "bound_failure": found.failure,
                "bound_margin": found.margin,
            }
        )

    def active(self, first: int, last: int, context: Context) -> xr.Dataset:
        """The active subnetworks of images, each from random flips."""
        of, rows = self.of, []
        find = jax.jit(partial(frustration.active, fn=of.fn, residual=self.config.residual, classes=of.classifies))
        for n in range(first, last):
            part = find(self.graph, params=of.params, x=of.inputs[n : n + 1])
            found = frustration.descend(part, key=context.key("active", n), start=self.flips)
            share = float(sum(a.sum() for a in part.alive or ())) / self.graph.num_nodes
            rows.append((found.energy[0], share, total_weight(part)))
            context.progress((n + 1 - first) / (last - first))
        names = ("active_energy", "active_nodes", "active_weight")
        columns = {name: ("image", values) for name, values in zip(names, np.array(rows).T, strict=True)}
        return xr.Dataset(columns, {"image": np.arange(first, last)})

    def monotone(self, order: str, context: Context) -> xr.Dataset:
        """Perturbations along the network's own order, a null model's, or one of random signs.

        An order is what descent found, as in the paper: annealed spins are lower, but predict fewer outputs.
        """
        of, config = self.of, self.config
        params, spins = of.params, _best(list(context.needed.values())).best_spins.values
        if order == "random":
            spins = np.random.default_rng(2).choice(np.array([-1, 1], np.int8), size=spins.shape)
        if order == "n3":
            null = self.null("n3_he", 0, context)
            params = frustration.with_weights(of.params, null)
            spins = frustration.descend(null, key=context.key("n3_he", 0, "start"), start=self.flips).spins[0]
        blocks = self.graph.split(jnp.asarray(spins))
        sy = jnp.concatenate([blocks[n].ravel() for n in self.graph.layout.outputs])
        norms = config.largest * of.unit * np.arange(1, config.sizes + 1) / config.sizes
        omega, same = frustration.alignment(
            of.fn, params, of.inputs, blocks[0], sy, jnp.asarray(norms), key=context.key("monotone")
        )
        over = ("image", "norm")
        found = {"omega": (over, omega), "same_class": (over, same)}
        return xr.Dataset(found, {"norm": norms / of.unit, "image": np.arange(len(of.inputs))})

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
