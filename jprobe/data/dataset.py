"""Dataset: what every loader returns."""

from dataclasses import dataclass, field

import numpy as np

from jprobe.errors import ShapeError


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels as their authors publish them, in training and test sets.

    Attributes:
        name: the name that `load` takes.
        x_train: training images, uint8 [N, H, W, C], 0 to 255.
        y_train: their labels, int32 [N], 0 to C - 1 as indices of `class_names`.
        x_test: test images, uint8 [N, H, W, C].
        y_test: their labels, int32 [N].
        class_names: a name for each label.
        checksums: file name -> "md5:..." or "sha256:..." of each file the arrays were read from.
        source: one line: where it came from, and its licence.

    Raises:
        ShapeError: arrays of other types or shapes than these, or lengths that do not agree.

    Example:
        >>> images, labels = np.zeros((2, 4, 4, 1), np.uint8), np.array([0, 1], np.int32)
        >>> Dataset("tiny", images, labels, images, labels, ("a", "b"), {}, "made here").x_test.shape
        (2, 4, 4, 1)
    """

    name: str
    x_train: np.ndarray = field(repr=False)
    y_train: np.ndarray = field(repr=False)
    x_test: np.ndarray = field(repr=False)
    y_test: np.ndarray = field(repr=False)
    class_names: tuple[str, ...]
    checksums: dict[str, str]
    source: str

    def __post_init__(self) -> None:
        """Check types, shapes and labels."""
        for split in ("train", "test"):
            x, y = getattr(self, f"x_{split}"), getattr(self, f"y_{split}")
            if x.dtype != np.uint8 or x.ndim != 4 or y.dtype != np.int32 or y.shape != x.shape[:1]:
                raise ShapeError(
                    f"The {split} set of dataset {self.name!r} must be images uint8 [N, H, W, C] and labels "
                    f"int32 [N]; found {x.dtype} {list(x.shape)} and {y.dtype} {list(y.shape)}."
                )
            if y.size and not 0 <= y.min() <= y.max() < len(self.class_names):
                raise ShapeError(
                    f"The {split} labels of dataset {self.name!r} run from {y.min()} to {y.max()}, "
                    f"for {len(self.class_names)} class names."
                )
        if self.x_train.shape[1:] != self.x_test.shape[1:]:
            raise ShapeError(
                f"Dataset {self.name!r} has training images of shape {list(self.x_train.shape[1:])} and test "
                f"images of shape {list(self.x_test.shape[1:])}."
            )
