"""Every operation that has a rule, against the Jacobian; what is refused, and where it is said to stand."""

import re
from functools import partial
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.ad_checkpoint import checkpoint_name
from jax.extend import core

from jprobe.errors import UnsupportedOperationError
from jprobe.graph import elementwise, states, to_scipy, trace
from jprobe.graph.context import CALLS
from jprobe.graph.rewriting import MOST, WRITTEN
from jprobe.graph.rules import COMPARISONS, EXTREMES, RULES

pytestmark = pytest.mark.quick


def whole(seed, *shape):
    rng = np.random.default_rng(seed)
    return jax.device_put(np.asarray(rng.choice([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0], shape), np.float32))


def matrix(fn, params, x, **options):
    return to_scipy(trace(fn, params, x, **options)).toarray()


# Where every function below has a derivative that is not 0, or increases all the same.
X = jnp.array([[0.1, 0.3, 0.7], [0.45, 0.9, 0.2]])
V = jnp.array([-2.0, 0.5, 3.0])
W = whole(0, 3, 3)

# Of each primitive, a function of (weights, x) that has it. They are linear but for EXTREMES and those of one element.
CASES = {
    **{name: partial(lambda fn, v, x: fn(x), getattr(lax, name)) for name in (
        "tanh", "logistic", "exp", "exp2", "expm1", "log", "log1p", "sqrt", "cbrt", "erf", "erf_inv", "asinh", "atanh", "atan",
        "sinh", "asin", "floor", "ceil", "round", "sign", "neg", "erfc", "acos", "stop_gradient",
    )},
    **{name: partial(lambda fn, v, x: jnp.where(fn(x, 0.5), x, 0.1 * x + 0.45), getattr(lax, name)) for name in ("gt", "ge", "lt", "le", "eq", "ne")},
    "acosh": lambda v, x: lax.acosh(x + 1),
    "convert_element_type": lambda v, x: x.astype(jnp.bfloat16),
    "copy": lambda v, x: jnp.array(x, copy=True),
    "reduce_precision": lambda v, x: lax.reduce_precision(x, 8, 7),
    "name": lambda v, x: checkpoint_name(x, "here"),
    "integer_pow": lambda v, x: x**3,
    "max": lambda v, x: jnp.maximum(x, 0.25),
    "min": lambda v, x: jnp.minimum(x, 0.25),
    "clamp": lambda v, x: lax.clamp(0.25, x, 0.75),
    "is_finite": lambda v, x: jnp.where(jnp.isfinite(x), x, 0),
    "select_n": lambda v, x: jnp.where(x > 0.5, x, jnp.abs(v[0]) * x),
    "reshape": lambda v, x: x.reshape(3, 2),
    "squeeze": lambda v, x: lax.squeeze(x[None], (0,)),
    "slice": lambda v, x: lax.slice(x, (0, 1), (2, 3)),
    "dynamic_slice": lambda v, x: lax.dynamic_slice(x, (jnp.int32(1), jnp.int32(0)), (1, 2)),
    "dynamic_update_slice": lambda v, x: lax.dynamic_update_slice(x, 2 * x[:1, :2], (jnp.int32(1), jnp.int32(1))),
    "rev": lambda v, x: lax.rev(x, (1,)),
    "transpose": lambda v, x: x.T,
    "broadcast_in_dim": lambda v, x: jnp.broadcast_to(x, (2, 2, 3)),
    "gather": lambda v, x: x[:, np.array([2, 0, 0])],
    "split": lambda v, x: jnp.concatenate(jnp.split(x, [1, 2], 1)[::-1], 1),
    "pad": lambda v, x: lax.pad(x, 0.0, ((1, 0, 1), (-1, 1, 0))),
    "concatenate": lambda v, x: jnp.concatenate([x, x[:, :1]], 1),
    "reduce_sum": lambda v, x: x.sum(1),
    "reduce_window_sum": lambda v, x: lax.reduce_window(x, 0.0, lax.add, (1, 2), (1, 1), "SAME"),
    "reduce_max": lambda v, x: x.max(0),
    "reduce_min": lambda v, x: x.min(1),
    "reduce_window_max": lambda v, x: lax.reduce_window(x, -jnp.inf, lax.max, (2, 2), (1, 1), "VALID"),
    "reduce_window_min": lambda v, x: lax.reduce_window(x, jnp.inf, lax.min, (1, 2), (1, 1), "SAME"),
    "cumsum": lambda v, x: jnp.cumsum(lax.cumsum(x, 0, reverse=True), 1),
    "add": lambda v, x: x + x[:, ::-1] + v,
    "add_any": lambda v, x: jax.vjp(lambda y: y * v + y[:, ::-1], X)[1](x)[0],
    "sub": lambda v, x: v - x - x[::-1],
    "mul": lambda v, x: x * v * v[0] * -0.25 * (X - 0.5),
    "div": lambda v, x: x / v / v[0] / -0.25,
    "conv_general_dilated": lambda v, x: lax.conv(x[None], v[None, None] * jnp.ones((4, 2, 1)), (1,), "SAME"),
    "dot_general": lambda v, x: x @ jnp.outer(v, v),
    "stack": lambda v, x: jnp.stack([x, x[::-1]], 1),
    "unstack": lambda v, x: jnp.unstack(x, axis=1)[2],
    "tile": lambda v, x: jnp.tile(x, (1, 2)),
    "optimization_barrier": lambda v, x: lax.optimization_barrier(x),
    "device_put": lambda v, x: jax.device_put(x),
    "sharding_constraint": lambda v, x: lax.with_sharding_constraint(x, jax.sharding.SingleDeviceSharding(jax.devices()[0])),
    "scan": lambda v, x: lax.scan(lambda c, row: (c + row * v, c), jnp.zeros(3), x, reverse=True)[1],
    "while": lambda v, x: lax.while_loop(lambda c: c[0] < v[2], lambda c: (c[0] + 1, c[1] * v + x), (0, x))[1],
    "cond": lambda v, x: lax.cond(v[0] > 0, lambda y: y, lambda y: y[::-1], x),
    "jit": lambda v, x: jax.jit(lambda y: y[::-1])(x),
    "remat2": lambda v, x: jax.checkpoint(lambda y: y[::-1])(x),
    "custom_jvp_call": lambda v, x: jax.nn.relu(x - 0.5),
    "custom_vjp_call": lambda v, x: rounded(x),
}  # fmt: skip


