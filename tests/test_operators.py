"""What a graph asks of an operator is all that a new one has to offer."""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jprobe.errors import ArgumentError
from jprobe.frustration import descend, energy, lower_bound, reinitialize, shuffle_edges, shuffle_layers, total_weight
from jprobe.graph import Block, Edges, Graph, Layout, Link, edge_list, to_scipy, trace
from jprobe.graph.constant import Constant
from jprobe.graph.operators import (
    Conv,
    Layer,
    LocallyConnected,
    Operator,
    Place,
    Pool,
    Reshape,
    Scale,
    Stored,
    Transpose,
)

pytestmark = pytest.mark.quick

KEY = jax.random.key(0)


@dataclass(frozen=True)
class Rotating(Layer):
    """Each unit reads two neighbours on a ring: y_i = a x_i + b x_(i - 1)."""

    weight: int
    unsigned: bool = False

    def __call__(self, x, weights):
        w = jnp.abs(weights[self.weight]) if self.unsigned else weights[self.weight]
        return w[0].astype(x.dtype) * x + w[1].astype(x.dtype) * jnp.roll(x, 1)

    def absolute(self):
        return replace(self, unsigned=True)

    def entries(self, shape, weights):
        n = np.arange(shape[0])
        w = np.asarray(weights[self.weight], np.float64)
        w = np.abs(w) if self.unsigned else w
        yield Edges(n, n, np.full(n.size, w[0]))
        yield Edges(n, (n + 1) % n.size, np.full(n.size, w[1]))

    def count(self, there, weights):
        return 2 * int(there.sum())


def graph_of(*operators, sizes, weights, trained=True):
    blocks = tuple(Block(f"b{n}", "input" if n == 0 else "dense", (size,)) for n, size in enumerate(sizes))
    names = tuple(f"w{n}" for n in range(len(weights)))
    layout = Layout(blocks, (Link(0, 1, operators),), (1,), names, (trained,) * len(weights), 2)
    return Graph(tuple(weights), layout)


def ring(weights, trained=True):
    return graph_of(Rotating(0), sizes=(5, 5), weights=[np.asarray(weights, np.float32)], trained=trained)


def dense(graph):
    columns = jax.jit(jax.vmap(lambda s: graph.join(graph.forward(graph.split(s)))))(
        np.eye(graph.num_nodes, dtype=np.float32)
    )
    return np.asarray(columns).T


def test_a_new_operator_is_one_class():
    graph = ring([2.0, -3.0])
    a = dense(graph)
    assert graph.num_edges == 10
    np.testing.assert_array_equal(to_scipy(graph).toarray(), a)
    np.testing.assert_array_equal(dense(graph.absolute()), np.abs(a))
    np.testing.assert_array_equal(to_scipy(graph.absolute()).toarray(), np.abs(a))
    spins = jax.device_put(np.asarray(np.random.default_rng(0).choice([-1.0, 1.0], 10), np.float32))
    np.testing.assert_array_equal(graph.matvec(spins), (a + a.T) @ spins)
    found = descend(graph, replicas=4)
    assert found.is_local.all()
    np.testing.assert_allclose(found.energy, energy(to_scipy(graph), found.spins), atol=1e-15)
    assert total_weight(graph) == 25.0
    # A ring of ten edges of which five are negative: one is frustrated, the lightest.
    assert found.energy.min() == pytest.approx(2 / 25)
    assert lower_bound(graph).certified <= 2 / 25
    assert sorted(shuffle_layers(graph, key=KEY).weights[0].tolist()) == [-3.0, 2.0]
    np.testing.assert_array_equal(reinitialize(graph, key=KEY).weights[0], graph.weights[0])  # it says no fans
    with pytest.raises(ArgumentError, match="no layers whose edges"):
        shuffle_edges(graph)


