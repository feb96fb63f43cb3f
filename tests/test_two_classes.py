import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

import jprobe as jp
from jprobe.errors import ArgumentError, ShapeError

pytestmark = pytest.mark.quick

LINEAR = lambda p, x: x @ p  # noqa: E731


def task_of(seed, examples=50, tests=20, step=None):
    """Two classes that overlap; ``step`` rounds the inputs, so that outputs tie."""
    rng = np.random.default_rng(seed)
    y = np.concatenate([rng.permutation(np.arange(n) % 2) for n in (examples, tests)])
    x = (rng.normal(size=(examples + tests, 3)) + 0.7 * y[:, None]).astype(np.float32)
    x = x if step is None else np.round(x / step).astype(np.float32)
    return jp.data.Task(x[:examples], y[:examples], x[examples:], y[examples:], num_classes=2)


def test_separation_and_offset_are_numpys():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(50, 4)).astype(np.float32), rng.integers(0, 2, 50)
    task, kernel = jp.data.Task(x, y, x[:20], y[:20], num_classes=2), rng.normal(size=(4, 2)).astype(np.float32)
    for split, n in (("train", 50), ("test", 20)):
        d = (x[:n].astype(np.float64) @ kernel) @ [-1, 1]
        low, high = d[y[:n] == 0], d[y[:n] == 1]
        sd = (low.std() + high.std()) / 2
        apart = jp.metrics.separation(LINEAR, task, split)(kernel)
        off = jp.metrics.offset(LINEAR, task, split)(kernel)
        np.testing.assert_allclose(apart, (high.mean() - low.mean()) / 2 / sd, rtol=1e-4)
        np.testing.assert_allclose(off, (low.mean() + high.mean()) / 2 / sd, rtol=1e-4)


def test_separation_is_of_two_classes():
    two = task_of(0)
    three = jp.data.Task(two.x_train, two.y_train, two.x_test, two.y_test, num_classes=3)
    for name in ("separation", "offset", "auc", "recalibrated_accuracy"):
        with pytest.raises(ShapeError, match="two classes"):
            getattr(jp.metrics, name)(LINEAR, three)


@given(seed=st.integers(0, 99), step=st.sampled_from([None, 1.0]))
@settings(max_examples=20, deadline=None)
def test_auc_is_that_of_the_rank_sum_test(seed, step):
    task = task_of(seed, step=step)
    kernel = np.round(np.random.default_rng(seed).normal(size=(3, 2)), 0 if step else 4).astype(np.float32)
    for split, x, y in (("test", task.x_test, task.y_test), ("train", task.x_train, task.y_train)):
        d = x.astype(np.float64) @ kernel @ [-1, 1]
        expected = scipy.stats.mannwhitneyu(d[y == 1], d[y == 0]).statistic / ((y == 1).sum() * (y == 0).sum())
        assert jp.metrics.auc(LINEAR, task, split)(kernel).item() == pytest.approx(expected, abs=2e-6)


def test_auc_of_no_numbers_is_none():
    assert jnp.isnan(jp.metrics.auc(LINEAR, task_of(0))(jnp.full((3, 2), jnp.nan)))
    assert jp.metrics.auc(LINEAR, task_of(0))(jnp.zeros((3, 2))) == 0.5


@given(seed=st.integers(0, 99), shift=st.floats(-50, 50))
@settings(max_examples=20, deadline=None)
def test_what_shifts_all_outputs_changes_no_recalibrated_accuracy(seed, shift):
    task, rng = task_of(seed), np.random.default_rng(seed)
    params = {"w": rng.normal(size=(3, 2)).astype(np.float32), "b": np.zeros(2, np.float32)}
    moved = {**params, "b": np.array([0, shift], np.float32)}
    run = lambda p, x: x @ p["w"] + p["b"]  # noqa: E731
    metric = jp.metrics.recalibrated_accuracy(run, task)
    assert abs(metric(params) - metric(moved)) <= 1 / len(task.y_test) + 1e-6  # one example may lie on the threshold
    d = task.x_train.astype(np.float64) @ params["w"] @ [-1, 1]
    threshold = np.sort(d)[[24, 25]].mean()
    right = ((task.x_test.astype(np.float64) @ params["w"] @ [-1, 1] > threshold) == task.y_test).mean()
    assert metric(params).item() == pytest.approx(right, abs=1e-6)


def test_the_threshold_is_where_the_training_labels_are_split():
    """A quarter of the training set is of class 0, and so is a quarter of what lies below the threshold."""
    x = np.arange(40, dtype=np.float32)[:, None] + 100
    y = (np.arange(40) >= 10).astype(int)
    task = jp.data.Task(x, y, x, y, num_classes=2)
    kernel = np.array([[0.0, 1.0]], np.float32)
    assert jp.metrics.recalibrated_accuracy(LINEAR, task)(kernel) == 1
    assert jp.metrics.accuracy(LINEAR, task)(kernel) == 0.75


def test_a_gap_with_another_threshold():
    task = task_of(1)
    model = jp.models.MLP((4,))
    params = jp.train.fit(model, task, seeds=3, epochs=3, batch=10).params
    found = jp.complexity.gap(model, params, task, recalibrate=True)
    metric = jp.metrics.recalibrated_accuracy(model, task)
    np.testing.assert_allclose(found.base, jax.vmap(metric)(params), atol=1e-6)
    signs = jax.tree.map(jnp.sign, params)
    np.testing.assert_allclose(found.gap, jax.vmap(metric)(params) - jax.vmap(metric)(signs), atol=1e-6)
    with pytest.raises(ArgumentError, match="no other metric"):
        jp.complexity.gap(model, params, task, recalibrate=True, metric=jp.metrics.auc)


def test_scaled_signs_have_the_mean_magnitude_of_their_tensor():
    params = {"kernel": jnp.array([[3.0, -1.0], [0.0, 4.0]]), "bias": jnp.array([-2.0, 2.0])}
    found = jp.probes.binarize(scale=True).apply(jax.random.key(0), params, (), 0.0)
    assert found["kernel"].tolist() == [[2.0, -2.0], [0.0, 2.0]]
    assert found["bias"].tolist() == [-2.0, 2.0]