@jax.custom_vjp
def rounded(x):
    return jnp.round(x, 1)


rounded.defvjp(lambda x: (x, None), lambda _, g: (g,))


ELSEWHERE = {"cond", "while", "dynamic_update_slice"}  # what has no table of its own


def primitives(jaxpr):
    for eqn in jaxpr.eqns:
        yield eqn.primitive.name
        for value in eqn.params.values():
            for inner in value if isinstance(value, tuple) else (value,):
                if isinstance(inner, core.ClosedJaxpr | core.Jaxpr):
                    yield from primitives(getattr(inner, "jaxpr", inner))


def test_a_reshape_may_take_another_order_of_axes():
    fn = lambda w, x: lax.reshape(x, (1, 6), dimensions=(1, 0)) @ w  # noqa: E731
    w = whole(1, 6, 2)
    np.testing.assert_array_equal(matrix(fn, w, X)[6:, :6], jax.jacfwd(partial(fn, w))(X).reshape(2, 6))


def test_every_rule_has_a_case():
    there = {name for name in CASES if name in primitives(jax.make_jaxpr(CASES[name])(V, X))}
    assert there == set(CASES)
    older = {"pjit", "closed_call", "core_call", "checkpoint"}  # names that other releases of JAX give to calls
    assert set(CASES) == {*RULES, *WRITTEN, *CALLS, *ELSEWHERE} - older


