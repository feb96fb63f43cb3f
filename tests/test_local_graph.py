"""Local graphs: the sum over all ways from the input to the output is the Jacobian that JAX gives."""

import dataclasses

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from flax import nnx
from jax import lax

import jprobe as jp
from jprobe.errors import ArgumentError, ShapeError, UnsupportedDerivativeError, WeightsError

pytestmark = pytest.mark.quick


def normal(n, *shape):
    return jax.device_put(np.random.default_rng(n).normal(size=shape).astype(np.float32))


def path_sums(graph):
    """Block of (I - A)^-1 from the input's nodes to the output's, from the explicit matrix."""
    whole = dataclasses.replace(graph, alive=None)
    assert whole.num_edges == jp.graph.edge_list(whole).weight.size  # counted by formula, and one by one
    matrix = jp.graph.to_scipy(graph).toarray()  # of the nodes alive: others carry nothing
    cuts = graph.layout.offsets
    starts = [n for n, block in enumerate(graph.blocks) if block.kind == "input"]
    of, to = (np.concatenate([np.arange(cuts[n], cuts[n + 1]) for n in ns]) for ns in (starts, graph.layout.outputs))
    return scipy.linalg.solve_triangular(np.eye(len(matrix)) - matrix, np.eye(len(matrix))[:, of], lower=True)[to]


def agrees(fn, params, x, jacobian=None):
    """Trace a function at an input, hold its path sums against the Jacobian, return the graph."""
    graph = jp.graph.trace(fn, params, x, at=x)
    expected = jax.jit(jax.jacfwd(lambda x: fn(params, x)))(x) if jacobian is None else jacobian
    found, expected = path_sums(graph), np.asarray(expected)
    np.testing.assert_allclose(found, expected.reshape(found.shape), atol=1e-5 * np.abs(expected).max())
    return graph


W = np.asarray(normal(0, 4, 4))
X = np.asarray(normal(2, 2, 4))


@jax.custom_vjp
def by_hand(x):
    return jnp.tanh(x)


by_hand.defvjp(lambda x: (jnp.tanh(x), x), lambda x, g: (g,))

FUNCTIONS = {
    "relu, residual": lambda w, x: jax.nn.relu(x @ w + x) @ w,
    "gelu, silu": lambda w, x: jax.nn.silu(jax.nn.gelu(x @ w) @ w),
    "gates": lambda w, x: jax.nn.glu((jax.nn.silu(x @ w) * (x @ w.T)) @ w),
    "softmax, log_softmax": lambda w, x: jax.nn.log_softmax(jax.nn.softmax(x @ w) @ w),
    "attention": lambda w, x: jax.nn.softmax((x @ w) @ (x @ w.T).T / 2) @ x,
    "layer norm, RMS norm": lambda w, x: jax.nn.standardize(x @ w) * lax.rsqrt((x * x).mean(-1, keepdims=True)),
    "elementwise": lambda w, x: (
        jnp.exp(-x @ w) * x + lax.erf(x) - jnp.sin(x) / (1 + x * x) + jnp.log1p(x * x) + x**3 + jnp.abs(x)
        + jax.nn.softplus(x) - jnp.arctan2(x, 1 + x * x) + jnp.where(x > 0, x @ w, jnp.clip(x, -0.5, 0.5))
    ),
    "maxima": lambda w, x: jnp.maximum(x @ w, x @ w.T).max(1) + jnp.min(x, 1) + jax.nn.logsumexp(x @ w, 1),
    "products along an axis": lambda w, x: jnp.prod(x @ w, 1) + jnp.cumprod(x, 1)[:, 1] + lax.cummax(x, 1)[:, 2],
    "cumulative sums": lambda w, x: jnp.cumsum(x @ w, 0) + lax.cumsum(x @ w, 1, reverse=True),
    "sorted": lambda w, x: jnp.sort(x @ w, 1) @ w[:, :2] + lax.top_k(x @ w, 2)[0],
    "joined": lambda w, x: jnp.concatenate([jax.nn.relu(x @ w), x, jnp.stack([x @ w + x @ w.T, x])[0]], 1) @ jnp.tile(w, (3, 1)),
    "nothing left": lambda w, x: (jnp.concatenate([x, jnp.zeros((2, 4))], 1)[:, 4:] @ w) @ w + jnp.concatenate([w[:2], x])[1:3],
    "moved": lambda w, x: jnp.repeat(jnp.roll(x @ w, 1, 1)[::-1, ::2], 2, 0) + lax.reshape(x @ w, (4, 2), (1, 0)),
    "padded": lambda w, x: jnp.pad(x @ w, ((1, 0), (0, 2)))[:, 1:],
    "indexed": lambda w, x: jnp.take(x @ w, jnp.array([1, 1, 0]), 1) + (x @ w)[jnp.array([1, 0])][:, 1:],
    "written over": lambda w, x: (x @ w).at[0].set(x[1]) + lax.dynamic_update_slice(x @ w, x[:1, :2], (1, 1))
    + (x @ w).at[jnp.array([1, 1])].add(x) + lax.dynamic_slice(x, (0, 1), (2, 1)),
    "segments": lambda w, x: jax.ops.segment_sum(x @ w, jnp.array([1, 1]), 3),
    "three factors": lambda w, x: jnp.einsum("ij,jk,ik->k", x, w, x) / jnp.linalg.norm(x @ w),
    "statistics": lambda w, x: jnp.var(x @ w, 0) + (x @ w).mean(0),
    "branch": lambda w, x: lax.cond(x.sum() > 0, lambda x: x @ w, lambda x: x @ w.T, x),
    "while": lambda w, x: lax.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, jnp.tanh(c[1] @ w)), (0, x))[1],
    "fori, written": lambda w, x: lax.fori_loop(0, 2, lambda i, o: o.at[i].set(jnp.tanh(x[i] @ w)), jnp.zeros((2, 4))),
    "scan": lambda w, x: lax.scan(lambda h, w: (jnp.tanh(h @ w) + h, h), x, jnp.stack([w, w.T]), reverse=True),
    "vmap, checkpoint": lambda w, x: jax.vmap(jax.checkpoint(lambda x: jnp.tanh(w @ x) @ w))(x),
    "the input itself": lambda w, x: x.T,
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    def flat(w, x):
        return jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(FUNCTIONS[name](w, x))])

    agrees(flat, W, X)


