"""What rounding decides, in the programs that people run: energies, local minima, ground states, bounds."""

from functools import partial

import hypothesis.strategies as st
import jax
import numpy as np
import pytest
from hypothesis import given, settings
from signed_graphs import (
    KEY,
    MINIMISERS,
    NET,
    SMALL,
    all_spins,
    check_bound,
    check_local,
    energies,
    seeds,
    weighted,
)

from jprobe.frustration import (
    descend,
    energy,
    exact,
    greedy,
    kernels,
    lower_bound,
    total_weight,
)
from jprobe.graph import from_edges, to_scipy


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
    # Warm spins may climb; the tail only descends.
    warm = {"anneal": 30, "descend": len(kernels.TEMPERATURES), "greedy": 1}[name]
    assert found.history.shape[1] > warm
    if name == "anneal":
        assert (steps[:, : warm - 1] > 0).any()
    steps = steps[:, warm - 1 :]
    assert not (steps > 0).any()
    last = [row[~np.isnan(row)][-1] for row in found.history]
    assert np.isnan(found.history).sum(1).min() == 0
    if kind != "wide":
        # Single precision counts along the way; what is left to double precision is a tie or less.
        np.testing.assert_allclose(found.energy, last, rtol=0, atol=2e-6)
    np.testing.assert_array_equal(MINIMISERS[name](graph, key=KEY, replicas=3).spins, found.spins)
    assert (MINIMISERS[name](graph, key=jax.random.key(1), replicas=3).spins != found.spins).any()


def test_what_single_precision_cannot_decide_is_decided_in_double():
    # Node 2 is pulled by 1, -1 and -2^-30, and all others are held by heavy edges.
    tie = from_edges([0, 2, 2, 2, 3], [1, 0, 1, 3, 4], [100.0, 1.0, -1.0, -(2.0**-30), 100.0])
    for minimise in (partial(descend, temperatures=()), greedy):
        found = minimise(tie, key=KEY, start="ones")
        assert found.spins.tolist() == [[1, 1, -1, 1, 1]]
        assert found.flips.tolist() == [1]
        check_local(tie, found)
    # An exact tie never flips.
    tie = from_edges([0, 2, 2], [1, 0, 1], [100.0, 1.0, -1.0])
    assert descend(tie, key=KEY, start="ones", temperatures=()).flips.tolist() == [0]


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
