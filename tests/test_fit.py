"""Any loss, optimizer, model and data: against torch loops, one another, and themselves alone."""

import dataclasses

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from reference import perturbed
from test_train import MODEL, TASK, make_task, order

import jprobe as jp
from jprobe import train
from jprobe.errors import ArgumentError, CheckpointError, ShapeError, WeightsError

pytestmark = pytest.mark.quick

AUTO = dataclasses.replace(TASK, y_train=TASK.x_train, y_test=TASK.x_test, num_classes=None)
SGD = optax.chain(optax.add_decayed_weights(1e-2), optax.sgd(0.1, momentum=0.9))
QUICK = {"epochs": 2, "batch": 16}


def same(a, b, **close):
    for one, other in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(one, other, **{"rtol": 1e-5, "atol": 1e-6, **close})


class ConvNet(nn.Module):
    """A convolution, batch normalisation as torch has it, and a dense layer."""

    @nn.compact
    def __call__(self, x, train):
        x = nn.Conv(3, (3, 3), padding="VALID", use_bias=False)(x)
        x = nn.relu(nn.BatchNorm(use_running_average=not train, momentum=0.9, epsilon=1e-5)(x))
        return nn.Dense(2)(x.mean((1, 2)))


def image_task(examples):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(examples, 6, 6, 1)).astype(np.float32)
    y = (x.mean((1, 2, 3)) > 0).astype(int)
    return jp.data.Task(x, y, x, y, num_classes=2)


@pytest.mark.parametrize("examples", [24, 29], ids=["whole", "partial left out"])
def test_batch_normalisation_momentum_and_decay_are_torchs(examples):
    torch = pytest.importorskip("torch", reason="torch is in the extra 'parity'")
    task, seed = image_task(examples), 12
    fit = train.fit(ConvNet(), task, [seed, 3], epochs=1, batch=8, optimizer=SGD)
    start = jax.tree.map(lambda w: np.array(w[0]), train.untrained(ConvNet(), task, [seed]))["params"]
    conv, norm, dense = torch.nn.Conv2d(1, 3, 3, bias=False), torch.nn.BatchNorm2d(3), torch.nn.Linear(3, 2)
    with torch.no_grad():
        conv.weight.copy_(torch.tensor(start["Conv_0"]["kernel"]).permute(3, 2, 0, 1))
        dense.weight.copy_(torch.tensor(start["Dense_0"]["kernel"]).T)
        dense.bias.copy_(torch.tensor(start["Dense_0"]["bias"]))
    weights = [*conv.parameters(), *norm.parameters(), *dense.parameters()]
    sgd = torch.optim.SGD(weights, lr=0.1, momentum=0.9, weight_decay=1e-2)
    rows, total = order(seed // 10, 0, examples), 0.0
    for step in range(3):  # the rest of the epoch, fewer than a batch, is left out
        these = rows[8 * step : 8 * step + 8]
        x, y = torch.tensor(task.x_train[these]).permute(0, 3, 1, 2), torch.tensor(task.y_train[these]).long()
        sgd.zero_grad()
        loss = torch.nn.functional.cross_entropy(dense(norm(conv(x)).relu().mean((2, 3))), y)
        loss.backward()
        sgd.step()
        total += loss.item() / 3
    one = jp.unstack(fit.params)[0]
    same(one["params"]["Conv_0"]["kernel"], conv.weight.detach().permute(2, 3, 1, 0).numpy(), atol=1e-5)
    same(one["params"]["BatchNorm_0"]["scale"], norm.weight.detach().numpy(), atol=1e-5)
    same(one["params"]["Dense_0"]["kernel"], dense.weight.detach().numpy().T, atol=1e-5)
    statistics = one["batch_stats"]["BatchNorm_0"]
    same(statistics["mean"], norm.running_mean.numpy(), atol=1e-5)
    # torch keeps the variance with n - 1, Flax with n; 0.9^3 of both is where they started.
    n, kept = 8 * 4 * 4, 0.9**3
    same(statistics["var"], (norm.running_var.numpy() - kept) * (n - 1) / n + kept, atol=1e-5)
    assert np.isclose(fit.train_loss[0, 0], total, rtol=1e-5)
    # A network is measured with its running statistics, whatever else is in the batch.
    metric = jp.metrics.accuracy(ConvNet(), task)
    assert np.isclose(fit.accuracy[0], metric(one))
    logits = jp.models.forward(ConvNet())(one, task.x_test)
    same(logits[:1], jp.models.forward(ConvNet())(one, task.x_test[:1]))


def test_padding_does_not_touch_statistics():
    task = image_task(29)
    args = {"seeds": 2, "epochs": 2, "batch": 8, "optimizer": SGD}
    same(train.fit(ConvNet(), task, **args)[:-2], train.fit(ConvNet(), task, pad_to=(50, 40), **args)[:-2])
    few = train.fit(ConvNet(), image_task(5), seeds=1, epochs=2, batch=8)  # fewer than a batch: one batch of all
    assert np.isfinite(few.train_loss).all()


class Autoencoder(nn.Module):
    """6 -> 3 -> 6."""

    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Dense(3)(x))
        return nn.sigmoid(nn.Dense(6)(x))


