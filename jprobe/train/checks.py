"""What is wrong with a model, a task or a function is found on shapes alone, before any work."""

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.data import Task
from jprobe.errors import ArgumentError, ShapeError, WeightsError
from jprobe.models import Model, network
from jprobe.paths import has_collections, leaves_by_path
from jprobe.train.loop import Recipe, trained
from jprobe.train.losses import cross_entropy
from jprobe.typing import Params


def start_shapes(model: Model, task: Task, initial: Params | None, seeds: int) -> Params:
    """Shapes of the variables of one network, from its own ``init`` or from given weights.

    Raises:
        WeightsError: ``initial`` is not of that many networks, is not finite, or is not what the model starts with.
    """
    if initial is None:
        return _init_shapes(model, task)
    for path, _, leaf in leaves_by_path(initial):
        if np.shape(leaf)[:1] != (seeds,):
            raise WeightsError(
                f"initial holds variables of {seeds} networks, one for each seed, every leaf [{seeds}, ...]; {path} has the "
                f"shape {list(np.shape(leaf))}. jp.stack(network, ...) makes that of single networks."
            )
        if not np.isfinite(np.asarray(leaf, np.float32)).all():
            raise WeightsError(f"initial holds NaN or infinity in {path}.")
    given = jax.tree.map(lambda w: jax.ShapeDtypeStruct(w.shape[1:], w.dtype), initial)
    try:
        wanted = _init_shapes(model, task)
    except ArgumentError:  # a function of (params, x) has no start of its own to compare with
        return given
    if jax.tree.structure(wanted) != jax.tree.structure(given) or _kinds(wanted) != _kinds(given):
        raise WeightsError(
            f"initial does not fit this model. It holds {', '.join(_kinds(given))}; the model starts with "
            f"{', '.join(_kinds(wanted))}, each with a leading axis [S]."
        )
    return given


def _init_shapes(model: Model, task: Task) -> Params:
    x = jax.ShapeDtypeStruct((1, *task.x_train.shape[1:]), jnp.float32)
    return jax.eval_shape(network(model).init, jax.random.key(0), x)


def _kinds(shapes: Params) -> list[str]:
    return [f"{path} {leaf.dtype}{list(leaf.shape)}" for path, _, leaf in leaves_by_path(shapes)]


def has_statistics(variables: Params) -> bool:
    """Whether a network keeps more than parameters, such as running means, which every minibatch changes."""
    return has_collections(variables) and any(not parameter for _, parameter, _ in leaves_by_path(variables))


def check_shapes(recipe: Recipe, task: Task, variables: Params, batch: int) -> None:
    """Run one step on shapes, and refuse what does not fit.

    Raises:
        ShapeError: outputs that are not one number a class; a loss or a score that is not one number an example; an
            augmentation that changes shapes.
        WeightsError: nothing to train.
    """
    if not jax.tree.leaves(trained(variables)):
        raise WeightsError("This model has no weights to train.")

    def shaped(a: np.ndarray) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((batch, *a.shape[1:]), a.dtype)

    x, y, key = shaped(task.x_train), shaped(task.y_train), jax.eval_shape(lambda: jax.random.key(0))
    if recipe.augment is not None:
        seen = jax.eval_shape(recipe.augment, key, x)
        if (getattr(seen, "shape", None), getattr(seen, "dtype", None)) != (x.shape, x.dtype):
            raise ShapeError(f"augment(key, x) must keep the shape and dtype of x, {x}; it returned {seen}.")
    apply = network(recipe.model).apply
    outputs = jax.eval_shape(lambda v, x, key: apply(v, x, True, key)[0], variables, x, key)
    if task.num_classes is not None and recipe.loss is cross_entropy and outputs.shape != (batch, task.num_classes):
        raise ShapeError(
            f"The task has {task.num_classes} classes, so the model's outputs must be logits "
            f"[{batch}, {task.num_classes}] for a minibatch of {batch}; they are {list(outputs.shape)}."
        )
    for name, each in (
        ("loss", jax.eval_shape(recipe.loss, outputs, y, variables)),
        ("score", None if recipe.score is None else jax.eval_shape(recipe.score, outputs, y)),
    ):
        if each is not None and getattr(each, "shape", None) != (batch,):
            raise ShapeError(
                f"{name} must return one number an example, [{batch}] for a minibatch of {batch}, and leave the mean to "
                f"fit; it returned {list(each.shape) if hasattr(each, 'shape') else type(each).__name__}."
            )
