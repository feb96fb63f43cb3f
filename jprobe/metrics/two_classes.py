"""Metrics of two classes: where a network puts them on one axis, in what order, and where it draws the line."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jprobe.data import Task
from jprobe.errors import ShapeError
from jprobe.metrics.classification import Split, examples
from jprobe.models import Model
from jprobe.typing import Metric, Params


def separation(model: Model, task: Task, split: Split = "test") -> Metric:
    """How far apart a network holds two classes: (m_1 - m_0) / (s_0 + s_1), d = f_1(x) - f_0(x).

    m_c and s_c are the mean and the standard deviation of the logit difference d over class c. Each class lies this
    many standard deviations to its side of their midpoint; :func:`offset` says where the midpoint is.

    Args:
        model: what :func:`jprobe.models.network` takes, with logits [B, 2].
        task: the data, of two classes.
        split: "test" or "train".

    Returns:
        A metric: params of one network -> float32 scalar, in standard deviations; NaN if d is constant.

    Raises:
        ShapeError: the task has not two classes.

    Example:
        >>> import numpy as np, jprobe as jp
        >>> x, y = np.array([[0.0], [2.0], [6.0], [8.0]], np.float32), np.array([0, 0, 1, 1])
        >>> task = jp.data.Task(x, y, x, y, num_classes=2)
        >>> separation(lambda w, x: x * w, task)(np.array([0.0, 1.0])).item()
        3.0
    """

    def separation(params: Params) -> jax.Array:
        (m0, m1), (s0, s1) = spread(params)
        return (m1 - m0) / (s0 + s1)

    spread = _spread(model, task, split)
    return separation


def offset(model: Model, task: Task, split: Split = "test") -> Metric:
    """How far off the decision threshold two classes lie together: (m_0 + m_1) / (s_0 + s_1).

    A network whose offset is larger than its :func:`separation` calls both classes by one name, however far apart
    it holds them.

    Args:
        model: what :func:`jprobe.models.network` takes, with logits [B, 2].
        task: the data, of two classes.
        split: "test" or "train".

    Returns:
        A metric: params of one network -> float32 scalar, in standard deviations; NaN if d is constant.

    Raises:
        ShapeError: the task has not two classes.

    Example:
        >>> import numpy as np, jprobe as jp
        >>> x, y = np.array([[0.0], [2.0], [6.0], [8.0]], np.float32), np.array([0, 0, 1, 1])
        >>> task = jp.data.Task(x, y, x, y, num_classes=2)
        >>> offset(lambda w, x: x * w, task)(np.array([0.0, 1.0])).item()
        4.0
    """

    def offset(params: Params) -> jax.Array:
        (m0, m1), (s0, s1) = spread(params)
        return (m0 + m1) / (s0 + s1)

    spread = _spread(model, task, split)
    return offset


def auc(model: Model, task: Task, split: Split = "test") -> Metric:
    """Area under the ROC curve: P(d(x_1) > d(x_0)) + P(d(x_1) = d(x_0)) / 2, for x_c of class c.

    d = f_1(x) - f_0(x). It asks in what order a network puts the examples, not where it draws the line: the same for
    every threshold, and for every increasing function of d.

    Args:
        model: what :func:`jprobe.models.network` takes, with logits [B, 2].
        task: the data, of two classes.
        split: "test" or "train".

    Returns:
        A metric: params of one network -> float32 scalar in [0, 1]; 0.5 where d is constant, NaN where it is none.

    Raises:
        ShapeError: the task has not two classes.

    Example:
        >>> import numpy as np, jprobe as jp
        >>> x, y = np.array([[0.0], [2.0], [1.0], [8.0]], np.float32), np.array([0, 0, 1, 1])
        >>> task = jp.data.Task(x, y, x, y, num_classes=2)
        >>> auc(lambda w, x: x * w, task)(np.array([0.0, 1.0])).item()
        0.75
    """
    difference, y = _difference(model, task, split)

    def auc(params: Params) -> jax.Array:
        return area(difference(params), y)

    return auc


def recalibrated_accuracy(model: Model, task: Task, split: Split = "test") -> Metric:
    """Accuracy with the threshold that the training set asks for: mean [(d(x) > t) = y].

    d = f_1(x) - f_0(x), and t is the value that as many training examples lie below as are of class 0: their median where
    the classes are equally common. No label is compared with an output to find it. A network that holds the classes apart
    and calls them by one name has :func:`accuracy` at chance, and this one high.

    Args:
        model: what :func:`jprobe.models.network` takes, with logits [B, 2].
        task: the data, of two classes.
        split: "test" or "train", of which the accuracy is; the threshold is always the training set's.

    Returns:
        A metric: params of one network -> float32 scalar in [0, 1].

    Raises:
        ShapeError: the task has not two classes.

    Example:
        >>> import numpy as np, jprobe as jp
        >>> x, y = np.array([[5.0], [6.0], [8.0], [9.0]], np.float32), np.array([0, 0, 1, 1])
        >>> task = jp.data.Task(x, y, x, y, num_classes=2)
        >>> jp.metrics.accuracy(lambda w, x: x * w, task)(np.array([0.0, 1.0])).item()
        0.5
        >>> recalibrated_accuracy(lambda w, x: x * w, task)(np.array([0.0, 1.0])).item()
        1.0
    """
    trained, labels = _difference(model, task, "train")
    difference, y = _difference(model, task, split)

    def recalibrated_accuracy(params: Params) -> jax.Array:
        return recalibrated(difference(params), y, trained(params), labels)

    return recalibrated_accuracy


def area(d: jax.Array, y: jax.Array) -> jax.Array:
    """What :func:`auc` computes, from logit differences [B] and labels [B]: 0, 1, or -1 for examples that do not count.

    Example:
        >>> area(jnp.array([0.0, 2.0, 1.0, 8.0, 9.0]), jnp.array([0, 0, 1, 1, -1])).item()
        0.75
    """
    zeros, ones = y == 0, y == 1
    ordered = jnp.sort(jnp.where(zeros, d, jnp.inf))
    low, high = (jnp.searchsorted(ordered, d, side=side).astype(jnp.float32) for side in ("left", "right"))
    # Sorted, what is no number would count as the largest.
    found = jnp.sum((low + high) / (2 * zeros.sum()), where=ones) / ones.sum()
    return jnp.where(jnp.isnan(d).any(), jnp.nan, found)


def recalibrated(d: jax.Array, y: jax.Array, d_train: jax.Array, y_train: jax.Array) -> jax.Array:
    """What :func:`recalibrated_accuracy` computes, from logit differences and labels: 0, 1, or -1 for what does not count.

    Example:
        >>> d, y = jnp.array([5.0, 6.0, 8.0, 9.0]), jnp.array([0, 0, 1, 1])
        >>> recalibrated(d, y, d, y).item()
        1.0
    """
    below, size = (y_train == 0).sum(), (y_train >= 0).sum()
    ordered = jnp.sort(jnp.where(y_train >= 0, d_train, jnp.inf))
    threshold = (ordered[jnp.maximum(below - 1, 0)] + ordered[jnp.minimum(below, size - 1)]) / 2
    return jnp.mean((d > threshold) == (y == 1), where=y >= 0)


def _spread(model: Model, task: Task, split: Split) -> Callable[[Params], Any]:
    """Function of params: means and standard deviations of the logit difference, of class 0 and of class 1."""
    difference, y = _difference(model, task, split)

    def spread(params: Params) -> tuple[tuple[jax.Array, ...], tuple[jax.Array, ...]]:
        d = difference(params)
        return tuple(d.mean(where=y == c) for c in (0, 1)), tuple(d.std(where=y == c) for c in (0, 1))

    return spread


def _difference(model: Model, task: Task, split: Split) -> tuple[Callable[[Params], jax.Array], Any]:
    """Function of params: the logit difference d [B]; and the labels."""
    if task.num_classes != 2:
        classes = "no classes" if task.num_classes is None else f"{task.num_classes}"
        raise ShapeError(f"Separation, offset, AUC and a moved threshold are of two classes; this task has {classes}.")
    run, x, y = examples(model, task, split)

    def difference(params: Params) -> jax.Array:
        logits = run(params, x)
        return logits[:, 1] - logits[:, 0]

    return difference, y