def test_an_autoencoder_is_torchs():
    torch = pytest.importorskip("torch", reason="torch is in the extra 'parity'")
    adam = optax.adam(1e-2)
    fit = train.fit(Autoencoder(), AUTO, [4], epochs=2, batch=16, loss=train.squared_error, optimizer=adam)
    start = jax.tree.map(lambda w: np.array(w[0]), train.untrained(Autoencoder(), AUTO, [4]))["params"]
    net = torch.nn.Sequential(torch.nn.Linear(6, 3), torch.nn.ReLU(), torch.nn.Linear(3, 6), torch.nn.Sigmoid())
    with torch.no_grad():
        for layer, name in ((net[0], "Dense_0"), (net[2], "Dense_1")):
            layer.weight.copy_(torch.tensor(start[name]["kernel"].T))
            layer.bias.copy_(torch.tensor(start[name]["bias"]))
    optimizer, x = torch.optim.Adam(net.parameters(), lr=1e-2), torch.tensor(AUTO.x_train)
    for epoch in range(2):
        for rows in torch.tensor(order(0, epoch, len(x))).long().split(16):
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(net(x[rows]), x[rows]).backward()
            optimizer.step()
        with torch.no_grad():
            test = torch.nn.functional.mse_loss(net(torch.tensor(AUTO.x_test)), torch.tensor(AUTO.y_test)).item()
        assert np.isclose(fit.test_accuracy[0, epoch], test, rtol=1e-5)
    same(fit.params["params"]["Dense_0"]["kernel"][0], net[0].weight.detach().numpy().T, atol=1e-5)
    measured = jp.metrics.loss(Autoencoder(), AUTO, each=train.squared_error)(jp.unstack(fit.params)[0])
    assert np.isclose(measured, fit.accuracy[0], rtol=1e-5)


def test_targets_that_are_no_labels():
    args = {"seeds": 4, "epochs": 6, "batch": 8, "loss": train.squared_error, "learning_rate": 0.3}
    best = train.fit(Autoencoder(), AUTO, keep="best", **args)
    np.testing.assert_array_equal(best.accuracy, best.test_accuracy.min(1))  # a loss: less is better
    assert np.isnan(best.chance)
    assert "dead" not in repr(best)
    with pytest.raises(ArgumentError, match="labels"):
        _ = best.dead
    near = lambda outputs, y: (jnp.abs(outputs - y) < 0.5).mean(-1)  # noqa: E731
    scored = train.fit(Autoencoder(), AUTO, keep="best", score=near, **args)
    np.testing.assert_array_equal(scored.accuracy, scored.test_accuracy.max(1))
    with pytest.raises(ArgumentError, match="squared_error"):
        train.fit(Autoencoder(), AUTO, 1)
    for metric in (jp.metrics.accuracy, jp.metrics.loss):
        with pytest.raises(ShapeError, match="each="):
            metric(Autoencoder(), AUTO)
    with pytest.raises(ShapeError, match="differ in numbers"):
        train.fit(MODEL, AUTO, 1, loss=train.squared_error)


def test_a_penalty_is_on_the_variables():
    def penalised(outputs, y, params):
        return train.cross_entropy(outputs, y) + 0.5 * jnp.abs(params["params"]["Dense_0"]["kernel"]).sum()

    plain, small = (train.fit(MODEL, TASK, 3, epochs=4, batch=7, loss=f) for f in (train.cross_entropy, penalised))
    norm = [np.abs(fit.params["params"]["Dense_0"]["kernel"]).sum((1, 2)) for fit in (plain, small)]
    assert (norm[1] < 0.5 * norm[0]).all()
    # Filled-up examples weigh nothing: 40 examples in batches of 7, or of 40 after a step that changes nothing.
    still = optax.sgd(0.0)
    losses = [train.fit(MODEL, TASK, 2, epochs=1, batch=n, loss=penalised, optimizer=still).train_loss for n in (7, 40)]
    same(*losses)


