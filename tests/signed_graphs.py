"""Graphs that several files of tests share, and equation (1) over their edges."""

import itertools
from dataclasses import replace
from functools import partial

import flax.linen as nn
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np

from jprobe.frustration import (
    anneal,
    descend,
    greedy,
)
from jprobe.graph import bipartite, edge_list, from_edges, to_scipy, trace

KEY = jax.random.key(0)
seeds = st.integers(0, 2**31)


def draw(rng, size, kind):
    """Weights: plain ones, whole numbers with zeros and ties, or of very different size."""
    if kind == "whole":
        return rng.integers(-2, 3, size).astype(np.float32)
    weights = rng.normal(size=size)
    return (weights * 10.0 ** rng.integers(-6, 7, size) if kind == "wide" else weights).astype(np.float32)


def weighted(graph, seed, kind):
    """The graph with other weights over the same layout, so that nothing is compiled again."""
    rng = np.random.default_rng(seed)
    return replace(graph, weights=tuple(jax.device_put(draw(rng, w.shape, kind)) for w in graph.weights))


def small():
    """Ten nodes: some pairs joined in both directions or twice, the last node by nothing."""
    rng = np.random.default_rng(0)
    pairs = rng.permutation([(i, j) for i in range(9) for j in range(9) if i != j])[:26]
    pairs = np.concatenate([pairs, pairs[:2]])
    assert {tuple(p) for p in pairs} & {tuple(p[::-1]) for p in pairs}
    return weighted(from_edges(*pairs.T, np.ones(len(pairs)), nodes=10), 1, "normal")


def parameters(model, x):
    """Random variables of a model; its own initialisers would have to be compiled."""
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(model.init, KEY, x)
    return jax.tree.map(lambda leaf: jax.device_put(rng.normal(size=leaf.shape).astype(np.float32)), shapes)


class Cnn(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(4, (3, 3))(x))
        x = nn.max_pool(x, (2, 2), (2, 2))
        x = nn.relu(nn.Conv(6, (3, 3), feature_group_count=2, padding="VALID")(x))
        return nn.Dense(5)(x.reshape(1, -1))


IMAGE = jnp.zeros((1, 8, 8, 3))
PARAMS = parameters(Cnn(), IMAGE)
SMALL = small()
NET = trace(Cnn().apply, PARAMS, IMAGE)
LAYER = bipartite(np.random.default_rng(2).normal(size=(12, 17)))
MINIMISERS = {"descend": descend, "anneal": partial(anneal, sweeps=30), "greedy": greedy}


def energies(graph, spins, dtype=np.float64):
    """Equation (1) over the list of edges."""
    source, target, weight = edge_list(graph)
    weight = weight.astype(dtype).astype(np.float64)
    spins = np.asarray(spins, np.float64)
    total = np.abs(weight).sum()
    return (total - (spins[..., target] * spins[..., source]) @ weight) / (2 * total)


def all_spins(nodes):
    rest = np.array(list(itertools.product([1, -1], repeat=nodes - 1)))
    return np.c_[np.ones(len(rest), int), rest]


def check_local(graph, found):
    """No single flip lowers the energy: row sums in double precision, by SciPy."""
    a = to_scipy(graph)
    rows = found.spins * (found.spins.astype(np.float64) @ (a + a.T))
    edges = edge_list(graph)
    ends = np.concatenate([edges.source, edges.target])
    degree = np.bincount(ends, np.abs(np.tile(edges.weight, 2)), graph.num_nodes)
    assert found.is_local.all()
    assert (rows >= -2e-14 * degree).all()
    np.testing.assert_allclose(found.energy, energies(graph, found.spins), rtol=0, atol=1e-12)


def check_bound(graph, bound, least):
    assert 0 <= bound.certified <= least + 1e-12
    assert bound.certified <= bound.relaxation + 1e-6
    assert bound.margin > 0
    assert bound.rounded.shape == (graph.num_nodes,)
    assert set(np.unique(bound.rounded)) <= {-1, 1}
    assert energies(graph, bound.rounded) >= bound.certified - 1e-12
