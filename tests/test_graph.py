"""Graphs of networks: the implicit operator, the list of edges, and Jacobians of layers, against each other."""

import inspect
import math
import re
from dataclasses import replace
from functools import partial

import equinox as eqx
import flax.linen as nn
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import networkx
import numpy as np
import pytest
import scipy.sparse
from flax import nnx
from hypothesis import given, settings
from jax import lax
from jax.experimental import sparse

from jprobe.errors import ArgumentError, ShapeError, UnsupportedOperationError, WeightsError
from jprobe.graph import (
    Graph,
    as_graph,
    bipartite,
    edge_list,
    elementwise,
    from_edges,
    network,
    states,
    to_bcoo,
    to_networkx,
    to_scipy,
    trace,
)
from jprobe.graph.operators import Pool
from jprobe.models import ceil_max_pool, local_response_normalization

pytestmark = pytest.mark.quick

relu = jax.nn.relu


def whole(seed, *shape):
    """Whole numbers without 0, so that sums in float32 are exact and no edge is lost among zeros."""
    rng = np.random.default_rng(seed)
    return jax.device_put(np.asarray(rng.choice([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0], shape), np.float32))


def shapes_of(params):
    return jax.tree.map(lambda w: jax.ShapeDtypeStruct(w.shape, w.dtype), params)


@jax.jit
def operators(graph, spins):
    blocks = graph.split(spins[0])
    fields = [graph.field(blocks, n) for n in range(len(blocks))]
    return graph.matvec(spins), graph.join(fields), graph.join(graph.forward(blocks))


