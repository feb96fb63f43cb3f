"""Frustration: against equation (1) in NumPy, all configurations of small graphs, and explicit lists of edges."""

import contextlib
import functools
import itertools
from dataclasses import replace
from functools import partial

import flax.linen as nn
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import networkx
import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from jax import lax
from jax.experimental import sparse

from jprobe.errors import ArgumentError, CheckpointError, ShapeError, WeightsError
from jprobe.frustration import (
    active,
    alignment,
    anneal,
    crossing,
    descend,
    energy,
    exact,
    greedy,
    lower_bound,
    passes,
    reinitialize,
    shuffle_edges,
    shuffle_layers,
    survival,
    total_weight,
    with_weights,
)
from jprobe.frustration.minimum import history, starts
from jprobe.frustration.nulls import _fans
from jprobe.graph import as_graph, bipartite, edge_list, explicit, from_edges, to_bcoo, to_scipy, trace

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
    return replace(graph, weights=tuple(jnp.asarray(draw(rng, w.shape, kind)) for w in graph.weights))


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
    return jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=leaf.shape), jnp.float32), shapes)


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


# The energy


@pytest.mark.parametrize("kind", ["normal", "whole", "wide"])
def test_energy_is_equation_1(kind):
    rng = np.random.default_rng(0)
    a = draw(rng, (7, 7), kind) * (rng.random((7, 7)) < 0.5) * (1 - np.eye(7))
    a[0, 1] = 1
    spins = rng.choice([-1, 1], (3, 7))
    wide = a.astype(np.float64)
    expected = [
        (np.abs(wide) - np.diag(s) @ wide @ np.diag(s)).sum() / (2 * np.abs(wide).sum()) for s in spins.astype(float)
    ]
    found = energy(scipy.sparse.csr_array(a), spins)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)
    assert found.dtype == np.float64
    assert ((found >= 0) & (found <= 1)).all()
    assert energy(scipy.sparse.csr_array(a), spins[1]).shape == ()


@settings(max_examples=30, deadline=None)
@given(seeds, st.sampled_from(["normal", "whole", "wide"]))
def test_energy_of_a_network_is_that_of_its_matrix(seed, kind):
    rng = np.random.default_rng(seed)
    graph = weighted(NET, seed, kind)
    spins = rng.choice([-1.0, 1.0], (2, graph.num_nodes))
    a = to_scipy(graph)
    total = np.abs(a).sum()
    expected = [(total - s @ (a @ s)) / (2 * total) for s in spins]
    np.testing.assert_allclose(energy(graph, spins), expected, rtol=0, atol=1e-13)
    np.testing.assert_allclose(energy(graph, -spins), energy(graph, spins), rtol=0, atol=1e-15)
    assert total_weight(graph) == pytest.approx(total, rel=1e-13)


def test_a_gauge_changes_nothing():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(9, 9)).astype(np.float32) * (rng.random((9, 9)) < 0.4) * (1 - np.eye(9))
    t, s = rng.choice([-1, 1], (2, 9))
    plain, turned = (scipy.sparse.csr_array(x) for x in (a, t[:, None] * a * t))
    assert energy(turned, s * t) == pytest.approx(float(energy(plain, s)), abs=1e-15)
    assert exact(turned).energy == pytest.approx(exact(plain).energy, abs=1e-14)


def test_what_is_no_spin_is_refused():
    for spins in (np.ones(3), np.ones((2, 2, 10)), 1.0):
        with pytest.raises(ShapeError, match="N = 10"):
            energy(SMALL, spins)
    for spins in (np.zeros(10), np.full(10, 2), np.full(10, 0.5), np.full(10, np.nan)):
        with pytest.raises(ArgumentError, match="-1 or 1"):
            energy(SMALL, spins)


def test_frustrated_shares_are_those_of_the_edges_into_each_block():
    found = descend(NET, key=KEY, replicas=3)
    source, target, weight = edge_list(NET)
    block = np.searchsorted(NET.layout.offsets, target, side="right") - 1
    assert np.isnan(found.frustrated[:, 0]).all()  # no edge enters the input
    for spins, shares in zip(found.spins.astype(int), found.frustrated, strict=True):
        against = spins[target] * np.sign(weight) * spins[source] < 0
        for n in range(1, len(NET.blocks)):
            mine = np.abs(weight) * (block == n)
            assert shares[n] == pytest.approx(mine[against].sum() / mine.sum(), abs=1e-12)


@pytest.mark.parametrize("edges", [True, False])
def test_a_graph_without_weight_is_not_frustrated(edges):
    graph = jax.tree.map(jnp.zeros_like, SMALL) if edges else from_edges([], [], [], nodes=10)
    assert energy(graph, np.ones(10)) == 0
    for minimise in MINIMISERS.values():
        found = minimise(graph, key=KEY, replicas=3)
        assert (found.energy == 0).all()
        assert found.is_local.all()
        assert (found.history == 0).all()
    assert exact(graph).energy == 0
    bound = lower_bound(graph, key=KEY)
    assert (bound.certified, bound.relaxation, bound.margin) == (0, 0, 0)


def test_balanced_graphs_have_no_frustration():
    rng = np.random.default_rng(0)
    t = rng.choice([-1, 1], 26)
    a = np.zeros((26, 26))
    a[0, 1:7], a[7:13, 0] = rng.random(6) + 0.1, rng.random(6) + 0.1  # a star
    a[18:, 13:18] = rng.random((8, 5)) + 0.1  # a layer
    a = as_graph(scipy.sparse.csr_array(t[:, None] * a * t))
    assert energy(a, t) == 0
    for minimise in (*MINIMISERS.values(), lambda a, key: exact(a)):
        found = minimise(a, key=KEY)
        assert found.energy == pytest.approx([0], abs=1e-15)
        for part in (slice(0, 13), slice(13, 26)):
            np.testing.assert_array_equal(found.spins[0, part] * found.spins[0, part.start], t[part] * t[part.start])
    # A path whose walls are ties: local minima are not all 0, the ground state is.
    n = 30
    path = scipy.sparse.diags_array(rng.choice([-1.0, 1.0], n - 1), offsets=1)
    assert exact(path).energy == 0


# The minimisers


def algorithm_1(a, spins, total):
    """The paper's pseudocode: row sums afresh in each iteration."""
    both, s, flips, path = a + a.T, np.asarray(spins, np.float64), [], []
    while True:
        rows = s * (both @ s)
        if not (rows < 0).any():
            return s, flips, path
        flips.append(int(np.argmin(rows)))
        s[flips[-1]] *= -1
        path.append((1 - s @ a @ s / total) / 2)