# Those that act on each element by itself and are not linear.
BENT = {
    "tanh", "logistic", "exp", "exp2", "expm1", "log", "log1p", "sqrt", "cbrt", "erf", "erf_inv", "asinh", "acosh", "atanh", "atan",
    "sinh", "asin", "floor", "ceil", "round", "sign", "erfc", "acos", "stop_gradient", "integer_pow", "max", "min", "clamp",
    "select_n", "custom_jvp_call", *COMPARISONS,
}  # fmt: skip

PARAMS = V, whole(1, 16, 2)


@pytest.fixture(scope="module")
def derivatives():
    """Of all cases, and how far each result goes with each element of the input, in one program."""

    def of(name):
        fn = lambda x: CASES[name](V, x).astype(jnp.float32).ravel()  # noqa: E731
        steps = (0.05 if name not in EXTREMES else 10 if "max" in name else -10) * jnp.eye(6).reshape(6, 2, 3)
        # The one direction of the two that JAX has for loops, and for custom_vjp.
        jacobian = (jax.jacfwd if name == "while" else jax.jacrev)(fn)(X)
        return jacobian.reshape(-1, 6), jnp.stack([fn(X + step) - fn(X) for step in steps], 1)

    return jax.device_get(jax.jit(lambda: {name: of(name) for name in CASES})())


@pytest.mark.parametrize("name", CASES)
def test_every_rule_is_the_jacobian(name, derivatives):
    def fn(params, x):
        y = CASES[name](params[0], x).astype(jnp.float32).ravel()
        return y @ params[1][: y.size]

    a = matrix(fn, PARAMS, X, fold_bn=True)
    jacobian, moved = derivatives[name]
    if name in EXTREMES:
        # An element that is far above (or below) all others is the result of the windows that hold it, and of no others.
        window = np.asarray(a[6:-2, :6])
        np.testing.assert_array_equal(window != 0, moved != 0)
        np.testing.assert_allclose(window[window != 0], 0.01 / np.sqrt((moved != 0).sum(1).max()))
        assert ((jacobian != 0) <= (moved != 0)).all()
        return
    # I + A + A A + ... sums over all paths from the input to the result.
    paths = np.linalg.inv(np.eye(len(a)) - a)[-2:, :6]
    if name in BENT:
        # A derivative of one sign, or 0 where the function is flat; the edges are those of the layer after it.
        sign = -1 if name in ("erfc", "acos") else 1
        assert (sign * jacobian >= 0).all()
        assert (sign * moved >= -1e-6).all()
        np.testing.assert_allclose(moved, np.diag(np.diag(moved)), atol=1e-6)
        jacobian = sign * np.eye(6)
    np.testing.assert_allclose(paths, PARAMS[1][: len(jacobian)].T @ jacobian, rtol=1e-5, atol=1e-5)


# --- sums, means and factors


def test_a_sum_has_edges_of_weight_1_and_a_mean_those_of_a_pool():
    w = whole(0, 2, 4)
    x = jnp.ones((1, 2))
    added = matrix(lambda w, x: (y := x @ w)[:, :2] + y[:, 2:], w, x)
    summed = matrix(lambda w, x: (x @ w).reshape(1, 2, 2).sum(1), w, x)
    assert set(np.unique(added[6:, 2:6])) == set(np.unique(summed[6:, 2:6])) == {0, 1}
    mean = 0.01 / np.sqrt(2)
    for fn, weight, folded in (
        (lambda y: y.mean(1), mean, mean),
        (lambda y: y.sum(1) / 2, mean, mean),
        (lambda y: 0.5 * y.sum(1, keepdims=True), mean, mean),
        (lambda y: y.astype(jnp.bfloat16).mean(1), mean, mean),
        (lambda y: nn.avg_pool(y, (2,), (2,)), mean, mean),
        (lambda y: 3 * y.mean(1), mean, 3 * mean),
        (lambda y: -3 * y.max(1), -mean, -3 * mean),
        (lambda y: y.sum(1) / 3, 1, 1 / 3),
        (lambda y: jnp.tanh(y.sum(1)) / 2, 1, 1 / 2),  # no mean any more
        (lambda y: (y.sum(1) + 1) / 2, 1, 1 / 2),
        (lambda y: (s := y.sum(1)) - s / 2, None, None),  # read twice: a sum
    ):
        for fold, expected in ((False, weight), (True, folded)):
            last = lambda w, x, fn=fn: fn((x @ w).reshape(1, 2, 2)).astype(jnp.float32).reshape(1, 2)  # noqa: E731
            found = set(np.unique(matrix(last, w, x, fold_bn=fold)[6:8, 2:6]))
            if expected is not None:
                np.testing.assert_allclose(sorted(found), sorted({0, expected}), rtol=1e-6)
            else:
                assert found == {0, 1}


