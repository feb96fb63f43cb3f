"""Training with one row for all inputs that are the same in every example: the numbers of training with all of them."""

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jprobe as jp
from jprobe.train import cross_entropy, folding, running
from jprobe.train.optimizers import cosine_adam

pytestmark = pytest.mark.quick


def task(constants=(-1.0, 0.0, 0.5), seed=0):
    """Images 6 x 5 whose outer columns hold constants in training; in the test set, they vary."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(70, 6, 5, 1)).astype(np.float32)
    y = (x.sum((1, 2, 3)) > 0).astype(int)
    x[:50].reshape(50, 30)[:, ::2] = rng.choice(constants, 15)
    return jp.data.Task(x[:50], y[:50], x[50:], y[50:], num_classes=2)


@given(
    st.lists(st.lists(st.sampled_from([0.0, -0.0, 1.0, 2.5]), min_size=6, max_size=6), min_size=1, max_size=4),
    st.lists(st.booleans(), min_size=6, max_size=6),
)
def test_every_column_has_one_that_stands_for_it(rows, constant):
    x = np.array(rows, np.float32)
    x[:, constant] = x[0, constant]
    found = folding.columns(x)
    if found is None:
        different = len(set(x[0, (x == x[:1]).all(0)].tolist())) + (x != x[:1]).any(0).sum()
        assert different > 0.9 * 6
        return
    kept, stands = np.asarray(found.kept), np.asarray(found.stands)
    np.testing.assert_array_equal(x[:, kept[stands]], x)
    np.testing.assert_array_equal(stands[kept], np.arange(len(kept)))
    # What others than the kept columns add to a sum, by the column that stands for them.
    w = np.arange(1.0, 7.0)
    left_out = np.setdiff1d(np.arange(6), kept)
    assert np.isclose(np.asarray(found.value) @ w, x[0, left_out] @ w[left_out])
    for group, total in zip(np.asarray(found.shared), np.asarray(found.total), strict=True):
        assert np.isclose(total, x[0, left_out[stands[left_out] == group]].sum())


def test_tasks_with_about_as_many_columns_share_what_they_compile(compilations, monkeypatch):
    rng, model = np.random.default_rng(0), jp.models.MLP((7,), 2)
    tasks = []
    for constant in (40, 42):
        x = rng.normal(size=(30, 96)).astype(np.float32)
        x[:, :constant] = 0.5
        tasks.append(jp.data.Task(x, (x[:, -1] > 0).astype(int), x, (x[:, -1] > 0).astype(int), num_classes=2))
    assert {folding.columns(task.x_train).kept.size for task in tasks} == {60}
    jp.train.fit(model, tasks[0], seeds=2, epochs=2, batch=8)
    with compilations("train") as count:
        folded, whole = both(monkeypatch, model, tasks[1], seeds=2, epochs=2, batch=8)
        assert count() == 1  # of the one with all rows
    for one, other in zip(jax.tree.leaves(folded.params), jax.tree.leaves(whole.params), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)


def both(monkeypatch, model, task, **options):
    """Networks trained with fewer rows, and with all."""
    one = jp.train.fit(model, task, **options)
    with monkeypatch.context() as context:
        context.setattr(running, "columns", lambda x: None)
        return one, jp.train.fit(model, task, **options)


def is_folded(model, task, optimizer=None, loss=cross_entropy):
    """Whether training this takes fewer rows."""
    net = jp.models.pure.Network(*jp.models.network(model))
    variables = jax.eval_shape(net.init, jax.random.key(0), jnp.asarray(task.x_train[:1]))
    weights = jp.train.loop.trained(variables)

    def loss_of(weights, variables, x, y, weight, key):
        full = jp.train.loop.joined(variables, weights)
        outputs, changed = net.apply(full, x, True, key)
        return (loss(outputs, y, full) * weight).sum(), changed

    shape = jax.ShapeDtypeStruct
    arguments = (
        weights, variables, shape((8, *task.x_train.shape[1:]), jnp.float32), shape((8,), jnp.int32), shape((8,), jnp.float32),
        jax.eval_shape(lambda: jax.random.key(0)),
    )  # fmt: skip
    place = folding.columns(task.x_train)
    optimizer = optax.with_extra_args_support(optimizer or cosine_adam(0.01, 10))
    found = folding.folding(loss_of, optimizer, arguments, place)
    return found.data(jnp.asarray(task.x_train)).shape != task.x_train.shape


OPTIMIZERS = {
    "the paper's": None,
    "sgd": optax.sgd(0.1),
    "momentum": optax.sgd(0.1, momentum=0.9, nesterov=True),
    "rmsprop": optax.rmsprop(0.01),
    "adagrad": optax.adagrad(0.1),
    "clipped": optax.chain(optax.clip(0.01), optax.adam(0.01)),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_gives_the_same(monkeypatch, name):
    data, model = task(), jp.models.MLP((7,), 2)
    assert is_folded(model, data, OPTIMIZERS[name])
    options = {"seeds": 3, "epochs": 3, "batch": 8, "optimizer": OPTIMIZERS[name]}
    record = lambda params, state: params["params"]["Dense_0"]["kernel"][:, 0]  # noqa: E731
    folded, whole = both(monkeypatch, model, data, record=record, **options)
    for one, other in zip(jax.tree.leaves(folded.params), jax.tree.leaves(whole.params), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)
    np.testing.assert_allclose(folded.recorded, whole.recorded, atol=2e-5)
    np.testing.assert_allclose(folded.train_loss, whole.train_loss, rtol=1e-5)
    np.testing.assert_array_equal(folded.test_accuracy, whole.test_accuracy)
    # Rows of one constant move together, whatever they began with.
    start = jp.train.untrained(model, data, 3)["params"]["Dense_0"]["kernel"]
    moved = np.asarray(folded.params["params"]["Dense_0"]["kernel"] - start)
    held = data.x_train.reshape(50, 30)[0, ::2]
    for value in np.unique(held):
        rows = moved[:, ::2][:, held == value]
        np.testing.assert_allclose(rows, np.broadcast_to(rows[:, :1], rows.shape), atol=1e-6)
        assert np.abs(rows).max() > 1e-4 or value == 0


DECLINED = {
    "decay": optax.adamw(0.01, weight_decay=0.1),
    "all gradients' length": optax.chain(optax.clip_by_global_norm(0.5), optax.sgd(0.1)),
    "a layer's own length": optax.lars(0.1),
    "a mean of the weights": optax.chain(optax.sgd(0.1), optax.ema(0.9), optax.add_decayed_weights(0.01)),
    "rows and columns": optax.adafactor(0.01, min_dim_size_to_factor=2),
}


@pytest.mark.parametrize("name", DECLINED)
def test_an_optimizer_that_looks_at_more_than_one_number_gets_all_rows(monkeypatch, name):
    assert not is_folded(jp.models.MLP((7,), 2), task(), DECLINED[name])
    options = {"seeds": 2, "epochs": 1, "batch": 8, "optimizer": DECLINED[name]}
    folded, whole = both(monkeypatch, jp.models.MLP((7,), 2), task(), **options)
    assert jax.tree.all(jax.tree.map(np.array_equal, folded.params, whole.params))


class Twice(nn.Module):
    """Reads its inputs a second time."""

    @nn.compact
    def __call__(self, x):
        x = x.reshape(len(x), -1)
        return nn.Dense(2)(nn.relu(nn.Dense(5)(x))) + x.sum(1, keepdims=True)


class Normed(nn.Module):
    """Centres its inputs first."""

    @nn.compact
    def __call__(self, x):
        x = x.reshape(len(x), -1)
        return nn.Dense(2)(x - x.mean(1, keepdims=True))


def test_networks_that_read_their_inputs_in_other_ways_get_all_rows():
    data = task()
    penalty = lambda outputs, y, params: (  # noqa: E731
        cross_entropy(outputs, y, params) + (params["params"]["Dense_0"]["kernel"] ** 2).sum()
    )
    assert is_folded(jp.models.MLP((7,), 2), data)
    assert not is_folded(jp.models.MLP((7,), 2), data, loss=penalty)
    assert not is_folded(Twice(), data)
    assert not is_folded(Normed(), data)
    assert not is_folded(jp.models.CNN((3,), 2), data)
    assert not is_folded(lambda key: eqx.nn.Sequential([eqx.nn.Lambda(jnp.ravel), eqx.nn.Linear(30, 2, key=key)]), data)
    with_all = jp.data.Task(data.x_test, data.y_test, data.x_test, data.y_test, num_classes=2)
    assert folding.columns(with_all.x_train) is None


@jax.custom_vjp
def sign(x):
    return jnp.sign(x)


# A straight-through estimator: its body has no gradient at all.
sign.defvjp(lambda x: (jnp.sign(x), None), lambda _, g: (g,))


class Binary(nn.Module):
    """Signs for activations."""

    @nn.compact
    def __call__(self, x):
        return nn.Dense(2)(sign(nn.Dense(5, use_bias=False)(x.reshape(len(x), -1))))


def test_derivatives_by_hand_stay_what_they_are(monkeypatch):
    data = task()
    assert is_folded(Binary(), data)
    folded, whole = both(monkeypatch, Binary(), data, seeds=2, epochs=2, batch=8, optimizer=optax.sgd(0.1))
    for one, other in zip(jax.tree.leaves(folded.params), jax.tree.leaves(whole.params), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)
    start = jp.train.untrained(Binary(), data, 2)["params"]["Dense_0"]["kernel"]
    assert np.abs(folded.params["params"]["Dense_0"]["kernel"] - start).max() > 1e-2


def test_the_slope_of_relu_at_zero_is_zero(monkeypatch):
    """That of its body, max(x, 0), is a half."""
    data, model = task(), jp.models.MLP((7,), 2)
    nothing = jax.tree.map(jnp.zeros_like, jp.train.untrained(model, data, 2))
    nothing["params"]["Dense_1"]["kernel"] += jnp.arange(14.0).reshape(7, 2)
    folded, whole = both(
        monkeypatch, model, data, seeds=2, epochs=1, batch=8, initial=nothing, optimizer=optax.sgd(0.1)
    )
    assert (folded.params["params"]["Dense_0"]["kernel"] == 0).all()
    assert (whole.params["params"]["Dense_0"]["kernel"] == 0).all()


def test_augmented_images_get_all_rows(monkeypatch):
    augment = lambda key, x: x + jax.random.normal(key, x.shape)  # noqa: E731
    folded, whole = both(monkeypatch, jp.models.MLP((7,), 2), task(), seeds=2, epochs=1, batch=8, augment=augment)
    assert jax.tree.all(jax.tree.map(np.array_equal, folded.params, whole.params))


def test_a_training_taken_up_again_is_the_same(tmp_path):
    data, model = task(), jp.models.MLP((7,), 2)
    options = {"seeds": 2, "epochs": 4, "batch": 8}
    whole = jp.train.fit(model, data, **options)

    class Stopped(Exception):
        pass

    def stop(fraction):
        if fraction >= 0.5:
            raise Stopped

    with pytest.raises(Stopped):
        jp.train.fit(model, data, **options, checkpoint=tmp_path / "fit", every=1, progress=stop)
    again = jp.train.fit(model, data, **options, checkpoint=tmp_path / "fit", every=1)
    assert jax.tree.all(jax.tree.map(np.array_equal, again.params, whole.params))