@pytest.mark.parametrize("shape", ["layer", "small"])
def test_greedy_is_algorithm_1(shape):
    graph = LAYER if shape == "layer" else SMALL
    a = to_scipy(graph).toarray()
    starts = np.random.default_rng(4).choice([-1, 1], (4, graph.num_nodes))
    found = greedy(graph, key=KEY, start=starts, replicas=4)
    assert found.flips.sum() > 6
    for r, start in enumerate(starts):
        spins, flips, path = algorithm_1(a, start, total_weight(graph))
        np.testing.assert_array_equal(found.spins[r], spins)
        assert found.flips[r] == len(flips)
        kept = found.history[r, ~np.isnan(found.history[r])]
        np.testing.assert_allclose(kept, path, rtol=0, atol=1e-6)
    # One flip at most: that of the most negative row; the rest is left to the check at the end.
    once = greedy(graph, key=KEY, start=starts, replicas=4, flips=1)
    np.testing.assert_array_equal(once.history[:, 0], found.history[:, 0])
    assert once.history.shape == (4, 1)


@pytest.mark.parametrize("name", MINIMISERS)
@pytest.mark.parametrize("kind", ["normal", "whole", "wide"])
@pytest.mark.parametrize("where", ["small", "net"])
def test_minimisers_end_in_local_minima(name, kind, where):
    graph = weighted(SMALL if where == "small" else NET, 7, kind)
    found = MINIMISERS[name](graph, key=KEY, replicas=3)
    check_local(graph, found)
    assert (found.spins.shape, found.spins.dtype) == ((3, graph.num_nodes), np.int8)
    assert found.energy.dtype == np.float64
    assert found.sweeps.shape == found.flips.shape == found.is_local.shape == (3,)
    assert found.frustrated.shape == (3, len(graph.blocks))
    assert found.energy[found.best] == found.energy.min()
    steps = np.diff(found.history, axis=1)
    if name == "anneal":
        # Far fewer flips than a network of independent spins would make, and the tail only descends.
        assert found.history.shape[1] > 30
        steps = steps[:, 30 - 1 :]
        hot = found.history[:, :30]
        assert (np.diff(hot, axis=1) > 0).any()
    assert not (steps > 0).any()
    last = [row[~np.isnan(row)][-1] for row in found.history]
    assert np.isnan(found.history).sum(1).min() == 0
    if kind != "wide":
        # Single precision counts along the way; what is left to double precision is a tie or less.
        np.testing.assert_allclose(found.energy, last, rtol=0, atol=2e-6)
    np.testing.assert_array_equal(MINIMISERS[name](graph, key=KEY, replicas=3).spins, found.spins)
    assert (MINIMISERS[name](graph, key=jax.random.key(1), replicas=3).spins != found.spins).any()


@pytest.mark.parametrize("name", ["descend", "anneal"])
def test_replicas_do_not_depend_on_how_many_run_together(name, monkeypatch):
    def found(together, replicas):
        monkeypatch.setattr(passes, "TOGETHER", together)
        # A layout of its own, so that nothing compiled for another number is taken.
        layout = replace(LAYER.layout, names=(f"{together} together",))
        return MINIMISERS[name](replace(LAYER, layout=layout), key=KEY, replicas=replicas)

    together, in_pairs = found(2**26, 5), found(2 * 29, 3)
    np.testing.assert_array_equal(in_pairs.spins, together.spins[:3])
    np.testing.assert_array_equal(in_pairs.flips, together.flips[:3])
    assert len({tuple(s) for s in together.spins}) > 1


def test_starts():
    assert (starts(SMALL, "ones", KEY, 3) == np.ones((3, 10))).all()
    drawn = np.asarray(starts(NET, "random", KEY, 3))
    assert set(np.unique(drawn)) == {-1, 1}
    assert (abs(drawn.mean(1)) < 0.2).all()
    assert not (drawn[0] == drawn[1]).all()
    np.testing.assert_array_equal(starts(NET, "random", KEY, 2), drawn[:2])
    assert (starts(SMALL, 0, KEY, 2) == 1).all()
    for flips in (1, 7, np.int64(7)):
        spins = np.asarray(starts(NET, flips, KEY, 4))
        down = (spins == -1).sum(1)
        assert (down <= flips).all()
        assert (down % 2 == flips % 2).all()
        assert len({tuple(s) for s in spins}) == 4
    given_spins = np.random.default_rng(0).choice([-1, 1], (2, 10))
    np.testing.assert_array_equal(starts(SMALL, given_spins, KEY, 2), given_spins)
    np.testing.assert_array_equal(starts(SMALL, jnp.asarray(given_spins[0]), KEY, 2), given_spins[[0, 0]])
    ground = exact(SMALL)
    for minimise in (descend, greedy):
        again = minimise(SMALL, key=KEY, start=ground.spins)
        np.testing.assert_array_equal(again.spins, ground.spins)
        assert again.flips.tolist() == [0]


@pytest.mark.parametrize("minimise", MINIMISERS.values(), ids=MINIMISERS)
def test_bad_starts_are_refused(minimise):
    for options, match in (
        ({"replicas": 0}, "replicas must be 1 or more"),
        ({"start": "zeros"}, "'random', 'ones', a number of random flips, or spins"),
        ({"start": -1}, "not negative"),
        ({"start": np.zeros(10)}, "-1 or 1"),
    ):
        with pytest.raises(ArgumentError, match=match):
            minimise(SMALL, key=KEY, **options)
    for start in (np.ones(9), np.ones((3, 10))):
        with pytest.raises(ShapeError, match=r"\[10\] or \[2, 10\]"):
            minimise(SMALL, key=KEY, start=start, replicas=2)


def test_bad_numbers_are_refused():
    for minimise, options, match in (
        (descend, {"sweeps": 0}, "sweeps must be 1 or more"),
        (descend, {"thresholds": [0.1, 0.2]}, "fall and lie between 0 and 1"),
        (descend, {"thresholds": [0.1, 0.1]}, "fall"),
        (descend, {"thresholds": [1.0]}, "between 0 and 1"),
        (descend, {"thresholds": [0.1, 0.0]}, "between 0 and 1"),
        (anneal, {"sweeps": 0}, "sweeps must be 1 or more"),
        (anneal, {"hottest": 0.1, "coldest": 0.2}, "from 0.1 to 0.2"),
        (anneal, {"coldest": 0.0}, "above 0"),
        (greedy, {"flips": 0}, "flips must be 1 or more"),
        (lower_bound, {"dimension": 0}, "dimension and sweeps are 1 or more"),
        (lower_bound, {"sweeps": 0}, "1 or more"),
        (lower_bound, {"steps": 1}, "steps 2 or more"),
        (lower_bound, {"failure": 0.0}, "between 0 and 1"),
        (lower_bound, {"failure": 1.0}, "between 0 and 1"),
    ):
        with pytest.raises(ArgumentError, match=match):
            minimise(SMALL, key=KEY, **options)