@pytest.mark.parametrize("fold_bn", [False, True])
def test_a_mean_apart_from_its_padding_is_a_pool_in_any_number_of_dimensions(fold_bn):
    # Along one axis the numbers of inputs are a vector, as the factors of a normalisation are.
    for dims in (1, 2):
        x, w = whole(0, 1, *(5, 4)[:dims], 2), whole(1, 2, 3)
        a, b = (
            matrix(
                lambda w, x, d=dims, pad=pad: nn.avg_pool(x, (3,) * d, (1,) * d, "SAME", pad).mean(range(1, d + 1)) @ w,
                w, x, fold_bn=fold_bn,
            )
            for pad in (False, True)
        )  # fmt: skip
        np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(np.unique(a[x.size : 2 * x.size]), [0, 0.01 / 3 ** (dims / 2)])


def norm(v):
    return v / jnp.linalg.norm(v)


# Of a factor on y = x @ w: the signs that are left of it where nothing is folded.
FACTORS = {
    "a parameter": (lambda y, v, s: y * v, jnp.sign(V)),
    "a vector of the code": (lambda y, v, s: y * V, jnp.sign(V)),
    "a divisor": (lambda y, v, s: y / v, jnp.sign(V)),
    "a parameter over its own norm": (lambda y, v, s: y * norm(v), jnp.sign(V)),
    "a mask": (lambda y, v, s: y * jnp.array([0.0, 1.0, 2.0]), jnp.array([0, 1, 1])),
    "a difference of roots": (lambda y, v, s: y * (jnp.sqrt(s) - 2), jnp.array([1, -1, 1])),
    "batch normalisation": (lambda y, v, s: (y - v) * (v * lax.rsqrt(s + 1e-5)), jnp.ones(3)),
    "batch normalisation, one thing after the other": (lambda y, v, s: (y - v) / jnp.sqrt(s + 1e-5) * v + v, jnp.ones(3)),
    "normalised, then bent and multiplied": (lambda y, v, s: jnp.tanh(y / jnp.sqrt(s)) * v, jnp.sign(V)),
    "a number": (lambda y, v, s: y * v[0], -jnp.ones(3)),
    "PReLU": (lambda y, v, s: jnp.where(y > 0, y, v[1] * y), None),
}  # fmt: skip


@pytest.mark.parametrize("name", FACTORS)
def test_factors_keep_their_signs_unless_they_are_a_normalisations(name):
    factor, left = FACTORS[name]
    params = W, V, jnp.array([9.0, 1.0, 16.0])
    fn = lambda p, x: factor(x @ p[0], *p[1:])  # noqa: E731
    x = jnp.ones((1, 3))
    expected = W.T if left is None else W.T * left[:, None]
    np.testing.assert_array_equal(matrix(fn, params, x)[3:, :3], expected)
    np.testing.assert_array_equal(states(fn, params, x).output, fn(params, x))
    if left is not None and "bent" not in name:
        jacobian = jax.jacfwd(partial(fn, params))(x).reshape(3, 3)
        np.testing.assert_allclose(matrix(fn, params, x, fold_bn=True)[3:, :3], jacobian, rtol=1e-5)
    # The layout hangs on what the code does, not on the values of parameters.
    shapes = jax.eval_shape(lambda: params)
    assert trace(fn, shapes, x).layout == trace(fn, params, x).layout


