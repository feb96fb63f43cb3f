"""Null models: what they keep, and the networks they make."""

import contextlib
import functools
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from signed_graphs import KEY, NET, PARAMS, SMALL, parameters, weighted

from jprobe.errors import ArgumentError, CheckpointError
from jprobe.frustration import (
    anneal,
    descend,
    reinitialize,
    shuffle_edges,
    shuffle_layers,
    total_weight,
    with_weights,
)
from jprobe.frustration.nulls import _fans
from jprobe.graph import bipartite, to_scipy, trace

pytestmark = pytest.mark.quick


def test_other_weights_compile_nothing_again(compilations):
    graph, second = (bipartite(np.random.default_rng(n).normal(size=(11, 13))) for n in range(2))
    others = weighted(graph, 1, "normal"), shuffle_layers(graph, key=KEY), reinitialize(graph, key=KEY), second
    for names, run in (
        (("_descend", "_polish", "agreed_by_block"), descend),
        (("_anneal",), partial(anneal, sweeps=3)),
    ):
        for again in (False, True):
            with contextlib.ExitStack() as stack:
                counts = [stack.enter_context(compilations(name)) for name in names]
                for other in others if again else [graph]:
                    run(other, key=jax.random.key(again))
                assert [count() > 0 for count in counts] == [not again] * len(names)


def test_shuffling_keeps_every_layers_weights():
    null = shuffle_layers(NET, key=KEY)
    assert null.layout is NET.layout
    assert len(NET.weights) == 3
    for old, new in zip(NET.weights, null.weights, strict=True):
        np.testing.assert_array_equal(np.sort(old.ravel()), np.sort(new.ravel()))
        assert (old != new).mean() > 0.9
    # Pools have the weights that they had, and a kernel is still the same at all places.
    for n, links in enumerate(NET.layout.into):
        if NET.blocks[n].kind == "pool":
            np.testing.assert_allclose(links[0](jnp.ones(NET.blocks[1].shape), null.weights), 4 * 0.005, rtol=1e-6)
    np.testing.assert_array_equal(np.unique(to_scipy(null).data), np.unique(to_scipy(NET).data))
    assert to_scipy(null).nnz == to_scipy(NET).nnz
    assert total_weight(null) != pytest.approx(total_weight(NET))  # borders read some places of a kernel less often
    np.testing.assert_array_equal(shuffle_layers(NET, key=KEY).weights[0], null.weights[0])
    assert (shuffle_layers(NET, key=jax.random.key(1)).weights[0] != null.weights[0]).any()
    edges = shuffle_layers(SMALL, key=KEY)
    for old, new in zip(SMALL.weights, edges.weights, strict=True):
        np.testing.assert_array_equal(np.sort(old), np.sort(new))


class Wide(nn.Module):
    """A plain and a grouped convolution, and a product over two axes."""

    @nn.compact
    def __call__(self, x):
        x = nn.Conv(16, (3, 5), name="plain")(x)
        x = nn.Conv(32, (3, 3), feature_group_count=4, name="grouped")(x)
        return nn.DenseGeneral((6, 7), axis=(-2, -1), name="general")(x)


WIDE_INPUT = jax.random.normal(jax.random.key(3), (1, 4, 4, 8))


@functools.cache
def wide():
    params = parameters(Wide(), WIDE_INPUT)
    return params, trace(Wide().apply, params, WIDE_INPUT)


def test_reinitialised_weights_have_torchs_variances():
    torch = pytest.importorskip("torch", reason="torch is in the extra 'parity'")
    init, graph = torch.nn.init, wide()[1]
    # The same layers as torch keeps them: output, input of a group, window.
    theirs = {"plain": (16, 8, 3, 5), "grouped": (32, 4, 3, 3), "general": (42, 128)}
    fresh = {name: jax.jit(partial(reinitialize, graph, distribution=name)) for name in ("xavier_uniform", "he_normal")}
    nulls = {name: run(key=KEY) for name, run in fresh.items()}
    for n, path in enumerate(graph.layout.names):
        tensor = torch.empty(theirs[path.split("/")[0]])
        assert _fans(graph)[n] == init._calculate_fan_in_and_fan_out(tensor), path
        torch.manual_seed(0)
        fills = {
            "xavier_uniform": init.xavier_uniform_,
            "he_normal": partial(init.kaiming_normal_, nonlinearity="relu"),
        }
        for name, fill in fills.items():
            mine, drawn = np.asarray(nulls[name].weights[n]), fill(tensor).numpy()
            assert mine.size == drawn.size
            # Variances of samples: of kurtosis at most 3, so within sqrt(2 / n) of each other's, five times over.
            assert mine.var() == pytest.approx(drawn.var(), rel=5 * np.sqrt(2 * 2 / mine.size))
            assert abs(mine.mean()) < 5 * mine.std() / np.sqrt(mine.size)
        bound = np.sqrt(6 / sum(_fans(graph)[n]))
        assert 0.98 * bound < np.abs(nulls["xavier_uniform"].weights[n]).max() <= bound
    assert nulls["he_normal"].layout is graph.layout
    np.testing.assert_array_equal(fresh["he_normal"](key=KEY).weights[1], nulls["he_normal"].weights[1])
    assert (fresh["he_normal"](key=jax.random.key(1)).weights[1] != nulls["he_normal"].weights[1]).any()
    one, two = (w.ravel()[:9] / w.std() for w in nulls["he_normal"].weights[:2])
    assert not np.allclose(one, two, rtol=0.2)