def test_gradients_are_clipped_network_by_network():
    clipped = optax.chain(optax.clip_by_global_norm(0.01), optax.sgd(1.0))
    args = {"epochs": 1, "batch": 40, "optimizer": clipped}
    fit = train.fit(MODEL, TASK, 3, **args)
    moved = jax.tree.map(lambda a, b: a - b, fit.params, train.untrained(MODEL, TASK, 3))
    norms = np.sqrt(sum(np.square(w).reshape(3, -1).sum(1) for w in jax.tree.leaves(moved)))
    np.testing.assert_allclose(norms, 0.01, rtol=1e-3)


def test_schedules_count_epochs_or_steps():
    first = optax.chain(optax.trace(0.0), train.scale_by_epoch(lambda epoch: jnp.where(epoch == 0, 0.1, 0.0)))
    record = lambda params, state: params["params"]["Dense_0"]["bias"]  # noqa: E731
    fit = train.fit(MODEL, TASK, 2, epochs=3, batch=16, optimizer=first, record=record)
    assert fit.recorded.shape == (2, 3, 5)
    same(fit.recorded[:, 1:], fit.recorded[:, :1] + np.zeros((2, 2, 5)), rtol=0, atol=0)
    steps = optax.sgd(optax.piecewise_constant_schedule(0.1, {3: 0.0}))  # three steps of 16 are an epoch
    same(train.fit(MODEL, TASK, 2, epochs=3, batch=16, optimizer=steps).params, fit.params)


def test_every_epoch_is_recorded():
    def record(params, state):
        return {"kernel": params["params"]["Dense_0"]["kernel"], "steps": state[0].count}

    fit = train.fit(MODEL, TASK, [3, 14], epochs=3, batch=8, record=record, keep="best")
    assert fit.recorded["kernel"].shape == (2, 3, 6, 5)
    assert fit.recorded["steps"].tolist() == [[5, 10, 15]] * 2
    for n, epoch in enumerate(fit.epoch):
        same(fit.recorded["kernel"][n, epoch - 1], fit.params["params"]["Dense_0"]["kernel"][n], rtol=0, atol=0)
    assert train.fit(MODEL, TASK, 1, epochs=1).recorded is None


def noisy(key, x):
    return x + jax.random.normal(key, x.shape)


def test_augmentation_belongs_to_the_block_and_the_step():
    args = {"epochs": 2, "batch": 16}
    plain = train.fit(MODEL, TASK, 3, **args)
    same(train.fit(MODEL, TASK, 3, augment=lambda key, x: x, **args), plain, rtol=0, atol=0)
    fit = train.fit(MODEL, TASK, 3, augment=noisy, **args)
    assert not np.allclose(fit.train_loss, plain.train_loss, rtol=1e-3)
    same(train.fit(MODEL, TASK, [1, 25], augment=noisy, **args).train_loss[0], fit.train_loss[1])
    same(train.fit(MODEL, TASK, 3, augment=noisy, together=1, **args)[:-2], fit[:-2])

    def first_only(key, x):  # what is drawn, as the one input of a network without weights to speak of
        return x.at[:].set(jax.random.uniform(key))

    still = {"optimizer": optax.sgd(0.0), "augment": first_only, "loss": lambda outputs, y, params: outputs[:, 0]}
    drawn = train.fit(lambda p, x: x * p, AUTO, [0, 1, 10], initial=np.ones(3, np.float32), epochs=3, batch=40, **still)
    assert len(set(drawn.train_loss.ravel().tolist())) == 6  # two blocks, three epochs


class Dropped(nn.Module):
    """Half of the inputs are dropped."""

    @nn.compact
    def __call__(self, x, deterministic):
        return nn.Dense(2)(nn.Dropout(0.5)(x, deterministic=deterministic))


def test_units_are_dropped_by_seed_when_training_only():
    args = {"epochs": 1, "batch": 40, "optimizer": optax.sgd(0.0)}
    one = train.untrained(Dropped(), TASK, 1)
    alike = jax.tree.map(lambda w: np.repeat(w, 3, 0), one)
    fit = train.fit(Dropped(), TASK, [0, 1, 12], initial=alike, **args)
    assert len(set(fit.train_loss.ravel().tolist())) == 3
    assert len(set(fit.accuracy.tolist())) == 1
    same(train.fit(Dropped(), TASK, [12], initial=one, **args).train_loss[0], fit.train_loss[2])


