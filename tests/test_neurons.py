"""Strengths and activations of neurons, beside loops over the paper's sums and networkx."""

import itertools

import flax.linen as nn
import jax
import jax.numpy as jnp
import networkx as nx
import numpy as np
import pytest

import jprobe as jp
from jprobe.errors import ShapeError, UnknownLayerError, UnknownNameError, UnsupportedOperationError, WeightsError
from jprobe.graph import edge_list, from_edges
from jprobe.metrics import neurons, node_strength
from jprobe.metrics.measuring import layers_of

pytestmark = pytest.mark.quick


class Convolutional(nn.Module):
    """Stride 2 with padding on an even size, a valid convolution, and outputs."""

    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(2, (3, 3), (2, 2), padding="SAME", name="padded")(x))
        x = nn.sigmoid(nn.Conv(3, (2, 2), padding="VALID", name="valid")(x))
        return nn.Dense(2, name="out")(x.reshape(len(x), -1))


def started(model, x):
    """Variables whose biases are not 0."""
    params = model.init(jax.random.key(0), x)
    return jax.tree.map(lambda w: w + 0.1 * jnp.arange(w.shape[-1]), params)


def by_edge(model, params, x):
    """Layers as lists: (kernel entries by place), from loops over windows; NumPy alone."""
    weights = jax.tree.map(np.float64, params["params"])
    layers = []
    for name, stride, low, size, out in (("padded", 2, 0, 6, 3), ("valid", 1, 0, 3, 2)):
        kernel = weights[name]["kernel"]
        edges = [
            ((row, column, channel), (i, j, unit), kernel[a, b, channel, unit])
            for i, j, a, b in itertools.product(range(out), range(out), *map(range, kernel.shape[:2]))
            for channel, unit in itertools.product(*map(range, kernel.shape[2:]))
            if max(row := i * stride + a - low, column := j * stride + b - low) < size
        ]
        layers.append((name, edges, (out, out, kernel.shape[3])))
    return layers


def test_a_convolutional_network_equals_loops_over_its_windows():
    model, x = Convolutional(), jax.random.normal(jax.random.key(1), (4, 6, 6, 2))
    params = started(model, x)
    found = neurons(model, params, x, output=jax.nn.softmax)
    weights = jax.tree.map(np.float64, params["params"])
    before = np.asarray(x, np.float64)
    bend = {"padded": lambda z: np.maximum(z, 0), "valid": lambda z: 1 / (1 + np.exp(-z))}
    layers = by_edge(model, params, x)
    for n, (name, edges, shape) in enumerate(layers):
        sums, drive = np.zeros(shape), np.zeros(shape)
        zeta = np.zeros((4, *shape)) + weights[name]["bias"]
        for source, target, w in edges:
            sums[target] += w
            drive[target] += abs(w) * np.abs(before[:, *source]).mean()
            zeta[:, *target] += before[:, *source] * w
        leaving = np.zeros(shape)
        for source, _, w in layers[n + 1][1] if n + 1 < len(layers) else ():
            leaving[source] += w
        if name == "valid":
            leaving += weights["out"]["kernel"].sum(1).reshape(shape)
        mine = found.sel(neuron=found.of == name)
        signed = mine.sel(weights="signed")
        close = lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)  # noqa: E731
        close(signed.strength_in, (sums + weights[name]["bias"]).ravel())
        close(signed.strength_out, leaving.ravel())
        close(signed.strength, (sums + weights[name]["bias"] + leaving).ravel())
        close(mine.driven_strength, drive.ravel())
        close(mine.neuron_strength, zeta.reshape(4, -1))
        close(mine.neuron_activation, bend[name](zeta).reshape(4, -1))
        layer = found.sel(layer=name)
        linked = np.array([w + weights[name]["bias"][target[2]] for _, target, w in edges])
        alone = np.array([w for _, _, w in edges])
        close([layer.link_mean, layer.link_variance], [linked.mean(), linked.var()])
        close([layer.weight_mean, layer.weight_variance], [alone.mean(), alone.var()])
        close(layer.fluctuation, (sums + weights[name]["bias"] + leaving).std())
        close(layer.fluctuation_in, (sums + weights[name]["bias"]).std())
        each = neurons(model, params, x, bias="each", select=name).sel(weights="signed").strength_in
        entering = np.zeros(shape)
        for _, target, _ in edges:
            entering[target] += 1
        close(each, (sums + entering * weights[name]["bias"]).ravel())
        close(neurons(model, params, x, bias="none", select=name).sel(weights="signed").strength_in, sums.ravel())
        before = bend[name](zeta)
    outputs = before.reshape(4, -1) @ weights["out"]["kernel"] + weights["out"]["bias"]
    np.testing.assert_allclose(
        found.sel(neuron=found.of == "out").neuron_activation, jax.nn.softmax(outputs), rtol=1e-4, atol=1e-6
    )


def test_strengths_equal_those_of_networkx():
    model, x = Convolutional(), jnp.ones((1, 6, 6, 2))
    graph = layers_of(model, started(model, x), x)
    edges, network = edge_list(graph), nx.DiGraph()
    network.add_nodes_from(range(graph.num_nodes))
    network.add_weighted_edges_from(zip(*(a.tolist() for a in edges), strict=True))
    found = node_strength(graph)
    for way, degree in ((found.inward, network.in_degree), (found.outward, network.out_degree)):
        expected = [total for _, total in degree(weight="weight")]
        np.testing.assert_allclose(graph.join(way), expected, rtol=1e-5, atol=1e-5)
    assert node_strength(from_edges([0], [1], [-2.0])).inward[1].tolist() == [-2.0]