def test_graphs_without_weights_are_refused():
    shapes = trace(Cnn().apply, jax.eval_shape(Cnn().init, KEY, IMAGE), IMAGE)
    calls = [partial(f, key=KEY) for f in (descend, anneal, greedy, lower_bound)]
    calls += [exact, lambda g: energy(g, np.ones(g.num_nodes)), partial(shuffle_layers, key=KEY)]
    calls += [partial(reinitialize, key=KEY)]
    for call in calls:
        with pytest.raises(WeightsError, match="trace it with the parameters"):
            call(shapes)
    for call in (descend, anneal, greedy, lower_bound):
        with pytest.raises(ShapeError, match=r"jprobe\.graph\.trace"):
            call("a graph", key=KEY)


def test_graphs_too_large_for_a_matrix_are_refused(monkeypatch):
    monkeypatch.setattr(explicit, "LARGEST", 20)
    for call in (exact, partial(greedy, key=KEY)):
        with pytest.raises(ArgumentError, match="too many for a matrix"):
            call(SMALL)


def test_thresholds_take_the_largest_rows_first():
    found = descend(LAYER, key=KEY, replicas=3, thresholds=[0.5, 0.1])
    check_local(LAYER, found)
    assert not (np.diff(found.history, axis=1) > 0).any()
    # A threshold just above the most negative row: nothing flips before the last level. Just below: that row alone.
    a = to_scipy(LAYER).toarray()
    rows = -(a + a.T).sum(1)
    share = rows.max() / np.abs(rows).max()
    assert 0 < share < 1
    plain, above, below = (
        descend(LAYER, key=KEY, start="ones", thresholds=levels) for levels in ([], [1.001 * share], [0.999 * share])
    )
    np.testing.assert_array_equal(above.spins, plain.spins)
    assert above.sweeps - plain.sweeps == 1
    spins = np.ones(29, int)
    assert above.history[0, 0] == pytest.approx(energy(LAYER, spins), abs=1e-6)
    spins[np.argmax(rows)] = -1
    assert below.history[0, 0] == pytest.approx(energy(LAYER, spins), abs=1e-6)


def test_what_single_precision_cannot_decide_is_decided_in_double():
    # Node 2 is pulled by 1, -1 and -2^-30, and all others are held by heavy edges.
    tie = from_edges([0, 2, 2, 2, 3], [1, 0, 1, 3, 4], [100.0, 1.0, -1.0, -(2.0**-30), 100.0])
    for minimise in (descend, greedy):
        found = minimise(tie, key=KEY, start="ones")
        assert found.spins.tolist() == [[1, 1, -1, 1, 1]]
        assert found.flips.tolist() == [1]
        check_local(tie, found)
    # An exact tie never flips.
    tie = from_edges([0, 2, 2], [1, 0, 1], [100.0, 1.0, -1.0])
    assert descend(tie, key=KEY, start="ones").flips.tolist() == [0]


def test_too_few_sweeps_are_told():
    # Each node follows its stronger neighbour, so a wall travels two nodes a sweep.
    n = 250
    chain = from_edges(range(n), range(1, n + 1), [1000.0, *np.arange(n - 1, 0, -1)])
    start = np.ones(n + 1, int)
    start[:2] = -1
    cut = descend(chain, key=KEY, start=start, sweeps=1)
    assert cut.is_local.tolist() == [False]
    assert cut.energy > 0
    assert cut.energy == pytest.approx(energies(chain, cut.spins), abs=1e-14)
    whole = descend(chain, key=KEY, start=start)
    assert whole.energy == 0
    assert whole.is_local.all()
    assert whole.flips.tolist() == [n - 1]
    assert greedy(chain, key=KEY, start=start).flips.tolist() == [n - 1]


def test_a_history_may_be_shorter_than_the_run():
    found = history(np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 0.0]]), np.array([9, 2]), 4.0)
    np.testing.assert_array_equal(found, [[3 / 8, 2 / 8, 1 / 8], [3 / 8, 2 / 8, np.nan]])


def test_annealing_follows_its_temperatures():
    run = partial(anneal, LAYER, key=KEY, replicas=20, sweeps=100)
    # Free spins: half of them flip in each sweep, and half of the weight is frustrated.
    hot = run(hottest=1e6, coldest=1e6)
    assert abs(hot.flips.mean() / (100 * 29) - 0.5) < 5 * 0.5 / np.sqrt(20 * 100 * 29)
    assert abs(hot.history[:, :100].mean() - 0.5) < 0.005
    # Frozen spins: a descent.
    cold, down = run(hottest=1e-6, coldest=1e-6), descend(LAYER, key=KEY, replicas=20)
    np.testing.assert_array_equal(cold.spins, down.spins)
    np.testing.assert_array_equal(cold.flips, down.flips)
    assert run().energy.mean() < down.energy.mean()


def test_heat_bath_draws_from_the_boltzmann_distribution():
    # Two spins and an edge: sweeps at one temperature meet each state as often as exp(-E / T) says.
    weight, temperature = 0.7, 1.3
    pair = from_edges([0], [1], [weight])
    found = anneal(pair, key=KEY, replicas=20, sweeps=400, hottest=temperature, coldest=temperature)
    frustrated = found.history[:, :400]
    # In units of the root mean square of a row sum, which is the weight.
    expected = 1 / (1 + np.exp(2 / temperature))
    assert frustrated.mean() == pytest.approx(expected, abs=5 * np.sqrt(expected / 8000))


def test_a_network_and_its_matrices_have_the_same_minima():
    graph = weighted(NET, 0, "normal")
    forms = [graph, as_graph(to_bcoo(graph)), as_graph(to_scipy(graph))]
    for mine in forms:
        found = descend(mine, key=KEY, replicas=3)
        check_local(mine, found)
        for form in forms:
            # Matrices hold the weights of pools, 0.01 / p, in single precision.
            expected = energies(graph, found.spins, np.float64 if form is graph else np.float32)
            np.testing.assert_allclose(energy(form, found.spins), expected, rtol=0, atol=1e-13)


# What a graph may be