class NnxNet(nnx.Module):
    def __init__(self, rngs):
        self.first, self.second = nnx.Linear(6, 5, rngs=rngs), nnx.Linear(5, 2, rngs=rngs)

    def __call__(self, x):
        return self.second(nnx.relu(self.first(x)))


class NnxFull(nnx.Module):
    """Batch normalisation and dropout."""

    def __init__(self, rngs):
        self.first, self.norm = nnx.Linear(6, 5, rngs=rngs), nnx.BatchNorm(5, rngs=rngs)
        self.dropout, self.second = nnx.Dropout(0.5, rngs=rngs), nnx.Linear(5, 2, rngs=rngs)

    def __call__(self, x):
        return self.second(self.dropout(nnx.relu(self.norm(self.first(x)))))


class EqxFull(eqx.Module):
    """Batch normalisation and dropout, on one example."""

    first: eqx.nn.Linear
    norm: eqx.nn.BatchNorm
    dropout: eqx.nn.Dropout
    second: eqx.nn.Linear

    def __init__(self, key):
        one, two = jax.random.split(key)
        self.first, self.second = eqx.nn.Linear(6, 5, key=one), eqx.nn.Linear(5, 2, key=two)
        self.norm, self.dropout = eqx.nn.BatchNorm(5, "batch", mode="batch"), eqx.nn.Dropout(0.5)

    def __call__(self, x, state, key=None):
        x, state = self.norm(self.first(x), state)
        return self.second(self.dropout(jax.nn.relu(x), key=key)), state


def nnx_net(key):
    return NnxNet(nnx.Rngs(key))


def eqx_net(key):
    return eqx.nn.MLP(6, 2, 5, 1, key=key)


def test_nnx_and_equinox_give_linens_numbers():
    linen = train.fit(MODEL, TASK, [3, 14], **QUICK)
    start = train.untrained(MODEL, TASK, [3, 14])["params"]
    as_nnx = {"params": {"first": start["Dense_0"], "second": start["Dense_1"]}}
    found = train.fit(nnx_net, TASK, [3, 14], initial=as_nnx, **QUICK)
    same(found[1:-1], linen[1:-1])
    same(found.params["params"]["first"], linen.params["params"]["Dense_0"])
    as_eqx = eqx.tree_at(
        lambda m: [layer for one in m.layers for layer in (one.weight, one.bias)],
        train.untrained(eqx_net, TASK, [3, 14]),
        [w for n in "01" for w in (start[f"Dense_{n}"]["kernel"].mT, start[f"Dense_{n}"]["bias"])],
    )
    found = train.fit(eqx_net, TASK, [3, 14], initial=as_eqx, **QUICK)
    same(found[1:-1], linen[1:-1])
    same(found.params.layers[0].weight.mT, linen.params["params"]["Dense_0"]["kernel"])
    # One network runs in its own library.
    one, (_, static) = jp.unstack(found.params)[1], eqx.partition(eqx_net(jax.random.key(0)), eqx.is_array)
    same(jax.vmap(eqx.combine(one, static))(TASK.x_test), jp.models.forward(eqx_net)(one, TASK.x_test))


@pytest.mark.parametrize(
    ("model", "statistics"),
    [(ConvNet(), "batch_stats"), (lambda key: NnxFull(nnx.Rngs(key)), "batch_stats"),
     (lambda key: eqx.nn.make_with_state(EqxFull)(key=key), "state")],
    ids=["linen", "nnx", "equinox"],
)  # fmt: skip
def test_statistics_of_any_library_through_fit_sweep_and_trace(model, statistics):
    task = image_task(24) if isinstance(model, nn.Module) else TASK
    fit = train.fit(model, task, 3, epochs=2, batch=8)
    start = train.untrained(model, task, 3)
    changed = [
        np.abs(np.asarray(a) - b).max()
        for a, b in zip(*map(jax.tree.leaves, (fit.params[statistics], start[statistics])), strict=True)
    ]
    assert all(change > 0 for change in changed)
    run = jp.models.forward(model)
    metric = jp.metrics.accuracy(model, task)
    measure, forward = jax.jit(metric), jax.jit(run)
    np.testing.assert_allclose([measure(one) for one in jp.unstack(fit.params)], fit.accuracy, atol=1e-6)
    one = jp.unstack(fit.params)[0]
    same(forward(one, task.x_test)[3:5], forward(one, task.x_test[3:5]))
    select = "*/kernel" if statistics == "batch_stats" else "*/weight"
    pruned = jp.probes.prune(select=select)
    everything = perturbed(pruned, jax.random.key(0), one, 1.0)
    same(everything[statistics], one[statistics], rtol=0, atol=0)
    swept = jp.sweep(pruned, fit.params, metric, [0.0]).accuracy.values.ravel()
    np.testing.assert_allclose(swept, fit.accuracy, atol=1e-6)
    assert jp.graph.trace(run, one, jnp.asarray(task.x_test[:1]), fold_bn=True).num_nodes > 0


