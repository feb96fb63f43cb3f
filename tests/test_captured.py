"""Two ways into a network give one result: layers told apart while a function is run, and its graph or its own records."""

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import jprobe as jp
from jprobe.capture.axes import Piece, reshaped, sampled
from jprobe.errors import ArgumentError, ShapeError, UnknownNameError, WeightsError
from jprobe.metrics import captured, neurons, stream, weight_scores

pytestmark = pytest.mark.quick

KEY = jax.random.key(0)


def moved(params):
    """Variables none of which is 0 or 1, as biases and norms are at the start."""
    return jax.tree.map(lambda w: w + 0.1 + 0.2 * jnp.cos(jnp.arange(w.size, dtype=w.dtype)).reshape(w.shape), params)


def close(a, b):
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


class Normalised(nn.Module):
    """A padded convolution with a fixed normalisation, grouped ones, a pool, two dense layers."""

    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.BatchNorm(True, name="norm")(nn.Conv(4, (3, 3), (2, 2), name="first")(x)))
        x = nn.tanh(nn.Conv(6, (2, 2), padding="VALID", feature_group_count=2, name="grouped")(x))
        x = nn.avg_pool(nn.Conv(3, (1, 1), use_bias=False, name="plain")(x), (2, 2))
        x = nn.leaky_relu(nn.Dense(5, name="dense")(x.reshape(len(x), -1)))
        return nn.Dense(2, name="out")(x)


MODELS = {"mlp": (jp.models.MLP((5, 4), 2), (4, 3, 2)), "cnn": (Normalised(), (4, 8, 8, 2))}


@pytest.mark.parametrize("name", MODELS)
def test_equals_the_graph(name):
    model, shape = MODELS[name]
    x = jax.random.normal(KEY, shape)
    params = moved(model.init(KEY, x))
    found = jax.jit(lambda params: captured(model.apply, params, x))(params)
    ds = neurons(model, params, x)
    assert {path.removesuffix("/kernel") for path in found} == set(ds.layer.values) - {"input"}
    for path, layer in found.items():
        own = ds.sel(neuron=ds.of == path.removesuffix("/kernel"))
        signed = own.sel(weights="signed")
        close(layer.neuron_strength.reshape(len(x), -1), own.neuron_strength)
        close(layer.neuron_activation.reshape(len(x), -1), own.neuron_activation)
        close(layer.strength_in.ravel(), signed.strength_in)
        if path in ("out/kernel", "plain/kernel", "Dense_2/kernel"):  # nothing, or a pool, reads them
            assert jnp.isnan(layer.strength_out).all()
        else:
            close(layer.strength_out.ravel(), signed.strength_out)


@pytest.mark.parametrize("activation", ["gelu", "relu"])
def test_equals_what_linen_records_of_a_transformer(activation):
    model = jp.models.DistilBert(50, 16, width=8, heads=2, layers=2, hidden=16, labels=3, activation=activation)
    ids, mask = jnp.array([[2, 7, 9, 0], [1, 2, 3, 4]]), jnp.array([[1, 1, 1, 0], [1, 1, 1, 1]])
    params = moved(model.init(KEY, ids))
    found = captured(model.apply, params, ids, mask)
    _, state = model.apply(params, ids, mask, capture_intermediates=True, mutable=["intermediates"])
    records = {
        "/".join(key.key for key in keys[:-2]): value
        for keys, value in jax.tree_util.tree_leaves_with_path(state["intermediates"])
    }
    kernels = {path for path in jp.probes.leaf_paths(params) if path.endswith("kernel")}
    assert found.keys() == kernels
    bend = jax.nn.relu if activation == "relu" else lambda x: jax.nn.gelu(x, approximate=False)
    for path, layer in found.items():
        weights = params["params"]
        for part in path.split("/")[:-1]:
            weights = weights[part]
        expected = records[path.removesuffix("/kernel")]
        close(layer.neuron_strength, expected)
        close(layer.neuron_activation, bend(expected) if "lin1" in path else expected)
        close(layer.strength_in, weights["kernel"].sum(0) + weights["bias"])
    for n in range(2):
        close(
            found[f"layer_{n}/ffn/lin1/kernel"].strength_out,
            params["params"][f"layer_{n}"]["ffn"]["lin2"]["kernel"].sum(1),
        )
        assert jnp.isnan(found[f"layer_{n}/ffn/lin2/kernel"].strength_out).all()  # a sum reads it