def test_every_form_of_a_graph_is_taken():
    rng = np.random.default_rng(0)
    a = (rng.normal(size=(9, 9)) * np.tril(rng.random((9, 9)) < 0.4, -1)).astype(np.float32)
    forms = [a, jnp.asarray(a), scipy.sparse.csc_matrix(a), sparse.BCOO.fromdense(a), networkx.DiGraph(a.T)]
    forms += [networkx.Graph(a + a.T), as_graph(a)]
    spins = rng.choice([-1, 1], 9)
    wide = a.astype(np.float64)
    total = np.abs(wide).sum()
    ground = min((total - s @ wide @ s) / (2 * total) for s in all_spins(9))
    for form in forms:
        assert energy(form, spins) == pytest.approx((total - spins @ wide @ spins) / (2 * total), abs=1e-14)
        assert total_weight(form) == pytest.approx(total, rel=1e-14)
        assert exact(form).energy[0] == pytest.approx(ground, abs=1e-12)
        for shuffle in (shuffle_layers, shuffle_edges):
            null = shuffle(form, key=jax.random.key(1))
            np.testing.assert_array_equal(np.sort(edge_list(null).weight), np.sort(wide[wide != 0]))
            assert (to_scipy(null).toarray() != 0).sum() == (a != 0).sum()
            assert not np.array_equal(to_scipy(null).toarray(), to_scipy(as_graph(form)).toarray())
        with pytest.raises(ArgumentError, match="matrix or a list of edges has no layers to initialise"):
            reinitialize(form)
    # Without a key: jax.random.key(0). Forms are told apart in one place alone, so one without direction is enough here.
    undirected = forms[5]
    for minimise in MINIMISERS.values():
        found = minimise(undirected, replicas=5)
        check_local(as_graph(undirected), found)
        assert found.energy.min() >= ground - 1e-12
        np.testing.assert_array_equal(found.spins, minimise(as_graph(undirected), key=KEY, replicas=5).spins)
    assert lower_bound(undirected).certified <= ground


def test_keys():
    legacy, typed = jax.random.PRNGKey(3), jax.random.key(3)
    calls = [*MINIMISERS.values(), shuffle_layers, shuffle_edges, reinitialize]
    for call in calls:
        pairs = zip(*(jax.tree.leaves(call(LAYER, key=key)) for key in (legacy, typed)), strict=True)
        assert all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)
        with pytest.raises(ArgumentError, match="key is one random key"):
            call(LAYER, key=3)
    align = partial(alignment, lambda p, x: x, {}, jnp.ones((1, 2)), jnp.ones(2), jnp.ones(2), jnp.ones(1))
    for call in (partial(lower_bound, LAYER), align):
        with pytest.raises(ArgumentError, match="key is one random key"):
            call(key=3)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_no_energy_reads_nan_as_balance(value):
    layer = replace(LAYER, weights=(LAYER.weights[0].at[0, 0].set(value),))
    listed = replace(SMALL, weights=(SMALL.weights[0].at[0].set(value),))
    for graph in (layer, listed):
        calls = [lambda g: energy(g, np.ones(g.num_nodes)), total_weight, descend, greedy, anneal, exact, lower_bound]
        for call in calls:
            with pytest.raises(WeightsError, match="NaN or infinity"):
                call(graph)


def test_parallel_edges_count_one_by_one_and_add_up_in_a_matrix():
    v, w = jnp.array([[2.0, 2.0], [2.0, -2.0]]), jnp.array([[-1.0, 1.0], [2.0, 2.0]])

    def net(p, x):
        h = x @ p[0]
        return h + jax.nn.relu(h @ p[1])

    graph = trace(net, (v, w), jnp.ones((1, 2)))
    matrix = to_scipy(graph)
    assert (graph.num_edges, matrix.count_nonzero()) == (10, 7)  # 1 - 1 = 0 is one of the 8 entries
    assert matrix.nnz == 8
    assert total_weight(graph) == 16
    assert total_weight(matrix) == 14
    apart, together = exact(graph), exact(matrix)
    # The same spins are lowest, and of 1 - 1 the half is frustrated whatever they are.
    assert energy(graph, together.spins) == apart.energy
    lost = (total_weight(graph) - total_weight(matrix)) / 2
    assert apart.energy[0] * 16 == pytest.approx(together.energy[0] * 14 + lost, abs=1e-12)
    assert (apart.energy[0], together.energy[0]) == (0.1875, pytest.approx(1 / 7, abs=1e-12))
    for minimise in MINIMISERS.values():
        assert minimise(graph, replicas=20).energy.min() == apart.energy[0]
    assert lower_bound(graph).certified <= apart.energy[0]


def test_short_reprs():
    found = descend(LAYER, replicas=3)
    low, high = found.energy.min(), found.energy.max()
    assert repr(found) == f"Minimum(3 x 29 spins, energy {low:.6g} to {high:.6g}, 3 local)"
    assert repr(exact(SMALL)).startswith("Minimum(1 x 10 spins, energy 0.")
    bound = lower_bound(SMALL)
    assert repr(bound).startswith(f"Bound(certified={bound.certified:.6g}, relaxation=")
    assert repr(bound).endswith("10 rounded spins)")


def test_a_null_model_of_a_null_model_is_refused_where_nothing_is_left_to_shuffle():
    null = shuffle_edges(LAYER)
    for call in (shuffle_layers, reinitialize):
        with pytest.raises(ArgumentError, match="no trained weights"):
            call(null)
    with pytest.raises(ArgumentError, match="shuffled already"):
        shuffle_edges(null)


# The ground state, and bounds from below


@settings(max_examples=30, deadline=None)
@given(seeds, st.sampled_from(["normal", "whole", "wide"]))
def test_exact_is_the_least_of_all_configurations(seed, kind):
    graph = weighted(SMALL, seed, kind)
    if total_weight(graph) == 0:
        return
    ground = exact(graph)
    all_energies = energies(graph, all_spins(10))
    assert ground.energy[0] == pytest.approx(all_energies.min(), abs=1e-12)
    assert ground.is_local.all()
    for minimise in MINIMISERS.values():
        assert (minimise(graph, key=KEY, replicas=3).energy >= ground.energy - 1e-12).all()


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1e6])
def test_exact_does_not_depend_on_the_scale_of_weights(scale):
    graph = replace(SMALL, weights=tuple(scale * w for w in SMALL.weights))
    assert exact(graph).energy[0] == pytest.approx(energies(SMALL, all_spins(10)).min(), abs=1e-6)
    assert exact(graph).energy[0] == pytest.approx(energies(graph, all_spins(10)).min(), abs=1e-12)


def test_a_graph_of_all_pairs():
    a = np.triu(np.random.default_rng(3).normal(size=(14, 14)), 1)
    graph = as_graph(sparse.BCOO.fromdense(jnp.asarray(a, jnp.float32)))
    assert len(graph.blocks) == 14
    ground = exact(graph).energy[0]
    assert ground == pytest.approx(energies(graph, all_spins(14)).min(), abs=1e-12)
    for minimise in (descend, greedy):
        found = minimise(graph, key=KEY, replicas=20)
        check_local(graph, found)
        assert found.energy.min() == pytest.approx(ground, abs=1e-12)
    # Its edges are one layer, whose weights the first two null models put in another order.
    for shuffle in (shuffle_layers, shuffle_edges):
        null = shuffle(graph, key=KEY)
        np.testing.assert_array_equal(np.sort(null.weights[0]), np.sort(graph.weights[0]))
        assert not np.array_equal(null.weights[0], graph.weights[0])
    with pytest.raises(ArgumentError, match="no layers to initialise"):
        reinitialize(graph, key=KEY)


def test_exact_without_proof_is_an_error():
    kernel = np.random.default_rng(0).normal(size=(40, 40))
    with pytest.raises(ArgumentError, match="Give more seconds, or use anneal and lower_bound"):
        exact(bipartite(kernel), seconds=0.01)


