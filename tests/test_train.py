"""Training: torch's numbers, independent networks, what is kept, checkpoints."""

import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jprobe as jp
from jprobe import train
from jprobe.errors import (
    ArgumentError,
    CheckpointError,
    DiskError,
    UnknownNameError,
    WeightsError,
)

pytestmark = pytest.mark.quick

MODEL = jp.models.MLP((5,), 2)


def make_task(examples=40, features=6, seed=0, tests=30):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(examples + tests, features)).astype(np.float32)
    y = (x[:, 0] + 0.5 * x[:, 1] ** 2 + 0.3 * rng.normal(size=len(x)) > 0.3).astype(int)
    return jp.data.Task(x[:examples], y[:examples], x[examples:], y[examples:], num_classes=2)


TASK = make_task()


def initial(model, task, seed):
    x = jnp.zeros((1, *task.x_train.shape[1:]))
    return model.init(jax.random.fold_in(jax.random.key(0), seed), x)


def order(block, epoch, examples):
    return np.random.default_rng((1, block, epoch)).permutation(examples)


def torch_fit(task, seed, epochs, batch, rate):
    """Losses and test accuracies of a plain torch loop from the same start, in the same order."""
    torch = pytest.importorskip("torch", reason="torch is in the extra 'parity'")
    params = initial(MODEL, task, seed)
    net = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.ReLU(), torch.nn.Linear(5, 2))
    with torch.no_grad():
        for layer, name in ((net[0], "Dense_0"), (net[2], "Dense_1")):
            layer.weight.copy_(torch.tensor(np.array(params["params"][name]["kernel"]).T))
            layer.bias.copy_(torch.tensor(np.array(params["params"][name]["bias"])))
    x, y, x_test, y_test = map(torch.tensor, (task.x_train, task.y_train, task.x_test, task.y_test))
    optimizer = torch.optim.Adam(net.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    losses, accuracies = [], []
    for epoch in range(epochs):
        total, places = 0.0, torch.tensor(order(seed // 10, epoch, len(x))).long()
        for start in range(0, len(x), batch):
            rows = places[start : start + batch]
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(net(x[rows]), y[rows].long())
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        schedule.step()
        with torch.no_grad():
            accuracies.append((net(x_test).argmax(1) == y_test).float().mean().item())
        losses.append(total / len(x))
    kernels = [net[0].weight.detach().numpy().T, net[2].weight.detach().numpy().T]
    return losses, accuracies, kernels


@pytest.mark.parametrize(
    ("examples", "batch"),
    [(40, 8), (10, 4), (10, 128), (7, 1)],
    ids=["whole", "partial", "one step", "single"],
)
def test_torch_gives_the_same(examples, batch):
    task, seeds = make_task(examples), [3, 14]
    fit = train.fit(MODEL, task, seeds, epochs=4, batch=batch, learning_rate=0.02)
    for n, seed in enumerate(seeds):
        losses, accuracies, kernels = torch_fit(task, seed, 4, batch, 0.02)
        assert np.allclose(fit.train_loss[n], losses, rtol=2e-5)
        assert np.allclose(fit.test_accuracy[n], accuracies, atol=1e-6)
        assert np.allclose(fit.params["params"]["Dense_0"]["kernel"][n], kernels[0], atol=2e-5)
        assert np.allclose(fit.params["params"]["Dense_1"]["kernel"][n], kernels[1], atol=2e-5)


def test_a_network_does_not_depend_on_its_neighbours():
    whole = train.fit(MODEL, TASK, seeds=13, epochs=3, batch=8)
    for seeds in ([12, 3], [3, 4, 25, 12]):
        some = train.fit(MODEL, TASK, seeds, epochs=3, batch=8)
        assert some.seeds.tolist() == seeds
        for n, seed in enumerate(seeds):
            if seed < 13:
                assert np.allclose(some.train_loss[n], whole.train_loss[seed], rtol=1e-5)
                for a, b in zip(jax.tree.leaves(some.params), jax.tree.leaves(whole.params), strict=True):
                    assert np.allclose(a[n], b[seed], atol=1e-5)


@pytest.mark.parametrize("keep", ["last", "best"])
def test_padding_changes_nothing_and_compiles_once(keep, compilations):
    small, large = make_task(21), make_task(40)
    plain = [train.fit(MODEL, task, 3, epochs=3, batch=8, keep=keep) for task in (small, large)]
    with compilations("train") as count:
        for task, expected in zip((small, large), plain, strict=True):
            padded = train.fit(MODEL, task, 3, epochs=3, batch=8, keep=keep, pad_to=(50, 70))
            assert padded.chance == expected.chance
            for a, b in zip(jax.tree.leaves(padded), jax.tree.leaves(expected), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert count() == 1


def test_a_model_that_cannot_be_hashed_trains():
    listed = train.fit(jp.models.MLP([5], 2), TASK, 1, epochs=1)
    np.testing.assert_array_equal(listed.train_loss, train.fit(MODEL, TASK, 1, epochs=1).train_loss)


def test_padding_below_the_task_is_an_error():
    with pytest.raises(ArgumentError, match="pad_to"):
        train.fit(MODEL, TASK, 1, epochs=1, pad_to=(3, 3))


def test_a_block_shares_its_minibatches_and_no_start():
    fit = train.fit(MODEL, TASK, [0, 1, 9, 10], epochs=1, batch=40, learning_rate=1e-12)
    for n, seed in enumerate((0, 1, 9, 10)):
        assert np.allclose(
            fit.params["params"]["Dense_0"]["kernel"][n], initial(MODEL, TASK, seed)["params"]["Dense_0"]["kernel"]
        )
    assert len({tuple(w.ravel().tolist()) for w in fit.params["params"]["Dense_0"]["kernel"]}) == 4


def test_a_numpy_number_of_seeds_is_a_number():
    assert train.fit(MODEL, TASK, np.int64(2), epochs=1).seeds.tolist() == [0, 1]


def measured(fit, task):
    metric = jp.metrics.accuracy(MODEL, task)
    return np.array([float(metric(net)) for net in jp.unstack(fit.params)])


def test_last_and_best_keep_what_they_say():
    args = {"seeds": 6, "epochs": 8, "batch": 8, "learning_rate": 0.1}
    last, best = (train.fit(MODEL, TASK, keep=keep, **args) for keep in ("last", "best"))
    assert np.allclose(last.test_accuracy, best.test_accuracy, atol=1e-6)
    assert (last.epoch == 8).all()
    assert np.array_equal(last.accuracy, last.test_accuracy[:, -1])
    assert np.array_equal(best.accuracy, best.test_accuracy.max(1))
    assert np.array_equal(best.epoch, best.test_accuracy.argmax(1) + 1)
    assert (best.epoch < 8).any()
    for fit in (last, best):
        assert np.allclose(measured(fit, TASK), fit.accuracy, atol=1e-6)


def test_dead_networks_are_counted():
    x, y = np.zeros((20, 6)), np.arange(20) % 2
    nothing = jp.data.Task(x, y, x, y, num_classes=2)
    fit = train.fit(MODEL, nothing, 3, epochs=2)
    assert fit.chance == 0.5
    assert fit.dead.tolist() == [True] * 3


def test_training_that_diverges_is_an_error_that_names_the_seeds(tmp_path):
    with pytest.raises(WeightsError, match=r"\[4, 5\].*learning_rate"):
        train.fit(MODEL, TASK, [4, 5], epochs=2, batch=8, learning_rate=1e38, checkpoint=tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_networks_that_diverge_may_be_kept_and_count_as_dead(tmp_path):
    args = {"epochs": 2, "batch": 8, "learning_rate": 1e38, "diverged": "keep", "checkpoint": tmp_path / "c"}
    for _ in range(2):  # trained, then read
        fit = train.fit(MODEL, TASK, [4, 5], **args)
        assert fit.accuracy.shape == (2,)
        assert not np.isfinite(fit.train_loss).all()
        assert fit.dead.all()
    with pytest.raises(UnknownNameError, match="Did you mean 'keep'"):
        train.fit(MODEL, TASK, 1, diverged="kept")


@pytest.mark.parametrize(
    "kwargs",
    [{"seeds": 0}, {"seeds": []}, {"epochs": 0}, {"batch": 0}, {"learning_rate": 0.0}, {"learning_rate": -1}],
    ids=str,
)
def test_arguments_that_make_no_sense_are_errors(kwargs):
    with pytest.raises(ArgumentError, match=next(iter(kwargs))):
        train.fit(MODEL, TASK, **kwargs)


def test_an_unknown_keep_rule_is_an_error():
    with pytest.raises(UnknownNameError, match="Did you mean 'best'"):
        train.fit(MODEL, TASK, 1, keep="bests")


def test_progress_rises_to_one():
    done = []
    fit = train.fit(MODEL, TASK, 25, epochs=1, progress=done.append)
    assert done == [1 / 3, 2 / 3, 1.0]
    assert fit.seeds.tolist() == list(range(25))


def test_a_mesh_gives_the_same():
    mesh = jax.make_mesh((1,), ("seed",), axis_types=(jax.sharding.AxisType.Auto,))
    plain, spread = (train.fit(MODEL, TASK, [1, 2, 11], epochs=2, batch=8, mesh=m) for m in (None, mesh))
    assert np.allclose(plain.train_loss, spread.train_loss, rtol=1e-5)
    assert np.allclose(plain.test_accuracy, spread.test_accuracy, atol=1e-6)


SETTINGS = {"seeds": [2, 5], "epochs": 2, "batch": 8, "learning_rate": 0.01, "keep": "last"}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoints") / "fit"
    return path, train.fit(MODEL, TASK, checkpoint=path, **SETTINGS)


@pytest.fixture
def untrained(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("trained again")

    monkeypatch.setattr("jprobe.train.fitting.train_all", refuse)


def test_a_checkpoint_is_read_and_not_trained_again(written, untrained):
    path, fit = written
    again = train.fit(MODEL, TASK, checkpoint=path, **SETTINGS)
    for a, b in zip(jax.tree.leaves(fit), jax.tree.leaves(again), strict=True):
        assert np.array_equal(a, b)
    assert jax.tree.structure(again.params) == jax.tree.structure(fit.params)


@pytest.mark.parametrize("stop", [1, 3, 4], ids=["in the first part", "after it", "in the second"])
def test_an_interrupted_training_is_taken_up(tmp_path, stop):
    """Two parts of networks, of three epochs each, kept after every one."""
    options = {"seeds": [2, 5, 11], "epochs": 3, "batch": 8, "record": _first_weight}
    whole, path = train.fit(MODEL, TASK, **options), tmp_path / "fit"

    def interrupt(fraction):
        if fraction >= stop / 6 - 1e-9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train.fit(MODEL, TASK, checkpoint=path, every=1, progress=interrupt, **options)
    assert not path.exists()
    seen = []
    again = train.fit(MODEL, TASK, checkpoint=path, every=1, progress=seen.append, **options)
    assert len(seen) == 6 - stop  # nothing is trained twice
    for a, b in zip(jax.tree.leaves(whole), jax.tree.leaves(again), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not path.with_name("fit.unfinished").exists()


def _first_weight(params, state):
    return jax.tree.leaves(params)[0].ravel()[0]


def test_an_interrupted_training_of_other_settings_or_damaged_is_an_error(tmp_path):
    def interrupt(fraction):
        raise KeyboardInterrupt

    path = tmp_path / "fit"
    with pytest.raises(KeyboardInterrupt):
        train.fit(MODEL, TASK, checkpoint=path, every=1, progress=interrupt, **SETTINGS)
    with pytest.raises(CheckpointError, match="other data, seeds, settings"):
        train.fit(MODEL, TASK, checkpoint=path, every=1, **{**SETTINGS, "learning_rate": 0.02})
    for file in (f for f in path.with_name("fit.unfinished").rglob("*") if f.is_file()):
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(CheckpointError, match="damaged"):
        train.fit(MODEL, TASK, checkpoint=path, every=1, **SETTINGS)
    with pytest.raises(ArgumentError, match="every is 1 or more"):
        train.fit(MODEL, TASK, every=1, **SETTINGS)


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        (jp.models.MLP((6,), 2), {}),
        (jp.models.MLP((5, 5), 2), {}),
        (MODEL, {"seeds": 3}),
        (MODEL, {"epochs": 3}),
    ],
    ids=["width", "depth", "number of seeds", "epochs"],
)
def test_a_checkpoint_of_another_shape_is_an_error(written, untrained, model, settings):
    with pytest.raises(CheckpointError, match="does not fit"):
        train.fit(model, TASK, checkpoint=written[0], **{**SETTINGS, **settings})


@pytest.mark.parametrize(
    "settings",
    [{"seeds": [3, 6]}, {"learning_rate": 0.02}, {"batch": 16}, {"keep": "best"}],
    ids=["seeds", "rate", "batch", "keep"],
)
def test_a_checkpoint_of_another_configuration_is_an_error(written, untrained, settings):
    with pytest.raises(CheckpointError):
        train.fit(MODEL, TASK, checkpoint=written[0], **{**SETTINGS, **settings})


@pytest.mark.parametrize("damage", ["empty folder", "cut short", "metadata gone"])
def test_a_damaged_checkpoint_is_an_error(written, untrained, tmp_path, damage):
    path = tmp_path / "c"
    shutil.copytree(written[0], path)
    files = [f for f in path.rglob("*") if f.is_file()]
    if damage == "empty folder":
        shutil.rmtree(path)
        path.mkdir()
    elif damage == "cut short":
        for f in files:
            f.write_bytes(f.read_bytes()[: f.stat().st_size // 2])
    else:
        for f in files:
            if "METADATA" in f.name.upper():
                f.unlink()
    with pytest.raises(CheckpointError):
        train.fit(MODEL, TASK, checkpoint=path, **SETTINGS)


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="Could not write"):
        train.fit(MODEL, TASK, 1, epochs=1, checkpoint=tmp_path / "file" / "c")


def test_scores_of_a_large_test_set_are_added_up(monkeypatch):
    """Part by part, a part filled up with examples of no weight."""
    whole = train.fit(MODEL, TASK, 2, epochs=2, batch=8)
    monkeypatch.setattr("jprobe.train.loop.EVALUATED", 7)
    small = train.fit(jp.models.MLP(MODEL.hidden, 2, kernel_sd=None), TASK, 2, epochs=2, batch=8, record=_first_weight)
    np.testing.assert_array_equal(whole.test_accuracy, small.test_accuracy)
    assert len(TASK.x_test) % 7


def test_metrics_are_numpys():
    params = initial(MODEL, TASK, 0)
    for split, x, y in (("test", TASK.x_test, TASK.y_test), ("train", TASK.x_train, TASK.y_train)):
        logits = np.asarray(MODEL.apply(params, x), np.float64)
        nats = np.log(np.exp(logits).sum(1)) - logits[np.arange(len(y)), y]
        assert np.isclose(jax.jit(jp.metrics.loss(MODEL, TASK, split))(params), nats.mean(), rtol=1e-5)
        right = (logits.argmax(1) == y).mean()
        assert np.isclose(jax.jit(jp.metrics.accuracy(MODEL, TASK, split))(params), right, rtol=1e-6)


def test_embedded_mnist_is_learnt():
    task = jp.data.pair(jp.data.load("mnist"), (0, 7))
    fit = train.fit(jp.models.MLP(), task, seeds=2, epochs=2)
    assert (fit.accuracy > 0.98).all()
    assert (fit.train_loss[:, 1] < fit.train_loss[:, 0]).all()
    assert not fit.dead.any()


def test_a_checkpoint_knows_how_images_were_augmented(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 4, 4, 1)), np.arange(8) % 2
    task = jp.data.Task(x, y, x, y, num_classes=2)
    fit = lambda pad: train.fit(  # noqa: E731
        jp.models.CNN((2,), 2), task, 1, epochs=1, batch=4, augment=train.flip_and_crop(pad), checkpoint=tmp_path / "c"
    )
    np.testing.assert_array_equal(fit(1).accuracy, fit(1).accuracy)
    with pytest.raises(CheckpointError, match="settings or functions"):
        fit(2)
