"""Frustration: against equation (1) in NumPy, all configurations of small graphs, and bounds."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse
from jax.experimental import sparse
from signed_graphs import (
    KEY,
    LAYER,
    MINIMISERS,
    NET,
    SMALL,
    all_spins,
    check_bound,
    check_local,
    draw,
    energies,
    weighted,
)

from jprobe.errors import ArgumentError
from jprobe.frustration import (
    anneal,
    descend,
    energy,
    exact,
    greedy,
    lower_bound,
    passes,
    reinitialize,
    shuffle_edges,
    shuffle_layers,
    total_weight,
)
from jprobe.frustration.minimum import degrees, history
from jprobe.graph import as_graph, bipartite, edge_list, from_edges, to_bcoo, to_scipy
from jprobe.graph.edge_list import EdgeList

pytestmark = pytest.mark.quick

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


def test_a_gauge_changes_nothing():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(9, 9)).astype(np.float32) * (rng.random((9, 9)) < 0.4) * (1 - np.eye(9))
    t, s = rng.choice([-1, 1], (2, 9))
    plain, turned = (scipy.sparse.csr_array(x) for x in (a, t[:, None] * a * t))
    assert energy(turned, s * t) == pytest.approx(float(energy(plain, s)), abs=1e-15)
    assert exact(turned).energy == pytest.approx(exact(plain).energy, abs=1e-14)


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


def test_descent_does_not_freeze_where_others_do():
    # 784 inputs that pull on 64 hidden nodes of weights that are positive in the mean, as those of a trained layer:
    # most descents miss the order that runs through both blocks, and stop at spins without any.
    rng = np.random.default_rng(0)
    graph = bipartite(jnp.asarray(0.15 + rng.normal(size=(784, 64)), jnp.float32))
    for start in ("random", graph.num_nodes):
        options = {"key": KEY, "replicas": 6, "start": start}
        cooled, frozen, slow = (
            descend(graph, **options),
            descend(graph, **options, thresholds=()),
            greedy(graph, **options),
        )
        assert cooled.energy.max() < min(frozen.energy.min(), slow.energy.min()) + 1e-4
        assert frozen.energy.mean() > 1.05 * cooled.energy.mean()
        assert slow.energy.mean() > 1.002 * cooled.energy.mean()


@pytest.mark.parametrize("kind", ["a block each", "one block", "heavy tails"])
def test_cooling_is_worth_its_passes(kind):
    rng = np.random.default_rng(3)
    if kind == "one block":
        graph = bipartite(rng.normal(size=(60, 60)))
    else:
        weights = rng.normal(size=(18, 18)) if kind == "a block each" else rng.standard_t(1.2, (18, 18))
        graph = as_graph(np.triu(weights, 1))
    cooled, plain = (descend(graph, key=KEY, replicas=40, temperatures=t) for t in (None, ()))
    check_local(graph, cooled)
    assert cooled.energy.mean() < plain.energy.mean()


def test_spins_that_are_given_are_descended_from():
    found = descend(LAYER, key=KEY, replicas=4)
    np.testing.assert_array_equal(descend(LAYER, start=found.spins, replicas=4).spins, found.spins)
    start = np.random.default_rng(1).choice([-1, 1], (4, 29))
    down = descend(LAYER, start=start, replicas=4)
    assert (down.energy < energy(LAYER, start)).all()
    assert not (np.diff(down.history, axis=1) > 0).any()
    warm = descend(LAYER, start=start, replicas=4, temperatures=[1.5, 0.5])
    assert (warm.history[:, 0] > down.history[:, 0]).all()
    # A pass that only rounds is no check.
    cut = descend(LAYER, start=start, replicas=4, temperatures=[1.5, 0.5], sweeps=1)
    assert not cut.is_local.any()
    assert set(np.unique(cut.spins)) == {-1, 1}


def test_too_few_sweeps_are_told():
    # Each node follows its stronger neighbour, so a wall travels two nodes a sweep.
    n = 250
    chain = from_edges(range(n), range(1, n + 1), [1000.0, *np.arange(n - 1, 0, -1)])
    start = np.ones(n + 1, int)
    start[:2] = -1
    cut = descend(chain, key=KEY, start=start, thresholds=(), sweeps=1)
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
    cold, down = run(hottest=1e-6, coldest=1e-6), descend(LAYER, key=KEY, replicas=20, thresholds=())
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


# The ground state, and bounds from below


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1e6])
def test_exact_does_not_depend_on_the_scale_of_weights(scale):
    graph = replace(SMALL, weights=tuple(scale * w for w in SMALL.weights))
    assert exact(graph).energy[0] == pytest.approx(energies(SMALL, all_spins(10)).min(), abs=1e-6)
    assert exact(graph).energy[0] == pytest.approx(energies(graph, all_spins(10)).min(), abs=1e-12)


def test_a_graph_of_all_pairs():
    a = np.triu(np.random.default_rng(3).normal(size=(14, 14)), 1)
    graph = as_graph(jax.jit(partial(sparse.BCOO.fromdense, nse=14 * 13 // 2))(a.astype(np.float32)))
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
    climbs = [lower_bound(graph, key=KEY, sweeps=sweeps).relaxation for sweeps in (1, 4, 60)]
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


@jax.jit
def drawn_anew(graph):
    """Spins after one pass of a heat bath from all ones."""
    rule = passes.heat_bath(degrees(graph), jnp.ones(()), KEY)
    return graph.join(passes.pass_over_blocks(graph, graph.ones(), rule).blocks)


@pytest.mark.parametrize("some", [1.0, 0.7])
def test_blocks_of_one_table_move_as_those_written_out(monkeypatch, some):
    """A dense graph, whose blocks are rows of a table that a loop runs through, and a skew one, half of it such rows."""
    rng = np.random.default_rng(0)
    source, target = np.triu_indices(20, 1)
    hubs = np.concatenate([source, np.repeat(np.arange(20), 5)]), np.concatenate([target, np.arange(20, 120)])
    for ends in ((source, target), hubs):
        weight = rng.normal(size=ends[0].size)

        def run(name, ends=ends, weight=weight):
            graph = from_edges(*ends, weight)
            # A layout of its own, so that nothing compiled for the other one is taken.
            graph = replace(graph, layout=replace(graph.layout, names=(name,)))
            if some < 1:
                draws = np.random.default_rng(1)
                alive = [jnp.asarray(draws.random(b.size) < some, jnp.float32) for b in graph.blocks]
                graph = replace(graph, alive=tuple(alive))
            return (
                graph.layout.tail,
                descend(graph, key=KEY, replicas=3).spins,
                lower_bound(graph, key=KEY, sweeps=5, steps=8).certified,
                np.asarray(drawn_anew(graph)),
            )  # fmt: skip

        tail, *found = run("a table")
        assert tail is not None
        with monkeypatch.context() as patch:
            patch.setattr(EdgeList, "tail", None)
            none, *written_out = run("written out")
        assert none is None
        np.testing.assert_array_equal(found[0], written_out[0])
        assert found[1] == pytest.approx(written_out[1], abs=1e-5)
        np.testing.assert_array_equal(found[2], written_out[2])
        assert len(np.unique(found[2])) > 1
    assert 0 < tail.first < len(from_edges(*hubs, weight).blocks) - 1


def test_one_block_of_all_nodes_has_the_same_products():
    rng = np.random.default_rng(0)
    source, target = np.triu_indices(20, 1)
    graph = from_edges(source, target, rng.normal(size=190))
    x = jnp.asarray(rng.normal(size=20))
    whole = graph.merged()
    assert len(whole.blocks) == 1 < len(graph.blocks) == 20
    np.testing.assert_allclose(whole.matvec(x), graph.matvec(x), rtol=1e-5)
    np.testing.assert_allclose(whole.absolute().matvec(x), graph.absolute().matvec(x), rtol=1e-5)
    blocks = graph.split(x)
    for a, b in zip(graph.part(graph.merge(blocks)), blocks, strict=True):
        np.testing.assert_array_equal(a, b)
    network = bipartite(jnp.ones((2, 3)))
    assert network.merged().layout is network.layout
