"""Networks that learn their wiring: cut, made small, held against others, trained and taken up."""

import functools

import jax
import jax.numpy as jnp
import networkx as nx
import numpy as np
import pytest

import jprobe as jp
from jprobe import connectivity as cn
from jprobe.errors import ArgumentError, ShapeError, UnknownNameError
from jprobe.models import DAG
from jprobe.models.dag import all_edges, stage_of

pytestmark = pytest.mark.quick

NODES, CHANNELS = (4, 3, 3), 2
WHOLE = DAG(NODES, CHANNELS)
RNG = np.random.default_rng(0)
X = jnp.asarray(RNG.normal(size=(6, 8, 8, 3)), jnp.float32)


@functools.cache
def compiled(model):
    return jax.jit(model.init), jax.jit(lambda variables: model.apply(variables, X))


def outputs(model, variables):
    return compiled(model)[1](variables)


def drawn(model=WHOLE, seed=0):
    """Variables with weights, statistics and biases all different."""
    rng, found = np.random.default_rng(seed), compiled(model)[0](jax.random.key(seed), X)
    vary = lambda a: jnp.asarray(a + rng.uniform(0.1, 0.5, a.shape), jnp.float32)  # noqa: E731
    edges = jnp.asarray(rng.uniform(-1, 1, found["params"]["edges"].shape), jnp.float32)
    stats = jax.tree.map(vary, found["batch_stats"])
    return {**found, "params": {**jax.tree.map(vary, found["params"]), "edges": edges}, "batch_stats": stats}


@pytest.mark.parametrize("seed", [1, 3])
def test_a_subnetwork_computes_what_the_whole_one_does_without_its_other_edges(seed):
    variables = drawn(seed=seed)
    cut = cn.cut(cn.wiring_of(WHOLE, variables), (0.0, 0.3, 0.5, 0.6)[seed])
    small, own = cn.subnetwork(WHOLE, variables, cut, X)
    expected = outputs(WHOLE, cn.without(variables, cn.live(cut).edges))
    np.testing.assert_allclose(outputs(small, own), expected, rtol=1e-4, atol=1e-5)
    left = cn.features(cut)
    assert sum(small.nodes) == left["nodes"]
    assert cn.wiring_of(small, own).edges.sum() == left["edges"]
    assert left["edges"] < 45
    # Features of what is left, measured on the small network, are the same.
    again = cn.features(cn.wiring_of(small, own))
    assert {k: v for k, v in again.items() if "sparsity" not in k} == pytest.approx(
        {k: v for k, v in left.items() if "sparsity" not in k}
    )


def test_parameters_are_counted_and_channels_fitted():
    model = DAG(NODES, CHANNELS, edges=tuple(all_edges(10)))
    params = jax.eval_shape(model.init, jax.random.key(0), X)["params"]
    whole = cn.wiring_of(WHOLE, compiled(WHOLE)[0](jax.random.key(0), X))
    assert cn.parameters(whole, CHANNELS, 10) == sum(leaf.size for leaf in jax.tree.leaves(params))
    few = cn.cut(cn.wiring_of(WHOLE, drawn()), 0.5)
    count = cn.parameters(whole, CHANNELS, 10)
    small = cn.compact([few], CHANNELS, 10).model
    own = jax.eval_shape(small.init, jax.random.key(0), X)["params"]
    assert cn.parameters(few, CHANNELS, 10) == sum(leaf.size for leaf in jax.tree.leaves(own)) < count
    fitted = cn.fitted_channels(few, count, 10)
    sizes = {c: abs(cn.parameters(few, c, 10) - count) for c in range(1, 12)}
    assert fitted == min(sizes, key=sizes.get) > CHANNELS