def test_other_libraries_and_plain_functions():
    x = jax.random.normal(KEY, (6, 3))
    net = eqx.nn.MLP(3, 2, width_size=4, depth=1, activation=jax.nn.silu, key=KEY)
    module = nnx.Sequential(nnx.Linear(3, 4, rngs=nnx.Rngs(0)), jax.nn.silu, nnx.Linear(4, 2, rngs=nnx.Rngs(0)))
    definition, state = nnx.split(module)
    plain = {"a": {"w": net.layers[0].weight.T, "b": net.layers[0].bias}, "z": net.layers[1].weight}

    def function(params, x):
        x = jax.checkpoint(lambda w, x: jnp.einsum("ij,bi->jb", w, x))(params["a"]["w"], x) + params["a"]["b"][:, None]
        return jnp.einsum("jb,kj->bk", jax.nn.silu(x), params["z"].astype(jnp.bfloat16).astype(jnp.float32))

    eq = captured(lambda net, x: jax.vmap(net)(x), net, x)
    assert list(eq) == ["layers/0/weight", "layers/1/weight"]
    nx = captured(lambda state, x: nnx.merge(definition, state)(x), state, x)
    fn = captured(function, plain, x)
    assert list(fn) == ["a/w", "z"]
    first = eq["layers/0/weight"]
    hidden = x @ net.layers[0].weight.T + net.layers[0].bias
    close(first.neuron_strength, hidden)
    close(first.neuron_activation, jax.nn.silu(hidden))
    close(first.strength_in, net.layers[0].weight.sum(1) + net.layers[0].bias)
    close(first.strength_out, net.layers[1].weight.sum(0))
    for mine, theirs in zip(fn["a/w"][:3], first[:3], strict=True):
        close(mine, theirs)
    kernels = [module.layers[n].kernel[...] for n in (0, 2)]
    own = next(iter(nx.values()))
    close(own.neuron_activation, jax.nn.silu(x @ kernels[0]))
    close(own.strength_out, kernels[1].sum(1))


def test_where_an_activation_ends():
    """Each function of one layer's output h, and of what it makes the activation."""
    x, w = jax.random.normal(KEY, (4, 4)), {"a": jax.random.normal(KEY, (4, 4)), "z": jnp.eye(4) + 0.1}
    gain = jnp.arange(1.0, 5)
    cases = {
        "two readers of f(h)": (lambda h, w: (lambda a: a @ w["z"] + a.sum())(jnp.tanh(h)), jnp.tanh),
        "both h and f(h) are read": (lambda h, w: h + jnp.tanh(h) @ w["z"], lambda h: h),
        "layer norm": (lambda h, w: jax.nn.standardize(jnp.tanh(h)) @ w["z"], jnp.tanh),
        "gate": (lambda h, w: (jax.nn.silu(h) * (x @ w["z"])).sum(), jax.nn.silu),
        "two halves of f": (lambda h, w: jnp.concatenate([jax.nn.relu(h), jax.nn.relu(-h)]), lambda h: h),
        "its transpose": (lambda h, w: h * h.T, lambda h: h),
        "constants": (lambda h, w: (h / 2 + gain) @ w["z"], lambda h: h / 2 + gain),
        "one number a sample": (lambda h, w: (h * gain[:, None]) @ w["z"], lambda h: h),
        "a part of it": (lambda h, w: jax.nn.relu(h)[:, :2], jax.nn.relu),
        "attention": (lambda h, w: jax.nn.softmax(h @ h.T) @ (h * 2), lambda h: h),
    }
    h = x @ w["a"]
    for case, (after, activation) in cases.items():
        found = captured(lambda w, x, after=after: after(x @ w["a"], w), w, x)["a"]
        np.testing.assert_allclose(found.neuron_strength, h, rtol=1e-5, atol=1e-5, err_msg=case)
        np.testing.assert_allclose(found.neuron_activation, activation(h), rtol=1e-5, atol=1e-5, err_msg=case)
        if case != "constants":
            assert jnp.isnan(found.strength_out).all(), case
    found = captured(lambda w, x: jnp.tanh((x @ w["a"] - gain) * w["z"][0]), w, x)["a"]
    close(found.neuron_strength, h)  # a constant is no parameter