def test_an_operator_may_transpose_itself():
    calls = []

    class Own(Rotating):
        def transpose(self, y, shape, weights):
            calls.append(shape)
            return super().transpose(y, shape, weights)

    graph = graph_of(Own(0), sizes=(5, 5), weights=[jnp.array([2.0, -3.0])])
    spins = jnp.arange(10.0)
    np.testing.assert_array_equal(graph.matvec(spins), ring([2.0, -3.0]).matvec(spins))
    graph.field(graph.split(spins), 0)
    assert calls == [(5,), (5,)]


def test_carriers_around_a_layer():
    chain = (Scale(1), Place(0, 2, 5, 9), Rotating(0), Reshape((9,), (3, 3)), Transpose((1, 0)), Reshape((3, 3), (9,)))
    graph = graph_of(*chain, sizes=(5, 9), weights=[jnp.array([2.0, -3.0]), jnp.array(-2.0)])
    a = dense(graph)
    np.testing.assert_array_equal(to_scipy(graph).toarray(), a)
    assert graph.num_edges == 10 == np.count_nonzero(a)
    np.testing.assert_array_equal(dense(graph.absolute()), np.abs(a))
    spins = jnp.arange(14.0)
    np.testing.assert_allclose(graph.matvec(spins), (a + a.T) @ spins, rtol=1e-6)


def test_a_locally_connected_layer_of_ones_own():
    # Two examples of two features at three places; each output reads its own place and the one before it.
    taps = (((slice(0, 3, 1),), (slice(0, 3, 1),)), ((slice(1, 3, 1),), (slice(0, 2, 1),)))
    local = LocallyConnected(taps, (2, 2, 3), 1, (Stored(0, 24), Stored(1, 16)))
    rng = np.random.default_rng(0)
    weights = [jax.device_put(np.asarray(rng.normal(size=n), np.float32)) for n in (24, 16)]
    chain = (Reshape((12,), (2, 2, 3)), local, Reshape((2, 2, 3), (12,)))
    graph = graph_of(*chain, sizes=(12, 12), weights=weights)
    a = dense(graph)
    assert graph.num_edges == 40 == np.count_nonzero(a)
    np.testing.assert_allclose(to_scipy(graph).toarray(), a, rtol=1e-6)
    np.testing.assert_array_equal(np.sort(edge_list(graph).weight), np.sort(np.concatenate(weights)))
    np.testing.assert_allclose(dense(graph.absolute()), np.abs(a), rtol=1e-6)
    assert a[12, 0] == weights[0][0]  # example 0, place 0, from feature 0 to feature 0
    assert a[13, 0] == weights[1][0]  # the second tap: from place 0 to place 1


# strides, padding, spread of the input, dilation of the window, groups, layouts of operand, kernel and result
CONVOLUTIONS = [
    (1, (1, 1), 1, 1, 1, ("NHC", "HIO", "NHC")),
    (2, (0, 0), 1, 1, 1, ("NHC", "HIO", "NHC")),
    (2, (2, 0), 1, 2, 2, ("NCH", "OIH", "NCH")),
    (3, (1, 2), 1, 1, 2, ("HNC", "IHO", "NCH")),
    (1, (1, 1), 2, 1, 1, ("NHC", "HIO", "NHC")),
    (2, (0, 3), 2, 2, 4, ("NCH", "OIH", "NHC")),
    (1, (-1, 4), 1, 1, 1, ("NHC", "HIO", "NHC")),
]


