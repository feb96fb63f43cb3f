"""The DAG of convolution blocks against an implementation that follows the paper edge by edge."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.sparse as sp

import jprobe as jp
from jprobe.connectivity import relative, wiring_of
from jprobe.errors import ArgumentError, ShapeError
from jprobe.models import DAG
from jprobe.models.dag import Reduce, Sizes, all_edges, plan, sizes_of, stage_of

pytestmark = pytest.mark.quick

NODES, CHANNELS = (3, 2, 2), 2
SOME = tuple(edge for n, edge in enumerate(all_edges(sum(NODES))) if n % 3 or edge[1] == edge[0] + 1)


def normalised(y, weights, seen):
    if seen is None:
        seen = {"mean": y.mean((0, 1, 2)), "var": y.var((0, 1, 2))}
    return (y - seen["mean"]) / jnp.sqrt(seen["var"] + 1e-5) * weights["scale"] + weights["bias"], seen


def block(weights, s, stride, seen):
    conv = partial(jax.lax.conv_general_dilated, dimension_numbers=("NHWC", "HWIO", "NHWC"))
    wide = conv(jnp.maximum(s, 0), weights["window"]["kernel"], (stride, stride), [(1, 1), (1, 1)])
    narrow = conv(s, weights["place"]["kernel"], (stride, stride), [(0, 0), (0, 0)])
    a, window = normalised(wide, weights["window"], None if seen is None else seen["window"])
    b, place = normalised(narrow, weights["place"], None if seen is None else seen["place"])
    return a + b, {"window": window, "place": place}


def literal(model, variables, x, train):
    """Logits, and statistics by (kind of block, number in its stack), node after node and edge after edge."""
    edges = all_edges(sum(model.nodes)) if model.edges is None else model.edges
    params, known = variables["params"], variables["batch_stats"]
    stages, inputs = stage_of(model.nodes), {j: [i for i, k in edges if k == j] for j in range(sum(model.nodes))}
    first = np.cumsum([0, *model.nodes])
    weights, used = {}, 0
    for i, j in edges:
        weights[i, j] = 1.0
        if len(inputs[j]) > 1:
            weights[i, j] = jnp.tanh(params["edges"][used])
            used += 1
    found = {}

    def run(name, number, s, stride):
        pick = (lambda a: a) if number is None else lambda a: a[number]
        seen = None if train else jax.tree.map(pick, known[name])
        y, found[name, number] = block(jax.tree.map(pick, params[name]), s, stride, seen)
        return y

    nodes, carried = {0: run("input", None, x, 1)}, {}
    for j in range(1, sum(model.nodes)):
        stage = stages[j]
        width, size = CHANNELS * 2**stage, x.shape[1] // 2**stage
        s = jnp.zeros((len(x), size, size, width))
        for i in inputs[j]:
            value = nodes[i]
            if stages[i] < stage:
                if (i, stage) not in carried:
                    name = f"reduce_{stages[i]}_{stage}"
                    feeding = sorted({a for a, b in edges if stages[a] == stages[i] and stages[b] == stage})
                    carried[i, stage] = run(name, feeding.index(i), value, 2 ** int(stage - stages[i]))
                value = carried[i, stage]
            s = s + weights[i, j] * value
        nodes[j] = run(f"stage_{stage}", int(j - first[stage]) - (not stage), s, 1)
    out = nodes[sum(model.nodes) - 1].mean((1, 2))
    return out @ params["head"]["kernel"] + params["head"]["bias"], found


def cost(logits, y, edges):
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean() + 1e-2 * jnp.abs(jnp.tanh(edges)).sum()


def drawn(model, size=8, seed=0):
    """Variables away from their start, and images with labels."""
    rng = np.random.default_rng(seed)
    x = jnp.asarray(rng.normal(size=(6, size, size, 3)), jnp.float32)
    variables = model.init(jax.random.key(seed), x)
    move = lambda a: a + jnp.asarray(rng.uniform(0.0, 0.4, size=a.shape), a.dtype)  # noqa: E731
    moved = {name: jax.tree.map(move, variables[name]) for name in ("params", "batch_stats")}
    return {**variables, **moved}, x, jnp.asarray(rng.integers(10, size=6))


@pytest.mark.parametrize("edges", [None, SOME], ids=["complete", "some"])
def test_training_equals_the_network_edge_by_edge(edges):
    model = DAG(NODES, CHANNELS, edges=edges)
    variables, x, y = drawn(model)

    def ours(params, variables):
        logits, changed = model.apply({**variables, "params": params}, x, True, mutable=["batch_stats"])
        return cost(logits, y, params["edges"]), (logits, changed["batch_stats"])

    def theirs(params, variables):
        logits, found = literal(model, {**variables, "params": params}, x, True)
        known = {}
        for name, number in found:
            numbers = sorted(n for key, n in found if key == name) if number is not None else []
            stack = [found[name, n] for n in numbers]
            new = jax.tree.map(lambda *a: jnp.stack(a), *stack) if stack else found[name, None]
            known[name] = jax.tree.map(lambda a, b: 0.9 * a + 0.1 * b, variables["batch_stats"][name], new)
        return cost(logits, y, params["edges"]), (logits, known)

    # Three steps of SGD with momentum and decay, statistics along.
    optimizer = optax.chain(optax.add_decayed_weights(1e-4), optax.sgd(0.1, momentum=0.9))
    runs = []
    for fn in (ours, theirs):
        one, state, steps = variables, optimizer.init(variables["params"]), []
        step = jax.jit(jax.value_and_grad(fn, has_aux=True))
        for _ in range(3):
            (value, (logits, known)), grads = step(one["params"], one)
            updates, state = optimizer.update(grads, state, one["params"])
            steps.append((value, logits, known, grads))
            one = {**one, "params": optax.apply_updates(one["params"], updates), "batch_stats": known}
        runs.append((steps, one["params"]))
    for a, b in zip(jax.tree.leaves(runs[0]), jax.tree.leaves(runs[1]), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("edges", [None, SOME], ids=["complete", "some"])
def test_evaluation_equals_the_network_edge_by_edge(edges):
    model = DAG(NODES, CHANNELS, edges=edges)
    variables, x, _ = drawn(model)
    np.testing.assert_allclose(model.apply(variables, x), literal(model, variables, x, False)[0], rtol=1e-4, atol=1e-5)


def test_the_papers_network_has_its_numbers():
    for edges, weights, reduces, parameters in (
        (None, 1769, 60, 863_299),
        (tuple((i, j) for i, j in all_edges(60) if j - i <= 10), 544, 20, 638_114),
    ):
        model = DAG(edges=edges)
        params = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 32, 32, 3)))["params"]
        assert params["edges"].shape == (weights,)
        assert sum(r.room for r in sizes_of(model.nodes, edges).reduces) == reduces
        assert sum(leaf.size for leaf in jax.tree.leaves(params)) == parameters


def test_a_common_factor_on_the_inputs_of_a_node_changes_nothing():
    """Batch normalisation makes a node blind to it: the size of a weight alone is no importance."""
    model = DAG(NODES, CHANNELS)
    variables, x, _ = drawn(model)
    into = [n for n, (_, j) in enumerate([e for e in all_edges(sum(NODES)) if e[1] > 1]) if j == 4]
    edges = variables["params"]["edges"]
    scaled = edges.at[np.array(into)].set(jnp.arctanh(0.5 * jnp.tanh(edges[np.array(into)])))
    other = {**variables, "params": {**variables["params"], "edges": scaled}}
    runs = [model.apply(some, x, True, mutable=["batch_stats"])[0] for some in (variables, other)]
    np.testing.assert_allclose(*runs, rtol=1e-3, atol=1e-3)
    assert not np.allclose(
        model.apply(variables, x), model.apply(other, x), atol=1e-2
    )  # fixed statistics are not blind


def without(variables, model, dead):
    """The network with the weights of some edges at 0."""
    weighted = [edge for edge in all_edges(sum(model.nodes)) if edge[1] > 1]
    keep = np.array([not dead(i, j) for i, j in weighted])
    params = {**variables["params"], "edges": variables["params"]["edges"] * keep}
    return {**variables, "params": params}


def test_nodes_without_outputs_do_nothing_and_nodes_without_inputs_do():
    model = DAG(NODES, CHANNELS)
    variables, x, _ = drawn(model)
    node = 3
    run = lambda variables: np.asarray(model.apply(variables, x))  # noqa: E731
    deaf, mute = (without(variables, model, lambda i, j, end=end: (i, j)[end] == node) for end in (1, 0))
    both = without(variables, model, lambda i, j: node in (i, j))
    np.testing.assert_allclose(run(mute), run(both), rtol=1e-5, atol=1e-6)
    assert np.abs(run(deaf) - run(both)).max() > 1e-3  # it hands on what its normalisations shift


def test_room_for_more_changes_nothing():
    """Wirings padded to one size share a compilation."""
    exact = DAG(NODES, CHANNELS, edges=SOME)
    sizes = sizes_of(NODES, SOME)
    roomy = Sizes(sizes.edges + 5, tuple(Reduce(r.source, r.target, r.room + 1) for r in sizes.reduces))
    model = DAG(NODES, CHANNELS, sizes=roomy)
    variables, x, y = drawn(exact)
    padded = model.init(jax.random.key(1), x)

    def filled(small, large):
        return large.at[tuple(map(slice, small.shape))].set(small)

    params = jax.tree.map(filled, variables["params"], padded["params"])
    wiring = {name: jnp.asarray(value) for name, value in plan(NODES, SOME, roomy).items()}
    run = jax.value_and_grad(
        lambda params, model, more: cost(
            model.apply({"params": params, **more}, x, True, mutable=["batch_stats"])[0], y, 0.0
        )
    )
    stats = {"batch_stats": padded["batch_stats"], "wiring": wiring}
    value, grads = run(params, model, stats)
    expected, theirs = run(variables["params"], exact, {k: variables[k] for k in ("batch_stats", "wiring")})
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    for small, large in zip(jax.tree.leaves(theirs), jax.tree.leaves(grads), strict=True):
        np.testing.assert_allclose(large[tuple(map(slice, small.shape))], small, rtol=1e-3, atol=1e-5)


def test_stages_without_nodes_and_half_precision():
    model = DAG((2, 0, 2), CHANNELS, edges=((0, 1), (1, 2), (0, 2), (2, 3)), dtype=jnp.bfloat16)
    x = jnp.ones((2, 8, 8, 3))
    variables = model.init(jax.random.key(0), x)
    assert model.apply(variables, x).dtype == jnp.float32
    assert model == model.clone(dtype="bfloat16") != model.clone(dtype="float32") == model.clone(dtype=np.float32)
    for wrong in ("xyz", int):
        with pytest.raises(ArgumentError, match="floating point"):
            model.clone(dtype=wrong)
    assert model.apply(variables, x, True, mutable=["batch_stats"])[0].shape == (2, 10)


def test_a_learned_network_is_a_graph_for_all_other_probes():
    """The traced graph against the Jacobian: its edges are those of the network, scans and blocks written out."""
    model = DAG((2, 1), 1, features=2)
    variables, x, _ = drawn(model, size=4)
    graph = jp.graph.trace(model.apply, variables, x[:1])
    local = jp.graph.trace(model.apply, variables, x[:1], at=x[:1])
    assert graph.num_edges == local.num_edges > 0
    jacobian = np.asarray(jax.jacobian(lambda x: model.apply(variables, x))(x[:1]), np.float64).reshape(2, -1)
    dense = jp.graph.to_scipy(local).tocsr()
    # Sums over all paths from the input to the logits are the derivative.
    size, total = x[0].size, 0.0
    forward = sp.identity(dense.shape[0], format="csr")
    for _ in range(dense.shape[0]):
        forward = forward @ dense
        if not forward.nnz:
            break
        total = total + forward
    found = np.asarray(total[-2:, :size].todense())
    np.testing.assert_allclose(found, jacobian, rtol=1e-3, atol=1e-4)
    # Stacked shifts and factors of normalisations have two axes as well: a probe is told what it is for.
    for name in ("kernel", "edges"):
        probe = jp.probes.prune(select=f"*{name}")
        pruned = probe.apply(jax.random.key(0), variables, probe.init(variables), 0.5)
        leaves = zip(jax.tree_util.tree_leaves_with_path(pruned), jax.tree.leaves(variables), strict=True)
        changed = {jax.tree_util.keystr(path) for (path, new), old in leaves if not np.array_equal(new, old)}
        assert changed
        assert all(f"'{name}'" in path for path in changed)


def test_what_is_no_network_is_refused():
    with pytest.raises(ArgumentError, match="two nodes"):
        DAG((0, 3))
    with pytest.raises(ArgumentError, match="earlier to later"):
        DAG((2, 2), edges=((2, 1),))
    with pytest.raises(ShapeError, match="multiples of 4"):
        DAG().init(jax.random.key(0), jnp.zeros((1, 30, 30, 3)))
    with pytest.raises(ArgumentError, match="does not fit"):
        plan(NODES, SOME, Sizes(3, ()))


def test_relative_weights_are_those_of_the_sums_and_blind_to_a_common_factor():
    model = DAG((3, 2), CHANNELS)
    variables, x, _ = drawn(model)
    found, plain = relative(model, variables, x), wiring_of(model, variables)
    pick = lambda name, n: jax.tree.map(lambda a: a[n], (variables["params"][name], variables["batch_stats"][name]))  # noqa: E731
    node_0 = block(variables["params"]["input"], x, 1, variables["batch_stats"]["input"])[0]
    own, seen = pick("stage_0", 0)
    node_1 = block(own, node_0, 1, seen)[0]
    sums = plain.weights[0, 2] * node_0 + plain.weights[1, 2] * node_1
    sd = lambda a: np.sqrt(np.var(a, (0, 1, 2)).mean())  # noqa: E731
    for i, node in enumerate((node_0, node_1)):
        assert found.weights[i, 2] == pytest.approx(plain.weights[i, 2] * sd(node) / sd(sums), rel=1e-4)
    own, seen = pick("reduce_0_1", 1)
    carried = block(own, node_1, 2, seen)[0]
    assert found.weights[1, 3] > 0
    assert found.weights[1, 3] / found.weights[0, 3] == pytest.approx(
        plain.weights[1, 3] / plain.weights[0, 3] * sd(carried) / sd(block(*[pick("reduce_0_1", 0)[0], node_0, 2, pick("reduce_0_1", 0)[1]])[0]), rel=1e-4
    )  # fmt: skip
    # Half of all that enters the third node, and statistics to match: the same network, the same relative weights.
    into = np.array([n for n, (_, j) in enumerate([e for e in all_edges(5) if e[1] > 1]) if j == 2])
    edges, known = variables["params"]["edges"], variables["batch_stats"]["stage_0"]
    scaled = edges.at[into].set(jnp.arctanh(0.5 * jnp.tanh(edges[into])))
    half = {
        part: {"mean": known[part]["mean"].at[1].multiply(0.5), "var": known[part]["var"].at[1].multiply(0.25)}
        for part in known
    }
    other = {
        **variables,
        "params": {**variables["params"], "edges": scaled},
        "batch_stats": {**variables["batch_stats"], "stage_0": half},
    }
    np.testing.assert_allclose(model.apply(other, x), model.apply(variables, x), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(relative(model, other, x).weights, found.weights, rtol=1e-3)
    assert not np.allclose(wiring_of(model, other).weights, plain.weights, rtol=0.1)