def test_parameters_that_follow_are_the_layers():
    x = jax.random.normal(KEY, (2, 3, 4))
    w = {"k": jax.random.normal(KEY, (4, 4)), "g": jnp.arange(1.0, 5), "b": jnp.arange(4.0), "at": jnp.ones((3, 4))}
    found = captured(lambda w, x: jnp.tanh(w["b"] - (x @ w["k"]) * w["g"]), w, x)["k"]
    close(found.neuron_strength, w["b"] - (x @ w["k"]) * w["g"])
    close(found.strength_in, w["b"] - w["k"].sum(0) * w["g"])
    places = captured(lambda w, x: jnp.tanh(x @ w["k"] + w["at"]), w, x)["k"]  # one for each token is none of a neuron
    close(places.neuron_activation, x @ w["k"])
    next_layer = captured(lambda w, x: (x @ w["k"]) @ w["at"].T * w["b"][:3], w, x)["k"]
    close(next_layer.strength_out, (w["at"].T * w["b"][:3]).sum(1))


def test_loops_branches_and_ties():
    x = jax.random.normal(KEY, (5, 4))
    w = {"many": jax.random.normal(KEY, (3, 4, 4)), "one": jnp.eye(4) * 0.5}

    def looped(w, x):
        x, _ = jax.lax.scan(lambda x, k: (jnp.tanh(x @ k), None), x, w["many"])
        return jax.lax.cond(len(w) == 2, lambda x: jnp.sin(x @ w["one"]) @ w["one"], lambda x: x, x)

    found = jax.jit(lambda w: captured(looped, w, x))(w)
    assert sorted(found) == ["many[0]", "many[1]", "many[2]", "one[0]", "one[1]"]
    for n in range(3):
        x = x @ w["many"][n]
        close(found[f"many[{n}]"].neuron_strength, x)
        x = jnp.tanh(x)
        close(found[f"many[{n}]"].neuron_activation, x)
        close(found[f"many[{n}]"].strength_in, w["many"][n].sum(0))
        close(found[f"many[{n}]"].strength_out, (w["many"][n + 1] if n < 2 else w["one"]).sum(1))
    with pytest.raises(ArgumentError, match="while"):
        captured(lambda w, x: jax.lax.while_loop(lambda x: x.sum() > 9, lambda x: x @ w["one"], x), w, x)
    with pytest.raises(ArgumentError, match="cond"):
        captured(lambda w, x: jax.lax.cond(x.sum() > 9, lambda x: x @ w["one"], lambda x: x, x), w, x)
    with pytest.raises(ArgumentError, match="no weight layer"):
        captured(lambda w, x: x @ x.T, w, x)


def test_a_pure_function():
    """Under vmap over networks, and what it records is what the function returns."""
    model, x = jp.models.MLP((5,), 2), jax.random.normal(KEY, (4, 3))
    each = [moved(model.init(key, x)) for key in jax.random.split(KEY, 3)]
    many = jax.vmap(lambda params: captured(model.apply, params, x))(jp.stack(*each))
    for n, params in enumerate(each):
        for path, layer in captured(model.apply, params, x).items():
            for mine, alone in zip(many[path], layer, strict=True):
                close(mine[n], alone)
        close(many["Dense_1/kernel"].neuron_activation[n], model.apply(params, x))
    masked = captured(lambda w, x: x @ (w * (jnp.arange(4) % 2)), jnp.ones((3, 4)), x)
    close(masked[""].strength_in, 3 * (jnp.arange(4) % 2))