@pytest.mark.parametrize("size", [7, 8])
@pytest.mark.parametrize(("stride", "padding", "spread", "dilation", "groups", "layouts"), CONVOLUTIONS)
def test_a_transposed_convolution_is_the_one_that_jax_derives(size, stride, padding, spread, dilation, groups, layouts):
    rng = np.random.default_rng(0)
    shape = tuple({"N": 2, "H": size, "C": 4}[axis] for axis in layouts[0])
    kernel = tuple({"H": 3, "I": 4 // groups, "O": 8}[axis] for axis in layouts[1])
    numbers = jax.lax.conv_dimension_numbers(shape, kernel, layouts)
    conv = Conv(0, (stride,), (padding,), (spread,), (dilation,), numbers, groups)
    weights = [jax.device_put(np.asarray(rng.normal(size=kernel), np.float32))]
    y = jax.device_put(np.asarray(rng.normal(size=conv.result(shape, weights)), np.float32))
    ours, derived = (jax.jit(lambda y, w, of=of: of(conv, y, shape, w)) for of in (Conv.transpose, Operator.transpose))
    np.testing.assert_allclose(ours(y, weights), derived(y, weights), rtol=1e-5, atol=1e-5)


# size of the window, strides, padding, dilation, along both axes; the operand has 9 x 8 elements
WINDOWS = [
    ((3, 3), (2, 2), ((0, 0), (0, 0)), (1, 1)),
    ((3, 2), (1, 2), ((1, 1), (0, 1)), (1, 1)),
    ((2, 2), (3, 2), ((0, 1), (2, 0)), (1, 1)),
    ((3, 2), (2, 3), ((1, 2), (0, 0)), (2, 3)),
    ((1, 3), (4, 1), ((0, 0), (2, 2)), (1, 2)),
    ((9, 8), (1, 1), ((0, 0), (0, 0)), (1, 1)),
]


@pytest.mark.parametrize("form", WINDOWS)
def test_a_pool_sums_windows_as_reduce_window_does(form):
    pool, x = Pool(*form), jax.device_put(np.asarray(np.random.default_rng(0).normal(size=(9, 8)), np.float32))
    zero = np.zeros((), np.float32)  # of an array JAX could not tell that this is a sum
    window = lambda x: jax.lax.reduce_window(x, zero, jax.lax.add, *form[:3], window_dilation=form[3]) * np.float32(pool.edge_weight)  # noqa: E731  # fmt: skip

    @jax.jit
    def run(x):
        y, back = jax.vjp(window, x)
        return [(pool(x, []), y), (pool.transpose(jnp.cos(y), x.shape, []), *back(jnp.cos(y)))]

    for ours, theirs in run(x):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7)


def test_products_are_in_full_precision_whatever_the_network_asks_for():
    def fn(p, x):
        y = jax.lax.conv_general_dilated(
            x, p["k"], (1,), "SAME", dimension_numbers=("NHC", "HIO", "NHC"), precision="bfloat16"
        )
        return jax.nn.relu(y).reshape(1, -1) @ p["w"]

    x = jnp.ones((1, 5, 2))
    graph = trace(fn, {"k": jnp.ones((3, 2, 4)), "w": jnp.ones((20, 3))}, x)
    local = shuffle_edges(graph, key=KEY)
    for each in (graph, local):
        with jax.default_matmul_precision("bfloat16"):
            lowered = jax.jit(lambda g, s: g.matvec(s)).lower(each, jnp.ones(each.num_nodes)).as_text()
        products = [
            line for line in lowered.splitlines() if "stablehlo.convolution" in line or "stablehlo.dot_general" in line
        ]
        assert len(products) >= 4
        assert all("HIGHEST, HIGHEST" in line or "precision HIGHEST" in line for line in products), products


def test_layouts_are_equal_where_their_structure_is():
    def fn(p, x):
        y = jax.nn.relu(x @ p["w"])
        return jnp.concatenate([y[:, ::-1], y[:, np.array([0, 2])]], 1) @ p["v"]

    x, shapes = jnp.ones((1, 4)), {"w": (4, 3), "v": (5, 2)}
    one, two = ({k: jax.random.normal(jax.random.key(n), s) for k, s in shapes.items()} for n in range(2))
    first, second = trace(fn, one, x).layout, trace(fn, two, x).layout
    assert first == second
    assert hash(first) == hash(second)
    gathered = lambda n: lambda p, x: x[:, np.array([0, n, 2, 3])] @ p["w"]  # noqa: E731
    layouts = [trace(gathered(n), one, x).layout for n in (1, 1, 2)]
    assert layouts[0] == layouts[1] != layouts[2]
    assert Constant(np.zeros(2)) != Constant(np.zeros((2, 1)))
    assert Constant(np.zeros(2)) != Constant(np.zeros(2, np.float32))
