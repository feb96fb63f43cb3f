"""A traced graph takes other parameters of its network, as if it were traced with them."""

from dataclasses import replace

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from signed_graphs import IMAGE, KEY, LAYER, PARAMS, Cnn, parameters

from jprobe.errors import ArgumentError, CheckpointError, UnsupportedOperationError
from jprobe.frustration import descend, shuffle_edges, shuffle_layers
from jprobe.graph import trace

pytestmark = pytest.mark.quick


class Normed(nn.Module):
    """Normalisations, a branch, weights read twice, a constant of the code."""

    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.BatchNorm(use_running_average=True)(nn.Conv(4, (3, 3))(x)))
        again = nn.Conv(4, (3, 3))
        x = -0.5 * again(x) + x
        x = again(x) @ jnp.eye(4)
        return nn.Dense(5)(x.reshape(1, -1))


NORMED = jax.tree.map(jnp.abs, parameters(Normed(), IMAGE))


def others(params, count=3):
    """Other parameters of a network, one for each place on a leading axis; above 0, as variances are."""
    rng = np.random.default_rng(1)
    return jax.tree.map(
        lambda leaf: jax.device_put(np.asarray(rng.uniform(0.5, 2, (count, *jnp.shape(leaf))), np.float32)), params
    )


def same(graph, other):
    return graph.layout == other.layout and all(
        np.array_equal(a, b) for a, b in zip(graph.weights, other.weights, strict=True)
    )


@pytest.mark.parametrize("fold_bn", [False, True])
@pytest.mark.parametrize("residual", ["identity", "paper"])
@pytest.mark.parametrize(("model", "params"), [(Cnn(), PARAMS), (Normed(), NORMED)], ids=["cnn", "normed"])
def test_other_parameters_give_the_graph_that_they_are_traced_to(model, params, fold_bn, residual):
    how = {"fold_bn": fold_bn, "residual": residual}
    graph, many = trace(model.apply, params, IMAGE, **how), others(params)
    batch = jax.vmap(graph.with_params)(many)
    for n in range(3):
        one = jax.tree.map(lambda leaf, n=n: leaf[n], many)
        traced = trace(model.apply, one, IMAGE, **how)
        assert same(graph.with_params(one), traced)
        assert graph.with_params(one).layout is graph.layout
        assert same(jax.tree.map(lambda leaf, n=n: leaf[n], batch), traced)
        assert not same(graph, traced)


def test_it_compiles_no_minimiser_again(compilations):
    first = {"a": jnp.ones((3, 4)), "b": jnp.ones((4, 2))}
    graph = trace(lambda p, x: jnp.tanh(x @ p["a"]) @ p["b"], first, jnp.ones((1, 3)))
    assert descend(graph, key=KEY).energy == 0
    many = jax.tree.map(lambda leaf: leaf - 1.2, others(first))
    batch = jax.jit(jax.vmap(graph.with_params))(many)
    with compilations("_descend") as descents, compilations("_polish") as polishes:
        found = [descend(jax.tree.map(lambda leaf, n=n: leaf[n], batch), key=KEY).energy[0] for n in range(3)]
    assert (descents(), polishes()) == (0, 0)
    assert len(set(found)) == 3


def test_a_graph_of_shapes_takes_parameters():
    shapes = jax.eval_shape(Cnn().init, KEY, IMAGE)
    assert same(trace(Cnn().apply, shapes, IMAGE).with_params(PARAMS), trace(Cnn().apply, PARAMS, IMAGE))


def test_nulls_take_the_weights_of_the_network_again():
    params = jnp.arange(6.0).reshape(3, 2)
    graph = trace(lambda w, x: x @ w, params, jnp.ones((1, 3)))
    assert same(shuffle_layers(graph, key=KEY).with_params(params), graph)
    part = replace(graph, alive=tuple(jnp.ones(block.shape) for block in graph.blocks))
    assert part.with_params(params).alive is part.alive
    with pytest.raises(ArgumentError, match="does not know its network"):  # its edges are no network's any more
        shuffle_edges(graph, key=KEY).with_params(params)


def test_what_is_no_traced_graph_is_refused():
    for graph in (LAYER, jax.jit(lambda g: g)(trace(Cnn().apply, PARAMS, IMAGE))):
        with pytest.raises(ArgumentError, match=r"does not know its network.*inside the transformation"):
            graph.with_params(PARAMS)


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"params": {**PARAMS["params"], "Extra": jnp.ones(1)}}, "left over: params/Extra"),
        ({"params": {k: v for k, v in PARAMS["params"].items() if k != "Dense_0"}}, "missing: params/Dense_0/bias"),
        (jax.tree.map(lambda leaf: leaf[None], PARAMS), r"params/Dense_0/bias has shape \(1, 5\), not \(5,\)"),
        (PARAMS["params"], "left over: Conv_0"),
    ],
)
def test_other_leaves_are_refused(params, says):
    with pytest.raises(CheckpointError, match=says):
        trace(Cnn().apply, PARAMS, IMAGE).with_params(params)


def test_a_number_that_decides_the_layout_is_refused_not_guessed():
    looped = lambda p, x: lax.fori_loop(0, p["steps"], lambda _, c: c @ p["w"], x)  # noqa: E731
    params = {"w": jnp.ones((2, 2)), "steps": jnp.int32(2)}
    graph = trace(looped, params, jnp.ones((1, 2)))
    assert same(graph.with_params(params | {"steps": 2}), graph)
    with pytest.raises(ArgumentError, match="another layout"):
        graph.with_params(params | {"steps": jnp.int32(3)})
    with pytest.raises(UnsupportedOperationError, match="no value here"):
        jax.jit(graph.with_params)(params)


@pytest.mark.parametrize("fold_bn", [False, True])
def test_a_number_takes_its_sign_or_value_along(fold_bn):
    scaled = lambda p, x: p["scale"] * (x @ p["w"])  # noqa: E731
    params = {"w": jnp.ones((2, 2)), "scale": jnp.float32(2.0)}
    graph = trace(scaled, params, jnp.ones((1, 2)), fold_bn=fold_bn)
    for call in (graph.with_params, jax.jit(graph.with_params)):
        found = call(params | {"scale": jnp.float32(-3.0)})
        assert found.matvec(jnp.ones(4)).tolist() == [-6.0 if fold_bn else -2.0] * 4


def test_a_local_graph_takes_other_parameters_at_the_same_input():
    fn = lambda w, x: jax.nn.softmax(x @ w)  # noqa: E731
    x, w = jnp.array([[1.0, -2.0]]), jnp.array([[1.0, 2.0], [0.5, -1.0]])
    graph = trace(fn, jnp.eye(2), x, at=x)
    assert same(graph.with_params(w), trace(fn, w, x, at=x))