def test_a_derivative_by_hand_is_left_out():
    jacobian = jax.jacfwd(lambda x: jnp.tanh(x @ W))(X)
    agrees(lambda w, x: by_hand(x @ w), W, X, jacobian)


NUMBERS = ("NHWC", "HWIO", "NHWC")
IMAGE = normal(3, 1, 6, 6, 2)

WINDOWS = {
    "strided, ReLU6": lambda k, x: jax.nn.relu6(3 * lax.conv_general_dilated(x, k, (2, 2), "VALID", dimension_numbers=NUMBERS)),
    "transposed": lambda k, x: lax.conv_transpose(x, k, (2, 2), "SAME"),
    "dilated": lambda k, x: lax.conv_general_dilated(x, k, (1, 1), "SAME", rhs_dilation=(2, 2), dimension_numbers=NUMBERS),
    "grouped": lambda k, x: lax.conv_general_dilated(
        x, k[:, :, :1, :2], (1, 1), "SAME", dimension_numbers=NUMBERS, feature_group_count=2
    ),
    "maximum": lambda k, x: nn.max_pool(x, (3, 3), (2, 2), "SAME") + nn.max_pool(x, (2, 2), (2, 2)),
    "mean": lambda k, x: nn.avg_pool(x, (3, 3), (2, 2), "SAME") + x.mean((1, 2), keepdims=True),
    "resized": lambda k, x: jax.image.resize(x, (1, 4, 4, 2), "linear"),
    "group norm": lambda k, x: nn.GroupNorm(2).apply({"params": {"scale": jnp.arange(2.0), "bias": jnp.ones(2)}}, x),
}  # fmt: skip


@pytest.mark.parametrize("name", WINDOWS)
def test_images(name):
    agrees(WINDOWS[name], normal(4, 3, 3, 2, 3), IMAGE)


class Residual(nn.Module):
    """Two convolutions with batch normalisation, and a strided shortcut, as in ResNet."""

    @nn.compact
    def __call__(self, x):
        norm = lambda x: nn.BatchNorm(use_running_average=True)(x)  # noqa: E731
        y = nn.relu(norm(nn.Conv(4, (3, 3), 2)(x)))
        y = norm(nn.Conv(4, (3, 3))(y))
        return nn.Dense(3)(nn.relu(y + norm(nn.Conv(4, (1, 1), 2)(x))).mean((1, 2)))


