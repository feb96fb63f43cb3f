"""What energies and minimisers take as a graph, a start and a key, and what they refuse."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import networkx
import numpy as np
import pytest
import scipy.sparse
from jax.experimental import sparse
from signed_graphs import (
    IMAGE,
    KEY,
    LAYER,
    MINIMISERS,
    NET,
    SMALL,
    Cnn,
    all_spins,
    check_local,
)

from jprobe.errors import ArgumentError, ShapeError, WeightsError
from jprobe.frustration import (
    alignment,
    anneal,
    descend,
    energy,
    exact,
    greedy,
    lower_bound,
    reinitialize,
    shuffle_edges,
    shuffle_layers,
    total_weight,
)
from jprobe.frustration.minimum import starts
from jprobe.graph import as_graph, edge_list, explicit, from_edges, to_scipy, trace

pytestmark = pytest.mark.quick


def test_what_is_no_spin_is_refused():
    for spins in (np.ones(3), np.ones((2, 2, 10)), 1.0):
        with pytest.raises(ShapeError, match="N = 10"):
            energy(SMALL, spins)
    for spins in (np.zeros(10), np.full(10, 2), np.full(10, 0.5), np.full(10, np.nan)):
        with pytest.raises(ArgumentError, match="-1 or 1"):
            energy(SMALL, spins)


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


def test_every_form_of_a_graph_is_taken():
    rng = np.random.default_rng(0)
    a = (rng.normal(size=(9, 9)) * np.tril(rng.random((9, 9)) < 0.4, -1)).astype(np.float32)
    bcoo = jax.jit(partial(sparse.BCOO.fromdense, nse=np.count_nonzero(a)))(a)
    forms = [a, jnp.asarray(a), scipy.sparse.csc_matrix(a), bcoo, networkx.DiGraph(a.T)]
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
