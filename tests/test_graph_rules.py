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
from jax.scipy import special

from jprobe.errors import UnsupportedOperationError
from jprobe.graph import elementwise, states, to_scipy, trace
from jprobe.graph.interpret import CALLS, CONTROL
from jprobe.graph.rewriting import MOST, WRITTEN
from jprobe.graph.rules import COMPARISONS, EXTREMES, RULES

pytestmark = pytest.mark.quick


@pytest.fixture(scope="module", autouse=True)
def _compile_fast():
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


def whole(seed, *shape):
    rng = np.random.default_rng(seed)
    return jnp.asarray(rng.choice([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0], shape), jnp.float32)


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
    "mul": lambda v, x: x * v * v[0] * -0.25,
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


def primitives(jaxpr):
    for eqn in jaxpr.eqns:
        yield eqn.primitive.name
        for value in eqn.params.values():
            for inner in value if isinstance(value, tuple) else (value,):
                if isinstance(inner, core.ClosedJaxpr | core.Jaxpr):
                    yield from primitives(getattr(inner, "jaxpr", inner))


def test_every_rule_has_a_case():
    there = {name for name in CASES if name in primitives(jax.make_jaxpr(CASES[name])(V, X))}
    assert there == set(CASES)
    older = {"pjit", "closed_call", "core_call", "checkpoint"}  # names that other releases of JAX give to calls
    assert set(CASES) == {*RULES, *WRITTEN, *CONTROL, *CALLS} - older


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
