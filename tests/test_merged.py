"""Graphs whose nodes are the units that people draw: sums of layers are one layer, an unrolled step a layer."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jprobe as jp
from jprobe.errors import ArgumentError
from jprobe.graph import edge_list, states, trace

pytestmark = pytest.mark.quick

UNITS, STEPS, WIDTH, CLASSES = 4, 3, 2, 3
BENT = {"linear": lambda x: x, "relu": nn.relu, "sigmoid": nn.sigmoid, "leaky": lambda x: nn.leaky_relu(x, 0.1)}


def recurrent(bend):
    """h^t = f(x^t Omega + h^(t-1) U + b), read out from the last state; inputs of all steps in one product."""

    def fn(params, x):
        inputs = jnp.moveaxis(x @ params["omega"] + params["b"], 1, 0)
        step = lambda h, z: (bend(z + h @ params["u"]), None)  # noqa: E731
        return jax.lax.scan(step, jnp.zeros((1, UNITS)), inputs)[0] @ params["v"]

    return fn


@pytest.fixture(scope="module")
def weights():
    rng = np.random.default_rng(0)
    shapes = {"omega": (WIDTH, UNITS), "u": (UNITS, UNITS), "b": (UNITS,), "v": (UNITS, CLASSES)}
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.mark.parametrize("bend", BENT)
def test_an_unrolled_recurrent_network_has_a_node_for_each_unit_and_step(weights, bend):
    fn, x = recurrent(BENT[bend]), np.random.default_rng(1).normal(size=(1, STEPS, WIDTH)).astype(np.float32)
    graph = trace(fn, weights, x, residual="merged")
    assert [block.size for block in graph.blocks] == [STEPS * WIDTH, *[UNITS] * STEPS, CLASSES]

    expected = np.zeros((graph.num_nodes, graph.num_nodes), np.float32)
    starts = [STEPS * WIDTH + UNITS * t for t in range(STEPS + 1)]
    for t in range(STEPS):
        here = slice(starts[t], starts[t + 1])
        expected[here, WIDTH * t : WIDTH * (t + 1)] = weights["omega"].T
        if t:
            expected[here, starts[t - 1] : starts[t]] = weights["u"].T
    expected[starts[-1] :, starts[-2] : starts[-1]] = weights["v"].T
    edges = edge_list(graph)
    found = np.zeros_like(expected)
    np.add.at(found, (edges.target, edges.source), edges.weight)
    np.testing.assert_array_equal(found, expected)
    assert graph.num_edges == np.count_nonzero(expected)

    # Pre-activations and states, step by step.
    seen, h = states(fn, weights, x, residual="merged"), np.zeros(UNITS, np.float32)
    for t in range(STEPS):
        zeta = x[0, t] @ weights["omega"] + weights["b"] + h @ weights["u"]
        h = np.asarray(BENT[bend](zeta))
        np.testing.assert_allclose(seen.sums[t + 1].ravel(), zeta, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(seen.blocks[t + 1].ravel(), h, rtol=1e-5, atol=1e-6)


class Branches(nn.Module):
    """What networks have beside plain layers: strides, groups, normalisation, shortcuts of both kinds."""

    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.BatchNorm(use_running_average=True)(nn.Conv(4, (3, 3), (2, 2))(x)))
        y = nn.Conv(6, (3, 3), (2, 2), feature_group_count=2)(nn.relu(nn.Conv(4, (3, 3))(x)))
        x = nn.sigmoid(y + nn.Conv(6, (1, 1), (2, 2))(x))  # a layer beside a layer: one layer
        x = nn.relu(nn.Conv(6, (3, 3))(x)) + x  # nothing but a sum
        return nn.Dense(3)(nn.relu(x.reshape(len(x), -1)))


def drawn(tree):
    leaves, structure = jax.tree.flatten(tree)
    rng = np.random.default_rng(0)
    return jax.tree.unflatten(structure, [jnp.asarray(rng.uniform(0.1, 1, w.shape) - 0.3, w.dtype) for w in leaves])


def test_every_node_holds_the_weighted_sum_of_its_neighbours_and_a_bias():
    model, x = Branches(), jax.random.normal(jax.random.key(0), (1, 8, 8, 3))
    params = drawn(model.init(jax.random.key(1), x))
    params["batch_stats"] = jax.tree.map(jnp.abs, params["batch_stats"])
    graph = trace(model.apply, params, x, residual="merged", fold_bn=True)
    names = [block.name for block in graph.blocks]
    assert len(names) == 7
    assert "Conv_3" not in names  # its rows are the main branch's

    def biases(x):
        seen = states(model.apply, params, x, residual="merged")
        flow = graph.forward(seen.blocks)
        return [s - f for s, f, b in zip(seen.sums, flow, graph.blocks, strict=True) if b.kind != "input"]

    first, second = biases(x), biases(2 * x + 1)
    for name, a, b in zip(names[1:], first, second, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-5, err_msg=name)  # whatever the input
    np.testing.assert_allclose(np.ravel(first[-1]), params["params"]["Dense_0"]["bias"], atol=2e-5)
    into = {(names[k.source], names[k.target]) for k in graph.layout.links}
    assert ("Conv_0", "Conv_2") in into  # the shortcut's rows


def test_a_layer_that_is_read_bent_and_as_it_is_has_nodes_for_both():
    w, v = np.eye(2, dtype=np.float32), np.array([[1.0, -2.0], [3.0, 4.0]], np.float32)

    def fn(params, x):
        y = x @ params["w"]
        return nn.relu(y) @ params["v"] + y

    graph = trace(fn, {"w": w, "v": v}, np.ones((1, 2)), residual="merged")
    seen = states(fn, {"w": w, "v": v}, np.array([[1.0, -1.0]]), residual="merged")
    assert [block.shape for block in graph.blocks] == [(1, 2)] * 3
    np.testing.assert_array_equal(seen.sums[1], [[1, -1]])
    np.testing.assert_array_equal(seen.blocks[1], [[1, 0]])
    np.testing.assert_array_equal(seen.sums[2], [[2, -3]])


def test_another_convention_is_refused():
    with pytest.raises(ArgumentError, match="'merged'"):
        jp.graph.trace(lambda w, x: x @ w, np.eye(2), np.ones((1, 2)), residual="sum")
