"""Nearness to monotone networks: alignment, survival, lambda."""

from functools import partial

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from signed_graphs import KEY

from jprobe.errors import ArgumentError, ShapeError
from jprobe.frustration import (
    alignment,
    coin_crossing,
    crossing,
    gradient_order,
    survival,
)

pytestmark = pytest.mark.quick


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=12))
def test_lambda_is_where_the_curves_cross(tenths):
    omega = np.array(tenths) / 20
    away = np.abs(omega - 0.5)
    grid = np.linspace(0, 0.5, 2001)
    above = grid[[(away >= level - 1e-12).mean() >= 2 * level - 1e-12 for level in grid]]
    assert above.max() <= crossing(omega) + 1e-9
    assert crossing(omega) < above.max() + grid[1]
    np.testing.assert_allclose(survival(omega, grid), [(away >= level).mean() for level in grid])
    assert crossing(1 - omega) == pytest.approx(crossing(omega), abs=1e-12)


def test_crossing_by_hand():
    assert crossing([1.0]) == crossing(np.zeros((2, 3))) == 0.5
    assert crossing([0.5]) == 0
    assert crossing([1.0, 0.5, 0.5, 0.5]) == 0.125
    assert crossing([0.8, 0.8]) == pytest.approx(0.3)
    for omega in ([], [1.1], [-0.1], [0.5, np.nan]):
        with pytest.raises(ArgumentError, match="between 0 and 1"):
            crossing(omega)


def monotone(p, x):
    return jax.nn.relu(x.reshape(len(x), -1) @ p["a"]) @ p["b"]


def test_a_monotone_network_is_aligned_in_its_gauge():
    rng = np.random.default_rng(0)
    s, h, y = rng.choice([-1.0, 1.0], 12), rng.choice([-1.0, 1.0], 9), rng.choice([-1.0, 1.0], 5)
    # ReLU units of sign -1 would not be monotone in their gauge: hidden signs stay 1.
    params = {"a": jnp.asarray(s[:, None] * rng.random((12, 9))), "b": jnp.asarray(rng.random((9, 5)) * y)}
    images = jax.device_put(np.asarray(rng.normal(size=(3, 2, 6)), np.float32))
    sizes = jnp.array([0.01, 1.0, 30.0])
    omega, _, same = alignment(monotone, params, images, s.reshape(2, 6), y, sizes, key=KEY)
    assert (omega == 1).all()
    assert omega.shape == same.shape == (3, 3)
    assert (omega.dtype, same.dtype) == (np.float32, bool)
    assert (alignment(monotone, params, images, s, -y, sizes[2:], key=KEY)[0] == 0).all()
    linear = {
        "a": jnp.asarray(s[:, None] * rng.random((12, 9)) * h),
        "b": jnp.asarray(h[:, None] * rng.random((9, 5)) * y),
    }
    fn = lambda p, x: x.reshape(len(x), -1) @ p["a"] @ p["b"]  # noqa: E731
    assert (alignment(fn, linear, images, s, y, sizes, key=KEY)[0] == 1).all()
    random = jax.tree.map(lambda w: jnp.asarray(rng.normal(size=w.shape)), params)
    mixed = alignment(monotone, random, images, s, y, sizes, key=KEY)[0]
    assert (mixed > 0).any()
    assert (mixed < 1).any()
    # Fractions of five outputs.
    np.testing.assert_allclose(mixed * 5, np.round(mixed * 5), atol=1e-6)


def test_perturbations_have_the_size_and_the_signs_asked_for():
    sx = jnp.array([[1.0, -1.0, -1.0], [1.0, 1.0, -1.0]])

    def size_is_two(_, x):
        length = jnp.sqrt(jnp.sum(x * x))
        return jnp.where(length > 0, jnp.stack([length - 1.9999, 2.0001 - length]), 0.0)[None]

    def signs(_, x):
        return x.reshape(1, -1)

    image = jnp.zeros((4, 2, 3))
    look = partial(alignment, params={}, images=image, sx=sx, key=KEY)
    assert (look(size_is_two, sy=jnp.ones(2), sizes=jnp.array([2.0]))[0] == 1).all()
    assert (look(size_is_two, sy=jnp.ones(2), sizes=jnp.array([2.1]))[0] == 0.5).all()
    assert (look(signs, sy=sx.ravel(), sizes=jnp.array([2.0]))[0] == 1).all()
    assert (look(signs, sy=jnp.ones(6), sizes=jnp.array([2.0]))[0] == 0.5).all()
    # Each image and each size has its own direction, and it is not always the same.
    planes = jax.random.normal(KEY, (6, 200))
    shares = look(lambda _, x: x.reshape(1, -1) @ planes, sy=jnp.ones(200), sizes=jnp.array([1.0, 2.0]))[0]
    assert len(np.unique(shares)) > 4


