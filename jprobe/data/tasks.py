"""Task: what a network is trained on; a dataset, or two classes of it, made into one."""

import operator
from dataclasses import dataclass, field, replace
from typing import Any, Literal, SupportsIndex, get_args

import numpy as np
from numpy.typing import ArrayLike

from jprobe.data.dataset import Dataset
from jprobe.errors import ArgumentError, ShapeError, UnknownNameError

# How pixels are given to networks: in [-1, 1], in [0, 1], or with mean 0 and standard deviation 1 in each channel.
Pixels = Literal["signed", "unit", "standardised", "imagenet"]

# Of the photos of ImageNet, red, green and blue in [0, 1]: what networks of colour images are commonly fed with.
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

# Paper 1 takes the pairs of largest and smallest SSIM distance, but doing so does not give its own easy pairs
# (on MNIST {0, 1} is farther apart than {0, 7}; on Fashion-MNIST several pairs reach .99). So the pairs
# themselves are the definition, and the SSIM study reports which pairs the distance really selects.
TASKS: dict[str, dict[str, tuple[int, int]]] = {
    "mnist": {"easy": (0, 7), "hard": (7, 9)},
    "fashion_mnist": {"easy": (2, 3), "hard": (1, 3)},
}


@dataclass(frozen=True, eq=False)
class Task:
    """What a network learns: training and test arrays, ready for it.

    Attributes:
        x_train: training inputs [N, ...features], kept as float32; any array of finite numbers is taken.
        y_train: their labels [N], whole numbers from 0 to num_classes - 1, kept as int32; without classes, any targets
            [N, ...] of finite numbers, kept as float32 (an autoencoder's are its inputs).
        x_test: test inputs [M, ...features].
        y_test: their labels or targets [M, ...].
        num_classes: number of classes C, at least 2; None where targets are no labels.
        name: for results and figures.
        class_names: a name for each class, or none at all.
        checksums: file name -> checksum of what the arrays were read from, for provenance.

    Raises:
        ShapeError: lengths or features that do not agree, an empty set, labels that are not one number each.
        ArgumentError: inputs that are not finite numbers, labels out of range, too few classes.

    Example:
        >>> x, y = np.random.default_rng(0).normal(size=(8, 5)), np.arange(8) % 2
        >>> Task(x, y, x, y, num_classes=2).x_train.dtype
        dtype('float32')
    """

    x_train: np.ndarray = field(repr=False)
    y_train: np.ndarray = field(repr=False)
    x_test: np.ndarray = field(repr=False)
    y_test: np.ndarray = field(repr=False)
    num_classes: int | None
    name: str = "custom"
    class_names: tuple[str, ...] = ()
    checksums: dict[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Check the arrays, and keep them as float32 and int32."""
        labels = self.num_classes is not None
        if labels and (not isinstance(self.num_classes, int | np.integer) or self.num_classes < 2):
            raise ArgumentError(
                f"num_classes must be a whole number, 2 or more, or None for targets that are no labels; found {self.num_classes!r}."
            )
        if self.class_names and len(self.class_names) != (self.num_classes or 0):
            raise ArgumentError(f"{len(self.class_names)} class_names were given for {self.num_classes} classes.")
        for split in ("train", "test"):
            x = _inputs(getattr(self, f"x_{split}"), f"x_{split}")
            y = getattr(self, f"y_{split}")
            y = _targets(y, f"y_{split}") if self.num_classes is None else _labels(y, f"y_{split}", self.num_classes)
            if len(x) != len(y):
                raise ShapeError(f"x_{split} has {len(x)} examples and y_{split} has {len(y)} labels.")
            object.__setattr__(self, f"x_{split}", x)
            object.__setattr__(self, f"y_{split}", y)
        object.__setattr__(self, "num_classes", None if self.num_classes is None else int(self.num_classes))
        object.__setattr__(self, "class_names", tuple(self.class_names))
        for kind in "xy":
            train, test = getattr(self, f"{kind}_train").shape[1:], getattr(self, f"{kind}_test").shape[1:]
            if train != test:
                raise ShapeError(
                    f"An example of {kind}_train has shape {list(train)}, one of {kind}_test {list(test)}."
                )


def _array(values: ArrayLike, name: str) -> np.ndarray:
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ShapeError(f"{name} is not an array: its rows have different lengths.") from error
    # bfloat16 and its kin, which JAX hands over, are of kind "V" to NumPy.
    if array.dtype.kind not in "biuf" and "float" not in array.dtype.name:
        raise ArgumentError(f"{name} must hold numbers; found {array.dtype}.")
    return array


def _inputs(values: ArrayLike, name: str) -> np.ndarray:
    array = _array(values, name)
    if array.ndim < 2 or array.size == 0:
        raise ShapeError(f"{name} must have shape [N, ...features] and not be empty; found {list(array.shape)}.")
    return _finite(array, name)


def _targets(values: ArrayLike, name: str) -> np.ndarray:
    array = _array(values, name)
    if array.ndim < 1 or array.size == 0:
        raise ShapeError(f"{name} must have shape [N, ...] and not be empty; found {list(array.shape)}.")
    return _finite(array, name)


def _finite(array: np.ndarray, name: str) -> np.ndarray:
    with np.errstate(over="ignore"):
        array = np.asarray(array, np.float32)
    if not np.isfinite(array).all():
        raise ArgumentError(f"{name} holds values that are NaN or infinite in float32; take them out first.")
    return array


def _labels(values: ArrayLike, name: str, num_classes: int) -> np.ndarray:
    array = _array(values, name)
    if array.ndim != 1:
        raise ShapeError(f"{name} must have shape [N], one class number each; found {list(array.shape)}.")
    wrong = ~((array >= 0) & (array < num_classes) & (array == np.floor(array.astype(np.float64))))
    if wrong.any():
        raise ArgumentError(f"{name} must hold whole numbers from 0 to {num_classes - 1}; found {array[wrong][0]!s}.")
    return np.asarray(array, np.int32)


def task(dataset: Dataset, pixels: Pixels = "signed") -> Task:
    """All classes of a dataset as a task.

    Images keep their order and their shape.

    Args:
        dataset: what `load` returned.
        pixels: how a pixel p from 0 to 255 is given to networks: "signed" in [-1, 1] as p / 127.5 - 1, "unit" in [0, 1] as
            p / 255, or "standardised": minus the mean of its channel over the training images, divided by their
            standard deviation; "imagenet": the same with means and deviations of ImageNet, for images of three channels.

    Returns:
        Task with inputs float32 [B, H, W, C], named after the dataset.

    Raises:
        UnknownNameError: another ``pixels``.
        ArgumentError: a channel to standardise that is constant; fewer than two classes.

    Example:
        >>> images = np.array([0, 255, 51], np.uint8).reshape(3, 1, 1, 1)
        >>> labels = np.array([2, 0, 1], np.int32)
        >>> tiny = Dataset("tiny", images, labels, images, labels, ("x", "y", "z"), {}, "made here")
        >>> task(tiny, "unit").x_train.ravel().tolist(), task(tiny).num_classes
        ([0.0, 1.0, 0.20000000298023224], 3)
    """
    return _task(dataset, list(range(len(dataset.class_names))), dataset.name, pixels)


def reconstruction(dataset: Dataset, pixels: Pixels = "unit") -> Task:
    """A dataset's images as their own targets, for autoencoders.

    Args:
        dataset: what `load` returned.
        pixels: as :func:`task` takes it; by default in [0, 1], where outputs of a sigmoid lie.

    Returns:
        Task with inputs float32 [B, H, W, C] and targets [B, H W C], without classes.

    Raises:
        UnknownNameError: another ``pixels``.
        ArgumentError: a channel to standardise that is constant; fewer than two classes.

    Example:
        >>> images, labels = np.full((2, 4, 3, 1), 51, np.uint8), np.array([0, 1], np.int32)
        >>> tiny = Dataset("tiny", images, labels, images, labels, ("a", "b"), {}, "made here")
        >>> reconstruction(tiny).y_train.shape, reconstruction(tiny).num_classes
        ((2, 12), None)
    """
    whole = task(dataset, pixels)
    y_train, y_test = (x.reshape(len(x), -1) for x in (whole.x_train, whole.x_test))
    return replace(whole, y_train=y_train, y_test=y_test, num_classes=None, class_names=())


def pair(dataset: Dataset, classes: tuple[SupportsIndex, SupportsIndex], pixels: Pixels = "signed") -> Task:
    """Two classes of a dataset as a task: label 0 for the first, 1 for the second.

    Images keep their order and their shape.

    Args:
        dataset: what `load` returned.
        classes: two different labels (a, b) of the dataset.
        pixels: as :func:`task` takes it; by default a pixel p becomes p / 127.5 - 1.

    Returns:
        Task with inputs float32 [B, H, W, C], named after the dataset and the two labels.

    Raises:
        UnknownNameError: another ``pixels``.
        ArgumentError: `classes` is not two different labels of this dataset.

    Example:
        >>> images = np.array([0, 255, 0], np.uint8).reshape(3, 1, 1, 1)
        >>> labels = np.array([2, 0, 1], np.int32)
        >>> tiny = Dataset("tiny", images, labels, images, labels, ("x", "y", "z"), {}, "made here")
        >>> two = pair(tiny, (2, 0))
        >>> two.name, two.y_train.tolist(), two.x_train.ravel().tolist()
        ('tiny 2-0', [0, 1], [-1.0, 1.0])
    """
    a, b = _two_labels(dataset, classes)
    return _task(dataset, [a, b], f"{dataset.name} {a}-{b}", pixels)


def _task(dataset: Dataset, classes: list[int], name: str, pixels: Pixels) -> Task:
    """The images of some classes, labelled by place in the list."""
    if pixels not in get_args(Pixels):
        raise UnknownNameError("range of pixels", pixels, get_args(Pixels))
    label = np.full(len(dataset.class_names), -1, np.int32)
    label[classes] = np.arange(len(classes))
    images, arrays = {}, {}
    for split in ("train", "test"):
        labels = label[getattr(dataset, f"y_{split}")]
        images[split] = getattr(dataset, f"x_{split}")[labels >= 0]
        arrays[f"y_{split}"] = labels[labels >= 0]
    shift, scale = _shift_and_scale(images["train"], pixels)
    return Task(
        **{f"x_{split}": x / scale - shift for split, x in images.items()},
        **arrays,
        num_classes=len(classes),
        name=name,
        class_names=tuple(dataset.class_names[c] for c in classes),
        checksums=dict(dataset.checksums),
    )


def _shift_and_scale(images: np.ndarray, pixels: Pixels) -> tuple[Any, Any]:
    """What a pixel is divided by, and what is then taken off: float32."""
    if pixels == "signed":
        return np.float32(1), np.float32(127.5)
    if pixels == "unit":
        return np.float32(0), np.float32(255)
    if pixels == "imagenet":
        if images.shape[-1] != 3:
            raise ShapeError(f"Pixels as of ImageNet are of three channels; these images have {images.shape[-1]}.")
        mean, deviation = 255 * np.array(IMAGENET_MEAN), 255 * np.array(IMAGENET_DEVIATION)
        return (mean / deviation).astype(np.float32), deviation.astype(np.float32)
    mean, deviation = images.mean((0, 1, 2), np.float64), images.std((0, 1, 2), np.float64)
    if not deviation.all():
        raise ArgumentError("A channel of these images is constant and cannot be standardised.")
    return (mean / deviation).astype(np.float32), deviation.astype(np.float32)


def _two_labels(dataset: Dataset, classes: tuple[SupportsIndex, SupportsIndex]) -> tuple[int, int]:
    try:
        labels = [operator.index(label) for label in classes if not isinstance(label, bool)]
    except TypeError:
        labels = []
    known = range(len(dataset.class_names))
    if len(labels) != 2 or labels[0] == labels[1] or not all(label in known for label in labels):
        names = ", ".join(f"{label} ({name})" for label, name in enumerate(dataset.class_names))
        raise ArgumentError(f"A pair of {dataset.name!r} is two different classes out of {names}; found {classes!r}.")
    return labels[0], labels[1]