@settings(max_examples=200)
@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=4), st.lists(st.booleans(), min_size=4, max_size=4), st.randoms()
)
def test_axes_after_reshapes_equal_brute_force(sizes, kinds, random):
    """An axis counts samples if the index along a sample axis changes along it, all else the same."""
    axes = tuple((Piece(size, kind),) for size, kind in zip(sizes, kinds, strict=False))
    total, shape = int(np.prod(sizes)), []
    while total > 1:
        shape.append(random.choice([n for n in range(2, total + 1) if total % n == 0]))
        total //= shape[-1]
    found = reshaped(axes, tuple(shape))
    if found is None:
        return
    grids = np.meshgrid(*map(np.arange, sizes), indexing="ij")
    samples = [grid.reshape(shape) for grid, kind in zip(grids, kinds, strict=False) if not kind]
    changing = {n for n in range(len(shape)) if any((np.diff(grid, axis=n) != 0).any() for grid in samples)}
    assert sampled(found) == changing


def joined(fn, params, batches, masks):
    """{path: (strengths, activations)} [N, neurons] of all batches, padding left out; NumPy from there on."""
    run, out = jax.jit(lambda *args: [layer[:2] for layer in captured(fn, *args).values()]), {}
    paths = list(captured(fn, params, *batches[0]))
    for batch, mask in zip(batches, masks, strict=True):
        for path, layer in zip(paths, run(params, *batch), strict=True):
            values = [np.asarray(value, np.float64)[np.asarray(mask, bool)] for value in layer]
            out.setdefault(path, []).append(values)
    return {path: [np.concatenate(parts) for parts in zip(*values, strict=True)] for path, values in out.items()}


def equal_to_numpy(ds, everything, exact=False):
    assert ds.layer.values.tolist() == list(everything)
    for path, both in everything.items():
        for name, values in zip(("neuron_strength", "neuron_activation"), both, strict=True):
            mine, flat = ds.sel(layer=path, quantity=name), values.ravel()
            assert mine.number == flat.size
            moments = [flat.mean(), flat.std(), stats.skew(flat), stats.kurtosis(flat)]
            np.testing.assert_allclose(mine.moments, moments, rtol=1e-5, atol=1e-5 * abs(flat).max(), err_msg=path)
            edges = mine.edges.values
            np.testing.assert_allclose([edges[0], edges[-1]], [flat.min(), flat.max()], rtol=1e-5)
            # Another program rounds some numbers otherwise, which may put them on the other side of an edge.
            counted = np.histogram(flat.clip(edges[0], edges[-1]), edges)[0]
            assert np.abs(mine.histogram - counted).sum() <= (0 if exact else 4)
            quantiles = np.quantile(flat, mine.probability, method="inverted_cdf")
            assert (abs(mine.quantiles - quantiles) <= 1.001 * (edges[-1] - edges[0]) / (len(edges) - 1)).all()
            own = mine.neuron_mean[mine.of == path]
            np.testing.assert_allclose(own, values.mean(0).ravel(), rtol=1e-5, atol=1e-5)


def test_a_stream_of_tokens_equals_numpy_on_all_of_them():
    model = jp.models.DistilBert(50, 16, width=8, heads=2, layers=1, hidden=16, labels=3)
    rng = np.random.default_rng(0)
    shapes = ((3, 6), (3, 6), (2, 4))
    batches = [(jnp.asarray(rng.integers(0, 50, s)), jnp.asarray(rng.random(s) < 0.7)) for s in shapes]
    params = moved(model.init(KEY, batches[0][0]))
    ds = stream(model.apply, params, batches, mask=lambda ids, mask: mask, bins=20)
    equal_to_numpy(ds, joined(model.apply, params, batches, [mask for _, mask in batches]))
    once = captured(model.apply, params, *batches[0])
    for name in ("strength_in", "strength_out"):
        close(ds[name], np.concatenate([getattr(layer, name) for layer in once.values()]))


