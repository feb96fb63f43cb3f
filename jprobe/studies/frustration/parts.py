"""The parts of the frustration study: each network's replicas, null models, bounds, active parts and orders."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from jprobe.studies.frustration import several
from jprobe.studies.frustration.config import Config
from jprobe.studies.frustration.orders import FRESH, ORDERS, SOURCE, draws, monotone
from jprobe.studies.frustration.subjects import Network, Networks
from jprobe.studies.frustration.work import Work
from jprobe.studies.study import Part, Parts

# Replicas and photos that make one part of the results: what an interruption can lose.
_PORTION = 8

KINDS = ("n1", "n2", "n3_xavier", "n3_he")

# The second minimisers, see Work.others.
_BY = {"greedy": "flipping one spin at a time of", "anneal": "annealing", "descend": "descending"}

_NAMES = {"real": "the network", "n1": "N1", "n2": "N2", "n3_xavier": "N3 (Xavier)", "n3_he": "N3 (He)"}

# Seconds of a sweep over an edge and back, measured on two cores, and sweeps of a descent; for the progress display only.
_EDGE, _SWEEPS = 7e-11, 60
# N2 gives each edge of a convolution a weight of its own, so that a sweep takes so many times as long.
_UNSHARED = 14


def parts(config: Config, subject: Network | Networks) -> Iterator[Part]:
    """Replicas, null models, other minimisers, annealing, bounds, active subnetworks and monotonicity of each network.

    Raises:
        UnsupportedOperationError: a network has no signed graph, see :func:`jprobe.graph.trace`.
        ArgumentError: a graph is too large for the minimiser that was asked for.
    """
    for name, network in subject.members.items():
        work = Work(config, network)
        for part in _parts(work):
            yield several.named(name, part)._replace(spreads=work.graph.mesh is not None)


def _parts(work: Work) -> Iterator[Part]:
    config, trained = work.config, work.of.trained
    sweep = work.graph.num_edges * _EDGE
    descent = sweep * _SWEEPS + 2.0
    yield Part("layout", "laying out the adjacency matrix", work.layout, 0.1, "layout")
    yield Part("speed", "timing a sweep over the edges", work.speed, descent, "speed")
    for first in range(0, config.replicas if trained else 0, _PORTION):
        count = min(_PORTION, config.replicas - first)
        compute = partial(work.real, first, count)
        yield Part(
            _name("real", first),
            f"minimising from starts {first + 1} to {first + count} of {config.replicas}",
            compute,
            count * descent,
            "descent",
        )
    for kind, n in _nulls(work):
        label = f"minimising null model {_NAMES[kind]}, {n + 1} of {config.nulls}"
        seconds = 2 * descent * (_UNSHARED if kind == "n2" else 1)
        yield Part(_name(kind, n), label, partial(work.null_energy, kind, n), seconds, kind)
    for other, kind, n in _compared(work):
        label, compute = (
            f"{_BY[other]} {_NAMES[kind]}, {n + 1} of {config.replicas if kind == 'real' else config.nulls}",
            partial(work.compared, other, kind, n),
        )
        seconds, pace = (_UNSHARED, f"{other}.n2") if kind == "n2" else (1, other)
        yield Part(_name(other, kind, n), label, compute, seconds * config.compare * sweep + 2.0, pace)
    if config.anneal and trained:
        yield Part("annealed", "annealing the network", work.annealed, config.anneal * sweep + 2.0, "annealed")
    for kind, n in _bounded(work):
        label, compute = (
            f"certifying a lower bound for {_NAMES[kind]}" + (f", {n + 1} of {config.certify}" if kind == "n1" else ""),
            partial(work.bounded, kind, n),
        )
        yield Part(_name("bound", kind, n), label, compute, (config.bound * 32 + 600) * sweep + 2.0, "bound")
    for first in range(0, len(work.of.inputs), _PORTION):
        last = min(first + _PORTION, len(work.of.inputs))
        label, compute = (
            f"active subnetworks of images {first + 1} to {last} of {len(work.of.inputs)}",
            partial(work.active, first, last),
        )
        yield Part(_name("active", first), label, compute, (last - first) * descent, "active")
    for order, n in _orders(work):
        label, compute = (
            f"monotonicity, order of {ORDERS[order]}, {n + 1} of {draws(work, order)}",
            partial(monotone, work, order, n),
        )
        seconds = len(work.of.inputs) * config.sizes * descent / 500
        yield Part(_name("monotone", order, n), label, compute, seconds, "monotone", _holds(order, n))


def _name(*labels: object) -> str:
    return ".".join(map(str, labels))


def _holds(order: str, n: int) -> tuple[str, ...]:
    """Name of the part that holds an order's spins, if one does."""
    kind = SOURCE.get(order)
    return () if kind is None else (_name(kind, n // _PORTION * _PORTION if kind == "real" else n),)


def _kinds(work: Work) -> tuple[str, ...]:
    return KINDS if work.of.trained else FRESH


def _nulls(work: Work) -> Iterator[tuple[str, int]]:
    return ((kind, n) for kind in _kinds(work) for n in range(work.config.nulls))


def _compared(work: Work) -> Iterator[tuple[str, str, int]]:
    """What other minimisers minimise: as many starts and null models as the first."""
    for other in work.others:
        yield from ((other, "real", n) for n in range(work.config.replicas if work.of.trained else 0))
        yield from ((other, kind, n) for kind, n in _nulls(work))


def _bounded(work: Work) -> Iterator[tuple[str, int]]:
    """What is certified: the network, several N1, and a null model of fresh weights."""
    if work.config.bound and work.of.trained:
        yield from [("real", 0), *(("n1", n) for n in range(work.config.certify))]
    if work.config.bound:
        yield "n3_he", 0


def _orders(work: Work) -> Iterator[tuple[str, int]]:
    for order in ORDERS if len(work.of.inputs) else ():
        yield from ((order, n) for n in range(draws(work, order)))


def combine(config: Config, subject: Network | Networks, done: Parts) -> xr.Dataset:
    """All parts as one Dataset; those of several networks stand side by side, see :mod:`several`.

    Returns:
        energy (replica), history of the best; energies of null models (kind, null, start); energies by other minimisers
        (minimiser, model, draw); certified bounds (model, certificate); energies of active subnetworks (image); Omega
        (order, draw, image, norm); and the graph.
    """
    return several.joined(
        {
            name: _combine(Work(config, network), several.parts_of(name, done))
            for name, network in subject.members.items()
        }
    )


# Of the network's replicas; the least one's spins and history come beside these.
_KEPT = ["energy", "sweeps", "flips", "is_local", "frustrated"]


def _combine(work: Work, done: Parts) -> xr.Dataset:
    real, active = ([part for name, part in done.items() if name.startswith(word)] for word in ("real.", "active."))
    found = [done["speed"], done["layout"], *([done["annealed"]] if "annealed" in done else [])]
    if real:
        best = real[int(np.argmin([float(part.energy.min()) for part in real]))]
        found += [xr.concat([part[_KEPT] for part in real], "replica", join="outer"), best[["best_spins", "history"]]]
    if active:
        found.append(xr.concat(active, "image"))
    energies = {labels: done[_name(*labels)][["null_energy"]] for labels in _nulls(work)}
    found += [
        _stacked(("kind", "null"), energies),
        _stacked(("minimiser", "model", "draw"), {labels: done[_name(*labels)] for labels in _compared(work)}),
        _stacked(
            ("certified_model", "certificate"), {labels: done[_name("bound", *labels)] for labels in _bounded(work)}
        ),
        _stacked(("order", "order_draw"), {labels: done[_name("monotone", *labels)] for labels in _orders(work)}),
    ]
    out = xr.merge(found, join="outer", compat="no_conflicts")
    graph = work.graph
    counts = {"nodes": graph.num_nodes, "edges": graph.num_edges, "params": graph.num_params}
    outputs = sum(graph.blocks[n].size for n in graph.layout.outputs)
    out.attrs = {
        "network": work.of.name,
        "minimiser": work.config.minimiser,
        "unit": work.of.unit,
        **{name: str(count) for name, count in {**counts, "outputs": outputs}.items()},
    }
    return out


def _stacked(dims: Sequence[str], found: Mapping[tuple[Any, ...], xr.Dataset]) -> xr.Dataset:
    """Parts side by side along new dimensions, in their order; NaN where there is no part."""
    if not found:
        return xr.Dataset()
    placed = [
        part.expand_dims({dim: [label] for dim, label in zip(dims, labels, strict=True)})
        for labels, part in found.items()
    ]
    labels = {dim: list(dict.fromkeys(labels[n] for labels in found)) for n, dim in enumerate(dims)}
    return xr.merge(placed, join="outer", compat="no_conflicts").reindex(labels)
