"""How well a network classifies: functions of its weights, closed over the data."""

from typing import Any, Literal

import jax
import jax.numpy as jnp

from jprobe.data import Task
from jprobe.errors import ArgumentError, ShapeError
from jprobe.models import Model, forward
from jprobe.train import Loss, cross_entropy
from jprobe.typing import Forward, Metric, Params

Split = Literal["test", "train"]


def accuracy(model: Model, task: Task, split: Split = "test", *, pad_to: int | None = None) -> Metric:
    """Fraction of examples whose largest logit is the label's: mean [argmax f(x) = y].

    Args:
        model: what :func:`jprobe.models.network` takes: a Flax Linen module, a function (params, x [B, ...]) -> logits
            [B, C], ...
        task: the data.
        split: "test" or "train".
        pad_to: number of examples to fill the set up to, with examples that do not count. Sweeps of accuracies on sets of
            different sizes that are filled up alike share their compilation.

    Returns:
        A metric: params of one network -> float32 scalar in [0, 1].

    Raises:
        ShapeError: the task's targets are no labels.
        ArgumentError: the set has more than ``pad_to`` examples.

    Example:
        >>> import jax.numpy as jnp, numpy as np, jprobe as jp
        >>> x, y = np.eye(2, dtype=np.float32), np.array([0, 1])
        >>> task = jp.data.Task(x, y, x, y, num_classes=2)
        >>> jp.metrics.accuracy(lambda w, x: x @ w, task)(jnp.eye(2)).item()
        1.0
    """
    if task.num_classes is None:
        raise ShapeError(
            "Accuracy is of labels; the targets of this task are none. Use loss with each=, or your own metric."
        )
    run, x, y = examples(model, task, split)
    number = len(y)
    if pad_to is not None and pad_to < number:
        raise ArgumentError(f"This set has {number} examples; it cannot be filled up to {pad_to}.")
    filling = 0 if pad_to is None else pad_to - number
    # Copies of an example leave constant columns constant; no output is the label -1.
    x = jnp.concatenate([x, jnp.repeat(x[-1:], filling, 0)])
    # A product, as XLA makes of a division by one number for all networks: so a network alone has the same last digit.
    y, share = jnp.pad(y, (0, filling), constant_values=-1), jnp.float32(1 / number)

    def accuracy(params: Params) -> jax.Array:
        return jnp.sum(jnp.argmax(run(params, x), -1) == y, dtype=jnp.float32) * share

    return accuracy


def loss(model: Model, task: Task, split: Split = "test", each: Loss = cross_entropy) -> Metric:
    """Mean loss over the examples; by default cross-entropy in nats: -mean log softmax(f(x))_y.

    Args:
        model: what :func:`jprobe.models.network` takes: a Flax Linen module, a function (params, x [B, ...]) -> logits
            [B, C], ...
        task: the data.
        split: "test" or "train".
        each: (outputs, targets, params) -> one number an example, as :func:`jprobe.train.fit` takes it.

    Returns:
        A metric: params of one network -> float32 scalar.

    Raises:
        ShapeError: cross-entropy of a task whose targets are no labels.

    Example:
        >>> import jax.numpy as jnp, numpy as np, jprobe as jp
        >>> x, y = np.eye(2, dtype=np.float32), np.array([0, 1])
        >>> task = jp.data.Task(x, y, x, y, num_classes=2)
        >>> round(jp.metrics.loss(lambda w, x: x @ w, task)(jnp.zeros((2, 2))).item(), 4)  # log 2
        0.6931
    """
    if task.num_classes is None and each is cross_entropy:
        raise ShapeError("Cross-entropy is of labels; give each=, such as jp.train.squared_error.")
    run, x, y = examples(model, task, split)

    def loss(params: Params) -> jax.Array:
        return each(run(params, x), y, params).mean()

    return loss


def examples(model: Model, task: Task, split: Split) -> tuple[Forward, Any, Any]:
    """(params, x) -> outputs, and the inputs and targets of a split."""
    x, y = (task.x_test, task.y_test) if split == "test" else (task.x_train, task.y_train)
    return forward(model), jnp.asarray(x), jnp.asarray(y)
