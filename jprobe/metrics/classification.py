"""How well a network classifies: functions of its weights, closed over the data."""

from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn

from jprobe.data import Task
from jprobe.models import forward
from jprobe.typing import Forward, Metric, Params

Split = Literal["test", "train"]


def accuracy(model: nn.Module | Forward, task: Task, split: Split = "test") -> Metric:
    """Fraction of examples whose largest logit is the label's: mean [argmax f(x) = y].

    Args:
        model: a Flax Linen module, or a function (params, x [B, ...]) -> logits [B, C].
        task: the data.
        split: "test" or "train".

    Returns:
        A metric: params of one network -> float32 scalar in [0, 1].

    Example:
        >>> import jax.numpy as jnp, numpy as np, jprobe as jp
        >>> x, y = np.eye(2, dtype=np.float32), np.array([0, 1])
        >>> task = jp.data.Task(x, y, x, y, num_classes=2)
        >>> jp.metrics.accuracy(lambda w, x: x @ w, task)(jnp.eye(2)).item()
        1.0
    """
    run, x, y = _parts(model, task, split)

    def accuracy(params: Params) -> jax.Array:
        return jnp.mean(jnp.argmax(run(params, x), -1) == y)

    return accuracy


def loss(model: nn.Module | Forward, task: Task, split: Split = "test") -> Metric:
    """Mean cross-entropy in nats: -mean log softmax(f(x))_y.

    Args:
        model: a Flax Linen module, or a function (params, x [B, ...]) -> logits [B, C].
        task: the data.
        split: "test" or "train".

    Returns:
        A metric: params of one network -> float32 scalar >= 0.

    Example:
        >>> import jax.numpy as jnp, numpy as np, jprobe as jp
        >>> x, y = np.eye(2, dtype=np.float32), np.array([0, 1])
        >>> task = jp.data.Task(x, y, x, y, num_classes=2)
        >>> round(jp.metrics.loss(lambda w, x: x @ w, task)(jnp.zeros((2, 2))).item(), 4)  # log 2
        0.6931
    """
    run, x, y = _parts(model, task, split)

    def loss(params: Params) -> jax.Array:
        return optax.softmax_cross_entropy_with_integer_labels(run(params, x), y).mean()

    return loss


def _parts(model: nn.Module | Forward, task: Task, split: Split) -> tuple[Forward, Any, Any]:
    x, y = (task.x_test, task.y_test) if split == "test" else (task.x_train, task.y_train)
    return forward(model), jnp.asarray(x), jnp.asarray(y)