class Inverted(nn.Module):
    """An inverted residual of MobileNetV2: expanded, depthwise, projected."""

    @nn.compact
    def __call__(self, x):
        norm = lambda x: nn.BatchNorm(use_running_average=True)(x)  # noqa: E731
        y = nn.relu6(norm(nn.Conv(6, (1, 1))(x)))
        y = nn.relu6(norm(nn.Conv(6, (3, 3), feature_group_count=6)(y)))
        return x + norm(nn.Conv(2, (1, 1))(y))


class Block(nn.Module):
    """A transformer's block, normalised first."""

    @nn.compact
    def __call__(self, x, mask=None):
        x = x + nn.MultiHeadDotProductAttention(2)(nn.LayerNorm()(x), mask=mask)
        return x + nn.Dense(4)(nn.gelu(nn.Dense(6)(nn.LayerNorm()(x))))


class ViT(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.Conv(4, (3, 3), 3, name="patches")(x).reshape(1, -1, 4)
        x = jnp.concatenate([self.param("class", nn.initializers.normal(1), (1, 1, 4)), x], 1)
        x = Block()(x + self.param("places", nn.initializers.normal(1), (1, 3, 4)))
        return nn.Dense(3)(nn.LayerNorm()(x)[:, 0])


class GPT(nn.Module):
    @nn.compact
    def __call__(self, tokens):
        table = nn.Embed(7, 4)
        return table.attend(self.after(table(tokens)))

    @nn.compact
    def after(self, x):
        mask = nn.make_causal_mask(jnp.ones(x.shape[:2]))
        x = x + nn.Embed(3, 4, name="places")(jnp.arange(3))
        return nn.LayerNorm()(Block()(x, mask))


class Scanned(nn.Module):
    """Blocks with stacked weights, in a scan."""

    @nn.compact
    def __call__(self, x):
        stack = nn.scan(_Scanned, variable_axes={"params": 0}, split_rngs={"params": True}, length=2)
        return stack()(x, None)[0]


class _Scanned(nn.Module):
    @nn.compact
    def __call__(self, x, _):
        return Block()(x), None


def variables(module, x):
    """Random variables; those of normalisations too, so that all their numbers matter."""
    made = jax.jit(module.init)(jax.random.key(0), x)
    leaves, tree = jax.tree.flatten(made)
    leaves = [np.asarray(leaf) + 0.2 * np.abs(normal(n, *leaf.shape)) for n, leaf in enumerate(leaves)]
    return jax.tree.unflatten(tree, leaves)


TOKENS = normal(5, 1, 3, 4)

NETWORKS = {
    "ResNet": (Residual(), IMAGE),
    "MobileNetV2": (Inverted(), IMAGE),
    "ViT": (ViT(), normal(5, 1, 3, 6, 1)),
    "scanned transformer": (Scanned(), TOKENS),
    "LSTM": (nn.RNN(nn.OptimizedLSTMCell(3)), TOKENS),
    "GRU": (nn.RNN(nn.GRUCell(3), reverse=True), TOKENS),
}


@pytest.mark.end_to_end
@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name):
    module, x = NETWORKS[name]
    agrees(module.apply, variables(module, x), x)


def test_gpt_reads_tokens():
    tokens = jnp.array([[3, 0, 3]])
    params = variables(GPT(), tokens)
    table = params["params"]["Embed_0"]["embedding"]
    rest = lambda x: GPT().apply(params, x, method=GPT.after) @ table.T  # noqa: E731
    graph = agrees(GPT().apply, params, tokens, jax.jit(jax.jacfwd(rest))(table[tokens]))
    assert (graph.blocks[0].kind, graph.blocks[0].shape) == ("input", (1, 3, 4))
    # Nothing flows from later tokens to earlier ones.
    sums = path_sums(graph).reshape(3, 7, 3, 4)
    assert np.abs(sums[0, :, 1:]).max() == np.abs(sums[1, :, 2]).max() == 0 < np.abs(sums[2, :, 0]).max()


