"""A dataset's classes as tasks, and the ranges of pixels, in plain NumPy."""

import dataclasses

import numpy as np
import pytest

from jprobe import data
from jprobe.errors import ArgumentError, ShapeError, UnknownNameError


def coloured(seed=0):
    rng = np.random.default_rng(seed)
    images = [rng.integers(0, 256, (n, 4, 3, 2)).astype(np.uint8) // (1, 3) for n in (40, 10)]
    labels = [np.arange(len(x), dtype=np.int32) % 4 for x in images]
    x_train, x_test = (x.astype(np.uint8) for x in images)
    return data.Dataset("made", x_train, labels[0], x_test, labels[1], ("a", "b", "c", "d"), {"f": "md5:0"}, "here")


def test_all_classes_are_a_task():
    made = coloured()
    task = data.task(made)
    assert (task.num_classes, task.class_names, task.name, task.checksums) == (
        4,
        ("a", "b", "c", "d"),
        "made",
        {"f": "md5:0"},
    )
    for split in ("train", "test"):
        x, y = getattr(made, f"x_{split}"), getattr(made, f"y_{split}")
        np.testing.assert_array_equal(getattr(task, f"x_{split}"), x / np.float32(127.5) - np.float32(1))
        np.testing.assert_array_equal(getattr(task, f"y_{split}"), y)


@pytest.mark.parametrize(
    "make", [data.task, lambda made, pixels: data.pair(made, (3, 1), pixels)], ids=["task", "pair"]
)
def test_ranges_of_pixels(make):
    made = coloured()
    kept = {split: np.isin(getattr(made, f"y_{split}"), (1, 3)) | (make is data.task) for split in ("train", "test")}
    raw = {split: getattr(made, f"x_{split}")[kept[split]].astype(np.float64) for split in ("train", "test")}
    mean, deviation = raw["train"].mean((0, 1, 2)), raw["train"].std((0, 1, 2))
    for pixels, expected in {
        "signed": lambda p: p / 127.5 - 1, "unit": lambda p: p / 255, "standardised": lambda p: (p - mean) / deviation
    }.items():  # fmt: skip
        task = make(made, pixels)
        for split in ("train", "test"):
            np.testing.assert_allclose(getattr(task, f"x_{split}"), expected(raw[split]), rtol=1e-5, atol=2e-6)
        assert task.x_train.dtype == np.float32


def test_pixels_that_cannot_be():
    with pytest.raises(UnknownNameError, match="Did you mean 'unit'"):
        data.task(coloured(), "units")
    flat = dataclasses.replace(coloured(), x_train=np.zeros_like(coloured().x_train))
    with pytest.raises(ArgumentError, match="constant"):
        data.task(flat, "standardised")


def test_targets_may_be_any_finite_numbers():
    x = np.arange(12.0).reshape(6, 2)
    task = data.Task(x, x[:, None], x[:2], x[:2, None], num_classes=None)
    assert (task.y_train.shape, task.y_train.dtype, task.num_classes) == ((6, 1, 2), np.float32, None)
    with pytest.raises(ShapeError, match="y_train has shape"):
        data.Task(x, x, x, x[:, :1], num_classes=None)
    with pytest.raises(ShapeError, match="6 examples"):
        data.Task(x, x[:5], x, x, num_classes=None)
    with pytest.raises(ArgumentError, match="class_names"):
        data.Task(x, x, x, x, num_classes=None, class_names=("a",))
