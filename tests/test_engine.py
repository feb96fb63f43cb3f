"""What a sweep is made of: traced programs, what depends on what, hoisting, memory and chunks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jprobe import engine
from jprobe.engine.hoisting import hoist
from jprobe.programs.dependence import dependents, replaced
from jprobe.programs.holding import peak_bytes
from jprobe.programs.program import capture, evaluate


def test_dependents():
    def fn(x, y, z):
        total, _ = jax.lax.scan(lambda carry, row: (carry + row, None), 0.0, y)
        return x, x * 2 + total, jax.jit(jnp.sin)(y), z, 3.0

    jaxpr = jax.make_jaxpr(fn)(1.0, jnp.ones(3), 2.0).jaxpr
    by_derivative = {}
    for n in range(3):
        tangents = [float(n == m) * t for m, t in enumerate((jnp.ones(()), jnp.ones(3), jnp.ones(())))]
        out = jax.jvp(fn, (1.0, jnp.ones(3), 2.0), tuple(tangents))[1]
        by_derivative[n] = [bool(np.any(np.asarray(t, float))) for t in out]
        assert dependents(jaxpr, [n == m for m in range(3)]) == by_derivative[n]


@pytest.mark.parametrize(
    ("fn", "expected"),
    [
        (lambda x: x + 1, 400),
        (lambda x: jnp.sin(jnp.cos(x)), 800),
        (lambda x: jnp.sin(jnp.cos(jnp.sin(jnp.cos(x)))), 800),
        (lambda x: jnp.sin(x) + jnp.cos(x), 1200),
        (lambda x: x, 0),
        (lambda x: x @ jnp.ones((100, 3)), 12),
        (lambda x: jnp.outer(x, x), 40_000),
        (lambda x: x + jnp.sin(jnp.arange(100.0)), 400),
        (jax.jit(lambda x: jnp.sin(jnp.cos(x))), 1200),
    ],
    ids=["one", "two", "row", "fork", "none", "product", "outer", "constant", "call"],
)
def test_peak_bytes(fn, expected):
    # A call's result counts beside what its body holds at the same time.
    found = peak_bytes(jax.make_jaxpr(fn)(jnp.ones(100)).jaxpr)
    assert expected <= found <= expected * (1 if expected != 40_000 else 1.03)


def test_replaced_is_what_is_not_passed_on():
    jaxpr = jax.make_jaxpr(lambda key, a, b, c: (a, b + 0, jnp.sin(c)))(0, 1.0, 1.0, 1.0).jaxpr
    # b + 0 has the value of b, but only its code knows.
    assert replaced(jaxpr, 1) == [False, True, True]
    swapped = jax.make_jaxpr(lambda a, b: (b, a))(1.0, 1.0).jaxpr
    assert replaced(swapped, 0) == [True, True]


LAYERS = {f"layer_{n}": {"kernel": jax.random.normal(jax.random.key(n), (6, 6)), "bias": jnp.ones(6)} for n in range(3)}
X = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)


def total(params):
    x = jnp.asarray(X)
    for layer in params.values():
        x = jnp.tanh(x @ layer["kernel"] + layer["bias"])
    return x.sum()


@pytest.mark.parametrize("place", range(6))
def test_a_hoisted_program_gives_the_same(place):
    program = capture(total, LAYERS)
    varying = [n == place for n in range(6)]
    parts = hoist(program, varying)
    values = evaluate(parts.first, program.consts, jax.tree.leaves(LAYERS))
    other = jax.tree.map(lambda w, v: w + v, LAYERS, jax.tree.unflatten(jax.tree.structure(LAYERS), varying))
    rest = lambda v, p: evaluate(parts.rest, parts.fixed, [*v, *jax.tree.leaves(p)])[0]  # noqa: E731
    np.testing.assert_allclose(rest(values, other), total(other), rtol=1e-6)
    # Leaves stand in the order of the alphabet, bias first: the later the layer, the less is left to hold.
    assert parts.peak <= hoist(program, [True] * 6).peak
    products = str(jax.make_jaxpr(rest)(values, other)).count("dot_general")
    assert products == [3, 3, 2, 2, 1, 1][place] - (place % 2 == 0)


def test_what_depends_on_constants_alone_is_computed_at_once():
    parts = hoist(capture(lambda a, b: jnp.sin(jnp.asarray(X)).sum() + jnp.cos(a) * b, 1.0, 1.0), [False, True])
    assert parts.owned == 1
    assert parts.held == 4
    [fixed] = parts.fixed
    np.testing.assert_allclose(fixed, np.sin(X).sum(), rtol=1e-5)


def test_calls_are_written_out():
    inner = jax.jit(lambda x: jax.jit(jnp.sin)(x) + jax.nn.relu(x))
    program = capture(lambda x: inner(x) * 2, 1.0)
    assert [eqn.primitive.name for eqn in program.jaxpr.eqns] == ["sin", "max", "add", "mul"]
    np.testing.assert_allclose(program(program.consts, 0.5), 2 * (np.sin(0.5) + 0.5), rtol=1e-6)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 12)),
    devices=st.integers(1, 5),
    each=st.integers(1, 1000),
    once=st.integers(0, 5000),
    budget=st.integers(1, 10**6),
)
def test_chunks_cover_a_sweep_once_and_keep_to_the_budget(shape, devices, each, once, budget):
    chunk = engine.chunk_shape(shape, devices, each, once, budget)
    for total, size in zip(shape, chunk, strict=True):
        parts = list(engine.windows(total, size))
        assert np.concatenate([np.arange(total)[part.real] for part in parts]).tolist() == list(range(total))
        assert all(part.places[: part.size].tolist() == list(range(*part.real.indices(total))) for part in parts)
        assert all(len(part.places) == size and part.places.max() < total for part in parts)
    nets, levels, repeats = chunk
    assert nets % devices == 0
    nets //= devices
    assert nets * levels * repeats * each <= budget or (nets, levels, repeats) == (1, 1, 1)
    assert nets == 1 or (nets * once <= budget and (levels, repeats) == shape[1:])


def test_leaves_that_are_no_arrays_are_hidden_and_put_back():
    params = {"w": jnp.ones(2), "n": 3, "f": jnp.tanh, "nothing": None, "list": [np.zeros(1), "text"]}
    arrays, whole = engine.hide_static(params)
    assert jax.tree.map(jnp.shape, arrays) == {"w": (2,), "n": None, "f": None, "nothing": None, "list": [(1,), None]}
    again = whole(jax.tree.map(lambda w: w + 1, arrays))
    assert again["w"].tolist() == [2, 2]
    assert (again["n"], again["f"], again["nothing"], again["list"][1]) == (3, jnp.tanh, None, "text")