def test_a_task_for_each_network():
    tasks = [make_task(40, seed=n) for n in range(3)]
    seeds = [3, 4, 12]
    together = train.fit(MODEL, tasks, seeds, **QUICK)
    for n, (task, seed) in enumerate(zip(tasks, seeds, strict=True)):
        alone = train.fit(MODEL, task, [seed], **QUICK)
        same(jax.tree.map(lambda a, n=n: a[n : n + 1], together[:6]), alone[:6])
        assert together.chance[n] == alone.chance
        assert together.dead[n] == alone.dead[0]
    with pytest.raises(ArgumentError, match="3 tasks, 2 seeds"):
        train.fit(MODEL, tasks, 2)
    with pytest.raises(ShapeError, match="agree in shapes"):
        train.fit(MODEL, [*tasks[:2], make_task(39)], 3)


def test_own_initial_weights():
    start = train.untrained(MODEL, TASK, [3, 14])
    plain, own = (train.fit(MODEL, TASK, [3, 14], initial=initial, **QUICK) for initial in (None, start))
    same(plain, own, rtol=0, atol=0)
    # A plain function is a model once it is told where it starts.
    linear = lambda w, x: x @ w["w"]  # noqa: E731
    fit = train.fit(linear, TASK, 2, initial={"w": np.zeros((2, 6, 2), np.float32)}, **QUICK)
    assert (fit.accuracy > 0.5).all()


@pytest.mark.parametrize(
    ("initial", "error", "match"),
    [
        (lambda w: w["params"], WeightsError, "does not fit"),
        (lambda w: jax.tree.map(lambda a: a[0], w), WeightsError, "one for each seed"),
        (lambda w: jax.tree.map(lambda a: a[:, :1], w), WeightsError, "does not fit"),
        (lambda w: jax.tree.map(lambda a: a * np.nan, w), WeightsError, "NaN"),
    ],
    ids=["bare", "one", "shapes", "nan"],
)
def test_initial_weights_that_do_not_fit(initial, error, match):
    with pytest.raises(error, match=match):
        train.fit(MODEL, TASK, 2, initial=initial(train.untrained(MODEL, TASK, 2)))


@pytest.fixture
def no_work(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("trained")

    monkeypatch.setattr("jprobe.train.fitting.train_all", refuse)


def test_mistakes_are_told_apart(no_work):
    with pytest.raises(ShapeError, match=r"2 classes.*\[40, 3\]"):
        train.fit(jp.models.MLP((5,), 3), TASK, 1)
    x = TASK.x_train.copy()
    x[3, 2] = np.nan
    with pytest.raises(ArgumentError, match="x_train holds values that are NaN"):
        dataclasses.replace(TASK, x_train=x)
    with pytest.raises(ArgumentError, match="y_train holds values that are NaN"):
        dataclasses.replace(AUTO, y_train=x)


def test_diverged_networks_are_named():
    start = jax.tree.map(np.array, train.untrained(MODEL, TASK, 3))
    start["params"]["Dense_1"]["kernel"][1] = 1e30
    cubed = lambda outputs, y, params: (outputs**3).sum(-1)  # noqa: E731
    with pytest.raises(WeightsError, match=r"diverged for seeds \[1\], of 3.*lower the rate of the optimizer"):
        train.fit(MODEL, TASK, 3, initial=start, epochs=1, loss=cubed, optimizer=optax.sgd(1e-3))
    # Weights that the last step ruins show in no training loss.
    with pytest.raises(WeightsError, match=r"\[0, 1\]"):
        train.fit(MODEL, TASK, 2, epochs=1, batch=40, optimizer=optax.chain(optax.sgd(1e30), optax.scale(1e30)))


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"loss": lambda o, y, p: train.cross_entropy(o, y).mean()}, ShapeError, r"loss must return.*returned \[\]"),
        ({"score": lambda o, y: o}, ShapeError, r"score must return.*returned \[40, 2\]"),
        ({"augment": lambda key, x: x[:, :2]}, ShapeError, "keep the shape"),
        ({"optimizer": SGD, "learning_rate": 0.1}, ArgumentError, "into optimizer"),
        ({"together": 0}, ArgumentError, "together=0"),
        ({"initial": None, "model": lambda p, x: x @ p}, ArgumentError, "initial="),
        ({"model": NnxNet(nnx.Rngs(0))}, ArgumentError, "function of a random key"),
        ({"model": eqx_net(jax.random.key(0))}, ArgumentError, "function of a random key"),
        ({"model": lambda key: MODEL}, ArgumentError, "given itself"),
        ({"model": 3}, ArgumentError, "int"),
    ],
)
def test_functions_that_do_not_fit(no_work, options, error, match):
    with pytest.raises(error, match=match):
        train.fit(options.pop("model", MODEL), TASK, 2, **options)