def test_a_changed_class_is_told():
    fn = lambda p, x: jnp.stack([x.sum(), jnp.full((), 5.0)])[None]  # noqa: E731
    found = alignment(fn, {}, jnp.zeros((2, 4)), jnp.ones(4), jnp.ones(2), jnp.array([0.1, 100.0]), key=KEY)
    assert found.same_class.tolist() == [[True, False]] * 2


def test_alignment_of_an_image_does_not_depend_on_the_others():
    rng = np.random.default_rng(1)
    params = {"a": jnp.asarray(rng.normal(size=(6, 40))), "b": jnp.asarray(rng.normal(size=(40, 64)))}
    images, sizes = jnp.asarray(rng.normal(size=(4, 6))), jnp.array([0.1, 0.5, 1.0])
    run = partial(alignment, monotone, params, sx=jnp.ones(6), sy=jnp.ones(64), key=KEY)
    found = run(images=images, sizes=sizes)[0]
    assert len(np.unique(found)) > 3
    np.testing.assert_array_equal(run(images=images[:2], sizes=sizes)[0], found[:2])
    np.testing.assert_array_equal(run(images=images, sizes=sizes[:2])[0], found[:, :2])
    np.testing.assert_array_equal(run(images=images, sizes=sizes, batch=1)[0], found)
    assert (
        alignment(monotone, params, images, jnp.ones(6), jnp.ones(64), sizes, key=jax.random.key(1))[0] != found
    ).any()


def test_signs_and_sizes_that_do_not_fit_are_refused():
    params = {"a": jnp.ones((6, 4)), "b": jnp.ones((4, 3))}
    image, one = jnp.ones((1, 6)), jnp.ones(1)
    with pytest.raises(ShapeError, match="sx has 5 signs, an image 6"):
        alignment(monotone, params, image, jnp.ones(5), jnp.ones(3), one, key=KEY)
    with pytest.raises(ShapeError, match="sy has 2 signs, the network 3"):
        alignment(monotone, params, image, jnp.ones(6), jnp.ones(2), one, key=KEY)
    for size in (0.0, -1.0, np.nan):
        with pytest.raises(ArgumentError, match="above 0"):
            alignment(monotone, params, image, jnp.ones(6), jnp.ones(3), jnp.array([1.0, size]), key=KEY)


def test_lambdas_along_an_axis_are_those_of_its_rows():
    omega = np.random.default_rng(3).random((2, 4, 3, 5)).round(1)
    each = [[crossing(omega[k, :, d]) for d in range(3)] for k in range(2)]
    np.testing.assert_array_equal(crossing(omega, axis=(1, 3)), each)
    np.testing.assert_array_equal(crossing(omega[0, 0], axis=1), [crossing(row) for row in omega[0, 0]])


@pytest.mark.parametrize("outputs", [1, 2, 9, 10, 401])
def test_coin_flips_have_the_lambda_that_many_tosses_have(outputs):
    tossed = np.random.default_rng(0).binomial(outputs, 0.5, 400_000) / outputs
    assert coin_crossing(outputs) == pytest.approx(crossing(tossed), abs=2e-3)


def test_coin_flips_need_an_output():
    with pytest.raises(ArgumentError, match="one output or more"):
        coin_crossing(0)


def test_outputs_that_do_not_move_are_told():
    fn = lambda _, x: jnp.stack([x.sum(), -x.sum(), jnp.zeros(()), jnp.zeros(())])[None]  # noqa: E731
    found = alignment(fn, {}, jnp.zeros((2, 3)), jnp.ones(3), jnp.ones(4), jnp.array([0.1, 1.0]), key=KEY)
    assert (found.omega == 0.75).all()
    assert (found.still == 0.5).all()
    assert (found.fair == 0.5).all()


def test_the_order_of_gradients_aligns_and_cannot_be_bettered_by_one_sign():
    rng = np.random.default_rng(4)
    weights, images = rng.normal(size=(7, 5)), rng.normal(size=(3, 7))
    sx, sy = gradient_order(lambda w, x: x @ w, jnp.asarray(weights), jnp.asarray(images))
    # Signs of either side are the best for those of the other.
    np.testing.assert_array_equal(sx, np.sign(weights @ sy))
    np.testing.assert_array_equal(sy, np.sign(weights.T @ sx))
    assert (sx.dtype, sy.dtype) == (np.int8, np.int8)
    # Of a network with curvature it is the mean Jacobian over the images that counts.
    fn = lambda w, x: jnp.tanh(x @ w)  # noqa: E731
    jacobian = np.mean([jax.jacobian(lambda v: fn(jnp.asarray(weights), v))(jnp.asarray(x)) for x in images], 0)
    sx, sy = gradient_order(fn, jnp.asarray(weights), jnp.asarray(images), batch=2)
    np.testing.assert_array_equal(sx, np.sign(jacobian.T @ sy))
    np.testing.assert_array_equal(sy, np.sign(jacobian @ sx))
    with pytest.raises(ArgumentError, match="one image or more"):
        gradient_order(fn, jnp.asarray(weights), jnp.zeros((0, 7)))