# --- loops


def test_a_loop_that_ends_by_what_is_known_is_written_out():
    x = jnp.ones((1, 3))
    by_hand = matrix(lambda w, x: jnp.tanh(jnp.tanh(x @ w) @ w + x) @ w + x, W, x)
    step = lambda c, w, x: jnp.tanh(c) @ w + x  # noqa: E731
    start = lambda w, x: (x @ w) * 1.0  # noqa: E731
    for fn in (
        lambda w, x: lax.fori_loop(0, 2, lambda i, c: step(c, w, x), x @ w),
        lambda w, x: lax.fori_loop(0, (w[0, 0] ** 2).astype(int) * 0 + 2, lambda i, c: step(c, w, x), x @ w),
        lambda w, x: lax.while_loop(
            lambda c: c[0] < w.shape[0] - 1, lambda c: (c[0] + 1, step(c[1], w, x)), (0, start(w, x))
        )[1],
    ):
        np.testing.assert_array_equal(matrix(fn, W, x), by_hand)
        np.testing.assert_allclose(states(fn, W, x).output, fn(W, x), rtol=1e-5)
    for reads, why in (
        (
            lambda w, x: lax.fori_loop(0, w[0, 0].astype(int), lambda i, c: c @ w, x),
            "a parameter that has no value here",
        ),
        (lambda w, x: lax.while_loop(lambda c: c.sum() < 9, lambda c: c @ w, x), "depends on the input"),
    ):
        with pytest.raises(UnsupportedOperationError, match=f"not known: while whose length .*{why}"):
            trace(reads, jax.eval_shape(lambda: W), x)
    for endless in (
        lambda w, x: lax.scan(lambda c, _: (jnp.tanh(c @ w), None), x, None, length=MOST)[0],
        lambda w, x: lax.fori_loop(0, 1000, lambda i, c: lax.fori_loop(0, 1000, lambda j, d: d @ w, c), x),
        lambda w, x: lax.while_loop(lambda c: True, lambda c: lax.fori_loop(0, MOST // 2, lambda j, d: d @ w, c), x),
    ):
        with pytest.raises(UnsupportedOperationError, match=r"steps or more, .* 100,000 at most: trace it over fewer"):
            trace(endless, W, x)


# --- networks


def paths(graph, outputs, inputs):
    """I + A + A A + ...: what all paths from the input to the last nodes multiply to."""
    a = to_scipy(graph).toarray()
    return np.linalg.inv(np.eye(len(a)) - a)[-outputs:, :inputs]


def drawn(model, x):
    """Variables as training leaves them: statistics that are not 0 and 1, some gammas negative."""
    shapes = jax.eval_shape(model.init, jax.random.key(0), x)

    def draw(path, shape):
        rng = np.random.default_rng(len(jax.tree_util.keystr(path)))
        values = rng.uniform(0.5, 1.5, shape.shape) if path[-1].key == "var" else rng.normal(size=shape.shape)
        return jax.device_put(values.astype(np.float32))

    return jax.tree_util.tree_map_with_path(draw, shapes)


class Recurrent(nn.Module):
    cell: nn.Module

    @nn.compact
    def __call__(self, x):
        return nn.Dense(2)(nn.RNN(self.cell)(x).reshape(1, -1))


def test_a_recurrent_network_shares_its_weights_through_time():
    x = whole(0, 1, 4, 2)
    model = Recurrent(nn.SimpleCell(3))
    params = drawn(model, x)
    graph = trace(model.apply, params, x)
    assert sum(graph.layout.trained) == 3
    linear = Recurrent(nn.SimpleCell(3, activation_fn=lambda y: y))
    jacobian = jax.jit(jax.jacfwd(partial(linear.apply, params)))(x).reshape(2, 8)
    np.testing.assert_allclose(paths(graph, 2, 8), jacobian, rtol=1e-4, atol=1e-4)


def normed(x):
    return nn.BatchNorm(use_running_average=True)(x)


class ResNet(nn.Module):
    """ResNet-50's stem, bottlenecks and head (He et al. 2015), of as many blocks and channels as wanted."""

    act: callable = nn.relu
    pool: callable = nn.max_pool
    stages: tuple[int, ...] = (1, 1)
    width: int = 2
    classes: int = 3

    @nn.compact
    def __call__(self, x):
        x = self.act(normed(nn.Conv(self.width, (7, 7), (2, 2), 3, use_bias=False)(x)))
        x = self.pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))
        for n, blocks in enumerate(self.stages):
            for m in range(blocks):
                width, stride, last = self.width * 2**n, (2, 2) if n and not m else (1, 1), x
                x = self.act(normed(nn.Conv(width, (1, 1), use_bias=False)(x)))
                x = self.act(normed(nn.Conv(width, (3, 3), stride, 1, use_bias=False)(x)))
                x = normed(nn.Conv(4 * width, (1, 1), use_bias=False)(x))
                if not m:
                    last = normed(nn.Conv(4 * width, (1, 1), stride, use_bias=False)(last))
                x = self.act(x + last)
        return nn.Dense(self.classes)(x.mean((1, 2)))