def test_a_stream_of_images_far_from_zero_equals_numpy():
    """Numbers of one part in a thousand around 100, whose powers single precision cannot add."""
    x = 100 + 0.1 * np.random.default_rng(0).standard_exponential((3, 500, 4)).astype(np.float32)
    w = {"params": {"kernel": jnp.eye(4, 7) + jnp.eye(4, 7, 3), "bias": jnp.zeros(7)}}
    fn = lambda w, x: jnp.maximum(x @ w["params"]["kernel"] + w["params"]["bias"], 100.05)  # noqa: E731
    x = jnp.asarray(x)
    few = [x[0], x[1], x[2, :7]]
    ds = stream(fn, w, few, bins=30)
    equal_to_numpy(ds, joined(fn, w, [(batch,) for batch in few], [np.ones(len(batch)) for batch in few]), exact=True)


def test_whole_examples_and_examples_with_a_token():
    """A mask of tokens at a layer of examples, and one of examples at a layer of tokens."""
    w = {"each": jax.random.normal(KEY, (3, 4)), "all": jax.random.normal(KEY, (4, 2))}
    x, tokens = jax.random.normal(KEY, (3, 5, 3)), jnp.array([[1, 1, 0, 0, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]])
    fn = lambda w, x: jnp.tanh(x @ w["each"]).mean(1) @ w["all"]  # noqa: E731
    ds = stream(fn, w, [x], mask=lambda x: tokens, bins=4)
    assert ds.layer.values.tolist() == ["each", "all"]
    assert ds.number.values.tolist() == [7 * 4, 2 * 2]
    ds = stream(fn, w, [x], mask=lambda x: tokens.any(1), bins=4)
    assert ds.number.values.tolist() == [10 * 4, 2 * 2]
    with pytest.raises(ShapeError, match=r"each are \(3, 5\)"):
        stream(fn, w, [x], mask=lambda x: tokens.T)


def test_a_layer_that_is_constant():
    ds = stream(lambda w, x: (0 * x) @ w["a"] + w["b"], {"a": jnp.eye(2), "b": jnp.full(2, 0.3)}, [jnp.ones((5, 2))])
    np.testing.assert_allclose(ds.moments[0, 0, :2], [0.3, 0], atol=1e-7)
    assert np.isnan(ds.moments[0, 0, 2:]).all()
    assert ds.histogram.sum() == 20


def test_streams_that_are_refused():
    w, x = {"a": jnp.eye(2)}, jnp.ones((5, 2))
    fn = lambda w, x: x @ w["a"]  # noqa: E731
    with pytest.raises(ArgumentError, match="read twice"):
        stream(fn, w, iter([x]))
    with pytest.raises(ArgumentError, match="read twice"):
        stream(fn, w, [])
    with pytest.raises(ArgumentError, match="bins=0"):
        stream(fn, w, [x], bins=0)
    with pytest.raises(ArgumentError, match="no sample of a"):
        stream(fn, w, [x], mask=lambda x: jnp.zeros(5))
    with pytest.raises(WeightsError, match="a are NaN"):
        stream(fn, w, [x, x.at[0, 0].set(jnp.nan)])
    conv = lambda w, x: jax.lax.conv(x, w["c"], (1,), "SAME")  # noqa: E731
    with pytest.raises(ShapeError, match="one batch"):
        stream(conv, {"c": jnp.ones((1, 1, 3))}, [jnp.ones((1, 1, 5)), jnp.ones((1, 1, 6))])


def test_scores_of_weights_are_those_of_their_edges():
    """Beside loops over the edges of a perceptron, and the driven strength that the graph gives of a convolution."""
    model, shape = MODELS["mlp"]
    x = jax.random.normal(KEY, shape)
    params = moved(model.init(KEY, x))
    found = {of: weight_scores(model.apply, params, x, of=of)["params"] for of in ("edge", "neuron", "node")}
    z = np.asarray(x, np.float64).reshape(len(x), -1)
    for name, weights in sorted(params["params"].items()):
        kernel = np.asarray(weights["kernel"], np.float64)
        edge = abs(z).mean(0)[:, None] * abs(kernel)
        close(found["edge"][name]["kernel"], edge)
        close(found["neuron"][name]["kernel"], np.tile(edge.sum(0), (len(kernel), 1)))
        close(found["node"][name]["kernel"], np.tile(abs(kernel.sum(0)), (len(kernel), 1)))
        assert np.isinf(found["edge"][name]["bias"]).all()
        z = np.maximum(z @ kernel + np.asarray(weights["bias"]), 0)
    model, shape = MODELS["cnn"]
    x = jax.random.normal(KEY, shape)
    params = moved(model.init(KEY, x))
    ds = neurons(model, params, x)
    edge, neuron = (weight_scores(model.apply, params, x, of=of)["params"] for of in ("edge", "neuron"))
    for name in ("grouped", "plain", "dense", "out"):  # the graph folds the first one's normalisation into its weights
        driven = ds.driven_strength[ds.of == name].values.reshape(-1, edge[name]["kernel"].shape[-1]).sum(0)
        close(edge[name]["kernel"].reshape(-1, driven.size).sum(0), driven)
        close(neuron[name]["kernel"].reshape(-1, driven.size)[0], driven)