def check_bound(graph, bound, least):
    assert 0 <= bound.certified <= least + 1e-12
    assert bound.certified <= bound.relaxation + 1e-6
    assert bound.margin > 0
    assert bound.rounded.shape == (graph.num_nodes,)
    assert set(np.unique(bound.rounded)) <= {-1, 1}
    assert energies(graph, bound.rounded) >= bound.certified


@settings(max_examples=25, deadline=None)
@given(seeds, st.sampled_from(["normal", "whole", "wide"]))
def test_nothing_is_below_the_bound(seed, kind):
    graph = weighted(SMALL, seed, kind)
    if total_weight(graph) == 0:
        return
    bound = lower_bound(graph, key=KEY)
    least = energies(graph, all_spins(10)).min()
    check_bound(graph, bound, least)
    assert bound.relaxation <= least + 1e-3


def test_the_bound_of_a_part_of_a_graph():
    rng = np.random.default_rng(0)
    for seed in range(2):
        blocks = SMALL.split(jnp.asarray(rng.random(10) < 0.7))
        part = replace(weighted(SMALL, seed, "normal"), alive=blocks)
        least = energies(part, all_spins(10)).min()
        check_bound(part, lower_bound(part, key=KEY), least)
        assert exact(part).energy[0] == pytest.approx(least, abs=1e-12)
        found = descend(part, key=KEY, replicas=2)
        check_local(part, found)
        assert (found.spins[:, ~np.asarray(part.join(blocks))] == 1).all()
        assert total_weight(part) == pytest.approx(np.abs(edge_list(part).weight).sum(), rel=1e-14)


def test_the_margin_falls_with_steps_and_rises_with_certainty():
    graph = LAYER
    lowest = min(descend(graph, key=KEY, replicas=20).energy)
    short, long = (lower_bound(graph, key=KEY, steps=steps) for steps in (60, 300))
    sure = lower_bound(graph, key=KEY, steps=300, failure=1e-12)
    assert 0 < long.margin < sure.margin < short.margin
    assert (long.failure, sure.failure) == (1e-6, 1e-12)
    assert short.certified < sure.certified < long.certified <= lowest
    check_bound(graph, long, lowest)
    # But for the margin, what is certified is the relaxation; and the rounded spins are near the minimum.
    assert long.relaxation - long.margin - long.certified < 1e-4
    assert energy(graph, long.rounded) < lowest + 0.05
    # The vectors climb with every sweep, beyond the best direction of each though they go.
    climbs = [lower_bound(graph, key=KEY, sweeps=sweeps).relaxation for sweeps in (1, 2, 4, 8, 16, 60)]
    assert climbs == sorted(climbs, reverse=True)
    assert climbs[-1] < climbs[0] - 0.005
    # Too few steps certify nothing, and say so.
    blind = lower_bound(graph, key=KEY, steps=2)
    assert (blind.certified, blind.margin) == (0, np.inf)


def test_bounds_of_cycles_are_those_of_their_relaxations():
    triangle, square = [(0, 1), (1, 2), (2, 0)], [(3, 4), (4, 5), (5, 6), (6, 3)]
    graph = from_edges(*np.transpose(triangle + square), [1.0, 1.0, -1.0, 1.0, 1.0, 1.0, -1.0])
    # Vectors at 120 degrees, and in steps of 45 degrees.
    expected = (3 * 0.25 + 4 * (1 - np.sqrt(0.5)) / 2) / 7
    bound = lower_bound(graph, key=KEY)
    assert bound.relaxation == pytest.approx(expected, abs=1e-5)
    assert expected - 1e-3 < bound.certified <= expected
    assert exact(graph).energy[0] == pytest.approx(2 / 7, abs=1e-15)


# Null models


def test_other_weights_compile_nothing_again(compilations):
    graph, second = (bipartite(np.random.default_rng(n).normal(size=(11, 13))) for n in range(2))
    others = weighted(graph, 1, "normal"), shuffle_layers(graph, key=KEY), reinitialize(graph, key=KEY), second
    for names, run in (
        (("_descend", "_polish", "_agreed_by_block"), descend),
        (("_anneal",), partial(anneal, sweeps=3)),
    ):
        for again in (False, True):
            with contextlib.ExitStack() as stack:
                counts = [stack.enter_context(compilations(name)) for name in names]
                for other in others if again else [graph]:
                    run(other, key=jax.random.key(again))
                assert [count() > 0 for count in counts] == [not again] * len(names)


def test_active_subnetworks_of_other_inputs_compile_nothing_again(compilations):
    fn, params = lambda p, x: jax.nn.relu(x @ p["a"]) @ p["b"], {"a": whole(0, 4, 5), "b": whole(1, 5, 3)}
    images = jax.random.normal(KEY, (3, 1, 4))
    graph = trace(fn, params, images[0])
    with compilations("_descend") as count:
        for image in images:
            descend(active(graph, fn, params, image), key=KEY)
        assert count() == 1


def test_shuffling_keeps_every_layers_weights():
    null = shuffle_layers(NET, key=KEY)
    assert null.layout is NET.layout
    assert len(NET.weights) == 3
    for old, new in zip(NET.weights, null.weights, strict=True):
        np.testing.assert_array_equal(np.sort(old.ravel()), np.sort(new.ravel()))
        assert (old != new).mean() > 0.9
    # Pools have the weights that they had, and a kernel is still the same at all places.
    for n, links in enumerate(NET.layout.into):
        if NET.blocks[n].kind == "pool":
            np.testing.assert_allclose(links[0](jnp.ones(NET.blocks[1].shape), null.weights), 4 * 0.005, rtol=1e-6)
    np.testing.assert_array_equal(np.unique(to_scipy(null).data), np.unique(to_scipy(NET).data))
    assert to_scipy(null).nnz == to_scipy(NET).nnz
    assert total_weight(null) != pytest.approx(total_weight(NET))  # borders read some places of a kernel less often
    np.testing.assert_array_equal(shuffle_layers(NET, key=KEY).weights[0], null.weights[0])
    assert (shuffle_layers(NET, key=jax.random.key(1)).weights[0] != null.weights[0]).any()
    edges = shuffle_layers(SMALL, key=KEY)
    for old, new in zip(SMALL.weights, edges.weights, strict=True):
        np.testing.assert_array_equal(np.sort(old), np.sort(new))


class Wide(nn.Module):
    """A plain and a grouped convolution, and a product over two axes."""

    @nn.compact
    def __call__(self, x):
        x = nn.Conv(16, (3, 5), name="plain")(x)
        x = nn.Conv(32, (3, 3), feature_group_count=4, name="grouped")(x)
        return nn.DenseGeneral((6, 7), axis=(-2, -1), name="general")(x)