def test_a_lookup_that_is_not_used():
    fn = lambda p, t: p["a"][t] @ p["b"][t * 0 + 1, :, None] + 0 * p["a"][0].sum()  # noqa: E731
    params = {"a": normal(0, 5, 3), "b": normal(1, 5, 3)}
    tokens = jnp.array([4, 0])
    graph = jp.graph.trace(lambda p, t: (p["b"][t], jnp.tanh(p["a"][t]))[1], params, tokens, at=tokens)
    assert [block.shape for block in graph.blocks if block.kind == "input"] == [(2, 3)]
    both = jp.graph.trace(fn, params, tokens, at=tokens)
    assert [block.shape for block in both.blocks if block.kind == "input"] == [(2, 3), (2, 3)]


def test_other_libraries():
    net = nnx.Sequential(nnx.Linear(4, 3, rngs=nnx.Rngs(0)), nnx.RMSNorm(3, rngs=nnx.Rngs(0)), nnx.gelu)
    split, state = nnx.split(net)
    agrees(lambda state, x: nnx.merge(split, state)(x), state, X)
    mlp = eqx.nn.MLP(4, 3, 5, 1, jax.nn.silu, key=jax.random.key(0))
    arrays, static = eqx.partition(mlp, eqx.is_array)
    agrees(lambda arrays, x: jax.vmap(eqx.combine(arrays, static))(x), arrays, X)
    with pytest.raises(ArgumentError, match="Equinox"):
        jp.graph.trace(lambda net, x: jax.vmap(net)(x), mlp, X, at=X)


def test_nodes_are_those_of_the_graph_that_holds_everywhere():
    def fn(p, x):
        y = jax.nn.relu(lax.conv_general_dilated(x, p["a"], (1, 1), "SAME", dimension_numbers=NUMBERS))
        y = jax.nn.relu(lax.conv_general_dilated(y, p["b"], (1, 1), "SAME", dimension_numbers=NUMBERS) + x)
        return jnp.concatenate([y, x], -1).reshape(1, -1) @ p["c"]

    params = {"a": normal(0, 3, 3, 2, 3), "b": normal(1, 3, 3, 3, 2), "c": normal(2, 144, 2)}
    here, everywhere = jp.graph.trace(fn, params, IMAGE, at=IMAGE), jp.graph.trace(fn, params, IMAGE)
    assert [b.shape for b in here.blocks] == [b.shape for b in everywhere.blocks]
    assert here.edges_by_link() == everywhere.edges_by_link()
    one, other = (jp.graph.to_scipy(dataclasses.replace(g, alive=None)).toarray() for g in (here, everywhere))
    assert ((one == 0) | np.isclose(one, other)).all()  # each edge is what it is, or 0 where its target is off
    assert 0.2 < (one != 0).sum() / (other != 0).sum() < 0.9


def test_tied_weights_are_one_array():
    rnn = nn.RNN(nn.SimpleCell(3))
    graph = jp.graph.trace(rnn.apply, variables(rnn, TOKENS), TOKENS, at=TOKENS)
    trained = [n for n, trained in zip(graph.layout.names, graph.layout.trained, strict=True) if trained]
    assert sorted(trained) == ["cell/h/kernel", "cell/i/kernel"]
    assert sum(block.name.startswith("cell/") for block in graph.blocks) == 3 + 2  # the first state is 0


def test_functions_of_equal_text_may_hold_different_arrays():
    """The weights of a layer: jitted functions differ in a constant that their text does not show."""
    by, other = (jax.jit(lambda w, c=c: w * c) for c in (jnp.arange(16.0).reshape(4, 4), -jnp.ones((4, 4))))
    fn = lambda w, x: jnp.tanh(x @ by(w)) @ other(w)  # noqa: E731
    agrees(fn, W, X)
    everywhere = jp.graph.trace(fn, jnp.asarray(W), jnp.asarray(X))
    for weights, made in zip(everywhere.weights, (by(W), other(W)), strict=True):
        np.testing.assert_array_equal(weights, made)


