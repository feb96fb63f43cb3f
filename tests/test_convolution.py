"""Convolutions with gradients of their own, against those that JAX derives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from jprobe.convolution import convolve
from jprobe.errors import ShapeError

pytestmark = pytest.mark.quick

LAYOUTS = [("NHWC", "HWIO", "NHWC"), ("NCHW", "OIHW", "NCHW"), ("HWNC", "IHWO", "NCHW")]
SHAPES = {"N": 2, "H": 7, "W": 6, "C": 4}
# strides, padding, spread of the input, dilation of the window, layouts, groups
FORMS = [
    ((1, 1), ((1, 1), (1, 1)), (1, 1), (1, 1), LAYOUTS[0], 1),
    ((1, 1), ((0, 2), (-1, 3)), (1, 1), (2, 1), LAYOUTS[2], 2),
    ((1, 1), ((2, 1), (1, 2)), (2, 3), (1, 1), LAYOUTS[1], 4),
    ((2, 1), ((1, 1), (0, 0)), (1, 1), (1, 1), LAYOUTS[0], 1),
    ((2, 4), ((2, 0), (1, 3)), (1, 2), (1, 2), LAYOUTS[2], 2),
    ((3, 2), ((-1, 2), (3, -1)), (2, 1), (2, 2), LAYOUTS[1], 4),
]


def operands(layouts, groups, window=(3, 2), seed=0):
    rng = np.random.default_rng(seed)
    kernel = {"O": 8, "I": 4 // groups, "H": window[0], "W": window[1]}
    return [
        jax.device_put(np.asarray(rng.normal(size=[sizes[axis] for axis in layout]), np.float32))
        for sizes, layout in ((SHAPES, layouts[0]), (kernel, layouts[1]))
    ]


def with_gradients(conv, form):
    """The result and both gradients, of a sum whose gradient differs from element to element."""

    def run(x, kernel):
        y, back = jax.vjp(lambda x, kernel: conv(x, kernel, *form, precision=lax.Precision.HIGHEST), x, kernel)
        return y, *back(jnp.cos(y))

    return run


def check_equal(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("form", FORMS)
def test_gradients_are_those_that_jax_derives(form):
    args = operands(form[4], form[5])
    check_equal(*(jax.jit(with_gradients(conv, form))(*args) for conv in (convolve, lax.conv_general_dilated)))


def by_hand(row, kernel, padding, spread):
    """A convolution along one axis: its elements spread out, padded or cut, and one product after another."""
    wide = {n * spread + padding[0]: value for n, value in enumerate(row)}
    length = (len(row) - 1) * spread + 1 + sum(padding)
    return np.array(
        [sum(k * wide.get(at + n, 0.0) for n, k in enumerate(kernel)) for at in range(length - len(kernel) + 1)]
    )


@pytest.mark.parametrize("spread", [1, 2, 3])
@pytest.mark.parametrize(
    "padding", [(-1, 1), (-2, 2), (-3, 2), (1, -1), (2, -2), (-1, -1), (-4, 6), (6, -4), (-12, 12), (12, -12)]
)
def test_negative_padding_cuts_off(padding, spread):
    # XLA for CPUs reads beyond the input there, and finds what lies beside it.
    rng = np.random.default_rng(0)
    x, kernel = (rng.integers(-9, 10, shape).astype(np.float32) for shape in ((5, 3, 4, 2), (2, 2, 2, 1)))
    form = (1, 1), ((0, 0), padding), (1, spread), (1, 1), LAYOUTS[0]
    found = jax.jit(lambda x, kernel: convolve(x, kernel, *form))(x, kernel)
    taps = [(r, c) for r in range(2) for c in range(2)]
    expected = [
        [sum(by_hand(image[at + r, :, c], kernel[r, :, c, 0], padding, spread) for r, c in taps) for at in range(2)]
        for image in x
    ]
    np.testing.assert_array_equal(found[..., 0], expected)


pairs = lambda low, high: st.tuples(*[st.integers(low, high)] * 2)  # noqa: E731


@settings(max_examples=8, derandomize=True)
@given(
    window=pairs(1, 3),
    strides=pairs(1, 4),
    padding=st.tuples(pairs(-1, 3), pairs(-1, 3)),
    spread=pairs(1, 2),
    dilation=pairs(1, 2),
    layouts=st.sampled_from(LAYOUTS),
    groups=st.sampled_from([1, 2, 4]),
)
def test_gradients_of_any_form(window, strides, padding, spread, dilation, layouts, groups):
    form = strides, padding, spread, dilation, layouts, groups
    args = operands(layouts, groups, window)
    check_equal(*(jax.jit(with_gradients(conv, form))(*args) for conv in (convolve, lax.conv_general_dilated)))


@pytest.mark.parametrize("form", [FORMS[0], FORMS[4]])
@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0)])
def test_batches_of_examples_and_of_networks(form, axes):
    x, kernel = (jnp.stack([a, b]) for a, b in zip(*(operands(form[4], form[5], seed=n) for n in (0, 1)), strict=True))
    args = [a if axis == 0 else a[0] for a, axis in zip((x, kernel), axes, strict=True)]
    run = with_gradients(convolve, form)
    one_by_one = lambda *args: [  # noqa: E731
        jnp.stack(each)
        for each in zip(*(run(*(a if x is None else a[n] for a, x in zip(args, axes, strict=True))) for n in (0, 1)), strict=True)
    ]  # fmt: skip
    check_equal(jax.jit(jax.vmap(run, axes))(*args), jax.jit(one_by_one)(*args))


@pytest.mark.parametrize("form", [FORMS[0], FORMS[4]])
def test_training_in_a_scan(form):
    x, kernel = operands(form[4], form[5])

    def trained(conv, x, kernel):
        loss = lambda kernel: jnp.square(conv(x, kernel, *form)).mean()  # noqa: E731
        return lax.scan(lambda k, _: (k - 0.1 * jax.grad(loss)(k), loss(k)), kernel, length=3)

    run = jax.jit(trained, static_argnums=0)
    check_equal(run(convolve, x, kernel), run(lax.conv_general_dilated, x, kernel))


@pytest.mark.parametrize("form", [FORMS[0], FORMS[4]])
def test_gradients_of_gradients(form):
    def of_norm(conv):
        loss = lambda x, kernel: jnp.sin(conv(x, kernel, *form)).sum()  # noqa: E731
        norm = lambda *args: sum(jnp.square(g).sum() for g in jax.grad(loss, (0, 1))(*args))  # noqa: E731
        return jax.jit(lambda *args: [g / 100 for g in jax.grad(norm, (0, 1))(*args)])

    args = operands(form[4], form[5])
    check_equal(*(of_norm(conv)(*args) for conv in (convolve, lax.conv_general_dilated)))


def test_forward_differentiation_is_refused():
    x, kernel = operands(LAYOUTS[0], 1)
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(lambda x: convolve(x, kernel, *FORMS[0]), (x,), (x,))


@pytest.fixture
def optimized():
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="of XLA's code for CPUs")
def test_no_flip_is_folded_into_a_convolution(optimized):
    """In loops, XLA has no fast code on a CPU for convolutions that hold flips and transposes of their operands."""
    form = ((1, 1), "SAME", None, None, LAYOUTS[0], 1)

    def convolutions(conv):
        def step(kernel, _):
            _, gx, gk = with_gradients(conv, form)(x, kernel)
            return kernel - gk + gx.mean(), None

        x, kernel = operands(LAYOUTS[0], 1)
        compiled = jax.jit(lambda kernel: lax.scan(step, kernel, length=2)[0]).lower(kernel).compile().as_text()
        return [line for line in compiled.splitlines() if " convolution(" in line]

    plain = "dim_labels=b01f_01io->b01f"
    ours, derived = convolutions(convolve), convolutions(lax.conv_general_dilated)
    assert len(ours) == 3
    assert all(plain in line and "rhs_reversal" not in line for line in ours), ours
    assert not all(plain in line for line in derived), derived


def test_flax_layers_train_with_it():
    x = jnp.ones((1, 5, 5, 3))
    layers = [
        nn.Conv(4, (3, 3), strides=2, feature_group_count=1, conv_general_dilated=conv) for conv in (None, convolve)
    ]
    params = layers[0].init(jax.random.key(0), x)
    ours, theirs = (
        jax.jit(jax.grad(lambda p, layer=layer: jnp.square(layer.apply(p, x)).sum()))(params) for layer in layers[::-1]
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), ours, theirs)


def test_padding_by_name():
    x, kernel = operands(LAYOUTS[0], 1)
    for name in ("SAME", "VALID"):
        form = ((2, 2), name, None, (1, 2), LAYOUTS[0])
        check_equal([convolve(x, kernel, *form)], [lax.conv_general_dilated(x, kernel, *form)])
    with pytest.raises(ShapeError, match="spread"):
        convolve(x, kernel, (1, 1), "SAME", (2, 2), None, LAYOUTS[0])
