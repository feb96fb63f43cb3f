"""N2: weights shuffled over all edges, against the matrix of the graph that they come from."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jprobe import frustration
from jprobe.graph import bipartite, edge_list, from_edges, to_scipy, trace

pytestmark = pytest.mark.quick


class Net(nn.Module):
    """Strides, groups, a concatenation, pools, a product along an axis of a map, and a dense layer."""

    @nn.compact
    def __call__(self, x):
        a = nn.relu(nn.Conv(4, (3, 3), (2, 2), padding=1)(x))
        b = nn.relu(nn.Conv(4, (1, 1), (2, 2))(x))
        x = nn.max_pool(jnp.concatenate([a, b], -1), (2, 2), (2, 2))
        x = nn.relu(nn.Conv(8, (2, 3), feature_group_count=2, kernel_dilation=(2, 1))(x))
        x = nn.relu(nn.Dense(3)(x))
        return nn.Dense(5)(x.reshape(1, -1))


@pytest.fixture(scope="module")
def graph():
    x = jnp.ones((1, 11, 9, 2))
    return trace(Net().apply, Net().init(jax.random.key(0), x), x)


def dense(graph):
    """A by its own linear map, a column at a time."""
    columns = jax.jit(jax.vmap(lambda s: graph.join(graph.forward(graph.split(s)))))(
        np.eye(graph.num_nodes, dtype=np.float32)
    )
    return np.asarray(columns).T


product = jax.jit(lambda graph, s: graph.matvec(s))


@pytest.mark.parametrize("store", [True, False])
def test_places_stay_and_weights_trade_them(graph, store):
    null = frustration.shuffle_edges(graph, key=jax.random.key(1), store=store)
    before, after = to_scipy(graph).toarray(), dense(null)
    np.testing.assert_array_equal(before != 0, after != 0)
    pools = np.isclose(before, 0.005)
    np.testing.assert_allclose(after[pools], before[pools], rtol=1e-6)
    mine = (before != 0) & ~pools
    np.testing.assert_allclose(np.sort(after[mine]), np.sort(before[mine]), rtol=1e-6)
    # Of 2,000 edges nearly all have moved.
    assert (np.isclose(after[mine], before[mine])).mean() < 0.2
    np.testing.assert_allclose(to_scipy(null).toarray(), after, rtol=1e-5)
    assert null.num_edges == graph.num_edges


def test_stored_or_not_the_weights_are_the_same(graph):
    kept, dealt = (frustration.shuffle_edges(graph, key=jax.random.key(2), store=store) for store in (True, False))
    s = jax.random.rademacher(jax.random.key(3), (graph.num_nodes,), jnp.float32)
    np.testing.assert_allclose(product(kept, s), product(dealt, s), rtol=1e-5, atol=1e-6)
    both = to_scipy(kept) + to_scipy(kept).T
    np.testing.assert_allclose(product(dealt, s), both @ np.asarray(s), rtol=1e-4, atol=1e-5)
    assert sum(w.nbytes for w in dealt.weights) < sum(w.nbytes for w in kept.weights)


def test_another_key_is_another_order(graph):
    a, b = (frustration.shuffle_edges(graph, key=jax.random.key(n)) for n in (4, 5))
    assert not np.array_equal(edge_list(a).weight, edge_list(b).weight)


def test_a_layer_and_a_list_of_edges():
    kernel = jnp.arange(1.0, 13.0).reshape(3, 4)
    null = frustration.shuffle_edges(bipartite(kernel), key=jax.random.key(0))
    assert sorted(edge_list(null).weight.tolist()) == sorted(kernel.ravel().tolist())
    listed = from_edges([0, 1, 2, 0], [1, 2, 0, 3], [1.0, 2.0, 3.0, 4.0])
    null = frustration.shuffle_edges(listed, key=jax.random.key(0))
    assert sorted(edge_list(null).weight.tolist()) == [1.0, 2.0, 3.0, 4.0]


def test_a_product_over_several_axes():
    kernel = jnp.arange(24.0).reshape(2, 3, 4)
    for numbers in (((1, 2), (0, 1)), ((2, 1), (1, 0))):
        graph = trace(lambda w, x, n=numbers: jax.lax.dot_general(x, w, (n, ((), ()))), kernel, jnp.ones((5, 2, 3)))
        null = frustration.shuffle_edges(graph, key=jax.random.key(0))
        assert null.num_edges == graph.num_edges == 5 * 24
        assert sorted(edge_list(null).weight) == sorted(edge_list(graph).weight)