class MobileNetV2(nn.Module):
    """MobileNetV2's inverted residuals (Sandler et al. 2018), of as many stages as wanted."""

    act: callable = nn.relu6
    stages: tuple[tuple[int, int, int, int], ...] = ((1, 4, 1, 1), (2, 4, 2, 2))  # expansion, channels, blocks, stride
    width: int = 4
    head: int = 8
    classes: int = 3

    @nn.compact
    def __call__(self, x):
        x = self.act(normed(nn.Conv(self.width, (3, 3), (2, 2), 1, use_bias=False)(x)))
        for expansion, channels, blocks, stride in self.stages:
            for m in range(blocks):
                last, wide, s = x, x.shape[-1] * expansion, 1 if m else stride
                if expansion > 1:
                    x = self.act(normed(nn.Conv(wide, (1, 1), use_bias=False)(x)))
                x = self.act(normed(nn.Conv(wide, (3, 3), (s, s), 1, feature_group_count=wide, use_bias=False)(x)))
                x = normed(nn.Conv(channels, (1, 1), use_bias=False)(x))
                x = x + last if x.shape == last.shape else x
        x = self.act(normed(nn.Conv(self.head, (1, 1), use_bias=False)(x)))
        return nn.Dense(self.classes)(x.mean((1, 2)))


@pytest.mark.parametrize(
    ("network", "linear", "pooled"),
    [
        # Edges of a p x p mean are 0.01 / p where its derivative is 1 / p^2; the ResNet ends in a mean of 1 x 1, which is none.
        (ResNet(), ResNet(act=lambda x: x, pool=nn.avg_pool), 0.01 * 3),
        (MobileNetV2(), MobileNetV2(act=lambda x: x), 0.01 * 2),
    ],
    ids=["ResNet-50", "MobileNetV2"],
)
def test_networks_are_their_jacobians(network, linear, pooled):
    x = jax.device_put(np.asarray(np.random.default_rng(0).uniform(size=(1, 8, 8, 2)), np.float32))
    variables = drawn(network, x)
    graph = trace(network.apply, variables, x, fold_bn=True)
    jacobian = jax.jit(jax.jacrev(partial(linear.apply, variables)))(x).reshape(3, -1)
    found, expected = paths(graph, 3, x.size), pooled * np.asarray(jacobian)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    assert graph.num_params == sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))


# --- what is refused