WIDE_INPUT = jax.random.normal(jax.random.key(3), (1, 4, 4, 8))


@functools.cache
def wide():
    params = parameters(Wide(), WIDE_INPUT)
    return params, trace(Wide().apply, params, WIDE_INPUT)


def test_reinitialised_weights_have_torchs_variances():
    torch = pytest.importorskip("torch", reason="torch is in the extra 'parity'")
    init, graph = torch.nn.init, wide()[1]
    # The same layers as torch keeps them: output, input of a group, window.
    theirs = {"plain": (16, 8, 3, 5), "grouped": (32, 4, 3, 3), "general": (42, 128)}
    fresh = {name: jax.jit(partial(reinitialize, graph, distribution=name)) for name in ("xavier_uniform", "he_normal")}
    nulls = {name: run(key=KEY) for name, run in fresh.items()}
    for n, path in enumerate(graph.layout.names):
        tensor = torch.empty(theirs[path.split("/")[0]])
        assert _fans(graph)[n] == init._calculate_fan_in_and_fan_out(tensor), path
        torch.manual_seed(0)
        fills = {
            "xavier_uniform": init.xavier_uniform_,
            "he_normal": partial(init.kaiming_normal_, nonlinearity="relu"),
        }
        for name, fill in fills.items():
            mine, drawn = np.asarray(nulls[name].weights[n]), fill(tensor).numpy()
            assert mine.size == drawn.size
            # Variances of samples: of kurtosis at most 3, so within sqrt(2 / n) of each other's, five times over.
            assert mine.var() == pytest.approx(drawn.var(), rel=5 * np.sqrt(2 * 2 / mine.size))
            assert abs(mine.mean()) < 5 * mine.std() / np.sqrt(mine.size)
        bound = np.sqrt(6 / sum(_fans(graph)[n]))
        assert 0.98 * bound < np.abs(nulls["xavier_uniform"].weights[n]).max() <= bound
    assert nulls["he_normal"].layout is graph.layout
    np.testing.assert_array_equal(fresh["he_normal"](key=KEY).weights[1], nulls["he_normal"].weights[1])
    assert (fresh["he_normal"](key=jax.random.key(1)).weights[1] != nulls["he_normal"].weights[1]).any()
    one, two = (w.ravel()[:9] / w.std() for w in nulls["he_normal"].weights[:2])
    assert not np.allclose(one, two, rtol=0.2)


def test_what_has_no_layers_cannot_be_reinitialised():
    with pytest.raises(ArgumentError, match="shuffle_layers"):
        reinitialize(SMALL, key=KEY)
    with pytest.raises(ArgumentError, match="'xavier_uniform' or 'he_normal', not 'lecun'"):
        reinitialize(NET, "lecun", key=KEY)


def test_layers_that_the_output_does_not_read_stay():
    def fn(p, x):
        jnp.sum(jax.nn.relu(x @ p["aside"]), 1)
        return x @ p["read"]

    params = {"aside": jnp.ones((3, 4)), "read": jnp.ones((3, 2))}
    graph = trace(fn, params, jnp.ones((1, 3)))
    null = dict(zip(graph.layout.names, reinitialize(graph, key=KEY).weights, strict=True))
    assert (null["read"] != 1).all()
    assert (null.get("aside", jnp.ones(1)) == 1).all()


def run_linear(graph, x):
    """What a linear network without biases makes of x, by the links of its graph."""
    blocks = [x]
    for n, block in enumerate(graph.blocks[1:], 1):
        received = [link(blocks[link.source], graph.weights) for link in graph.layout.into[n]]
        blocks.append(sum(received, jnp.zeros(block.shape)))
    return blocks[-1]


def test_a_null_model_can_be_run():
    x, (params, graph) = WIDE_INPUT, wide()
    nulls = jax.jit(lambda key: (shuffle_layers(graph, key=key), reinitialize(graph, key=key)))(KEY)
    outputs, run = [], jax.jit(lambda variables: Wide().apply(variables, x))
    for null in nulls:
        variables = with_weights(params, null)
        assert jax.tree.structure(variables) == jax.tree.structure(params)
        for path, leaf in jax.tree_util.tree_leaves_with_path(variables):
            assert (path[-1].key == "bias") == bool((leaf == 0).all())
        outputs.append(run(variables))
        np.testing.assert_allclose(outputs[-1], run_linear(null, x), rtol=1e-4, atol=1e-5)
    assert not np.allclose(outputs[0], outputs[1], atol=0.1)
    np.testing.assert_array_equal(
        with_weights(params, graph)["params"]["plain"]["kernel"], params["params"]["plain"]["kernel"]
    )


class Normed(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.BatchNorm(use_running_average=True)(nn.Conv(4, (3, 3), use_bias=False)(x))
        return nn.Dense(3)(x.reshape(1, -1))


def test_normalisations_of_a_null_model_are_plain():
    x = jnp.ones((1, 4, 4, 2))
    params = parameters(Normed(), x)
    null = shuffle_layers(trace(Normed().apply, params, x), key=KEY)
    found = with_weights(params, null)
    norm, seen = found["params"]["BatchNorm_0"], found["batch_stats"]["BatchNorm_0"]
    assert (norm["scale"] == 1).all()
    assert (seen["var"] == 1).all()
    assert (norm["bias"] == 0).all()
    assert (seen["mean"] == 0).all()
    epsilon = np.sqrt(1 + 1e-5)  # of the normalisation
    np.testing.assert_allclose(Normed().apply(found, x) * epsilon, run_linear(null, x), rtol=1e-4, atol=1e-5)


def test_weights_of_another_network_do_not_fit():
    with pytest.raises(CheckpointError, match="no leaves of the parameters: Conv_0/kernel"):
        with_weights({"params": {"w": jnp.ones((2, 2))}}, NET)
    wrong = jax.tree.map(lambda w: w[..., :1], PARAMS)
    with pytest.raises(CheckpointError, match="no leaves"):
        with_weights(wrong, NET)
    tied = trace(lambda p, x: jax.nn.relu(x @ p["w"]) @ p["w"].T, {"w": jnp.ones((2, 2))}, jnp.ones((1, 2)))
    with pytest.raises(CheckpointError, match="in two ways"):
        with_weights({"w": jnp.ones((2, 2))}, tied)


# Active subnetworks


def conv(x, kernel, stride=1):
    numbers = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, kernel, (stride, stride), "SAME", dimension_numbers=numbers)


def maximum(x, window=2, stride=2, padding="VALID"):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, window, window, 1), (1, stride, stride, 1), padding)


# Networks that note what the nodes of each block hold, in the order of their blocks.


def plain_net(p, x, note=lambda *values: None):
    a = jax.nn.relu(conv(x, p["a"]))
    b = maximum(a)
    y = b.reshape(1, -1) @ p["w"] + 1.0
    note(x, a, b, y)
    return y


