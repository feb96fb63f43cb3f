"""Wirings: features against networkx and brute force, dead paths, similarity, dynamics."""

import itertools
import math
from fractions import Fraction

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jprobe as jp
from jprobe.connectivity import (
    Paths,
    alive,
    cut,
    dice,
    dice_matrix,
    dynamics,
    elongation,
    feature_table,
    features,
    from_networkx,
    kamada_kawai,
    laid_flat,
    live,
    paths,
    rbf,
    separation,
    strongest,
    to_networkx,
    wiring,
)
from jprobe.errors import ArgumentError, LevelError, ShapeError, WeightsError


def drawn(seed, nodes=9, density=0.5, stages=3):
    rng = np.random.default_rng(seed)
    weights = np.triu(rng.normal(size=(nodes, nodes)), 1) * (rng.random((nodes, nodes)) < density)
    return wiring(weights, np.sort(np.arange(nodes) * stages // nodes))


WIRINGS = st.builds(
    drawn, st.integers(0, 10**6), nodes=st.integers(2, 9), density=st.floats(0.1, 1.0), stages=st.integers(1, 3)
)


@settings(max_examples=60, deadline=None)
@given(WIRINGS)
def test_features_equal_those_of_networkx_and_of_all_paths_written_out(one):
    graph, last = to_networkx(one), len(one.stages) - 1
    every = [*nx.all_simple_paths(graph, 0, last)]
    on_a_path = sorted({node for path in every for node in path})
    assert np.flatnonzero(alive(one)).tolist() == on_a_path
    lengths = [len(path) - 1 for path in every]
    mean = Fraction(sum(lengths), len(lengths)) if lengths else None
    assert paths(one) == paths(live(one)) == Paths(len(every), mean, max(lengths, default=0))
    found = features(one)
    if not every:
        assert (found["nodes"], found["edges"], found["sparsity"]) == (0, 0, 1)
        assert math.isnan(found["log_paths"])
        assert math.isnan(found["pca_elongation"])
        return
    left = graph.subgraph(on_a_path)
    assert (found["nodes"], found["edges"]) == (left.number_of_nodes(), left.number_of_edges())
    for stage in range(one.stages.max() + 1):
        here = [node for node in left if left.nodes[node]["stage"] == stage]
        assert found[f"nodes.stage_{stage}"] == len(here)
        size = int((one.stages == stage).sum())
        if size > 1:
            within = left.subgraph(here).number_of_edges()
            assert found[f"sparsity.stage_{stage}"] == pytest.approx(1 - within / (size * (size - 1) / 2))
    assert found["sparsity"] == pytest.approx(1 - left.number_of_edges() / ((last + 1) * last / 2))
    assert found["log_paths"] == pytest.approx(math.log(len(every)))
    assert found["max_path"] == nx.dag_longest_path_length(left, weight=None, default_weight=1)
    assert found["edge_connectivity"] == nx.edge_connectivity(left, 0, last)
    assert found["mean_degree"] == pytest.approx(sum(dict(left.degree()).values()) / len(left))
    theirs = nx.communicability_exp(left.to_undirected())[0][last]
    assert found["ln_communicability"] == pytest.approx(math.log(theirs), abs=1e-6)


def test_the_complete_dag_of_sixty_nodes():
    whole = wiring(np.triu(np.ones((60, 60)), 1), np.repeat([0, 1, 2], 20))
    found = features(whole)
    assert (found["nodes"], found["edges"], found["sparsity"], found["sparsity.stage_1"]) == (60, 1770, 0, 0)
    assert round(found["log_paths"], 4) == 40.2025
    assert (found["mean_path"], found["max_path"]) == (30, 59)
    assert (found["edge_connectivity"], found["mean_degree"]) == (59, 59)
    assert round(found["ln_communicability"], 4) == 54.9057
    assert abs(found["pca_elongation"]) < 1e-6


def test_possible_edges_are_what_sparsity_counts():
    """Only neighbours up to ten apart, as in the paper's variant."""
    i, j = np.indices((60, 60))
    near = (i < j) & (j - i <= 10)
    assert near.sum() == 545
    one = wiring(1.0 * near, possible=near)
    assert features(one)["sparsity"] == 0
    assert features(cut(one._replace(weights=np.where(j - i == 1, 1.0, 0.001 * near))))["sparsity"] == 1 - 59 / 545


@settings(max_examples=30, deadline=None)
@given(WIRINGS, st.floats(0, 2))
def test_cutting_and_dead_paths(one, tau):
    left = cut(one, tau)
    assert (np.abs(left.weights[left.edges]) >= tau).all()
    assert ((left.weights == one.weights) | ~left.edges).all()
    pruned = live(left)
    assert features(pruned) == pytest.approx(features(left), nan_ok=True)  # what is dead counts nowhere
    assert (live(pruned).weights == pruned.weights).all()


def test_cutting_takes_thresholds_at_their_word():
    assert cut(wiring([[0, 0.006], [0, 0]]), 0.006).edges.any()
    with pytest.raises(LevelError, match="threshold"):
        cut(wiring([[0, 1.0], [0, 0]]), -1.0)


def test_elongation_is_that_of_principal_components():
    pca = pytest.importorskip("sklearn.decomposition")
    places = np.random.default_rng(0).normal(size=(30, 2)) @ [[3.0, 0.5], [0, 1.0]]
    assert elongation(places) == pytest.approx(2 * (pca.PCA().fit(places).explained_variance_ratio_[0] - 0.5))
    one = drawn(0, nodes=20)
    graph = nx.Graph(to_networkx(live(one)).to_undirected().edges())
    theirs = nx.kamada_kawai_layout(nx.Graph(nx.Graph(sorted(graph.edges()))), weight=None)
    assert set(np.flatnonzero(~np.isnan(kamada_kawai(one)[:, 0]))) == set(theirs)


@given(st.integers(0, 10_000))
def test_a_drawing_laid_flat_keeps_its_distances(seed):
    rng = np.random.default_rng(seed)
    places = rng.normal(size=(6, 2)) * (1, 3)
    places[2] = np.nan
    flat = laid_flat(places)
    before, after = (np.linalg.norm(p[:, None] - p[None], axis=-1) for p in (places, flat))
    np.testing.assert_allclose(before, after, atol=1e-9)
    known = flat[~np.isnan(flat[:, 0])]
    assert known[:, 0].std() >= known[:, 1].std()
    # Level: no turn has a longer extent.
    assert np.cov(known.T)[0, 1] == pytest.approx(0, abs=1e-9)
    assert flat[0, 0] <= flat[-1, 0]


def test_any_dag_of_networkx_is_a_wiring():
    graph = nx.DiGraph([("x", "a"), ("a", "b"), ("b", "y"), ("x", "y"), ("lost", "y"), ("a", "end")])
    nx.set_edge_attributes(graph, {("x", "a"): 0.25}, "weight")
    nx.set_node_attributes(graph, {"b": 1, "y": 2}, "stage")
    one = from_networkx(graph, "x", "y")
    assert one.stages.tolist() == [0, 0, 1, 2]
    assert one.weights[0, 1] == 0.25
    assert one.edges.sum() == 4  # neither "lost" nor "end"
    again = from_networkx(to_networkx(one), 0, 3)
    assert (again.weights == one.weights).all()
    with pytest.raises(ArgumentError, match="No path"):
        from_networkx(graph, "y", "x")
    with pytest.raises(ArgumentError, match="no node"):
        from_networkx(graph, "x", "z")
    with pytest.raises(ArgumentError, match="without cycles"):
        from_networkx(nx.DiGraph([(0, 1), (1, 0)]), 0, 1)


@pytest.mark.parametrize(
    ("weights", "more", "error"),
    [
        ([[0, 1, 2]], {}, ShapeError),
        ([[0, np.nan], [0, 0]], {}, WeightsError),
        ([[0, 1], [1, 0]], {}, ArgumentError),
        ([[0, 1], [0, 0]], {"stages": [1, 0]}, ArgumentError),
        ([[0, 1], [0, 0]], {"stages": [0]}, ShapeError),
        ([[0, 1], [0, 0]], {"possible": [[0, 0], [0, 0]]}, ArgumentError),
    ],
)
def test_what_is_no_wiring_is_refused(weights, more, error):
    with pytest.raises(error):
        wiring(weights, **more)


def test_dice_by_sets():
    a, b = drawn(1), drawn(2)
    one, other = ({*map(tuple, np.argwhere(w.edges))} for w in (a, b))
    assert dice(a, b) == pytest.approx(2 * len(one & other) / (len(one) + len(other)))
    np.testing.assert_array_equal(dice_matrix([a, b]), [[1, dice(a, b)], [dice(b, a), 1]])
    with pytest.raises(ShapeError, match="9 and 5 nodes"):
        dice(a, drawn(0, nodes=5))


def test_rbf_is_that_of_scikit_learn():
    metrics, scaling = (pytest.importorskip(f"sklearn.{name}") for name in ("metrics.pairwise", "preprocessing"))
    table = feature_table([drawn(n, density=0.8) for n in range(8)])
    values = np.stack([table[name].values for name in table], 1)
    theirs = metrics.rbf_kernel(scaling.StandardScaler().fit_transform(values), gamma=1 / values.shape[1])
    np.testing.assert_allclose(rbf(table), theirs, rtol=1e-9)


def test_separation_of_groups_by_all_permutations():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(size=4), rng.normal(loc=2, size=4)])
    similarity, groups = np.exp(-np.square(points[:, None] - points)), "aaaabbbb"

    def difference(labels):
        same = [similarity[i, j] for i, j in itertools.combinations(range(8), 2) if labels[i] == labels[j]]
        other = [similarity[i, j] for i, j in itertools.combinations(range(8), 2) if labels[i] != labels[j]]
        return np.mean(same) - np.mean(other)

    every = {"".join("a" if n in some else "b" for n in range(8)) for some in itertools.combinations(range(8), 4)}
    exact = np.mean([difference(labels) >= difference(groups) - 1e-12 for labels in every])
    found = separation(similarity, list(groups))
    assert found.within - found.between == pytest.approx(difference(groups))
    assert found.p_value == pytest.approx(exact, abs=0.01)
    ends = np.quantile([difference(labels) for labels in every], [0.025, 0.975], method="inverted_cdf")
    assert found.chance == pytest.approx(tuple(ends), abs=1e-9)
    with pytest.raises(ArgumentError, match="two groups"):
        separation(similarity, ["a"] * 8)