def test_scores_lie_where_their_weights_do():
    """Of a kernel that is cut, turned, masked and read twice."""
    w, x = jax.random.normal(KEY, (2, 3, 4)), jax.random.normal(jax.random.key(1), (5, 4))
    keep = jnp.arange(4) != 1
    fn = lambda w, x: (x @ (w[0] * keep).T) @ w[1] + x @ w[0].T @ w[1]  # noqa: E731
    score = weight_scores(fn, w, x)
    inner = [np.abs(np.asarray(x @ (w[0] * mask).T)).mean(0) for mask in (keep, 1)]
    close(score[0], abs(w[0]) * abs(x).mean(0) * (1.0 + keep))
    close(score[1], abs(w[1]) * (inner[0] + inner[1])[:, None])
    with pytest.raises(UnknownNameError, match="edge"):
        weight_scores(fn, w, x, of="edges")


def test_a_sweep_prunes_each_network_by_its_own_scores(few_digits):
    task, model = jp.data.pair(few_digits, (3, 5), "unit"), jp.models.MLP((8,), 2)
    fit = jp.train.fit(model, task, seeds=2, epochs=1)
    x = task.x_train[:50]
    probe = jp.probes.prune(by=lambda params: weight_scores(model.apply, params, x))
    swept = jp.sweep(probe, fit.params, jp.metrics.accuracy(model, task), [0.0, 0.9])
    for n, params in enumerate(jp.unstack(fit.params)):
        scores, layers = weight_scores(model.apply, params, x)["params"], params["params"]
        kernels, ranked = ([np.asarray(of[name]["kernel"]) for name in layers] for of in (layers, scores))
        cut = reference.prune(kernels, 0.9, scores=ranked)
        pruned = {name: {**layers[name], "kernel": kernel} for name, kernel in zip(layers, cut, strict=True)}
        expected = jp.metrics.accuracy(model, task)({"params": pruned})
        assert swept.accuracy.isel(seed=n).sel(level=0.9).item() == expected


def test_no_out_strength_where_it_differs_from_token_to_token():
    x = jax.random.normal(KEY, (2, 3, 4))
    w = {
        "k": jax.random.normal(KEY, (4, 5)),
        "all": jax.random.normal(KEY, (15, 2)),
        "own": jax.random.normal(KEY, (5, 2)),
    }
    together = captured(lambda w, x: jnp.tanh(x @ w["k"]).reshape(2, 15) @ w["all"], w, x)
    assert jnp.isnan(together["k"].strength_out).all()
    apart = captured(lambda w, x: jnp.tanh(x @ w["k"]).reshape(6, 5) @ w["own"], w, x)
    close(apart["k"].strength_out, w["own"].sum(1))


def test_numbers_on_the_edges_of_bins_are_counted_as_numpy_counts_them():
    edges = stream(lambda w, x: x @ w, jnp.eye(1), [jnp.array([[0.1], [7.3]])], bins=49).edges[0, 0].values
    beside = [np.nextafter(edges[1:-1], way * np.float32(np.inf)) for way in (-1, 1)]
    x = np.concatenate([edges, *beside])[:, None]
    found = stream(lambda w, x: x @ w, jnp.eye(1), [jnp.asarray(x)], bins=49)
    np.testing.assert_array_equal(found.edges[0, 0], edges)
    np.testing.assert_array_equal(found.histogram[0, 0], np.histogram(x, edges)[0])