def test_signs_of_weights_are_counted_apart():
    model, x = jp.models.MLP((4,), 2), jnp.ones((1, 3))
    params = started(model, x)
    found = neurons(model, params, x, bias="none").sel(neuron=slice(3, 7))
    kernel = np.asarray(params["params"]["Dense_0"]["kernel"])
    parts = {"signed": kernel, "absolute": abs(kernel), "positive": kernel.clip(0), "negative": kernel.clip(None, 0)}
    for part, weights in parts.items():
        np.testing.assert_allclose(found.sel(weights=part).strength_in, weights.sum(0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("written_out", [False, True], ids=["scan", "loop"])
def test_a_folded_recurrent_layer_counts_each_weight_once(written_out):
    model, x = jp.models.RNN(units=4, features=2), jnp.ones((1, 5, 3))
    params = model.init(jax.random.key(0), x)

    def loop(params, x):
        one, state = params["params"], jnp.zeros((1, 4))
        for t in range(5):
            state = jax.nn.relu(
                x[:, t] @ one["input"]["kernel"] + one["input"]["bias"] + state @ one["recurrent"]["kernel"]
            )
        return state @ one["output"]["kernel"] + one["output"]["bias"]

    graph = jp.graph.trace(loop if written_out else model.apply, params, x, residual="merged")
    steps = [block.name for block in graph.blocks if block.shape == (1, 4)]
    assert len(steps) == 5
    (inward,), (outward,) = jp.metrics.folded_strength(graph, steps)
    omega, u, v = (np.asarray(params["params"][name]["kernel"]) for name in ("input", "recurrent", "output"))
    np.testing.assert_allclose(inward, [omega.sum(0) + u.sum(0)], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(outward, [u.sum(1) + v.sum(1)], rtol=1e-5, atol=1e-6)
    with pytest.raises(UnknownLayerError, match="No layer of the network matches 'cell'"):
        jp.metrics.folded_strength(graph, "cell")
    with pytest.raises(ShapeError, match="steps of one layer"):
        jp.metrics.folded_strength(graph, lambda name: name != "input")


def test_many_networks_are_one_table():
    model, x = jp.models.MLP((4,), 2), jax.random.normal(jax.random.key(0), (5, 3))
    each = [model.init(jax.random.key(n), x) for n in range(3)]
    found = neurons(model, jp.stack(*each), x, stacked=True)
    assert dict(found.sizes) == {"network": 3, "weights": 4, "neuron": 9, "sample": 5, "layer": 3}
    for n, params in enumerate(each):
        alone = neurons(model, params, x)
        for name in found:
            np.testing.assert_allclose(found[name][n], alone[name], rtol=1e-5, atol=1e-6, err_msg=name)


def test_modules_of_every_kind_have_one_result():
    eqx, nnx = pytest.importorskip("equinox"), pytest.importorskip("flax.nnx")
    x = jax.random.normal(jax.random.key(0), (5, 3))
    makers = {
        "equinox": lambda key: eqx.nn.MLP(3, 2, width_size=4, depth=1, key=key),
        "nnx": lambda key: nnx.Sequential(
            nnx.Linear(3, 4, rngs=nnx.Rngs(key)), nnx.relu, nnx.Linear(4, 2, rngs=nnx.Rngs(key))
        ),
    }
    for name, make in makers.items():
        params = jp.models.network(make).init(jax.random.key(1), x)
        found = neurons(make, params, x)
        hidden = found.sel(neuron=slice(3, 7))
        kernel, bias = sorted(
            (np.asarray(w) for w in jax.tree.leaves(params) if 4 in w.shape and 2 not in w.shape), key=np.ndim
        )[::-1]
        kernel = kernel if kernel.shape == (3, 4) else kernel.T
        np.testing.assert_allclose(hidden.sel(weights="signed").strength_in, kernel.sum(0) + bias, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(hidden.neuron_strength, x @ kernel + bias, rtol=1e-4, atol=1e-5, err_msg=name)


def test_an_untrained_first_layer_correlates_as_the_mean_image_with_ones(few_digits):
    """Neuron strength and in-strength of random weights: their correlation is a theorem about the pixels' origin."""
    width = 4000
    x = np.asarray(few_digits.x_train[:100], np.float32)
    kernel = np.random.default_rng(0).normal(size=(x[0].size, width)).astype(np.float32)
    for pixels in (x, x - 0.5, x - x.mean()):
        mean = pixels.mean(0).ravel()
        cosine = mean.sum() / np.linalg.norm(mean) / np.sqrt(mean.size)
        found = neurons(lambda w, x: x.reshape(len(x), -1) @ w, kernel, pixels, select="dense").sel(weights="signed")
        correlation = np.corrcoef(found.strength_in, found.neuron_strength.mean("sample"))[0, 1]
        assert abs(correlation - cosine) < 4 / np.sqrt(width)


def test_bad_requests_are_refused():
    model, x = jp.models.MLP((4,), 2), jnp.ones((2, 3))
    params = model.init(jax.random.key(0), x)
    with pytest.raises(UnknownNameError, match="twice"):
        neurons(model, params, x, bias="twice")
    with pytest.raises(UnknownLayerError, match="Dense_1"):
        neurons(model, params, x, select="conv")
    with pytest.raises(ShapeError, match="no input"):
        neurons(model, params, x[:0])
    broken = jax.tree.map(lambda w: jnp.stack([w, w * jnp.nan]), params)
    with pytest.raises(WeightsError, match="NaN"):
        neurons(model, broken, x, stacked=True)
    with pytest.raises(UnsupportedOperationError):
        neurons(lambda w, x: jax.nn.gelu(x @ w) @ w, jnp.eye(3), x)