def late_relu(p, x, note=lambda *values: None):
    a = conv(x, p["a"]) - 1.0
    b = jax.nn.relu(maximum(a, 3, 2, "SAME"))
    y = b.reshape(1, -1) @ p["w"]
    note(x, a, b, y)
    return y


def concat_net(p, x, note=lambda *values: None):
    a, b = jax.nn.relu(conv(x, p["a"])), jax.nn.relu(conv(x, p["b"]))
    c = maximum(jnp.concatenate([a, b], -1), 3, 2, "SAME")
    d = jax.nn.relu(conv(c, p["c"]))
    y = jnp.max(jnp.concatenate([d, jax.nn.relu(c)], -1), (1, 2))
    z = y @ p["w"]
    note(x, a, b, c, d, y, z)
    return z


def residual_net(p, x, note=lambda *values: None):
    a = jax.nn.relu(conv(x, p["a"]))
    b = maximum(a)
    c = jax.nn.relu(conv(b, p["c"]))
    d = jax.nn.relu(conv(c, p["d"]) + b)
    e = d.mean((1, 2))
    y = e @ p["w"]
    note(x, a, b, c, d, e, y)
    return y


def whole(seed, *shape):
    rng = np.random.default_rng(seed)
    return jnp.asarray(rng.choice([-2.0, -1.0, 1.0, 2.0], shape), jnp.float32)


# Of each: its parameters, and the blocks with edges of maxima, and their weight.
ACTIVE = {
    "plain": (plain_net, {"a": whole(0, 3, 3, 2, 3), "w": whole(1, 12, 3)}, {2: 0.005}),
    "late relu": (late_relu, {"a": whole(0, 3, 3, 2, 3), "w": whole(1, 12, 3)}, {2: 0.01 / 3}),
    "concatenated": (
        concat_net,
        {"a": whole(0, 3, 3, 2, 3), "b": whole(1, 1, 1, 2, 2), "c": whole(2, 3, 3, 5, 2), "w": whole(3, 7, 3)},
        {3: 0.01 / 3, 5: 0.005},
    ),
    "residual": (
        residual_net,
        {"a": whole(0, 3, 3, 2, 3), "c": whole(1, 3, 3, 3, 3), "d": whole(2, 3, 3, 3, 3), "w": whole(3, 3, 3)},
        {2: 0.005, 4: 0.005},
    ),
}


def used_edges(graph, blocks, maxima):
    """The edges that an input uses, one rule of the paper after the other."""
    source, target, weight = edge_list(graph)
    value = np.concatenate([np.asarray(b).ravel() for b in blocks])
    block = np.searchsorted(graph.layout.offsets, target, side="right") - 1
    alive = value != 0
    alive[: blocks[0].size] = True
    last = np.arange(graph.num_nodes) >= graph.layout.offsets[-2]
    predicted = graph.layout.offsets[-2] + int(np.argmax(blocks[-1]))
    alive[last] = np.arange(graph.num_nodes)[last] == predicted
    kept = alive[target] & alive[source]
    of_maximum = np.isin(block, list(maxima)) & np.isclose(weight, [maxima.get(int(b), 0) for b in block])
    largest = np.full(graph.num_nodes, -np.inf)
    np.maximum.at(largest, target[of_maximum], value[source[of_maximum]])
    kept &= ~of_maximum | (value[source] == largest[target])
    there = networkx.DiGraph(zip(source[kept].tolist(), target[kept].tolist(), strict=True))
    there.add_node(predicted)
    leading = [*networkx.ancestors(there, predicted), predicted]
    kept &= np.isin(target, leading) & np.isin(source, leading)
    return source[kept], target[kept], weight[kept]


def listed(edges):
    return sorted(zip(*(x.tolist() for x in edges), strict=True))


@pytest.mark.parametrize("residual", ["identity", "paper"])
@pytest.mark.parametrize("name", ACTIVE)
def test_the_active_subnetwork_is_what_is_left(name, residual):
    fn, params, maxima = ACTIVE[name]
    if residual == "identity" and name == "residual":
        maxima = {2: 0.005}
    images = jnp.asarray(np.random.default_rng(9).integers(-1, 3, (5, 1, 4, 4, 2)), jnp.float32)
    graph = trace(fn, params, images[0], residual=residual)
    numbers = set()
    find = jax.jit(lambda x: active(graph, fn, params, x, residual=residual))
    if residual == "identity":
        together = jax.vmap(find)(images)
        found = [jax.tree.map(lambda leaf, n=n: leaf[n], together) for n in range(len(images))]
    else:
        found = list(map(find, images))
    for n, x in enumerate(images):
        blocks = []
        fn(params, x, lambda *values, blocks=blocks: blocks.extend(values))
        assert [b.size for b in blocks] == [b.size for b in graph.blocks]
        used = found[n]
        expected = used_edges(graph, blocks, maxima)
        assert listed(edge_list(used)) == listed(expected)
        numbers.add(len(expected[0]))
        spins = np.random.default_rng(n).choice([-1, 1], graph.num_nodes)
        assert energy(used, spins) == pytest.approx(energies(used, spins), abs=1e-13)
    assert len(numbers) > 2
    assert 0 < max(numbers) < graph.num_edges


def test_an_active_subnetwork_is_minimised_like_any_graph():
    fn, params, _ = ACTIVE["plain"]
    x = jnp.asarray(np.random.default_rng(9).integers(-1, 3, (1, 4, 4, 2)), jnp.float32)
    graph = trace(fn, params, x)
    used, everything = jax.jit(lambda x: [active(graph, fn, params, x, classes=c) for c in (True, False)])(x)
    for minimise in (descend, greedy):
        found = minimise(used, key=KEY, replicas=2)
        check_local(used, found)
    alone = descend(to_scipy(used), key=KEY, replicas=2)
    np.testing.assert_allclose(alone.energy, energies(used, alone.spins, np.float32), rtol=0, atol=1e-13)
    bound = lower_bound(used, key=KEY)
    check_bound(used, bound, found.energy.min())
    assert total_weight(used) < total_weight(graph)
    assert set(listed(edge_list(used))) < set(listed(edge_list(everything)))
    assert (np.asarray(everything.alive[-1]) == 1).all()


def test_another_networks_active_part_is_refused():
    fn, params, _ = ACTIVE["residual"]
    x = jnp.ones((1, 4, 4, 2))
    other = ACTIVE["plain"]
    with pytest.raises(ShapeError, match="not the one"):
        active(trace(other[0], other[1], x), fn, params, x)
    with pytest.raises(ShapeError, match="not the one"):
        active(trace(fn, params, x), fn, params, jnp.ones((1, 6, 6, 2)))

    def pooled(p, x):
        a = conv(x, p["a"])
        return conv(jax.nn.relu(a), p["c"]) + maximum(a, 3, 1, "SAME")

    graph = trace(pooled, params, x, residual="paper")
    with pytest.raises(ArgumentError, match="residual='identity'"):
        active(graph, pooled, params, x, residual="paper")