class Transformer(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.Dense(4)(x)
        return nn.MultiHeadDotProductAttention(2, name="attend")(x)


def here(fn):
    return f"{re.escape(__file__)}:{fn.__code__.co_firstlineno}"


def test_a_refusal_names_the_line_of_the_users_code():
    x = jnp.ones((1, 3))
    gelu = lambda w, x: jax.nn.gelu(x @ w)  # noqa: E731
    silu = lambda w, x: jax.checkpoint(jax.jit(lambda y: y @ w))(jax.nn.silu(x))  # noqa: E731
    loop = lambda w, x: lax.scan(lambda c, _: (jnp.sin(c @ w), None), x, None, length=2)[0]  # noqa: E731
    for fn in (gelu, silu, loop):
        jax.jit(fn)(W, x)  # a function that JAX has traced already, from elsewhere
        with pytest.raises(UnsupportedOperationError, match=rf"\({here(fn)}\)\.\n.*at=x0.*elementwise"):
            trace(fn, W, x)
    sequence = jnp.ones((1, 3, 4))
    with pytest.raises(
        UnsupportedOperationError, match=rf"as attention has \(in attend.*, {re.escape(__file__)}:\d+\)"
    ):
        trace(Transformer().apply, drawn(Transformer(), sequence), sequence)
    # Of code that is nobody's own, the layer.
    library = nn.Sequential([nn.Dense(4), nn.LayerNorm()])
    with pytest.raises(UnsupportedOperationError, match=r"square \(in layers_1\)\."):
        trace(library.apply, drawn(library, x), x)


@pytest.mark.parametrize("cell", [nn.LSTMCell, nn.OptimizedLSTMCell, nn.GRUCell], ids=lambda cell: cell.__name__)
def test_gates_that_multiply_two_values_are_refused_with_what_works(cell):
    model, x = Recurrent(cell(3)), whole(0, 1, 4, 2)
    with pytest.raises(UnsupportedOperationError, match=r"mul of two values that both depend on the input(.|\n)*at=x0"):
        trace(model.apply, drawn(model, x), x)


def test_an_embedding_is_refused_and_its_one_hot_rows_are_not():
    table = whole(0, 5, 3)
    tokens = jnp.array([[3, 0, 1]])
    for fn in (lambda p, x: p[x], lambda p, x: nn.Embed(5, 3).apply({"params": {"embedding": p}}, x)):
        with pytest.raises(
            UnsupportedOperationError, match=r"gather with indices .* one-hot rows and the look-up a product"
        ):
            trace(fn, table, tokens)
    assert trace(lambda p, x: x @ p, table, jax.nn.one_hot(tokens, 5)).num_edges == 3 * table.size


# --- the tables of the documentation

DOCS = (Path(__file__).parent.parent / "docs" / "graphs.md").read_text()


def rows(title):
    """The cells of the table under a title."""
    (section,) = (part for part in DOCS.split("\n## ") if part.startswith(title))
    lines = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line] for line in lines[2:]]


def test_the_table_of_operations_is_the_rules():
    named = [name for row in rows("Operations") for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(named) == sorted({*RULES, *WRITTEN, *CALLS, *ELSEWHERE})


@pytest.mark.parametrize("row", rows("Refused"), ids=lambda row: row[0].strip("`"))
def test_what_the_documentation_says_is_refused_is_refused(row):
    expression, _, instead = row
    fn = eval(f"lambda w, x: {expression.strip('`')}", {"jax": jax, "jnp": jnp, "lax": lax, "nn": nn})
    with pytest.raises(UnsupportedOperationError):
        trace(fn, whole(0, 4, 4), jnp.ones((1, 4)))
    if "elementwise(" in instead:
        act = eval(re.search(r"`(elementwise\(.*?\))`", instead)[1], {"elementwise": elementwise, "jax": jax})
        assert trace(lambda w, x: act(x @ w), whole(0, 4, 4), jnp.ones((1, 4))).num_edges == 16
    if "at=" in instead:
        w, at = whole(1, 4, 4), jnp.array([[0.5, -1.0, 2.0, 0.25]])
        at = jnp.array([[2, 0, 1, 3]]) if "tokens" in instead else at
        assert trace(fn, w, at, at=at).layout.local