def test_one_compilation_serves_a_second_task(compilations):
    args = {"epochs": 2, "batch": 8, "optimizer": optax.adam(1e-3), "augment": noisy}
    with compilations("train") as count:
        train.fit(MODEL, make_task(21), 12, **args)
        assert count() == 1
        train.fit(MODEL, make_task(21, seed=1), [30, 41, 42, 50], **args, together=10)
    assert count() == 2  # another number of networks together
    with compilations("") as count:
        train.fit(MODEL, make_task(21, seed=2), 12, **args)
    assert count() == 0


def test_a_network_alone_is_a_network_of_a_block():
    whole, alone = (train.fit(MODEL, TASK, [3, 4, 12], together=n, **QUICK) for n in (None, 1))
    same(whole, alone)


def test_a_fit_is_one_line():
    fit = train.fit(MODEL, TASK, 3, epochs=2)
    assert (
        repr(fit) == f"Fit(3 networks, accuracy {np.median(fit.accuracy):.3f} median, {fit.dead.sum()} dead, 2 epochs)"
    )


SETTINGS = {"seeds": [2, 5], "epochs": 2, "batch": 8, "optimizer": optax.sgd(0.1), "augment": noisy}


def record_bias(params, state):
    return {"bias": params["params"]["Dense_0"]["bias"]}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoints") / "fit"
    return path, train.fit(MODEL, TASK, checkpoint=path, record=record_bias, **SETTINGS)


def test_a_checkpoint_holds_all_of_a_fit(written, no_work):
    path, fit = written
    again = train.fit(MODEL, TASK, checkpoint=path, record=record_bias, **{**SETTINGS, "optimizer": optax.sgd(0.1)})
    same(again, fit, rtol=0, atol=0)
    assert jax.tree.structure(again) == jax.tree.structure(fit)


@pytest.mark.parametrize(
    "change",
    [{"optimizer": optax.sgd(0.2)}, {"optimizer": optax.sgd(0.1, momentum=0.5)}, {"augment": None},
     {"augment": lambda key, x: x + 2 * jax.random.normal(key, x.shape)},
     {"loss": lambda o, y, p: train.cross_entropy(o, y) * 2}, {"score": lambda o, y: o[:, 0]},
     {"initial": train.untrained(MODEL, TASK, 2)}],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_a_checkpoint_of_other_functions_is_an_error(written, no_work, change):
    with pytest.raises(CheckpointError):
        train.fit(MODEL, TASK, checkpoint=written[0], record=record_bias, **{**SETTINGS, **change})


def test_equinox_networks_are_kept(tmp_path, monkeypatch):
    args = {**QUICK, "seeds": 2, "checkpoint": tmp_path / "c"}
    fit = train.fit(eqx_net, TASK, **args)
    monkeypatch.setattr("jprobe.train.fitting.train_all", None)
    again = train.fit(eqx_net, TASK, **args)
    assert jax.tree.structure(again.params) == jax.tree.structure(fit.params)
    same(again, fit, rtol=0, atol=0)


def test_what_cannot_be_told_is_not_kept(tmp_path, no_work):
    state = iter([1])
    with pytest.raises(ArgumentError, match="leave checkpoint= out"):
        train.fit(MODEL, TASK, 1, augment=lambda key, x: x * next(state), checkpoint=tmp_path / "c")
    assert not (tmp_path / "c").exists()