def test_three_pairs_are_too_few_to_tell_groups_apart():
    """One of fifteen labellings is the one that is seen: no gap can lie beyond the differences that chance makes."""
    for seed in range(20):
        points = np.repeat([0.0, 3.0, 7.0], 2) + 0.1 * np.random.default_rng(seed).normal(size=6)
        found = separation(np.exp(-np.square(points[:, None] - points) / 7), list("aabbcc"))
        assert found.p_value == pytest.approx(1 / 15, abs=0.01)
        assert found.chance[1] == found.within - found.between


def test_dynamics_edge_by_edge():
    rng = np.random.default_rng(0)
    history = np.exp(rng.uniform(-8, 1, size=(12, 40)))
    found = dynamics(history, 0.05)
    retained = [column for column in history.T if column[-1] >= 0.05]
    below = [int((column < 0.05).sum()) for column in retained]
    assert found.edges == len(retained)
    assert found.retained_once_below == pytest.approx(np.mean([n > 0 for n in below]))
    assert found.retained_epochs_below == pytest.approx(np.mean([n for n in below if n]))
    back, above = [], []
    for column in history.T:
        if column[-1] < 0.05:
            later = column[np.argmax(column < 0.05) :]
            back.append((later > 0.5).any())
            above.append(int((later >= 0.05).sum()))
    assert found.eliminated_came_back == pytest.approx(np.mean(back))
    assert found.eliminated_epochs_above == pytest.approx(np.mean([n for n in above if n]))
    with pytest.raises(ShapeError, match="epochs, edges"):
        dynamics(history[0])


@settings(max_examples=30, deadline=None)
@given(WIRINGS, st.integers(0, 20))
def test_the_strongest_edges_are_the_fewest_that_connect(one, least):
    found = strongest(one, least)
    sizes = np.sort(np.abs(one.weights[one.edges]))[::-1]

    def connected(count):
        graph = nx.Graph(np.argwhere(np.abs(one.weights) >= sizes[count - 1]).tolist() if count else [])
        graph.add_nodes_from([0, len(one.stages) - 1])
        return nx.is_connected(graph)

    enough = [count for count in range(max(least, 1), len(sizes) + 1) if connected(count)]
    assert found.edges.sum() == min([*enough, len(sizes)])
    assert (np.abs(found.weights[found.edges]) >= sizes[found.edges.sum() - 1]).all() if len(sizes) else True


def test_the_room_is_reached_from_the_front_door():
    assert jp.connectivity.wiring is wiring