# Near-monotonicity


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=12))
def test_lambda_is_where_the_curves_cross(tenths):
    omega = np.array(tenths) / 20
    away = np.abs(omega - 0.5)
    grid = np.linspace(0, 0.5, 2001)
    above = grid[[(away >= level - 1e-12).mean() >= 2 * level - 1e-12 for level in grid]]
    assert above.max() <= crossing(omega) + 1e-9
    assert crossing(omega) < above.max() + grid[1]
    np.testing.assert_allclose(survival(omega, grid), [(away >= level).mean() for level in grid])
    assert crossing(1 - omega) == pytest.approx(crossing(omega), abs=1e-12)


def test_crossing_by_hand():
    assert crossing([1.0]) == crossing(np.zeros((2, 3))) == 0.5
    assert crossing([0.5]) == 0
    assert crossing([1.0, 0.5, 0.5, 0.5]) == 0.125
    assert crossing([0.8, 0.8]) == pytest.approx(0.3)
    for omega in ([], [1.1], [-0.1], [0.5, np.nan]):
        with pytest.raises(ArgumentError, match="between 0 and 1"):
            crossing(omega)


def monotone(p, x):
    return jax.nn.relu(x.reshape(len(x), -1) @ p["a"]) @ p["b"]


def test_a_monotone_network_is_aligned_in_its_gauge():
    rng = np.random.default_rng(0)
    s, h, y = rng.choice([-1.0, 1.0], 12), rng.choice([-1.0, 1.0], 9), rng.choice([-1.0, 1.0], 5)
    # ReLU units of sign -1 would not be monotone in their gauge: hidden signs stay 1.
    params = {"a": jnp.asarray(s[:, None] * rng.random((12, 9))), "b": jnp.asarray(rng.random((9, 5)) * y)}
    images = jnp.asarray(rng.normal(size=(3, 2, 6)), jnp.float32)
    sizes = jnp.array([0.01, 1.0, 30.0])
    omega, same = alignment(monotone, params, images, s.reshape(2, 6), y, sizes, key=KEY)
    assert (omega == 1).all()
    assert omega.shape == same.shape == (3, 3)
    assert (omega.dtype, same.dtype) == (np.float32, bool)
    assert (alignment(monotone, params, images, s, -y, sizes[2:], key=KEY)[0] == 0).all()
    linear = {
        "a": jnp.asarray(s[:, None] * rng.random((12, 9)) * h),
        "b": jnp.asarray(h[:, None] * rng.random((9, 5)) * y),
    }
    fn = lambda p, x: x.reshape(len(x), -1) @ p["a"] @ p["b"]  # noqa: E731
    assert (alignment(fn, linear, images, s, y, sizes, key=KEY)[0] == 1).all()
    random = jax.tree.map(lambda w: jnp.asarray(rng.normal(size=w.shape)), params)
    mixed = alignment(monotone, random, images, s, y, sizes, key=KEY)[0]
    assert (mixed > 0).any()
    assert (mixed < 1).any()
    # Fractions of five outputs.
    np.testing.assert_allclose(mixed * 5, np.round(mixed * 5), atol=1e-6)


def test_perturbations_have_the_size_and_the_signs_asked_for():
    sx = jnp.array([[1.0, -1.0, -1.0], [1.0, 1.0, -1.0]])

    def size_is_two(_, x):
        length = jnp.sqrt(jnp.sum(x * x))
        return jnp.where(length > 0, jnp.stack([length - 1.9999, 2.0001 - length]), 0.0)[None]

    def signs(_, x):
        return x.reshape(1, -1)

    image = jnp.zeros((4, 2, 3))
    look = partial(alignment, params={}, images=image, sx=sx, key=KEY)
    assert (look(size_is_two, sy=jnp.ones(2), sizes=jnp.array([2.0]))[0] == 1).all()
    assert (look(size_is_two, sy=jnp.ones(2), sizes=jnp.array([2.1]))[0] == 0.5).all()
    assert (look(signs, sy=sx.ravel(), sizes=jnp.array([2.0]))[0] == 1).all()
    assert (look(signs, sy=jnp.ones(6), sizes=jnp.array([2.0]))[0] == 0.5).all()
    # Each image and each size has its own direction, and it is not always the same.
    planes = jax.random.normal(KEY, (6, 200))
    shares = look(lambda _, x: x.reshape(1, -1) @ planes, sy=jnp.ones(200), sizes=jnp.array([1.0, 2.0]))[0]
    assert len(np.unique(shares)) > 4


def test_a_changed_class_is_told():
    fn = lambda p, x: jnp.stack([x.sum(), jnp.full((), 5.0)])[None]  # noqa: E731
    found = alignment(fn, {}, jnp.zeros((2, 4)), jnp.ones(4), jnp.ones(2), jnp.array([0.1, 100.0]), key=KEY)
    assert found[1].tolist() == [[True, False]] * 2


def test_alignment_of_an_image_does_not_depend_on_the_others():
    rng = np.random.default_rng(1)
    params = {"a": jnp.asarray(rng.normal(size=(6, 40))), "b": jnp.asarray(rng.normal(size=(40, 64)))}
    images, sizes = jnp.asarray(rng.normal(size=(4, 6))), jnp.array([0.1, 0.5, 1.0])
    run = partial(alignment, monotone, params, sx=jnp.ones(6), sy=jnp.ones(64), key=KEY)
    found = run(images=images, sizes=sizes)[0]
    assert len(np.unique(found)) > 3
    np.testing.assert_array_equal(run(images=images[:2], sizes=sizes)[0], found[:2])
    np.testing.assert_array_equal(run(images=images, sizes=sizes[:2])[0], found[:, :2])
    np.testing.assert_array_equal(run(images=images, sizes=sizes, batch=1)[0], found)
    assert (
        alignment(monotone, params, images, jnp.ones(6), jnp.ones(64), sizes, key=jax.random.key(1))[0] != found
    ).any()


def test_signs_and_sizes_that_do_not_fit_are_refused():
    params = {"a": jnp.ones((6, 4)), "b": jnp.ones((4, 3))}
    image, one = jnp.ones((1, 6)), jnp.ones(1)
    with pytest.raises(ShapeError, match="sx has 5 signs, an image 6"):
        alignment(monotone, params, image, jnp.ones(5), jnp.ones(3), one, key=KEY)
    with pytest.raises(ShapeError, match="sy has 2 signs, the network 3"):
        alignment(monotone, params, image, jnp.ones(6), jnp.ones(2), one, key=KEY)
    for size in (0.0, -1.0, np.nan):
        with pytest.raises(ArgumentError, match="above 0"):
            alignment(monotone, params, image, jnp.ones(6), jnp.ones(3), jnp.array([1.0, size]), key=KEY)