def agree(graph, fn=None, params=None, x=None, **options):
    """A as a dense array, once the implicit operator, the edges and their numbers have been found to agree."""
    source, target, weight = edge_list(graph)
    a = np.zeros((graph.num_nodes, graph.num_nodes))
    np.add.at(a, (target, source), weight)
    rng = np.random.default_rng(0)
    spins = rng.choice([-1.0, 1.0], (2, graph.num_nodes)).astype(np.float32)
    expected = spins @ (a + a.T).T
    products, fields, forward = operators(graph, spins)
    np.testing.assert_allclose(products, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(fields, expected[0], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(forward, a @ spins[0], rtol=1e-5, atol=1e-5)
    assert graph.num_edges == len(source)
    assert all(k.source < k.target for k in graph.layout.links)
    if fn is not None:
        counted = trace(fn, shapes_of(params), shapes_of(x), **options)
        assert (counted.num_nodes, counted.edges_by_link()) == (graph.num_nodes, graph.edges_by_link())
        assert counted.num_params == graph.num_params
        assert counted.layout == graph.layout
        assert hash(counted.layout) == hash(graph.layout)
    return a


def jacobian(fn, x):
    """[outputs, inputs] of a linear function."""
    rows = jax.jit(jax.vmap(lambda e: fn(e.reshape(x.shape)).ravel()))(np.eye(x.size, dtype=np.float32))
    return np.asarray(rows).T


# A network as stages: each makes one block of nodes from the blocks before it, by operations that have two
# readings: what the network does, and the linear map that its edges are.


class Net:
    """What the network does."""

    act = staticmethod(relu)

    @staticmethod
    def times(x, factor):
        return x * factor + 0.5

    @staticmethod
    def normalised(x, gamma, variance):
        return (x - 0.5) * (gamma * lax.rsqrt(variance)) + 0.5

    @staticmethod
    def maximum(x, window, strides, padding):
        return lax.reduce_window(x, -jnp.inf, lax.max, window, strides, padding)

    @staticmethod
    def mean(x, window, strides, padding):
        return lax.reduce_window(x, 0.0, lax.add, window, strides, padding) / math.prod(window)


class Edges:
    """The linear map that its edges are."""

    def __init__(self, fold_bn):
        self.fold_bn = fold_bn

    @staticmethod
    def act(x):
        return x

    def times(self, x, factor):
        return x * (factor if self.fold_bn else jnp.sign(factor))

    def normalised(self, x, gamma, variance):
        return x * gamma / jnp.sqrt(variance) if self.fold_bn else x

    @staticmethod
    def mean(x, window, strides, padding):
        made = [(n + sum(p) - w) // s + 1 for n, w, s, p in zip(x.shape, window, strides, padding, strict=True)]
        into = np.zeros((*made, *x.shape), np.float32)
        for out in np.ndindex(*made):
            for tap in np.ndindex(*window):
                at = [o * s - p[0] + t for o, s, p, t in zip(out, strides, padding, tap, strict=True)]
                if all(0 <= a < n for a, n in zip(at, x.shape, strict=True)):
                    into[(*out, *at)] = 0.01 / math.sqrt(math.prod(window))
        return jnp.tensordot(into, x, x.ndim)

    maximum = mean


def check_stages(stages, params, x, fold_bn=False):
    def fn(params, x):
        blocks = [x]
        for stage in stages:
            blocks.append(stage(params, Net, blocks))
        return blocks[-1]

    graph = trace(fn, params, x, fold_bn=fold_bn)
    found = agree(graph, fn, params, x, fold_bn=fold_bn)
    zero = [np.zeros(x.shape, np.float32)]
    for stage in stages:
        zero.append(np.zeros(jax.eval_shape(lambda stage=stage: stage(params, Net, zero)).shape, np.float32))
    assert [b.shape for b in graph.blocks] == [b.shape for b in zero]
    starts, expected = graph.layout.offsets, np.zeros_like(found)

    def linear(n, b):
        values = [part.reshape(z.shape) for part, z in zip(jnp.split(b, starts[1:n]), zero, strict=False)]
        return (stages[n - 1](params, Edges(fold_bn), values) - stages[n - 1](params, Edges(fold_bn), zero[:n])).ravel()

    # The columns of all stages in one program.
    eyes = [np.eye(starts[n], dtype=np.float32) for n in range(1, len(stages) + 1)]
    columns = jax.jit(lambda eyes: [jax.vmap(partial(linear, n))(eye) for n, eye in enumerate(eyes, 1)])(eyes)
    for n, those in enumerate(columns, 1):
        expected[starts[n] : starts[n + 1], : starts[n]] = np.asarray(those).T
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    return graph


LAYOUTS = {
    1: [("NHC", "HIO", "NHC"), ("NCH", "OIH", "NCH"), ("HNC", "IOH", "CNH")],
    2: [("NHWC", "HWIO", "NHWC"), ("NCHW", "OIHW", "NCHW"), ("CHWN", "IHWO", "NHWC")],
    3: [("NHWDC", "HWDIO", "NHWDC"), ("NCHWD", "OIHWD", "NCHWD")],
}


@st.composite
def convolutions(draw):
    dims = draw(st.sampled_from([1, 2, 2, 2, 3]))
    whole_number = lambda low, high: draw(st.integers(low, high))  # noqa: E731
    groups, example = whole_number(1, 3), whole_number(1, 2)
    ins, outs = groups * whole_number(1, 2), groups * whole_number(1, 2)
    size = [whole_number(1, 6 if dims < 3 else 3) for _ in range(dims)]
    window = [whole_number(1, 3) for _ in range(dims)]
    options = {
        "window_strides": [whole_number(1, 4) for _ in range(dims)],
        "lhs_dilation": [draw(st.sampled_from([1, 1, 2, 3])) for _ in range(dims)],
        "rhs_dilation": [draw(st.sampled_from([1, 1, 2])) for _ in range(dims)],
        "feature_group_count": groups,
    }
    wide = [(k - 1) * d + 1 for k, d in zip(window, options["rhs_dilation"], strict=True)]
    spread = [(n - 1) * d + 1 for n, d in zip(size, options["lhs_dilation"], strict=True)]
    options["padding"] = draw(st.sampled_from(["SAME", "VALID", None, None]))
    if max(options["lhs_dilation"]) > 1 or (
        options["padding"] == "VALID" and any(w > n for w, n in zip(wide, spread, strict=True))
    ):
        options["padding"] = None  # JAX has no names for these
    if options["padding"] is None:
        options["padding"] = []
        for w, n in zip(wide, spread, strict=True):
            low = whole_number(-1, 3)
            options["padding"].append((low, max(whole_number(-1, 3), w - n - low)))
    layout = draw(st.sampled_from(LAYOUTS[dims]))
    options["dimension_numbers"] = layout
    letters = dict(zip("NC", (example, ins), strict=True)) | dict(zip("HWD", size, strict=False))
    x = whole(1, *(letters[c] for c in layout[0]))
    letters = {"I": ins // groups, "O": outs} | dict(zip("HWD", window, strict=False))
    return whole(2, *(letters[c] for c in layout[1])), x, options


@settings(max_examples=15, deadline=None)
@given(convolutions())
def test_a_convolution_is_its_jacobian(convolution):
    kernel, x, options = convolution

    def stage(p, ops, blocks):
        # The Jacobian in whole numbers: in floats XLA reads beyond inputs whose padding is negative (openxla/xla#48713).
        dtype = jnp.float32 if ops is Net else jnp.int32
        return lax.conv_general_dilated(blocks[0].astype(dtype), p.astype(dtype), **options).astype(jnp.float32)

    check_stages([stage], kernel, x)


@st.composite
def products(draw):
    shared, contracted = draw(st.integers(0, 2)), draw(st.integers(0, 2))
    lengths = draw(st.lists(st.integers(1, 3), min_size=6, max_size=6))
    free = draw(st.integers(0, 2)), draw(st.integers(0, 2))
    operands, batch, contract = [], [], []
    for side in range(2):
        own = lengths[4:][: free[side]] if side else lengths[5:3:-1][: free[side]]
        axes = [
            *(("b", n) for n in range(shared)),
            *(("c", n) for n in range(contracted)),
            *(("f", n) for n in range(len(own))),
        ]
        axes = draw(st.permutations(axes))
        length = {"b": lengths[:2], "c": lengths[2:4], "f": own}
        operands.append(whole(side, *(length[kind][n] for kind, n in axes)))
        batch.append([axes.index(("b", n)) for n in range(shared)])
        contract.append([axes.index(("c", n)) for n in range(contracted)])
    return operands, (tuple(map(tuple, contract)), tuple(map(tuple, batch))), draw(st.booleans())


@settings(max_examples=15, deadline=None)
@given(products())
def test_a_product_is_its_jacobian(product):
    (left, right), numbers, weights_left = product
    if weights_left:
        check_stages([lambda p, ops, b: lax.dot_general(p, b[0], numbers)], left, right)
    else:
        check_stages([lambda p, ops, b: lax.dot_general(b[0], p, numbers)], right, left)


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_a_pool_has_an_edge_for_each_input_in_its_window(data):
    size = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=3))
    window = [data.draw(st.integers(1, min(3, n))) for n in size]
    strides = [data.draw(st.integers(1, 4)) for _ in size]
    padding = [(data.draw(st.integers(0, w - 1)), data.draw(st.integers(0, w - 1))) for w in window]
    if set(window) == {1}:
        window[0] = 2
        padding[0] = (1, 0)
    kind = data.draw(st.sampled_from(["maximum", "mean"]))
    check_stages([lambda p, ops, b: getattr(ops, kind)(b[0], window, strides, padding)], {}, whole(0, *size))


def shuffled(x, groups):
    return x.reshape(*x.shape[:-1], groups, -1).swapaxes(-1, -2).reshape(x.shape)


def conv(x, kernel, stride=1, padding="SAME", groups=1):
    numbers = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, kernel, (stride, stride), padding, dimension_numbers=numbers, feature_group_count=groups)  # fmt: skip


K3, K1, W = whole(1, 3, 3, 2, 2), whole(2, 1, 1, 2, 2), whole(3, 4, 3)
IMAGE = whole(4, 1, 5, 4, 2)
ROW = whole(5, 1, 4)
GAMMA = jnp.array([-2.0, 3.0])

STAGES = {
    "two layers": (
        [lambda p, o, b: conv(b[0], p[0]) + 1, lambda p, o, b: conv(o.act(b[1]), p[1], 2, "VALID")],
        (K3, K1), IMAGE,
    ),
    "global mean": (
        [
            lambda p, o, b: conv(b[0], p[0]),
            lambda p, o, b: o.mean(o.act(b[1]), (1, 5, 4, 1), (1,) * 4, [(0, 0)] * 4),
            lambda p, o, b: b[2].reshape(1, 2) @ p[1],
        ],
        (K3, whole(1, 2, 3)), IMAGE,
    ),
    "concatenation along channels, then conv": (
        [
            lambda p, o, b: conv(b[0], p[0]),
            lambda p, o, b: conv(b[0], p[1]),
            lambda p, o, b: conv(o.act(jnp.concatenate([b[1], b[2], b[0]], -1)), p[2]),
        ],
        (K3, K1, whole(3, 3, 3, 6, 1)), IMAGE,
    ),
    "concatenation along channels, then a grouped conv": (
        [lambda p, o, b: conv(b[0], p[0]), lambda p, o, b: conv(jnp.concatenate([b[1], b[0]], -1), p[1], groups=2)],
        (K3, whole(3, 2, 2, 2, 4)), IMAGE,
    ),
    "concatenation along space, then conv": (
        [lambda p, o, b: conv(b[0], p[0]), lambda p, o, b: conv(jnp.concatenate([b[1], b[0]], 1), p[0])], (K3,), IMAGE,
    ),
    "concatenation and a constant": (
        [lambda p, o, b: conv(jnp.concatenate([jnp.ones((1, 5, 4, 1)) * (o is Net), b[0]], -1), p[0])],
        (whole(3, 3, 3, 3, 1),), IMAGE,
    ),
    "concatenation, flattened, then dense": (
        [
            lambda p, o, b: conv(b[0], p[0]),
            lambda p, o, b: o.act(jnp.concatenate([b[0], b[1]], -1)).reshape(1, -1) @ p[1],
        ],
        (K1, whole(1, 80, 3)), IMAGE,
    ),
    "concatenation, transposed, then dense": (
        [
            lambda p, o, b: b[0] @ p[0],
            lambda p, o, b: p[1] @ jnp.concatenate([b[0], b[1]], 1).T,
        ],
        (W, whole(1, 2, 7)), ROW,
    ),
    "concatenation, then pool over space and conv": (
        [
            lambda p, o, b: conv(b[0], p[0]),
            lambda p, o, b: o.maximum(jnp.concatenate([b[0], b[1]], -1), (1, 3, 2, 1), (1, 2, 1, 1), [(0, 0), (1, 1), (0, 0), (0, 0)]),
            lambda p, o, b: conv(b[2], p[1]),
        ],
        (K3, whole(1, 3, 3, 4, 2)), IMAGE,
    ),
    "concatenation, then pool over channels": (
        [lambda p, o, b: conv(b[0], p[0]), lambda p, o, b: o.mean(jnp.concatenate([b[1], b[0]], -1), (1, 1, 1, 3), (1,) * 4, [(0, 0)] * 3 + [(1, 0)])],
        (K3,), IMAGE,
    ),
    "nested concatenations": (
        [
            lambda p, o, b: b[0] @ p[0],
            lambda p, o, b: jnp.concatenate([jnp.concatenate([b[1], b[0]], 1), b[1]], 1) @ p[1],
        ],
        (W, whole(1, 10, 2)), ROW,
    ),
    "slices, one of them twice": (
        [lambda p, o, b: b[0] @ p[0], lambda p, o, b: jnp.concatenate([b[1][:, 1:], b[1][:, ::2], b[0][:, :1]], 1) @ p[1]],
        (W, whole(1, 5, 2)), ROW,
    ),
    "channel shuffle": (
        [lambda p, o, b: conv(b[0], p[0], groups=2), lambda p, o, b: conv(shuffled(b[1], 2), p[1], groups=2)],
        (whole(1, 1, 1, 1, 4), whole(2, 3, 3, 2, 2)), IMAGE,
    ),
    "depthwise": ([lambda p, o, b: conv(b[0], p[0], 2, ((1, 0), (2, 1)), groups=2)], (whole(1, 3, 2, 1, 4),), IMAGE),
    "padded before conv": ([lambda p, o, b: conv(jnp.pad(b[0], ((0, 0), (1, 2), (0, 1), (0, 0))), p[0], 2, "VALID")], (K3,), IMAGE),
    "cropped and spread by pad": ([lambda p, o, b: conv(lax.pad(b[0], 0.0, ((0, 0, 0), (-1, 2, 1), (0, 0, 0), (0, 0, 0))), p[0])], (K3,), IMAGE),
    "gathered with repetition": ([lambda p, o, b: b[0][:, np.array([3, 0, 0, -1])] @ p[0]], (W,), ROW),
    "flipped": ([lambda p, o, b: b[0][:, ::-1] @ p[0]], (W,), ROW),
    "dynamic slice": ([lambda p, o, b: lax.dynamic_slice(b[0], (0, 1), (1, 3)) @ p[0][:3]], (W,), ROW),
    "split and swapped": (
        [lambda p, o, b: b[0] @ p[0], lambda p, o, b: jnp.concatenate(jnp.split(o.act(b[1]), [1, 2], -1)[::-1], -1) @ p[1]],
        (W, whole(1, 3, 2)), ROW,
    ),
    "half of a split": ([lambda p, o, b: jnp.split(b[0], 2, -1)[1] @ p[0][:2]], (W,), ROW),
    "repeated by broadcasting": ([lambda p, o, b: jnp.broadcast_to(b[0].T, (4, 3)).reshape(1, 12) @ p[0]], (whole(1, 12, 2),), ROW),
    "residual": (
        [lambda p, o, b: conv(b[0], p[0]), lambda p, o, b: conv(o.act(b[1]), p[1]) + b[0]], (K3, K1), IMAGE,
    ),
    "residual, then read twice": (
        [
            lambda p, o, b: conv(b[0], p[0]),
            lambda p, o, b: b[1] + conv(o.act(b[1]), p[1]),
            lambda p, o, b: o.act(b[2]) + conv(o.act(b[2]), p[0]),
        ],
        (K3, K1), IMAGE,
    ),
    "shortcut with a layer of its own": (
        [
            lambda p, o, b: conv(b[0], p[0], 2),
            lambda p, o, b: conv(b[0], p[1], 2),
            lambda p, o, b: b[1] + conv(o.act(b[2]), p[1]),
        ],
        (K3, K1), IMAGE,
    ),
    "sum of what is read elsewhere": (
        [
            lambda p, o, b: b[0] @ p[0],
            lambda p, o, b: b[0][:, :3] + b[1],
            lambda p, o, b: jnp.concatenate([b[1], o.act(b[2])], -1) @ p[1],
        ],
        (W, whole(1, 6, 2)), ROW,
    ),
    "twice itself": ([lambda p, o, b: b[0] @ p[0], lambda p, o, b: b[1] + b[1]], (W,), ROW),
    "a sum over a longer value": (
        [lambda p, o, b: p[0] @ b[0], lambda p, o, b: b[0] + b[1]], (whole(1, 1, 3),), whole(1, 3, 4),
    ),
    "the layer is the shorter summand": (
        [lambda p, o, b: p[0] @ b[0].T, lambda p, o, b: b[0] + b[1]], (whole(1, 3, 4),), whole(1, 1, 4),
    ),
    "difference": (
        [lambda p, o, b: b[0] @ p[0], lambda p, o, b: o.act(b[1]) @ p[1] - b[0]], (W, whole(2, 3, 4)), ROW,
    ),
    "difference, the layer taken away": (
        [lambda p, o, b: b[0] @ p[0], lambda p, o, b: b[0] - o.act(b[1]) @ p[1]], (W, whole(2, 3, 4)), ROW,
    ),
    "the input's sign": ([lambda p, o, b: (1 - b[0]) @ p[0]], (W,), ROW),
    "negated, read twice": (
        [lambda p, o, b: -(b[0] @ p[0]), lambda p, o, b: jnp.concatenate([b[1], -b[1]], 1) @ p[1]],
        (W, whole(2, 6, 2)), ROW,
    ),
    "negated concatenation": (
        [lambda p, o, b: b[0] @ p[0], lambda p, o, b: -jnp.concatenate([b[1], b[0]], 1) @ p[1]],
        (W, whole(2, 7, 2)), ROW,
    ),
    "normalised": (
        [
            lambda p, o, b: o.normalised(conv(b[0], p[0]), *p[2]),
            lambda p, o, b: o.normalised(conv(o.act(b[1]), p[1]), *p[2]) + o.act(b[1]),
        ],
        (K3, K1, (GAMMA, GAMMA**2 + 1)), IMAGE,
    ),
    "multiplied by a vector of the code": ([lambda p, o, b: o.times(conv(b[0], p[0]), GAMMA)], (K3,), IMAGE),
    "multiplied by a parameter": ([lambda p, o, b: o.times(conv(b[0], p[0]), p[1]) + b[0]], (K3, GAMMA), IMAGE),
    "the input multiplied": ([lambda p, o, b: conv(o.times(b[0], GAMMA), p[0])], (K3,), IMAGE),
    "multiplied concatenation": (
        [lambda p, o, b: b[0] @ p[0], lambda p, o, b: o.times(jnp.concatenate([b[0], b[1]], -1), jnp.array([1.0, -2.0, 2.0, -1.0, 3.0, -3.0, 1.0])) @ p[1]],
        (W, whole(2, 7, 2)), ROW,
    ),
    "multiplied while transposed": (
        [lambda p, o, b: o.times((b[0] @ p[0]).T, jnp.array([[-2.0], [3.0], [1.0]])).T, lambda p, o, b: o.act(b[1]) @ p[1]],
        (W, whole(2, 3, 2)), ROW,
    ),
    "weights normalised": ([lambda p, o, b: b[0] @ (p[0] / jnp.linalg.norm(p[0], axis=0))], (W,), ROW),
    "ceil mode": (
        [
            lambda p, o, b: conv(b[0], p[0]),
            lambda p, o, b: ceil_max_pool(b[1], 3, 2) if o is Net else o.mean(b[1], (1, 3, 3, 1), (1, 2, 2, 1), ((0, 0), (0, 0), (0, 1), (0, 0))),
        ],
        (K1,), IMAGE,
    ),
}  # fmt: skip


FOLDED = [(name, True) for name in STAGES if "normalised" in name or "multiplied" in name]


@pytest.mark.parametrize(("name", "fold_bn"), [(name, False) for name in STAGES] + FOLDED)
def test_edges_are_the_jacobians_of_layers(name, fold_bn):
    stages, params, x = STAGES[name]
    check_stages(stages, params, x, fold_bn)


@pytest.mark.parametrize(("reduce", "weight"), [(jnp.mean, 0.01 / math.sqrt(20)), (jnp.sum, 1), (jnp.max, 0.01 / math.sqrt(20))])  # fmt: skip
def test_whole_axes_are_one_window(reduce, weight):
    graph = trace(lambda w, x: reduce(x, (1, 2)) @ w, whole(1, 2, 3), IMAGE)
    a = agree(graph, lambda w, x: reduce(x, (1, 2)) @ w, whole(1, 2, 3), IMAGE)
    expected = np.zeros((2, 40))
    for n in range(40):
        expected[n % 2, n] = weight
    np.testing.assert_allclose(a[40:42, :40], expected, rtol=1e-6)
    np.testing.assert_array_equal(a[42:, 40:42], whole(1, 2, 3).T)
    assert graph.num_edges == 40 + 6


def test_a_mean_over_inputs_alone_has_the_same_edges():
    pool = partial(nn.avg_pool, window_shape=(3, 3), strides=(2, 2), padding=((1, 1), (1, 1)))
    a, b = (trace(lambda w, x, c=c: conv(pool(x, count_include_pad=c), w), K1, IMAGE) for c in (True, False))
    np.testing.assert_array_equal(agree(a), agree(b))
    # Along 5 rows the windows hold 2, 3, 2 and along 4 columns 2, 3 inputs.
    assert a.edges_by_link() == [7 * 5 * 2, 6 * 4]


MOVES = {
    "transpose": lambda x: x.T,
    "flatten": lambda x: x.reshape(1, -1),
    "stack": lambda x: x.reshape(-1, 1),
    "reverse": lambda x: x[:, ::-1],
    "halve": lambda x: x[:, ::2],
    "drop": lambda x: x[1:] if len(x) > 1 else x,
    "pad": lambda x: jnp.pad(x, ((0, 0), (1, 0))),
    "repeat": lambda x: x[:, np.array([0, -1, 0])],
    "rotate": lambda x: x[:, np.arange(x.shape[1]) - 1],
    "swap halves": lambda x: jnp.concatenate(jnp.split(x, [x.shape[1] // 2], 1)[::-1], 1),
    "negate": lambda x: -x,
    "factors": lambda x: x * (1.0 - 2.0 * (jnp.arange(x.shape[1]) % 2)),
    "clip": relu,
}


def random_network(program):
    """A function made of steps (kind, first value, second value), and the shapes of its weights."""

    def fn(params, x, clip=True):
        weights, values = iter(params), [x]
        for kind, n, m in program:
            a, b = values[n % len(values)], values[m % len(values)]
            if kind == "dense":
                a = a @ next(weights)[: a.shape[1]]
            elif kind == "add":
                a = a + b if a.shape == b.shape else a[:, :1] + a
            elif kind == "take away":
                a = a - b if a.shape == b.shape else a - a[:, ::-1]
            elif kind == "concatenate":
                a = jnp.concatenate([a.reshape(1, -1), b.reshape(1, -1)], 1)
            else:
                a = MOVES[kind](a) if clip or kind != "clip" else a
            values.append(a[:4, :12])
        return values[-1].reshape(1, -1) @ params[-1][: values[-1].size]

    return fn


@settings(max_examples=8, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([*MOVES, *["dense", "add", "take away", "concatenate"] * 3]),
            st.integers(-3, -1),
            st.integers(0, 9),
        ),
        max_size=12,
    ),
    st.sampled_from(["identity", "paper"]),
)
def test_paths_through_a_random_network_are_its_jacobian(program, residual):
    fn = random_network(program)
    params = [whole(n, 12, 2 + n % 2).clip(-1, 1) for n in range(len(program))] + [whole(99, 48, 2)]
    x = whole(98, 2, 3)
    graph = trace(fn, params, x, residual=residual, fold_bn=True)
    a = agree(graph, fn, params, x, residual=residual, fold_bn=True)
    # Without clipping the network is linear, and I + A + A A + ... sums over all paths, whoever owns the rows of a sum.
    paths = np.linalg.inv(np.eye(graph.num_nodes) - a)
    expected = jacobian(partial(fn, params, clip=False), x)
    np.testing.assert_allclose(paths[-2:, :6], expected, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(states(fn, params, x, residual=residual).output, jax.jit(fn)(params, x), rtol=1e-5)


# --- modules


class Residual(nn.Module):
    @nn.compact
    def __call__(self, x):
        y = nn.relu(nn.BatchNorm(use_running_average=True, name="bn1")(nn.Conv(2, (3, 3), name="conv1")(x)))
        y = nn.BatchNorm(use_running_average=True, name="bn2")(nn.Conv(2, (3, 3), name="conv2")(y))
        x = nn.max_pool(nn.relu(x + y), (2, 2), (2, 2))
        return nn.Dense(3, name="fc")(x.reshape(1, -1))


def with_statistics(variables):
    """Batch normalisations as training leaves them, some gammas negative."""

    def changed(path, leaf):
        name, key = path[-1].key, jax.random.key(len(jax.tree_util.keystr(path)))
        drawn = jax.random.uniform(key, leaf.shape, minval=0.5, maxval=2.0)
        return {"var": drawn, "mean": drawn, "scale": drawn.at[::2].multiply(-1)}.get(name, leaf)

    return jax.tree_util.tree_map_with_path(changed, variables)


def test_a_linen_module():
    model = Residual()
    variables = with_statistics(model.init(jax.random.key(0), IMAGE))
    graph = trace(model.apply, variables, IMAGE)
    agree(graph, model.apply, variables, IMAGE)
    assert [(b.name, b.kind, b.shape) for b in graph.blocks] == [
        ("input", "input", (1, 5, 4, 2)),
        ("conv1", "conv", (1, 5, 4, 2)),
        ("conv2", "conv", (1, 5, 4, 2)),
        ("pool", "pool", (1, 2, 2, 2)),
        ("fc", "dense", (1, 3)),
    ]
    assert list(graph.layout.names) == ["conv1/kernel", "conv2/kernel", "fc/kernel"]
    assert graph.num_params == sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))
    same = conv(jnp.ones((1, 5, 4, 1)), jnp.ones((3, 3, 1, 1))).sum()
    assert graph.edges_by_link() == [int(same) * 4, 40, int(same) * 4, 32, 24]


def test_fold_bn_multiplies_edges_as_folding_the_weights_does():
    model = Residual()
    variables = with_statistics(model.init(jax.random.key(0), IMAGE))
    folded = jax.tree.map(jnp.array, variables)
    for n in "12":
        gamma, sigma = variables["params"][f"bn{n}"]["scale"], variables["batch_stats"][f"bn{n}"]["var"]
        folded["params"][f"conv{n}"]["kernel"] *= gamma / np.sqrt(sigma + 1e-5)
    assert (variables["params"]["bn1"]["scale"] < 0).any()
    found = agree(trace(model.apply, variables, IMAGE, fold_bn=True), model.apply, variables, IMAGE, fold_bn=True)
    np.testing.assert_allclose(found, agree(trace(model.apply, folded, IMAGE)), rtol=1e-5)
    left_out = agree(trace(model.apply, variables, IMAGE))
    assert ((found < 0) != (left_out < 0)).any()
    fresh = model.init(jax.random.key(0), IMAGE)
    np.testing.assert_array_equal(left_out, agree(trace(model.apply, fresh, IMAGE)))
    graph = trace(model.apply, variables, IMAGE, fold_bn=True)
    assert [t for t, name in zip(graph.layout.trained, graph.layout.names, strict=True) if "bn" in name] == [False] * 2
    assert sum(graph.layout.trained) == 3


class EquinoxNet(eqx.Module):
    first: eqx.nn.Conv2d
    second: eqx.nn.Conv2d
    pool: eqx.nn.MaxPool2d
    last: eqx.nn.Linear

    def __init__(self):
        keys = jax.random.split(jax.random.key(0), 3)
        self.first = eqx.nn.Conv2d(2, 2, 3, padding=1, key=keys[0])
        self.second = eqx.nn.Conv2d(2, 2, 3, padding=1, key=keys[1])
        self.pool = eqx.nn.MaxPool2d(2, 2, padding=1)
        self.last = eqx.nn.Linear(18, 3, key=keys[2])

    def __call__(self, x, gamma):
        y = x + self.second(relu(self.first(x))) * gamma[:, None, None]
        return self.last(self.pool(relu(y)).ravel())


def test_an_equinox_module():
    x = jnp.moveaxis(IMAGE[0, :4], -1, 0)
    with pytest.raises(ArgumentError, match=r"params holds a .*eqx\.partition"):
        trace(lambda net, x: net(x), eqx.nn.MLP(4, 3, 5, 1, key=jax.random.key(0)), x[0, :, 0])
    params, static = eqx.partition(EquinoxNet(), eqx.is_array)

    def fn(params, x):
        return eqx.combine(params[0], static)(x, params[1])

    # Here convolutions drop their leading axis; the sum is still the second one's block, gamma on its edges alone.
    graph = trace(fn, (params, GAMMA), x, fold_bn=True)
    found = agree(graph, fn, (params, GAMMA), x, fold_bn=True)
    assert [b.kind for b in graph.blocks] == ["input", "conv", "conv", "pool", "dense"]
    w = params.second.weight * GAMMA[:, None, None, None]
    layer = lambda b: lax.conv_general_dilated(b[None], w, (1, 1), ((1, 1), (1, 1)))  # noqa: E731
    np.testing.assert_allclose(found[64:96, 32:64], jacobian(layer, x), rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(found[64:96, :32], np.eye(32))
    assert graph.layout.names[:2] == ("0/first/weight", "0/second/weight")


def test_an_nnx_module():
    class Net(nnx.Module):
        def __init__(self, rngs):
            self.conv = nnx.Conv(2, 4, (3, 3), rngs=rngs)
            self.bn = nnx.BatchNorm(4, use_running_average=True, rngs=rngs)
            self.fc = nnx.Linear(4, 3, rngs=rngs)

        def __call__(self, x):
            x = nnx.relu(self.bn(self.conv(x)))
            return self.fc(nnx.avg_pool(x, (5, 4)).reshape(1, -1))

    graphdef, state = nnx.split(Net(nnx.Rngs(0)))
    fn = lambda state, x: nnx.merge(graphdef, state)(x)  # noqa: E731
    graph = trace(fn, state, IMAGE)
    found = agree(graph, fn, state, IMAGE)
    kernel = state["conv"]["kernel"][...]
    np.testing.assert_allclose(found[40:120, :40], jacobian(lambda b: conv(b, kernel), IMAGE), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(found[124:, 120:124], state["fc"]["kernel"][...].T, rtol=1e-6)
    assert [b.size for b in graph.blocks] == [40, 80, 4, 3]


# --- elementwise functions


@jax.custom_jvp
def twice_tanh(x):
    return 2 * jnp.tanh(x)


twice_tanh.defjvps(lambda g, y, x: g)


@jax.custom_vjp
def straight_through(x):
    return jnp.round(x)


straight_through.defvjp(lambda x: (x, None), lambda _, g: (g,))

LRN = partial(local_response_normalization, alpha=1.0)
ACTIVATIONS = {
    "relu6": jax.nn.relu6,
    "leaky_relu": jax.nn.leaky_relu,
    "elu": jax.nn.elu,
    "selu": jax.nn.selu,
    "celu": jax.nn.celu,
    "softplus": jax.nn.softplus,
    "log_sigmoid": jax.nn.log_sigmoid,
    "hard_sigmoid": jax.nn.hard_sigmoid,
    "hard_tanh": jax.nn.hard_tanh,
    "soft_sign": jax.nn.soft_sign,
    "log_softmax": jax.nn.log_softmax,
    "jitted softmax": jax.jit(jax.nn.softmax),
    "local_response_normalization": LRN,
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "cube": lambda x: x**3,
    "clip": lambda x: jnp.clip(x, -1, 1),
    "where": lambda x: jnp.where(x > 0, x, 0),
    "where between slopes": lambda x: jnp.where(x > 0, x, 0.1 * x),
    "max of slopes": lambda x: jnp.maximum(x, 0.1 * x),
    "half precision": lambda x: x.astype(jnp.bfloat16).astype(jnp.float32),
    "dropout's mask": lambda x: jnp.where(jnp.array([[True, False, True]]), x / 0.5, 0),
    "jit in jit": jax.jit(lambda x: jax.jit(jnp.tanh)(x) + 1),
    "checkpoint": jax.checkpoint(jnp.tanh),
    "custom_jvp": twice_tanh,
    "custom_vjp": straight_through,
    "gelu, wrapped": elementwise(jax.nn.gelu),
    "with a constant inside": elementwise(lambda x: x * jax.nn.sigmoid(x * GAMMA[0])),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_increasing_functions_have_no_edges(name):
    weights = W, whole(2, 3, 2)
    fn = lambda act, w, x: act(x @ w[0]) @ w[1]  # noqa: E731
    a = to_scipy(trace(partial(fn, ACTIVATIONS[name]), weights, ROW)).toarray()
    np.testing.assert_array_equal(
        a, hand_made("xyz", {"x": 4, "y": 3, "z": 2}, {"yx": weights[0].T, "zy": weights[1].T})
    )
    found = states(partial(fn, ACTIVATIONS[name]), weights, ROW)
    # Sums of terms of order 1, in float32, may cancel.
    np.testing.assert_allclose(found.output, fn(ACTIVATIONS[name], weights, ROW), rtol=1e-6, atol=1e-6)


def test_elementwise_lets_no_other_function_through():
    two = elementwise(lambda x: x[:, :2])
    graph = trace(lambda w, x: two(x) @ w[:2], W, ROW)
    np.testing.assert_array_equal(agree(graph)[4:, :4], np.array(W.at[2:].set(0)).T)


@pytest.mark.parametrize("factor", [0.01, -2.0])
def test_numbers_multiply_edges_where_they_are_folded(factor):
    params = {"a": jnp.float32(factor), "w": whole(7, 4, 4)}
    for fn in (lambda p, x: x @ p["w"] + p["a"] * x, lambda p, x: x @ p["w"] + factor * x):
        folded = to_scipy(trace(fn, params, ROW, fold_bn=True)).toarray()[4:, :4]
        np.testing.assert_allclose(folded, np.asarray(params["w"]).T + factor * np.eye(4), rtol=1e-6)
        left_out = to_scipy(trace(fn, params, ROW)).toarray()[4:, :4]
        np.testing.assert_allclose(left_out, np.asarray(params["w"]).T + np.sign(factor) * np.eye(4), rtol=1e-6)
    shapes = jax.eval_shape(lambda: params)
    assert trace(lambda p, x: x @ p["w"] + p["a"] * x, shapes, ROW, fold_bn=True).num_edges == 20
    # What a mean divides by is in the weight of a pool's edges already.
    means = [to_scipy(trace(lambda w, x: (x @ w).mean(-1), W, ROW, fold_bn=fold)).toarray() for fold in (False, True)]
    np.testing.assert_array_equal(*means)


def named(name, fn):
    """A jitted function of that name."""
    fn.__name__ = name
    return jax.jit(fn)


@pytest.mark.parametrize("name", ["elu", "relu", "softmax", "log_softmax"])
def test_names_are_not_trusted_where_a_body_can_be_read(name):
    square = whole(5, 3, 3)
    own = named(name, lambda y: jnp.tanh(y @ square))
    np.testing.assert_array_equal(
        to_scipy(trace(lambda w, x: own(x @ w), W, ROW)).toarray(),
        to_scipy(trace(lambda w, x: jnp.tanh(x @ w @ square), W, ROW)).toarray(),
    )
    bias = named(name, lambda: jnp.ones(3))
    assert trace(lambda w, x: x @ w + bias(), W, ROW).num_edges == W.size
    falling = named(name, lambda y: jnp.where(y > 0, -y, jnp.exp(y) - 1))
    with pytest.raises(UnsupportedOperationError):
        trace(lambda w, x: falling(x @ w) @ w.T, W, ROW)


@pytest.mark.parametrize("name", ["elu", "selu", "leaky_relu", "hard_tanh", "softplus", "log_softmax"])
def test_functions_of_jax_are_known_under_vmap_too(name):
    fn = lambda w, x: jax.vmap(getattr(jax.nn, name))(x @ w) @ w.T  # noqa: E731
    assert trace(fn, W, ROW).num_edges == 2 * W.size


@jax.jit
def with_a_note(w, x):
    y = jnp.tanh(x @ w)
    return y, jnp.sin(y).mean()


class Noting(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(3)(x), jnp.sin(x).mean()


DEAD = {
    "an unused mean": lambda w, x: (x @ w, jnp.tanh(x @ w).mean())[0],
    "an output dropped": lambda w, x: with_a_note(w, x)[0],
    "of a checkpoint": lambda w, x: jax.checkpoint(with_a_note)(w, x)[0],
    "of a module": lambda w, x: Noting().apply({"params": {"Dense_0": {"kernel": w, "bias": w[0]}}}, x)[0],
}


@pytest.mark.parametrize("name", DEAD)
def test_what_nothing_reads_is_not_in_the_graph(name):
    np.testing.assert_array_equal(
        to_scipy(trace(DEAD[name], W, ROW)).toarray(), to_scipy(trace(lambda w, x: x @ w, W, ROW)).toarray()
    )


SQUARES = whole(6, 2, 4, 4)
WRITTEN = {
    "stack": (lambda w, x: jnp.stack([x @ w[0], x], 1).reshape(1, 8) @ w.reshape(8, 4), lambda w, x: jnp.concatenate([x @ w[0], x], 1) @ w.reshape(8, 4)),
    "unstack": (lambda w, x: jnp.unstack(x @ w[0], axis=1)[2] * jnp.ones(1), lambda w, x: (x @ w[0])[:, 2]),
    "tile": (lambda w, x: jnp.tile(x, (1, 2)) @ w.reshape(8, 4), lambda w, x: jnp.concatenate([x, x], 1) @ w.reshape(8, 4)),
    "barrier": (lambda w, x: lax.optimization_barrier(x @ w[0]) @ w[1], lambda w, x: x @ w[0] @ w[1]),
    "scan": (lambda w, x: lax.scan(lambda c, k: (jnp.tanh(c @ k), None), x, w)[0], lambda w, x: jnp.tanh(jnp.tanh(x @ w[0]) @ w[1])),
    "scan backwards": (
        lambda w, x: lax.scan(lambda c, k: (jnp.tanh(c @ k),) * 2, x, w, reverse=True)[1].reshape(1, 8) @ w.reshape(8, 4),
        lambda w, x: (lambda h: jnp.concatenate([jnp.tanh(h @ w[0]), h], 1) @ w.reshape(8, 4))(jnp.tanh(x @ w[1])),
    ),
    "scan with one weight": (
        lambda w, x: lax.scan(lambda c, _: (jnp.tanh(c @ w[0]), None), x, None, length=2)[0],
        lambda w, x: jnp.tanh(jnp.tanh(x @ w[0]) @ w[0]),
    ),
    "a branch taken": (lambda w, x: lax.cond(w.shape[0] > 1, lambda y: y @ w[0], lambda y: y @ w[1], x), lambda w, x: x @ w[0]),
    "a branch of a parameter": (lambda w, x: lax.cond(w[0, 0, 0] > 99, lambda y: y @ w[0], lambda y: y @ w[1], x), lambda w, x: x @ w[1]),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN)
def test_other_forms_of_known_operations_are_read(name):
    short, long = WRITTEN[name]
    np.testing.assert_array_equal(*(to_scipy(trace(fn, SQUARES, ROW)).toarray() for fn in (short, long)))
    np.testing.assert_allclose(states(short, SQUARES, ROW).output, long(SQUARES, ROW), rtol=1e-6)
    assert trace(short, SQUARES, ROW).layout.trained == trace(long, SQUARES, ROW).layout.trained


def gate(w, x):
    y = x @ w
    return jnp.where(y > 0, x[:, :3], 0) @ w[:3]


REFUSED = {
    "attention": (lambda w, x: (x @ w).T @ (x @ w), "dot_general", "attention"),
    "gelu": (lambda w, x: jax.nn.gelu(x @ w), "mul", "both depend"),
    "sin": (lambda w, x: jnp.sin(x @ w), "sin", ""),
    "abs": (lambda w, x: jnp.abs(x), "abs", ""),
    "even power": (lambda w, x: (x @ w) ** 4, "integer_pow", "exponent 4"),
    "elementwise weights, then a sum": (lambda w, x: (x * w[:, 0]).sum(-1), "reduce_sum", "product"),
    "elementwise weights, moved, then a sum": (lambda w, x: (x * w[:, 0]).reshape(4, 1).T.sum(-1), "reduce_sum", ""),
    "elementwise weights, squeezed, then a sum": (lambda w, x: (x * w[:, 0]).sum(0).sum(), "reduce_sum", ""),
    "elementwise weights and a branch, then a sum": (
        lambda w, x: jnp.where(x > 0, x, x * jnp.abs(w[:, 0])).sum(-1), "reduce_sum", "",
    ),
    "a branch that falls": (lambda w, x: jnp.where(x > 0, x, x * w[:, 0]), "select_n", "different places"),
    "elementwise weights along two axes": (lambda w, x: x.reshape(2, 2) * w[:2, :2], "mul", "elementwise"),
    "larger by a constant": (lambda w, x: x.T + w, "add", "repeats"),
    "larger by a bound": (lambda w, x: jnp.maximum(x.T, w), "max", "repeats"),
    "a quotient": (lambda w, x: 1 / x, "div", "depends on the input"),
    "softmax": (lambda w, x: jax.nn.softmax(x), "div", "depends on the input"),
    "a maximum of two": (lambda w, x: jnp.maximum(x[:, :2], x[:, 2:]), "max", "both depend"),
    "a branch of two": (lambda w, x: jnp.where(x[:, :2] > 0, x[:, :2], x[:, 2:]), "select_n", "different places"),
    "a gate": (gate, "select_n", "another place"),
    "a step": (lambda w, x: (x > 0).astype(float) @ w, "convert_element_type", "comparison"),
    "a comparison of two": (lambda w, x: jnp.where(x[:, :2] > x[:, 2:], 1.0, 0.0), "gt", "both depend"),
    "truth": (lambda w, x: x.astype(bool) @ w, "convert_element_type", "bool"),
    "an embedding": (lambda w, x: w[x.astype(jnp.int32)], "gather", "indices"),
    "a kernel from the input": (lambda w, x: lax.conv(w[None, None], x[None, None, :, :3], (1, 1), "SAME"), "conv_general_dilated", "kernel"),
    "a branch that hangs on the input": (lambda w, x: lax.cond(x[0, 0] > 0, lambda y: y @ w, lambda y: y @ -w, x), "convert_element_type", "comparison"),
    "a loop of unknown length": (lambda w, x: lax.while_loop(lambda c: c.sum() < 9, lambda c: c @ w @ w.T, x), "while", ""),
    "a sort": (lambda w, x: jnp.sort(x), "sort", ""),
    "a reduction of one's own": (lambda w, x: lax.reduce(x, -jnp.inf, jnp.logaddexp, (1,)), "reduce", ""),
    "a spread window": (lambda w, x: lax.reduce_window(x, 0.0, lax.add, (1, 2), (1, 1), "VALID", base_dilation=(1, 2)), "reduce_window_sum", "spread"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_graph_is_refused_by_name(name):
    fn, primitive, why = REFUSED[name]
    with pytest.raises(UnsupportedOperationError, match=rf"not known: {primitive}\b.*{why}") as error:
        trace(fn, W, ROW)
    assert "jprobe.graph.elementwise" in str(error.value)


def test_a_refusal_names_the_layer():
    class Odd(nn.Module):
        @nn.compact
        def __call__(self, x):
            return nn.Dense(2)(Sine(name="wave")(x))

    class Sine(nn.Module):
        @nn.compact
        def __call__(self, x):
            return jnp.sin(x)

    line = inspect.getsourcelines(Sine.__call__)[1] + 1
    params = Odd().init(jax.random.key(0), ROW)
    with pytest.raises(
        UnsupportedOperationError, match=rf"not known: sin \(in wave, {re.escape(__file__)}:{line + 1}\)"
    ):
        trace(Odd().apply, params, ROW)


def test_a_weight_that_is_no_finite_number_is_refused():
    fn = lambda p, x: relu(x @ p["w"]) @ p["v"] + p["b"]  # noqa: E731
    good = {"w": W, "v": whole(1, 3, 2), "b": jnp.ones(2)}
    for value in (np.nan, np.inf):
        with pytest.raises(WeightsError, match="weights of v hold NaN or infinity"):
            trace(fn, {**good, "v": good["v"].at[0, 0].set(value)}, ROW)
    with pytest.raises(WeightsError, match="parameters v are complex"):
        trace(fn, {**good, "v": good["v"] + 1j}, ROW)
    with pytest.raises(ArgumentError, match="x is complex"):
        trace(fn, good, ROW + 1j)
    # No edge reads a bias.
    assert trace(fn, {**good, "b": jnp.full(2, jnp.nan)}, ROW).num_edges == 18
    # Under jit weights have no values yet; there the energies look.
    assert jax.jit(lambda p: trace(fn, p, ROW))({**good, "v": good["v"] * jnp.nan}).num_edges == 18


def test_arguments_in_another_order_are_refused():
    fn = lambda p, x: x @ p["w"]  # noqa: E731
    params = {"w": W}
    with pytest.raises(ArgumentError, match=r"fn is a function of \(params, x\), not dict"):
        trace(params, fn, ROW)
    with pytest.raises(ArgumentError, match="x is one input, an array or a shape, not dict"):
        trace(fn, ROW, params)
    with pytest.raises(ArgumentError, match="fn is a function"):
        trace(ROW, params, fn)


def test_bare_parameters_of_a_linen_module_are_refused():
    model = Residual()
    variables = model.init(jax.random.key(0), IMAGE)
    for fn in (model.apply, lambda v, x: 2 * model.apply(v, x)):
        assert trace(fn, variables, IMAGE).num_params == trace(model.apply, variables, IMAGE).num_params
        for act in (trace, states):
            with pytest.raises(ArgumentError, match=r"'bn1', .*whole variables dictionary: pass \{'params': params\}"):
                act(fn, variables["params"], IMAGE)


def test_short_reprs():
    graph = trace(lambda w, x: relu(x @ w[0]) @ w[1], (W, whole(2, 3, 2)), ROW)
    assert repr(graph) == "Graph(9 nodes, 18 edges, 3 blocks)"
    assert repr(graph.layout) == "Layout(3 blocks, 2 links)"
    assert repr(jax.tree.map(lambda w: None, graph)) == "Graph(9 nodes, ? edges, 3 blocks)"
    assert repr(network("squeezenet")) == "Graph(3,269,923 nodes, 378,577,376 edges, 31 blocks)"
    alive = replace(graph, alive=graph.ones())
    assert repr(alive) == "Graph(9 nodes, 18 edges, 3 blocks, a part of them alive)"


def test_other_mistakes():
    with pytest.raises(ArgumentError, match="residual"):
        trace(lambda w, x: x @ w, W, ROW, residual="other")
    with pytest.raises(ArgumentError, match="depend"):
        trace(lambda w, x: w, W, ROW)
    graph = bipartite(W)
    with pytest.raises(ShapeError, match="7 nodes"):
        graph.matvec(jnp.ones(6))


# --- the graph itself


def test_shapes_are_enough_for_numbers_and_for_nothing_else():
    graph = trace(lambda w, x: x @ w, shapes_of(W), shapes_of(ROW))
    assert (graph.num_nodes, graph.num_edges, graph.num_params) == (7, 12, 12)
    s = jnp.ones(7)
    for use in (
        lambda: graph.matvec(s),
        lambda: graph.forward(graph.split(s)),
        lambda: graph.product(graph.split(s)),
        lambda: graph.field(graph.split(s), 0),
        graph.absolute,
        graph.check,
        lambda: edge_list(graph),
        lambda: to_scipy(graph),
    ):
        with pytest.raises(WeightsError, match="has no weights"):
            use()


def test_a_weight_read_twice_is_one_array():
    def fn(p, x):
        w, v = p["w"] / jnp.max(p["w"]), p["w"] * jnp.min(p["w"])
        return relu(relu(relu(relu(x @ p["w"]) @ p["w"]) @ w) @ w) @ v + x @ p["w"].T

    w = whole(1, 4, 4)
    graph = trace(fn, {"w": w}, ROW)
    agree(graph, fn, {"w": w}, ROW)
    read = [k.layer.weight for k in graph.layout.links if k.layer]
    assert [w.shape for w in graph.weights] == [(4, 4)] * 4
    assert sorted(read) == [0, 0, 1, 1, 2, 3]
    assert graph.num_params == 16


def test_absolute_and_precision():
    graph = trace(lambda w, x: -jnp.max(relu(x @ w), -1), W, ROW)
    np.testing.assert_allclose(to_scipy(graph.absolute()).toarray(), np.abs(to_scipy(graph).toarray()), rtol=1e-6)
    spins = np.array([1, -1, 1, 1, -1, 1, 1, -1], np.int8)
    assert graph.matvec(spins).dtype == jnp.float32
    half = trace(lambda w, x: x.astype(w.dtype) @ w, W.astype(jnp.bfloat16), ROW)
    assert half.weights[0].dtype == jnp.float32
    with jax.enable_x64():
        a = to_scipy(graph)
        found = graph.matvec(np.asarray(spins, np.float64))
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, (a + a.T) @ spins, rtol=1e-7)


def test_a_graph_passes_through_jit():
    graph = trace(lambda w, x: relu(x @ w[0]) @ w[1], (W, whole(2, 3, 2)), ROW)
    spins = jnp.ones(graph.num_nodes)
    doubled = jax.tree.map(lambda w: 2 * w, graph)
    product = jax.jit(Graph.matvec)
    np.testing.assert_array_equal(product(doubled, spins), 2 * product(graph, spins))


def test_nodes_that_are_not_alive():
    graph = trace(lambda w, x: relu(x @ w[0]) @ w[1], (W, whole(2, 3, 2)), ROW)
    alive = (jnp.array([[1, 0, 1, 1.0]]), jnp.array([[0, 1, 1.0]]), jnp.ones((1, 2)))
    part = replace(graph, alive=alive)
    kept = np.concatenate([a.ravel() for a in alive])
    expected = to_scipy(graph).toarray() * kept * kept[:, None]
    np.testing.assert_array_equal(to_scipy(part).toarray(), expected)
    spins = np.array([1, -1, 1, -1, 1, 1, -1, 1, 1.0], np.float32)
    np.testing.assert_array_equal(part.matvec(spins), (expected + expected.T) @ spins)
    np.testing.assert_array_equal(part.join(part.ones()), kept)


def test_too_many_edges_for_a_matrix():
    with pytest.raises(ArgumentError, match="378,577,376"):
        edge_list(replace(g := network("squeezenet"), weights=tuple(np.broadcast_to(0.0, w.shape) for w in g.weights)))


# --- sums in the paper's way


def hand_made(order, sizes, blocks):
    """A from {(target, source): matrix} with the blocks in this order."""
    starts = dict(zip(order, np.cumsum([0, *(sizes[n] for n in order[:-1])]), strict=True))
    a = np.zeros((sum(sizes[n] for n in order),) * 2)
    for (target, source), matrix in blocks.items():
        rows, columns = starts[target], starts[source]
        a[rows : rows + sizes[target], columns : columns + sizes[source]] += matrix
    return a


def test_sums_in_the_papers_way():
    def fn(p, x):
        a = relu(conv(x, p["a"]))
        c = relu(conv(relu(conv(a, p["b"])), p["c"]) + a)
        # The shortcut has a layer of its own: no nodes, and the tensor it reads stands twice.
        e = relu(conv(relu(conv(c, p["d"], 2)), p["e"]) + conv(c, p["down"], 2))
        return conv(relu(conv(e, p["f"])), p["g"]) + e

    x = whole(0, 1, 4, 4, 2)
    params = {n: whole(k, 3, 3, 2, 2) for k, n in enumerate("abcdefg")} | {"down": whole(9, 1, 1, 2, 2)}
    sizes = dict.fromkeys(("x", "a", "b", "c", "c again"), 32) | dict.fromkeys("defg", 8)
    graph = trace(fn, params, x, residual="paper")
    j = {
        n: jacobian(lambda b, n=n: conv(b, params[n], 2 if n in ("d", "down") else 1), x)
        for n in ("a", "b", "c", "d", "down")
    }
    j |= {n: jacobian(lambda b, n=n: conv(b, params[n]), jnp.zeros((1, 2, 2, 2))) for n in "efg"}
    blocks = {
        ("a", "x"): j["a"], ("b", "a"): j["b"],
        ("c", "b"): j["c"], ("c", "x"): j["a"],
        ("c again", "b"): j["c"], ("c again", "x"): j["a"],
        ("d", "c"): j["d"], ("e", "d"): j["e"], ("e", "c again"): j["down"],
        ("f", "e"): j["f"], ("g", "f"): j["g"], ("g", "d"): j["e"], ("g", "c again"): j["down"],
    }  # fmt: skip
    order = ["x", "a", "b", "c", "d", "c again", "e", "f", "g"]
    found = agree(graph, fn, params, x, residual="paper")
    np.testing.assert_array_equal(found, hand_made(order, sizes, blocks))
    # In the natural way both summands are there, and identities.
    natural = agree(trace(fn, params, x))
    sizes["shortcut"] = 8
    blocks = {k: v for k, v in blocks.items() if "c again" not in k and k not in (("c", "x"), ("g", "d"))}
    eye = {("c", "a"): np.eye(32), ("shortcut", "c"): j["down"], ("e", "shortcut"): np.eye(8), ("g", "e"): np.eye(8)}
    order = ["x", "a", "b", "c", "d", "shortcut", "e", "f", "g"]
    np.testing.assert_array_equal(natural, hand_made(order, sizes, blocks | eye))


def test_a_strided_pool_beside_a_layer_in_the_papers_way():
    def fn(p, x):
        h = relu(conv(x, p[0]))
        pooled = nn.avg_pool(h, (2, 2), (2, 2))
        return jnp.concatenate([conv(h, p[1], 2), pooled], -1).reshape(1, -1) @ p[2]

    x, params = whole(0, 1, 4, 4, 2), (K3, K3, whole(1, 16, 2))
    graph = trace(fn, params, x, residual="paper")
    found = agree(graph, fn, params, x, residual="paper")
    assert [b.size for b in graph.blocks] == [32, 32, 8, 32, 8, 2]
    first = jacobian(lambda b: conv(b, K3), x)
    np.testing.assert_array_equal(found[32:64, :32], first)
    np.testing.assert_array_equal(found[72:104, :32], first)
    np.testing.assert_array_equal(found[64:72, 32:64], jacobian(lambda b: conv(b, K3, 2), x))
    pooling = jacobian(lambda b: 0.01 * 2 * nn.avg_pool(b, (2, 2), (2, 2)), x)
    np.testing.assert_allclose(found[104:112, 72:104], pooling, rtol=1e-6)
    assert trace(fn, params, x).num_nodes == graph.num_nodes - 32


def test_rows_that_are_taken_over_in_part():
    # The other summand is half of a layer: the edges of its other half are not taken.
    def fn(p, x):
        y = x @ p[0]
        return relu(y) @ p[1] + y[:, np.array([2, 0, 0])]

    params = W, whole(2, 3, 3)
    found = agree(trace(fn, params, ROW, residual="paper"), fn, params, ROW, residual="paper")
    np.testing.assert_array_equal(found[7:, :4], W.T[np.array([2, 0, 0])])


# --- what nodes hold


def test_states_by_hand():
    w1, w2, w3 = jnp.array([[1.0, -2.0]]), jnp.array([[-1.0, 3.0]]), whole(1, 2, 1)

    def fn(p, x):
        y = relu(jnp.concatenate([x @ p[0], x @ p[1] + 1], 1))
        z = jnp.max(y.reshape(2, 2), 1) @ p[2]
        return {"logits": z, "sure": (z * 2, 3)}

    params = w1, w2, w3
    found = states(fn, params, jnp.array([[2.0]]))
    # x = 2: [2, -4] and [-1, 7], of which the maxima are 2 and 7.
    logits = (2 * w3[0] + 7 * w3[1]).tolist()
    # The last block is read twice: before it is doubled.
    assert [b.tolist() for b in found.blocks] == [[[2.0]], [[2.0, 0.0]], [[0.0, 7.0]], [[2.0], [7.0]], logits]
    assert found.output["logits"].tolist() == logits
    assert found.output["sure"][1] == 3
    np.testing.assert_array_equal(found.output["sure"][0], 2 * found.output["logits"])
    seen, result = found.windows[3]
    assert (seen.tolist(), result.tolist()) == ([[2.0, 0.0], [0.0, 7.0]], [[2.0], [7.0]])
    assert [w is None for w in found.windows] == [True, True, True, False, True]


def test_states_through_moves():
    w = jnp.array([[1.0, -1.0, 2.0, -2.0]])

    def halves(w, x):
        a, b = jnp.split(x @ w, 2, -1)
        return jnp.concatenate([relu(a), b + 7], -1)[:, ::-1] @ w.T

    assert states(halves, w, jnp.ones((1, 1))).blocks[1].tolist() == [[1.0, 0.0, 9.0, 5.0]]
    fns = {
        "shuffle": lambda w, x: relu((x @ w)[:, np.array([3, 1, 0, 2])]) @ w.T,
        "slice": lambda w, x: relu((x @ w)[:, 1:]) @ w.T[1:],
        "repetition": lambda w, x: relu((x @ w)[:, np.array([0, 0, 1, 1])]) @ w.T,
        "pad": lambda w, x: relu(jnp.pad(x @ w, ((0, 0), (1, 1)))) @ jnp.pad(w.T, ((1, 1), (0, 0))),
        "where": lambda w, x: jnp.where((y := x @ w) > 0, y, 0) @ w.T,
        "read before": lambda w, x: jnp.concatenate([y := x @ w, relu(y)], 1) @ jnp.tile(w.T, (2, 1)),
        "negative": lambda w, x: relu(-jnp.concatenate([x @ w, x], 1))[:, :4] @ w.T,
    }
    expected = {
        "shuffle": [1.0, 0.0, 2.0, 0.0],
        "slice": [1.0, 0.0, 2.0, 0.0],  # the first is not read at all, and keeps its value
        "repetition": [1.0, -1.0, 2.0, -2.0],  # two copies of a node could differ, so it keeps its own value
        "pad": [1.0, 0.0, 2.0, 0.0],
        "where": [1.0, 0.0, 2.0, 0.0],
        "read before": [1.0, -1.0, 2.0, -2.0],
        "negative": [0.0, 1.0, 0.0, 2.0],
    }
    for name, fn in fns.items():
        found = states(fn, w, jnp.ones((1, 1)))
        assert found.blocks[1].ravel().tolist() == expected[name], name
        np.testing.assert_array_equal(found.output, fn(w, jnp.ones((1, 1))))


def test_states_belong_to_the_graphs_blocks():
    model = Residual()
    variables = with_statistics(model.init(jax.random.key(0), IMAGE))
    for residual in ("identity", "paper"):
        graph = trace(model.apply, variables, IMAGE, residual=residual)
        found = states(model.apply, variables, IMAGE, residual=residual)
        assert [b.shape for b in found.blocks] == [b.shape for b in graph.blocks]
        np.testing.assert_allclose(found.output, model.apply(variables, IMAGE), rtol=1e-5)
        np.testing.assert_array_equal(found.blocks[-1], found.output)
        assert all((b >= 0).all() and (b == 0).any() for b in found.blocks[1:3])


def test_states_under_jit_and_vmap():
    model = Residual()
    variables = with_statistics(model.init(jax.random.key(0), IMAGE))
    images = jnp.stack([IMAGE, -IMAGE, IMAGE[:, ::-1]])
    many = jax.jit(lambda v, xs: jax.vmap(lambda x: states(model.apply, v, x))(xs))(variables, images)
    for n, image in enumerate(images):
        found = jax.tree.leaves(many)
        expected = jax.tree.leaves(states(model.apply, variables, image))
        for some, one in zip(found, expected, strict=True):
            np.testing.assert_allclose(some[n], one, rtol=1e-5, atol=1e-5)


def test_only_the_largest_of_a_window():
    def fn(w, x):
        return lax.reduce_window(x @ w, -jnp.inf, lax.max, (3, 2), (2, 1), ((1, 1), (0, 1)), window_dilation=(1, 2))

    w, x = whole(1, 3, 4), whole(2, 4, 3)
    graph, seen = trace(fn, w, x), states(fn, w, x).windows[2]
    links = tuple(
        k._replace(operators=tuple(replace(o, seen=(1, 2)) if isinstance(o, Pool) else o for o in k.operators))
        for k in graph.layout.links
    )
    active = Graph((*graph.weights, *seen), replace(graph.layout, links=links))
    a = to_scipy(active)
    spins = np.random.default_rng(0).choice([-1.0, 1.0], graph.num_nodes)
    np.testing.assert_allclose(active.matvec(spins), (a + a.T) @ spins, rtol=1e-5, atol=1e-6)
    # Whole numbers tie, so some windows keep several edges.
    every = to_scipy(graph).toarray()[28:, 12:28]
    assert every.shape == (seen[1].size, 16)
    values = np.where(every > 0, np.asarray(seen[0]).ravel(), -np.inf)
    kept = (values == values.max(1, keepdims=True)) & (every > 0)
    assert (kept.sum(1) > 1).any()
    np.testing.assert_array_equal(a.toarray()[28:, 12:28], every * kept)


# --- graphs that are no network


@settings(max_examples=8, deadline=None)
@given(st.data())
def test_a_graph_from_edges(data):
    nodes = data.draw(st.integers(1, 8))
    node = st.integers(0, nodes - 1)
    edges = data.draw(st.lists(st.tuples(node, node, st.integers(-3, 3)), max_size=20))
    edges = [e for e in edges if e[0] != e[1]]
    out_of, into, weight = ([e[n] for e in edges] for n in range(3))
    graph = from_edges(out_of, into, weight, nodes)
    dense = np.zeros((nodes, nodes))
    np.add.at(dense, (into, out_of), weight)
    assert (graph.num_nodes, graph.num_edges) == (nodes, len(edges))
    np.testing.assert_array_equal(to_scipy(graph).toarray(), dense)
    spins = np.arange(1, nodes + 1, dtype=np.float32)

    @jax.jit
    def found(graph, spins):
        blocks = graph.split(spins)
        rows = [graph.field(blocks, n) for n in range(len(blocks))]
        alone = [[b if m == n else jnp.zeros_like(b) for m, b in enumerate(blocks)] for n in range(len(blocks))]
        own = [graph.field(others, n) for n, others in enumerate(alone)]
        forward = graph.forward(blocks)
        return graph.matvec(spins), graph.join(forward), graph.join(rows), graph.join(own), graph.join(blocks)

    product, forward, rows, own, joined = found(graph, spins)
    np.testing.assert_array_equal(product, (dense + dense.T) @ spins)
    np.testing.assert_array_equal(forward, dense @ spins)
    np.testing.assert_array_equal(rows, (dense + dense.T) @ spins)
    # No node sees itself or its block, so a block may flip at once.
    np.testing.assert_array_equal(own, np.zeros(nodes))
    np.testing.assert_array_equal(joined, spins)


def test_triangle_isolated_nodes_and_none():
    triangle = from_edges([0, 1, 2], [1, 2, 0], [1.0, 1.0, -1.0])
    assert len(triangle.blocks) == 3
    assert triangle.matvec(jnp.array([[1.0, 1.0, 1.0], [1.0, -1.0, 1.0]])).tolist() == [
        [0.0, 2.0, 0.0],
        [-2.0, 2.0, -2.0],
    ]
    alone = from_edges([4], [2], [2.0], nodes=6)
    assert alone.matvec(jnp.arange(6.0)).tolist() == [0.0, 0.0, 8.0, 0.0, 4.0, 0.0]
    empty = from_edges([], [], [], nodes=3)
    assert (empty.num_nodes, empty.num_edges, empty.matvec(jnp.ones(3)).tolist()) == (3, 0, [0.0, 0.0, 0.0])
    assert to_scipy(empty).nnz == 0
    star = from_edges(np.zeros(9, int), np.arange(1, 10), np.ones(9))
    assert [b.size for b in star.blocks] == [1, 9]


@pytest.mark.parametrize(
    ("edges", "error", "match"),
    [
        (([0], [0, 1], [1.0]), ShapeError, "source, a target"),
        (([[0]], [[1]], [[1.0]]), ShapeError, "source, a target"),
        (([0, 2], [1, 2], [1.0, 1.0]), ShapeError, "Node 2 has an edge to itself"),
        (([-1], [1], [1.0]), ShapeError, "between 0 and 1"),
        (([0], [3], [1.0], 3), ShapeError, "between 0 and 2"),
        (([0.5], [1], [1.0]), ShapeError, "source holds others"),
        (([0], [np.nan], [1.0]), ShapeError, "target holds others"),
        (([True], [0], [1.0]), ShapeError, "not list of bool"),
        (("01", [1], [1.0]), ShapeError, "source is a list of node numbers, not str"),
        (({0: 1}, [1], [1.0]), ShapeError, "source is a list of node numbers, not dict"),
        (([], [], []), ShapeError, "no edges; say how many nodes"),
        (([0], [1], [np.nan]), WeightsError, "NaN"),
        (([0], [1], [1e39]), WeightsError, "infinity"),
        (([0], [1], [1j]), WeightsError, "complex128"),
        (([0], [1], {0: 1.0}), WeightsError, "object"),
    ],
)
def test_edges_that_are_no_graph(edges, error, match):
    with pytest.raises(error, match=match):
        from_edges(*edges)


def test_edges_there_and_back():
    # Whole numbers as floating-point ones too, as text files give them.
    graph = trace(lambda p, x: relu(x @ p[0]) @ p[1] + x[:, :2], (W, whole(1, 3, 2)), ROW)
    for first in (graph, from_edges([0.0, 3.0, 3.0], [2.0, 0.0, 0.0], [1, -2, 5], nodes=6)):
        edges = edge_list(first)
        again = from_edges(*edges, nodes=first.num_nodes)
        np.testing.assert_array_equal(to_scipy(again).toarray(), to_scipy(first).toarray())
        assert again.num_edges == first.num_edges == edges.source.size
        for mine, theirs in zip(edge_list(again), edges, strict=True):
            np.testing.assert_array_equal(mine, theirs)
    assert (edges.source.tolist(), edges.target.tolist(), edges.weight.tolist()) == ([0, 3, 3], [2, 0, 0], [1, -2, 5])


def test_matrices_are_graphs():
    a = np.array([[0, 0, 0], [1.0, 0, 0], [0, -2.0, 0]])
    fromdense = jax.jit(sparse.BCOO.fromdense, static_argnames="nse")
    for matrix in (
        scipy.sparse.csr_array(a),
        scipy.sparse.coo_matrix(a),
        fromdense(a, nse=2),
        fromdense(a, nse=5),
        a,
        jnp.asarray(a),
    ):
        graph = as_graph(matrix)
        assert (graph.num_nodes, graph.num_edges) == (3, 2)
        assert graph.matvec(jnp.array([1.0, 2.0, 3.0])).tolist() == [2.0, -5.0, -4.0]
    assert as_graph(graph) is graph
    for wrong in (scipy.sparse.csr_array(a[:2]), fromdense(a[:2], nse=1), a[:2], jnp.ones(3)):
        with pytest.raises(ShapeError, match=r"square; this has shape .* bipartite"):
            as_graph(wrong)
    for wrong in (a.tolist(), {0: {1: 1.0}}, "a", None):
        with pytest.raises(ShapeError, match=f"not {type(wrong).__name__}. jprobe.graph.trace"):
            as_graph(wrong)
    with pytest.raises(ShapeError, match="edge to itself"):
        as_graph(np.eye(2))
    for value in (np.nan, np.inf, 1j):
        with pytest.raises(WeightsError, match=r"infinity|complex"):
            as_graph(np.where(a == 1, value, a))


def test_networkx_graphs_are_graphs():
    # Nodes are numbered as the graph lists them, whatever they are called.
    directed = networkx.DiGraph([("c", "a", {"weight": -2.0}), ("a", "b"), ("b", "a", {"weight": 3})])
    a = to_scipy(as_graph(directed)).toarray()
    np.testing.assert_array_equal(a, networkx.to_numpy_array(directed, nodelist=list(directed)).T)
    assert as_graph(directed).num_edges == 3
    plain = networkx.Graph([("c", "a", {"weight": -2.0}), ("b", "c")])
    plain.add_node("alone")
    a = to_scipy(as_graph(plain)).toarray()
    np.testing.assert_array_equal(a + a.T, networkx.to_numpy_array(plain))
    np.testing.assert_array_equal(a, np.tril(a))  # from the earlier node
    assert (as_graph(plain).num_nodes, as_graph(plain).num_edges) == (4, 2)
    parallel = networkx.MultiDiGraph([(0, 1, {"weight": 2.0}), (0, 1, {"weight": -0.5})])
    assert as_graph(parallel).num_edges == 2
    assert to_scipy(as_graph(parallel)).toarray()[1, 0] == 1.5
    assert as_graph(networkx.empty_graph(3)).num_nodes == 3
    graph = trace(lambda p, x: relu(x @ p[0]) @ p[1] + x[:, :2], (W, whole(1, 3, 2)), ROW)
    np.testing.assert_array_equal(to_scipy(to_networkx(graph)).toarray(), to_scipy(graph).toarray())
    with pytest.raises(ShapeError, match="Node 0 has an edge to itself"):
        as_graph(networkx.Graph([("a", "a")]))
    for weight in ("heavy", 1j, np.nan):
        with pytest.raises(WeightsError):
            as_graph(networkx.Graph([(0, 1, {"weight": weight})]))


def test_bipartite():
    graph = bipartite(W)
    np.testing.assert_array_equal(agree(graph)[4:, :4], W.T)
    assert [b.name for b in graph.blocks] == ["input", "output"]
    with pytest.raises(ShapeError, match="inputs, outputs"):
        bipartite(K3)
    with pytest.raises(WeightsError, match="NaN"):
        bipartite(W.at[0, 0].set(jnp.inf))


def test_matrices_of_a_graph():
    graph = trace(lambda p, x: (y := relu(x @ p[0])) + y + y[:, ::-1] + relu(y) @ p[1], (W, whole(1, 3, 3)), ROW)
    a = agree(graph)
    bcoo = to_bcoo(graph)
    np.testing.assert_array_equal(bcoo.todense(), a)
    np.testing.assert_array_equal(to_scipy(graph).toarray(), a)
    assert (np.diff(np.asarray(bcoo.indices) @ [graph.num_nodes, 1]) > 0).all()
    back = to_networkx(graph)
    assert list(back) == list(range(graph.num_nodes))
    np.testing.assert_array_equal(networkx.to_numpy_array(back, weight="weight").T, a)
    again = as_graph(networkx.to_scipy_sparse_array(back, weight="weight").T)
    spins = jnp.arange(1.0, graph.num_nodes + 1)
    np.testing.assert_array_equal(again.matvec(spins), graph.matvec(spins))