def test_what_has_no_layers_cannot_be_reinitialised():
    with pytest.raises(ArgumentError, match="shuffle_layers"):
        reinitialize(SMALL, key=KEY)
    with pytest.raises(ArgumentError, match="'xavier_uniform' or 'he_normal', not 'lecun'"):
        reinitialize(NET, "lecun", key=KEY)


def test_layers_that_the_output_does_not_read_stay():
    def fn(p, x):
        jnp.sum(jax.nn.relu(x @ p["aside"]), 1)
        return x @ p["read"]

    params = {"aside": jnp.ones((3, 4)), "read": jnp.ones((3, 2))}
    graph = trace(fn, params, jnp.ones((1, 3)))
    null = dict(zip(graph.layout.names, reinitialize(graph, key=KEY).weights, strict=True))
    assert (null["read"] != 1).all()
    assert (null.get("aside", jnp.ones(1)) == 1).all()


def run_linear(graph, x):
    """What a linear network without biases makes of x, by the links of its graph."""
    blocks = [x]
    for n, block in enumerate(graph.blocks[1:], 1):
        received = [link(blocks[link.source], graph.weights) for link in graph.layout.into[n]]
        blocks.append(sum(received, jnp.zeros(block.shape)))
    return blocks[-1]


def test_a_null_model_can_be_run():
    x, (params, graph) = WIDE_INPUT, wide()
    nulls = jax.jit(lambda key: (shuffle_layers(graph, key=key), reinitialize(graph, key=key)))(KEY)
    outputs, run = [], jax.jit(lambda variables: Wide().apply(variables, x))
    for null in nulls:
        variables = with_weights(params, null)
        assert jax.tree.structure(variables) == jax.tree.structure(params)
        for path, leaf in jax.tree_util.tree_leaves_with_path(variables):
            assert (path[-1].key == "bias") == bool((leaf == 0).all())
        outputs.append(run(variables))
        np.testing.assert_allclose(outputs[-1], run_linear(null, x), rtol=1e-4, atol=1e-5)
    assert not np.allclose(outputs[0], outputs[1], atol=0.1)
    np.testing.assert_array_equal(
        with_weights(params, graph)["params"]["plain"]["kernel"], params["params"]["plain"]["kernel"]
    )


class Normed(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.BatchNorm(use_running_average=True)(nn.Conv(4, (3, 3), use_bias=False)(x))
        return nn.Dense(3)(x.reshape(1, -1))


def test_normalisations_of_a_null_model_are_plain():
    x = jnp.ones((1, 4, 4, 2))
    params = parameters(Normed(), x)
    null = shuffle_layers(trace(Normed().apply, params, x), key=KEY)
    found = with_weights(params, null)
    norm, seen = found["params"]["BatchNorm_0"], found["batch_stats"]["BatchNorm_0"]
    assert (norm["scale"] == 1).all()
    assert (seen["var"] == 1).all()
    assert (norm["bias"] == 0).all()
    assert (seen["mean"] == 0).all()
    epsilon = np.sqrt(1 + 1e-5)  # of the normalisation
    np.testing.assert_allclose(Normed().apply(found, x) * epsilon, run_linear(null, x), rtol=1e-4, atol=1e-5)


def test_weights_of_another_network_do_not_fit():
    with pytest.raises(CheckpointError, match="no leaves of the parameters: Conv_0/kernel"):
        with_weights({"params": {"w": jnp.ones((2, 2))}}, NET)
    wrong = jax.tree.map(lambda w: w[..., :1], PARAMS)
    with pytest.raises(CheckpointError, match="no leaves"):
        with_weights(wrong, NET)
    tied = trace(lambda p, x: jax.nn.relu(x @ p["w"]) @ p["w"].T, {"w": jnp.ones((2, 2))}, jnp.ones((1, 2)))
    with pytest.raises(CheckpointError, match="in two ways"):
        with_weights({"w": jnp.ones((2, 2))}, tied)


def test_constants_of_the_code_are_no_weights():
    blur = jax.device_put(np.asarray(np.random.default_rng(0).normal(size=(4, 4)), np.float32))

    def resized(p, x):
        return jax.image.resize(x @ p, (1, 8), "linear") @ jnp.tile(blur, (2, 1)) @ p

    kernel = jax.device_put(np.asarray(np.random.default_rng(1).normal(size=(4, 4)), np.float32))
    graph = trace(resized, kernel, jnp.ones((1, 4)))
    assert sum(graph.layout.trained) == 1
    for null in (shuffle_layers(graph, key=KEY), reinitialize(graph, key=KEY)):
        kept = [bool((a == b).all()) for a, b in zip(graph.weights, null.weights, strict=True)]
        assert kept == [not trained for trained in graph.layout.trained]
    # Of every edge of the constants the weight stays; the kernel's are dealt over both layers that read it.
    before, after = (to_scipy(g).toarray() for g in (graph, shuffle_edges(graph, key=KEY)))
    rows = np.cumsum([block.size for block in graph.blocks])
    for n, link in enumerate(graph.layout.links):
        here = np.s_[rows[link.target] - graph.blocks[link.target].size : rows[link.target]]
        mine = any(graph.layout.trained[k] for k in link.fans(graph.weights))
        assert (before[here] == after[here]).all() != mine, n
    with pytest.raises(ArgumentError, match="no trained weights"):
        shuffle_layers(trace(lambda p, x: x @ blur, kernel, jnp.ones((1, 4))), key=KEY)