def test_minimisers_and_null_models():
    def attention(p, x):
        return jax.nn.softmax((x @ p["q"]) @ x.T) @ jnp.tanh(x @ p["v"])

    params = {"q": normal(0, 4, 4), "v": normal(1, 4, 3)}
    graph = jp.graph.trace(attention, params, X, at=X)
    assert repr(graph).endswith("blocks, local)")
    found = jp.frustration.descend(graph, key=jax.random.key(0), replicas=2)
    np.testing.assert_allclose(found.energy, jp.frustration.energy(graph, found.spins), rtol=1e-6)
    exact = jp.frustration.exact(graph)
    assert exact.energy.min() <= found.energy.min() + 1e-6
    nulls = [jp.frustration.shuffle_layers(graph), jp.frustration.reinitialize(graph)]
    for null in nulls:
        assert null.layout == graph.layout
        changed = [not np.array_equal(a, b) for a, b in zip(graph.weights, null.weights, strict=True)]
        assert changed == list(graph.layout.trained)
        assert sorted(name for name, new in zip(graph.layout.names, changed, strict=True) if new) == ["q", "v"]
    null = jp.frustration.shuffle_edges(graph)
    assert (null.num_edges, any(null.layout.trained)) == (graph.num_edges, False)
    for scores in (jp.frustration.energy(null, found.spins), jp.frustration.energy(nulls[0], found.spins)):
        assert np.isfinite(scores).all()


def test_dead_units_take_no_part():
    w = jnp.array([[1.0, -1.0]])
    graph = jp.graph.trace(lambda w, x: jax.nn.relu(x @ w) @ w.T, w, jnp.ones((1, 1)), at=jnp.ones((1, 1)))
    assert [np.asarray(a).astype(int).tolist() for a in graph.alive] == [[[1]], [[1, 0]], [[1]]]
    assert (graph.num_edges, jp.graph.edge_list(graph).weight.tolist()) == (4, [1.0, 1.0])


def test_half_precision_is_taken_as_single():
    halves = [jnp.asarray(a, jnp.bfloat16) for a in (W, X)]
    singles = [a.astype(jnp.float32) for a in halves]
    fn = lambda w, x: jnp.tanh(x @ w)  # noqa: E731
    np.testing.assert_array_equal(*(path_sums(jp.graph.trace(fn, w, x, at=x)) for w, x in (halves, singles)))


def test_refusals():
    fn = lambda w, x: jax.nn.relu(x @ w)  # noqa: E731
    for at, error, words in (
        (X[:1], ShapeError, "one such input"),
        (np.ones((2, 4), int), ShapeError, "int"),
        (X * np.nan, WeightsError, "at holds NaN"),
        (jax.ShapeDtypeStruct((2, 4), jnp.float32), ArgumentError, "shapes alone"),
    ):
        with pytest.raises(error, match=words):
            jp.graph.trace(fn, W, X, at=at)
    with pytest.raises(ArgumentError, match="derivative is 0 at this input"):
        jp.graph.trace(lambda w, x: jax.nn.relu(x @ w - 100), W, X, at=X)
    with pytest.raises(ArgumentError, match="does not depend on x"):
        jp.graph.trace(lambda w, x: w, W, X, at=X)
    with pytest.raises(ArgumentError, match="residual='identity'"):
        jp.graph.trace(fn, W, X, at=X, residual="paper")
    with pytest.raises(ArgumentError, match="looks up no table"):
        jp.graph.trace(lambda w, x: jax.nn.one_hot(x, 4) @ w, W, jnp.arange(2), at=jnp.arange(2))
    with pytest.raises(WeightsError, match="NaN or infinite at this input"):
        jp.graph.trace(lambda w, x: jnp.sqrt(x @ w), W, X * 0, at=X * 0)
    with pytest.raises(UnsupportedDerivativeError, match=r"fft has no rule \(.*test_local_graph.py:\d+\)"):
        jp.graph.trace(lambda w, x: jnp.abs(jnp.fft.fft(x @ w)), W, X, at=X)
    with pytest.raises(UnsupportedDerivativeError, match="before it"):
        jp.graph.trace(lambda w, x: lax.map(lambda n: w[n], x).sum(0), W, jnp.arange(2), at=jnp.arange(2))


def test_a_wrong_rule_does_not_pass(monkeypatch):
    from jprobe.graph import linear_rules

    monkeypatch.setitem(linear_rules.LINEAR, "neg", lambda tape, eqn, values: values[0])
    with pytest.raises(WeightsError, match="does not carry the derivative"):
        jp.graph.trace(lambda w, x: x @ w - jnp.exp(-x), W, X, at=X)
