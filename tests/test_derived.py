"""Datasets made from others: bit by bit the same everywhere, and what they say they are."""

import numpy as np
import pytest

import jprobe as jp
from jprobe.data import Dataset, coloured, tiles
from jprobe.errors import ArgumentError, ShapeError, UnknownNameError


@pytest.fixture(scope="module")
def digits():
    return jp.data.load("mnist")


def test_coloured_digits_are_the_same_bits_everywhere(digits):
    """The sums were computed once; another NumPy or machine must get them, too."""
    sums = {key: value for key, value in coloured(digits).checksums.items() if "coloured" in key}
    assert sums == {
        "coloured mnist (train)": "sha256:e47ea6ac464f95bd175d8ad2265017d65289ee2ba2a14c2d9338ed80a1f4d812",
        "coloured mnist (test)": "sha256:deb3c408f0aa3aa54bddb6000a96b6c141c34d43959b825ff4041bccec072437",
    }


@pytest.mark.parametrize("background", ["black", "random"])
def test_ink_and_background_have_one_colour_each(digits, background):
    few = jp.data.Dataset("few", digits.x_train[:50], digits.y_train[:50], digits.x_test[:5], digits.y_test[:5], digits.class_names, {}, "")  # fmt: skip
    one = coloured(few, background, seed=3)
    assert one.x_train.shape == (50, 32, 32, 3)
    ink = np.pad(few.x_train, ((0, 0), (2, 2), (2, 2), (0, 0)))[..., 0]
    bright = (ink == 255).any((1, 2))
    assert bright.sum() > 20
    for image, grey in zip(one.x_train[bright], ink[bright], strict=True):
        full, none = image[grey == 255], image[grey == 0]
        assert (full == full[0]).all()
        assert full.min() >= 64
        assert (none == none[0]).all()
        assert none[0].any() == (background == "random")
        mixed = grey[..., None] / 255 * full[0] + (1 - grey[..., None] / 255) * none[0]
        assert np.abs(image - mixed).max() <= 0.51
    assert len(np.unique(one.x_train.max((1, 2)), axis=0)) == 50
    assert not (coloured(few, background, seed=4).x_train == one.x_train).all()


def test_tiles_are_moved_and_turned_alike():
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(6, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(6, dtype=np.int32)
    source = Dataset("photos", images[:4], labels[:4], images[4:], labels[4:], tuple("abcdef"), {}, "")
    one = tiles(source)
    cut = lambda image: [image[i : i + 8, j : j + 8] for i in range(0, 32, 8) for j in range(0, 32, 8)]  # noqa: E731

    def found(before, after):
        return [
            next((n, k) for n, tile in enumerate(cut(before)) for k in range(4) if (np.rot90(tile, k) == place).all())
            for place in cut(after)
        ]

    ways = [found(a, b) for a, b in zip(images, np.concatenate([one.x_train, one.x_test]), strict=True)]
    assert all(way == ways[0] for way in ways)
    assert sorted(tile for tile, _ in ways[0]) == list(range(16))
    assert {turn for _, turn in ways[0]} == {0, 1, 2, 3}
    assert ways[0] == WAY


# Which tile went where, and by how many quarter turns: computed once.
WAY = [
    (11, 2),
    (3, 1),
    (13, 0),
    (2, 3),
    (15, 1),
    (1, 0),
    (8, 1),
    (6, 2),
    (0, 0),
    (7, 3),
    (14, 1),
    (4, 2),
    (10, 3),
    (12, 2),
    (5, 0),
    (9, 0),
]


def test_pixels_as_of_imagenet():
    images = np.random.default_rng(0).integers(256, size=(4, 8, 8, 3), dtype=np.uint8)
    labels = np.array([0, 1, 0, 1], np.int32)
    task = jp.data.task(Dataset("photos", images, labels, images, labels, ("a", "b"), {}, ""), "imagenet")
    exact = (images / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(task.x_train, exact, atol=1e-5)


def test_what_does_not_fit_is_refused(digits):
    grey = Dataset("grey", digits.x_test[:2], digits.y_test[:2], digits.x_test[:2], digits.y_test[:2], digits.class_names, {}, "")  # fmt: skip
    with pytest.raises(ShapeError, match="32 x 32 x 3"):
        coloured(coloured(grey))
    with pytest.raises(UnknownNameError, match="white"):
        coloured(grey, "white")
    with pytest.raises(ArgumentError, match="8 x 8 do not fit"):
        tiles(grey)
    with pytest.raises(ShapeError, match="three channels"):
        jp.data.task(grey, "imagenet")
