"""Paper 3's networks by name, how they are trained, and what becomes of those that learn nothing."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jprobe as jp
from jprobe.data import Task
from jprobe.errors import ArgumentError, UnknownNameError
from jprobe.models import DEPTHS, architecture
from jprobe.train import Training, dead, explained, fit, pool, squared_error, training

pytestmark = pytest.mark.quick

SHAPES = {"mnist": (28, 28, 1), "cifar10": (32, 32, 3)}


def leaves(model, dataset="mnist"):
    x = jnp.zeros((1, *SHAPES[dataset]))
    return jax.tree.leaves(jax.eval_shape(model.init, jax.random.key(0), x))


@pytest.mark.parametrize(
    ("kind", "depth", "dataset", "parameters"),
    [
        ("FC", 3, "mnist", 25450), ("FC", 9, "mnist", 31786), ("CNN", 3, "mnist", 27090), ("CNN", 5, "mnist", 24720),
        ("RNN", 3, "mnist", 6602), ("AE", 3, "mnist", 25888), ("AE", 9, "mnist", 26940),
        ("CNN", 3, "cifar10", 28 * 10 + 900 * 100 + 10), ("RNN", 3, "cifar10", 97 * 64 + 64 * 64 + 650),
    ],
)  # fmt: skip
def test_numbers_of_parameters(kind, depth, dataset, parameters):
    assert sum(leaf.size for leaf in leaves(architecture(kind, depth, dataset), dataset)) == parameters


def test_depth_counts_layers_of_nodes():
    for kind, depths in DEPTHS.items():
        for depth in depths:
            kernels = [leaf for leaf in leaves(architecture(kind, depth)) if leaf.ndim > 1]
            assert len(kernels) == depth - 1 + (kind == "RNN")  # its state has a kernel of its own


def test_the_papers_spread_of_kernels():
    assert math.isclose(architecture("FC", 3).kernel_sd, math.sqrt(0.05))
    assert architecture("FC", 3, init="sd").kernel_sd == 0.05
    assert architecture("RNN", 3, "cifar10", init="sd").kernel_sd == 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "FCN"}, "Did you mean 'FC'"),
        ({"kind": "FC", "dataset": "mnits"}, "Did you mean 'mnist'"),
        ({"kind": "FC", "init": "variances"}, "Did you mean 'variance'"),
        ({"kind": "FC", "activation": "sigmoids"}, "Did you mean 'sigmoid'"),
    ],
)
def test_unknown_names_are_errors(arguments, message):
    with pytest.raises(UnknownNameError, match=message):
        architecture(**arguments)


@pytest.mark.parametrize(("kind", "depth"), [("FC", 4), ("CNN", 7), ("RNN", 5), ("AE", 1)])
def test_a_depth_that_is_none_is_an_error(kind, depth):
    with pytest.raises(ArgumentError, match=f"{kind} has a depth of 3"):
        architecture(kind, depth)


def test_how_networks_are_trained():
    epochs = {
        ("FC", 5, "relu"): 5, ("FC", 9, "sigmoid"): 10, ("FC", 9, "relu"): 5, ("CNN", 3, "linear"): 5,
        ("CNN", 5, "sigmoid"): 3, ("RNN", 3, "linear"): 3, ("RNN", 3, "sigmoid"): 4, ("AE", 3, "sigmoid"): 3,
        ("AE", 7, "sigmoid"): 5, ("AE", 7, "relu"): 3,
    }  # fmt: skip
    for network, expected in epochs.items():
        how = training(*network)
        assert how.epochs == expected
        assert how.clip == (1.0 if network[0] == "RNN" else None)
        assert (how.loss is squared_error) == (network[0] == "AE")
    rates = {network: training(*network).rate for network in epochs}
    assert {network for network, rate in rates.items() if rate != 1e-3} == {("FC", 9, "sigmoid"), ("RNN", 3, "sigmoid")}
    assert training("RNN", 3, "relu").optimizer is training("RNN", 3, "linear").optimizer


def test_gradients_are_clipped_one_network_at_a_time():
    update = jax.vmap(lambda g: Training(1, rate=1.0, clip=1.0).optimizer.update(g, state)[0])
    state = Training(1, clip=1.0).optimizer.init(jnp.zeros(2))
    assert np.allclose(update(jnp.array([[3.0, 4.0], [0.3, 0.4]])), -1.0, atol=1e-5)  # Adam's first step is a sign


def small_task():
    x = np.random.default_rng(0).uniform(size=(40, 4, 4, 1)).astype(np.float32)
    return Task(x, np.arange(40) % 3, x[:9], np.arange(9) % 3, num_classes=3)


@pytest.mark.parametrize(
    "model",
    [
        jp.models.MLP((3,), 3, kernel_sd=0.2),
        jp.models.CNN((2,), 3, kernel_sd=0.2),
        jp.models.RNN(4, 3, kernel_sd=0.2),
        jp.models.CNN((2,), 3, "sigmoid"),
    ],
    ids=["MLP", "CNN", "RNN", "CNN of sigmoids"],
)
def test_a_pool_is_its_networks_one_by_one(model):
    task = small_task()
    whole = pool(model, task, Training(2), seeds=3)
    alone = fit(model, task, 3, epochs=2, optimizer=Training(2).optimizer, together=1)
    np.testing.assert_allclose(whole.train_loss, alone.train_loss, rtol=1e-5)
    for a, b in zip(jax.tree.leaves(whole.params), jax.tree.leaves(alone.params), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_autoencoders_and_what_they_explain(few_digits):
    task = jp.data.reconstruction(few_digits)
    assert task.y_train.shape == (6000, 196)
    np.testing.assert_array_equal(task.x_test.reshape(2000, -1), task.y_test)
    with pytest.raises(UnknownNameError, match="Did you mean 'unit'"):
        jp.data.reconstruction(few_digits, "units")
    model = jp.models.Autoencoder((8,), 196, kernel_sd=0.2)
    trained = pool(model, task, Training(3, rate=0.01, loss=squared_error), seeds=2)
    outputs = [np.asarray(model.apply(net, task.x_test)) for net in jp.unstack(trained.params)]
    error = [np.square(each - task.y_test).mean() for each in outputs]
    np.testing.assert_allclose(trained.accuracy, error, rtol=1e-4)
    share = explained(trained, task)
    np.testing.assert_allclose(1 - share, error / np.square(task.y_test - task.y_train.mean(0)).mean(), rtol=1e-4)
    assert (share > 0.1).all()
    assert not dead(trained, task).any()
    assert dead(trained._replace(accuracy=np.array([0.2, np.nan])), task).all()
    labelled = small_task()
    assert dead(trained._replace(accuracy=np.array([0.3, 0.9]), chance=1 / 3), labelled).tolist() == [True, False]


def test_a_pool_keeps_networks_that_diverge():
    steep = pool(jp.models.MLP((3,), 3, kernel_sd=0.2), small_task(), Training(2, rate=1e38), seeds=2)
    assert dead(steep, small_task()).tolist() == [True, True]
