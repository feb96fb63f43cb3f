"""How many networks are trained together: a block, or as many of it as the memory has room for."""

import functools
from typing import Any

import jax

from jprobe.data import Task
from jprobe.memory import limit
from jprobe.models import network
from jprobe.programs.holding import nbytes, peak_bytes
from jprobe.train.loop import EVALUATED, Recipe, joined, trained
from jprobe.typing import Params


def room(recipe: Recipe, task: Task, start: Params, batch: int) -> int:
    """Networks that half of the memory has room for, over all devices together; 1 or more.

    The other half is for the data, for the history of each epoch, and for networks that are trained already.

    Args:
        recipe: what is compiled.
        task: the data of one network.
        start: shapes of the variables of one network.
        batch: examples a step.

    Example:
        >>> import numpy as np, optax, jprobe as jp
        >>> from jprobe.memory import within
        >>> from jprobe.train.checks import start_shapes
        >>> x, y = np.eye(2, dtype=np.float32), np.array([0, 1])
        >>> task, model = jp.data.Task(x, y, x, y, num_classes=2), jp.models.MLP((1000,), 2)
        >>> recipe = Recipe(model, optax.sgd(0.1), jp.train.cross_entropy, None, None, None, "last", False, None)
        >>> with within(10**6):
        ...     few = room(recipe, task, start_shapes(model, task, None, 1), 2)
        >>> few < room(recipe, task, start_shapes(model, task, None, 1), 2)
        True
    """
    leaves, tree = jax.tree.flatten(start)
    given = (task.x_train, task.y_train, task.x_test, task.y_test)
    shapes = tuple((leaf.shape, leaf.dtype) for leaf in leaves), tuple((a.shape[1:], a.dtype) for a in given)
    try:
        one = _cached(recipe, tree, *shapes, batch)
    except TypeError:  # a model with a list among its attributes cannot be looked up
        one = _held(recipe, tree, *shapes, batch)
    data = 2 * sum(map(nbytes, given)) if recipe.apart else 0
    return (1 if recipe.mesh is None else recipe.mesh.size) * max(limit() // 2 // max(one + data, 1), 1)


def _held(recipe: Recipe, tree: Any, leaves: tuple[Any, ...], examples: tuple[Any, ...], batch: int) -> int:
    """Bytes that one network holds in training: twice its state, and a step's values or those of an evaluation."""
    start = jax.tree.unflatten(tree, [jax.ShapeDtypeStruct(*leaf) for leaf in leaves])
    apply = network(recipe.model).apply

    def some(count: int, shape: tuple[int, ...], dtype: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((count, *shape), dtype)

    def loss(
        weights: Params, variables: Params, x: jax.Array, y: jax.Array, key: jax.Array
    ) -> tuple[jax.Array, Params]:
        full = joined(variables, weights)
        outputs, changed = apply(full, x, True, key)
        return recipe.loss(outputs, y, full).mean(), changed

    def outputs(variables: Params, x: jax.Array) -> Any:
        return apply(variables, x, False, None)[0]

    x, y, x_test, _ = (some(n, *a) for n, a in zip((batch, batch, EVALUATED, EVALUATED), examples, strict=True))
    key = jax.eval_shape(lambda: jax.random.key(0))
    step = jax.make_jaxpr(jax.value_and_grad(loss, has_aux=True))(trained(start), start, x, y, key)
    measuring = jax.make_jaxpr(outputs)(start, x_test)
    state = jax.eval_shape(recipe.optimizer.init, trained(start))
    kept = sum(nbytes(leaf) for leaf in jax.tree.leaves((start, start, state)))
    return 2 * kept + max(peak_bytes(step.jaxpr), peak_bytes(measuring.jaxpr))


_cached = functools.lru_cache(maxsize=64)(_held)
