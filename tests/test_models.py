"""Small networks against NumPy and torch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference
from scipy import stats

from jprobe import train
from jprobe.errors import ArgumentError, UnknownNameError
from jprobe.graph import trace
from jprobe.models import CNN, MLP, RNN, Autoencoder, forward

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


# Paper 3's networks.


def start(model, shape):
    """A network with biases that are not 0, and a few inputs."""
    x = np.random.default_rng(2).normal(size=shape).astype(np.float32)
    variables = model.init(jax.random.key(1), x[:1])
    return jax.tree.map(lambda w: w + 0.1 * np.cos(np.arange(w.size)).reshape(w.shape).astype(w.dtype), variables), x


F = {
    "relu": lambda x: np.maximum(x, 0), "tanh": np.tanh, "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "linear": lambda x: x, "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
}  # fmt: skip


def double(variables):
    return jax.tree.map(lambda w: np.asarray(w, np.float64), variables["params"])


@pytest.mark.parametrize("activation", F)
def test_an_autoencoder_is_numpys(activation):
    variables, x = start(Autoencoder((5, 3), 8, activation, 0.5), (6, 4, 2, 1))
    p, h = double(variables), x.reshape(6, 8)
    for n in range(2):
        h = F[activation](h @ p[f"Dense_{n}"]["kernel"] + p[f"Dense_{n}"]["bias"])
    expected = F["sigmoid"](h @ p["Dense_2"]["kernel"] + p["Dense_2"]["bias"])
    np.testing.assert_allclose(Autoencoder((5, 3), 8, activation).apply(variables, x), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("activation", F)
def test_a_recurrent_network_is_numpys(activation):
    variables, x = start(RNN(5, 3, activation, 0.5), (6, 4, 3, 2))
    p, h = double(variables), np.zeros((6, 5))
    for row in range(4):
        now = x[:, row].reshape(6, -1) @ p["input"]["kernel"] + p["input"]["bias"]
        h = F[activation](now + h @ p["recurrent"]["kernel"])
    expected = h @ p["output"]["kernel"] + p["output"]["bias"]
    np.testing.assert_allclose(RNN(5, 3, activation).apply(variables, x), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("filters", [(2,), (3, 2)], ids=str)
@pytest.mark.parametrize("activation", F)
def test_a_convolutional_network_is_numpys(filters, activation):
    variables, x = start(CNN(filters, 3, activation, 0.5), (2, 7, 6, 2))
    p, h = double(variables), x
    for n in range(len(filters)):
        windows = np.lib.stride_tricks.sliding_window_view(h, (3, 3), (1, 2))  # B, rows, columns, C, 3, 3
        h = F[activation](np.einsum("brcgij,ijgf->brcf", windows, p[f"Conv_{n}"]["kernel"]) + p[f"Conv_{n}"]["bias"])
    expected = h.reshape(2, -1) @ p["Dense_0"]["kernel"] + p["Dense_0"]["bias"]
    np.testing.assert_allclose(CNN(filters, 3, activation).apply(variables, x), expected, rtol=1e-5, atol=1e-5)


def torch_cnn(t, p, x):
    h = x.permute(0, 3, 1, 2)
    for n in range(len(p) - 1):
        h = t.relu(t.conv2d(h, p[f"Conv_{n}"]["kernel"].permute(3, 2, 0, 1), p[f"Conv_{n}"]["bias"]))
    return h.permute(0, 2, 3, 1).flatten(1) @ p["Dense_0"]["kernel"] + p["Dense_0"]["bias"]


def torch_rnn(t, p, x):
    units, rows = p["recurrent"]["kernel"].shape[0], x.flatten(2)
    net = t.nn.RNN(rows.shape[2], units, nonlinearity="relu", batch_first=True)
    own = {
        "weight_ih_l0": p["input"]["kernel"].T, "bias_ih_l0": p["input"]["bias"],
        "weight_hh_l0": p["recurrent"]["kernel"].T, "bias_hh_l0": t.zeros(units),
    }  # fmt: skip
    last = t.func.functional_call(net, own, (rows,))[1][0]
    return last @ p["output"]["kernel"] + p["output"]["bias"]


@pytest.mark.parametrize(
    ("model", "theirs", "shape"),
    [
        (CNN((3,), 4, "relu", 0.3), torch_cnn, (5, 7, 6, 1)), (CNN((3, 2, 4), 4, "relu", 0.3), torch_cnn, (5, 8, 9, 2)),
        (RNN(6, 4, "relu", 0.3), torch_rnn, (5, 4, 3, 2)),
    ],
    ids=["CNN-3", "CNN-5", "RNN"],
)  # fmt: skip
def test_gradients_are_torchs(model, theirs, shape):
    torch = pytest.importorskip("torch", reason="torch is in the extra 'parity'")
    variables, x = start(model, shape)
    y = np.arange(5) % 4
    ours = jax.jit(jax.grad(lambda v: train.cross_entropy(model.apply(v, x), y).mean()))(variables)
    weights = jax.tree.map(lambda w: torch.tensor(np.array(w), requires_grad=True), variables["params"])
    torch.nn.functional.cross_entropy(theirs(torch, weights, torch.tensor(x)), torch.tensor(y)).backward()
    for (path, gradient), weight in zip(
        jax.tree_util.tree_leaves_with_path(ours["params"]), jax.tree.leaves(weights), strict=True
    ):
        np.testing.assert_allclose(gradient, weight.grad.numpy(), rtol=1e-4, atol=1e-6, err_msg=str(path))


@pytest.mark.parametrize(
    "make",
    [
        lambda **k: MLP((60,), 50, **k), lambda **k: Autoencoder((60,), 784, **k), lambda **k: CNN((50, 8), 10, **k),
        lambda **k: RNN(40, 30, **k),
    ],
    ids=["MLP", "AE", "CNN", "RNN"],
)  # fmt: skip
def test_kernels_start_from_a_normal_distribution(make):
    variables = make(kernel_sd=0.3).init(jax.random.key(0), jnp.zeros((1, 28, 28, 1)))
    for path, leaf in jax.tree_util.tree_leaves_with_path(variables):
        values = np.asarray(leaf, np.float64).ravel()
        if "bias" in str(path[-1]):
            assert not values.any()
        else:
            assert abs(values.std() / 0.3 - 1) < 4 / np.sqrt(2 * values.size)
            assert stats.kstest(values / 0.3, stats.norm.cdf).pvalue > 1e-3
    bounds = [abs(leaf).max() for leaf in jax.tree.leaves(make().init(jax.random.key(0), jnp.zeros((1, 28, 28, 1))))]
    assert max(bounds) <= 1 / 3  # the smallest fan-in is that of a window


@pytest.mark.parametrize(
    "make",
    [
        lambda w=2, **k: Autoencoder((4, w), 8, **k), lambda w=2, **k: CNN((w,), 3, **k), lambda w=2, **k: RNN(w, 3, **k),
        lambda w=2, **k: MLP((w,), 3, **k),
    ],
    ids=["AE", "CNN", "RNN", "MLP"],
)  # fmt: skip
def test_what_no_network_can_be_made_of(make):
    with pytest.raises(ArgumentError, match="one node or more"):
        make(0)
    with pytest.raises(UnknownNameError, match="Did you mean 'sigmoid'"):
        make(activation="sigmod")
    for sd in (0, -1.0, float("nan")):
        with pytest.raises(ArgumentError, match="kernel_sd"):
            make(kernel_sd=sd)
    assert make() == make()
    assert hash(make()) == hash(make())


@pytest.mark.parametrize("activation", ["relu", "linear", "sigmoid"])
@pytest.mark.parametrize(
    ("model", "nodes", "edges"),
    [
        (lambda f: MLP((4,), 3, f), 30 + 4 + 3, 30 * 4 + 4 * 3),
        (lambda f: Autoencoder((4,), 30, f), 30 + 4 + 30, 2 * 30 * 4),
        (lambda f: CNN((2,), 3, f), 30 + 3 * 4 * 2 + 3, 24 * 9 + 24 * 3),
        # A state is a sum: of a product with the image, a node of its own, and of one with the state before.
        (lambda f: RNN(4, 3, f), 30 + 5 * 4 + 4 * 4 + 3, 5 * 6 * 4 + 4 * (4 * 4 + 4) + 4 * 3),
    ],
    ids=["MLP", "AE", "CNN", "RNN"],
)
def test_graphs_are_read(model, nodes, edges, activation):
    variables, x = start(model(activation), (1, 5, 6, 1))
    graph = trace(model(activation).apply, variables, x)
    assert (graph.num_nodes, graph.num_edges) == (nodes, edges)