def test_wirings_of_one_size_start_train_and_carry_weights():
    variables = drawn()
    wirings = [cn.cut(cn.wiring_of(WHOLE, variables), tau) for tau in (0.3, 0.55)]
    many = cn.compact(wirings, CHANNELS, 10, multiple=2)
    start = many.start(X[:1], [3, 4])
    assert all(leaf.shape[0] == 2 for leaf in jax.tree.leaves(start))
    for n, one in enumerate(wirings):
        own = jax.tree.map(lambda a, n=n: a[n], start)
        there = cn.wiring_of(many.model, own).edges
        assert there.sum() == cn.live(one).edges.sum()
        carried = many.carried(n, WHOLE, variables, X)
        assert jax.tree.map(jnp.shape, carried) == jax.tree.map(jnp.shape, own)
        expected = outputs(WHOLE, cn.without(variables, cn.live(one).edges))
        np.testing.assert_allclose(outputs(many.model, carried), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(ArgumentError, match="no wiring"):
        cn.compact([], 1, 10)
    dead = wirings[0]._replace(weights=np.zeros((10, 10)))
    with pytest.raises(ArgumentError, match="No path"):
        cn.compact([dead], 1, 10)


@pytest.mark.parametrize("seed", range(5))
def test_rewired_wirings_keep_every_degree_and_differ(seed):
    rng = np.random.default_rng(seed)
    one = cn.live(cn.wiring(np.triu(rng.random((20, 20)) < 0.3, 1), stage_of((10, 10))))
    other = cn.rewired(one, seed)
    np.testing.assert_array_equal(other.edges.sum(0), one.edges.sum(0))
    np.testing.assert_array_equal(other.edges.sum(1), one.edges.sum(1))
    np.testing.assert_array_equal(cn.alive(other), cn.alive(one))
    assert nx.is_directed_acyclic_graph(cn.to_networkx(other))
    assert cn.dice(one, other) < 0.8
    assert cn.dice(other, cn.rewired(one, seed)) == 1 > cn.dice(other, cn.rewired(one, seed + 1))
    # What is impossible stays so.
    near = np.abs(np.subtract.outer(range(20), range(20))) <= 4
    local = cn.live(cn.wiring(np.triu(near, 1) * (rng.random((20, 20)) < 0.7), possible=np.triu(near, 1)))
    assert not cn.rewired(local, seed).edges[~near].any()


def test_snip_is_what_the_loss_loses_with_an_edge_to_first_order():
    variables, labels = drawn(), jnp.arange(6) % 3
    found = cn.snip(WHOLE, variables, X, labels).weights
    table = jax.tree.map(np.asarray, variables["wiring"])

    @jax.jit
    def loss(edges):
        own = {**variables, "params": {**variables["params"], "edges": edges}}
        logits = WHOLE.apply(own, X, True, mutable=["batch_stats"])[0]
        return -jax.nn.log_softmax(logits)[jnp.arange(6), labels].mean()

    edges, step = np.asarray(variables["params"]["edges"], np.float64), 2e-2
    for e in (0, 7, 20, 40):
        # A factor on tanh w, up and down.
        values = []
        for factor in (1 + step, 1 - step):
            other = edges.copy()
            other[e] = np.arctanh(factor * np.tanh(edges[e]))
            values.append(float(loss(jnp.asarray(other, jnp.float32))))
        expected = abs(values[0] - values[1]) / (2 * step)
        assert found[table["sources"][e], table["targets"][e]] == pytest.approx(expected, rel=0.1, abs=2e-3)
    assert found[0, 1] > found[2:].max()  # the second node's one edge is never cut


def test_embeddings_are_scikit_learns():
    decomposition = pytest.importorskip("sklearn.decomposition")
    values = RNG.normal(size=(12, 4)) @ RNG.normal(size=(4, 4))
    table = cn.feature_table([])
    table = table.assign({f"f{n}": ("wiring", values[:, n]) for n in range(4)})
    found = cn.embedding(table)
    scaled = (values - values.mean(0)) / values.std(0)
    expected = decomposition.PCA(2).fit_transform(scaled)
    np.testing.assert_allclose(np.abs(found), np.abs(expected), rtol=1e-6, atol=1e-9)
    table["f0"][3] = np.nan
    assert np.isnan(cn.embedding(table)).any(1).tolist() == [n == 3 for n in range(12)]


def digits(count=96, edge=8, classes=3):
    """Images whose class is a bright corner: learnt in a few steps."""
    rng = np.random.default_rng(1)
    y = rng.integers(classes, size=count)
    x = rng.normal(size=(count, edge, edge, 1)).astype(np.float32)
    for n, label in enumerate(y):
        x[n, 4 * (label // 2) : 4 * (label // 2) + 4, 4 * (label % 2) : 4 * (label % 2) + 4] += 2
    return jp.data.Task(x, y, x, y, num_classes=classes)


REGIME = cn.Regime(epochs=8, drops=(6,), penalty=0.03, batch=16)


@pytest.fixture(scope="module")
def learned():
    return cn.learn_wiring(digits(), nodes=3, stages=2, channels=2, regime=REGIME, seeds=2)


def test_wirings_are_learnt_and_recorded(learned):
    assert learned.fit.accuracy.min() > 0.8
    assert learned.fit.recorded.shape == (2, 8, 14)
    last = [one.weights for one in learned.wirings()]
    for now, then in zip(last, (one.weights for one in learned.wirings(epoch=8)), strict=True):
        np.testing.assert_allclose(np.abs(now), then, rtol=1e-5)
    for epoch in (0, 9):
        with pytest.raises(ArgumentError, match="epochs 1 to 8"):
            learned.wirings(epoch=epoch)
    first = learned.wirings(epoch=1)[0]
    # The one edge without a weight counts 1; the others are those of the record.
    np.testing.assert_allclose(
        np.sort(first.weights[first.possible]), np.sort([*learned.fit.recorded[0, 0], 1.0]), rtol=1e-6
    )
    np.testing.assert_array_equal(first.possible, last[0] != 0)


def test_a_sweep_of_thresholds_is_the_accuracy_of_the_cut_networks(learned):
    task, levels = digits(), (0.0, 0.1, 0.3, 0.99)
    found, run = cn.threshold_sweep(learned, task, levels), jax.jit(learned.model.apply)
    for n, variables in enumerate(jp.unstack(learned.fit.params)):
        whole = cn.wiring_of(learned.model, variables)
        for k, tau in enumerate(levels):
            cut = cn.cut(whole, tau)
            for name, kept in (("accuracy", cut), ("live_accuracy", cn.live(cut))):
                logits = run(cn.without(variables, kept.edges), task.x_test)
                right = np.mean(np.asarray(logits).argmax(1) == task.y_test)
                assert found[name].values[n, k] == pytest.approx(right, abs=1e-6)
            assert found.edges.values[n, k] == cut.edges.sum()
            assert found.sparsity.values[n, k] == pytest.approx(1 - cn.live(cut).edges.sum() / 15)
    assert (np.diff(found.sparsity.values, axis=1) >= 0).all()


@pytest.mark.parametrize("seed", range(5))
def test_the_largest_that_are_alive_are_the_least_that_leave_as_many(seed):
    rng = np.random.default_rng(seed)
    one = cn.wiring(np.triu(rng.uniform(size=(7, 7)) * (rng.uniform(size=(7, 7)) < 0.6), 1))
    counts = [int(cn.live(cn.largest(one, k)).edges.sum()) for k in range(int(one.edges.sum()) + 1)]
    for edges in range(1, counts[-1] + 1):
        first = next(k for k, count in enumerate(counts) if count >= edges)
        np.testing.assert_array_equal(cn.largest_alive(one, edges).weights, cn.live(cn.largest(one, first)).weights)
    np.testing.assert_array_equal(cn.largest_alive(one, 99).weights, cn.live(one).weights)


def test_edges_are_cut_by_what_they_contribute_too(learned):
    task, levels = digits(), (0.0, 0.2, 0.99)
    found, run = cn.threshold_sweep(learned, task, levels, "relative"), jax.jit(learned.model.apply)
    for n, variables in enumerate(jp.unstack(learned.fit.params)):
        share = cn.relative(learned.model, variables, task.x_train[:256])
        for k, tau in enumerate(levels):
            kept = cn.cut(share, tau)
            assert found.edges.values[n, k] == kept.edges.sum()
            right = np.mean(np.asarray(run(cn.without(variables, kept.edges), task.x_test)).argmax(1) == task.y_test)
            assert found.accuracy.values[n, k] == pytest.approx(right, abs=1e-6)
    with pytest.raises(UnknownNameError, match="magnitude"):
        cn.threshold_sweep(learned, task, levels, "size")


@pytest.mark.end_to_end
def test_activations_may_be_half_precise():
    half = cn.learn_wiring(digits(), nodes=2, stages=2, channels=2, regime=REGIME, dtype=jnp.bfloat16)
    assert half.fit.accuracy[0] > 0.5
    assert {leaf.dtype for leaf in jax.tree.leaves(half.fit.params["params"])} == {np.dtype("float32")}
    with pytest.raises(ArgumentError, match="floating point"):
        cn.learn_wiring(digits(), nodes=2, stages=2, channels=2, dtype=int)


def test_the_proximal_step_shrinks_by_what_the_gradient_would_travel():
    """After momentum: the same path far from 0, and exactly 0 where the path would cross it."""
    how = REGIME._replace(proximal=True, decay=0.0)
    plain, params = how._replace(penalty=0.0), {"edges": jnp.asarray([0.9, -0.4, 0.02, -0.001])}
    grads = {"edges": jnp.asarray([0.1, -0.2, 0.0, 0.0])}
    moved, shrunk = (
        one.optimizer.update(grads, one.optimizer.init(params), params, epoch=jnp.asarray(0))[0]["edges"]
        for one in (plain, how)
    )
    np.testing.assert_allclose(moved, -0.1 * grads["edges"], rtol=1e-5, atol=1e-8)
    before, after = np.tanh(params["edges"] + moved), np.tanh(params["edges"] + shrunk)
    step = 0.1 * how.penalty / (1 - how.momentum)
    np.testing.assert_allclose(after, np.sign(before) * np.maximum(np.abs(before) - step, 0), rtol=1e-4, atol=1e-7)
    assert (after[2:] == 0).all()
    assert float(how.loss(jnp.zeros((1, 2)), jnp.zeros(1, int), {"params": params})[0]) == pytest.approx(np.log(2))


@pytest.mark.end_to_end
def test_a_proximal_training_ends_in_exact_zeros(learned):
    exact = cn.learn_wiring(
        digits(), nodes=3, stages=2, channels=2, regime=REGIME._replace(penalty=0.1, proximal=True), seeds=1
    )
    assert (exact.fit.recorded[0, -1] == 0).sum() > 3
    assert not (learned.fit.recorded[:, -1] == 0).any()


def test_rates_fall_where_the_regime_says():
    assert cn.Regime().travel(390) == pytest.approx(0.01 * 390 * (79 * 0.1 + 10 * 0.01 + 11 * 0.001))
    update = REGIME.optimizer.update
    params = {"edges": jnp.zeros(1), "other": jnp.ones(1)}
    state = REGIME.optimizer.init(params)
    grads = {"edges": jnp.zeros(1), "other": jnp.ones(1)}
    steps = [-float(update(grads, state, params, epoch=jnp.asarray(e))[0]["other"][0]) for e in (0, 5, 6, 7)]
    # Weight decay counts like a gradient.
    np.testing.assert_allclose(steps, np.array([0.1, 0.1, 0.01, 0.01]) * (1 + 1e-4), rtol=1e-5)


@pytest.mark.end_to_end
def test_a_killed_training_is_taken_up(tmp_path):
    options = {"nodes": 2, "stages": 2, "channels": 2, "regime": REGIME._replace(epochs=3), "seeds": 1}
    whole = cn.learn_wiring(digits(), checkpoint=tmp_path / "whole", **options)

    def kill(fraction):
        if fraction > 0.4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cn.learn_wiring(digits(), checkpoint=tmp_path / "w", progress=kill, **options)
    again = cn.learn_wiring(digits(), checkpoint=tmp_path / "w", **options)
    for a, b in zip(jax.tree.leaves(whole.fit), jax.tree.leaves(again.fit), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_no_wiring_can_be_learnt_for_is_refused():
    task = digits()
    flat = jp.data.Task(
        task.x_train.reshape(96, -1), task.y_train, task.x_test.reshape(96, -1), task.y_test, num_classes=3
    )
    with pytest.raises(ShapeError, match="images"):
        cn.learn_wiring(flat, nodes=2)
    with pytest.raises(ShapeError, match="multiples of 16"):
        cn.learn_wiring(task, nodes=2, stages=5)
    with pytest.raises(ArgumentError, match="labels"):
        cn.learn_wiring(jp.data.Task(task.x_train, task.x_train, task.x_test, task.x_test, num_classes=None), nodes=2)
    with pytest.raises(ArgumentError, match="regime"):
        cn.learn_wiring(task, nodes=2, penalty=-1.0)
    with pytest.raises(ArgumentError, match="earlier to later"):
        cn.learn_wiring(task, nodes=2, edges=[(1, 0)])
