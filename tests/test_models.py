"""The multilayer perceptron against NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference
from scipy import stats

from jprobe.errors import ArgumentError, UnknownNameError
from jprobe.models import MLP, forward

pytestmark = pytest.mark.quick


def layers(params):
    dense = params["params"]
    return [(dense[f"Dense_{n}"]["kernel"], dense[f"Dense_{n}"]["bias"]) for n in range(len(dense))]


@pytest.mark.parametrize("hidden", [(), (5,), (7, 4), (3, 1, 6)])
@pytest.mark.parametrize("activation", ["relu", "tanh", "hard_sigmoid"])
def test_forward_pass_is_numpys(hidden, activation):
    model = MLP(hidden, 3, activation)
    x = np.random.default_rng(0).normal(size=(9, 4, 2, 1)).astype(np.float32) * 5
    params = jax.jit(model.init)(jax.random.key(1), x[:1])
    widths = [8, *hidden, 3]
    assert [w.shape for w, _ in layers(params)] == list(zip(widths, widths[1:], strict=False))  # noqa: RUF007
    expected = reference.mlp(layers(params), x, activation)
    assert np.allclose(jax.jit(forward(model))(params, x), expected, rtol=1e-5, atol=1e-5)
    assert np.allclose(jax.jit(model.apply)(params, x), expected, rtol=1e-5, atol=1e-5)


def test_weights_and_biases_start_as_torchs_linear_does():
    params = MLP((300,), 50).init(jax.random.key(0), jnp.zeros((1, 20, 20)))
    for (kernel, bias), fan_in in zip(layers(params), (400, 300), strict=True):
        for w in (kernel, bias):
            u = np.asarray(w, np.float64).ravel() * fan_in**0.5
            assert np.abs(u).max() <= 1 + 1e-6
            assert stats.kstest(u, stats.uniform(-1, 2).cdf).pvalue > 1e-3
        assert np.abs(kernel).max() * fan_in**0.5 > 0.999


def test_layers_and_keys_start_apart():
    model = MLP((6,), 6)
    starts = [model.init(jax.random.key(s), jnp.zeros((1, 6))) for s in (0, 1)]
    kernels = [tuple(np.asarray(w).ravel().tolist()) for p in starts for w, _ in layers(p)]
    assert len(set(kernels)) == 4


def test_the_papers_network_is_the_default():
    params = MLP().init(jax.random.key(0), jnp.zeros((1, 28, 28, 1)))
    assert [w.shape for w, _ in layers(params)] == [(784, 64), (64, 2)]
    assert MLP().activation == "relu"


@pytest.mark.parametrize("sizes", [((0,), 2), ((4, -1), 2), ((4,), 0)])
def test_a_layer_without_nodes_is_an_error(sizes):
    with pytest.raises(ArgumentError, match="one node or more"):
        MLP(*sizes)


def test_an_unknown_activation_is_an_error():
    with pytest.raises(UnknownNameError, match="Did you mean 'relu'"):
        MLP((4,), 2, "rellu")


def test_a_function_is_a_model():
    def run(params, x):
        return x @ params

    assert forward(run) is run
    with pytest.raises(ArgumentError, match="str"):
        forward("mlp")
