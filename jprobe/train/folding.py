"""Inputs that are the same in every training example: their weights share one update, and one row stands for them all.

The gradient of a first layer's weight w_ij is a sum over examples of x_i times something of node j, so rows i whose input is
one constant have equal gradients at every step, and an optimizer that treats each number by itself makes equal updates of
them. A minibatch is then a product with the columns that vary and one more for each constant; what the other rows add is
known at the start of an epoch but for that common update. At its end every row gets it. The numbers are those of
training without, up to rounding.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.extend import core

from jprobe.programs.dependence import dependents, reached, variables
from jprobe.programs.elementwise import ELEMENTWISE
from jprobe.programs.program import bind, capture, evaluate
from jprobe.typing import Params

# Leave the columns alone where nearly all of them vary.
_WORTH = 0.9

# Kept columns are filled up to a multiple of this part of all, so that tasks with about as many share what they compile.
_STEPS = 16


class Columns(NamedTuple):
    """Which of D inputs vary over the training examples, by their place in a flattened example.

    Attributes:
        kept: int32 [K] the columns that vary, and one for each constant; D for filling.
        stands: int32 [D] which of the K stands for each column.
        value: [D] the constant of each column that another one stands for, 0 for the kept ones.
        shared: int32 [G] which of the K stand for others.
        total: [G] the sum of the columns that each of them stands for.
    """

    kept: jax.Array
    stands: jax.Array
    value: jax.Array
    shared: jax.Array
    total: jax.Array


def columns(x: Any) -> Columns | None:
    """Look at training inputs [N, ...] once; None where nearly all columns vary.

    Example:
        >>> found = columns(np.array([[5, 1, 5, 5], [5, 2, 5, 5]], np.float32))
        >>> found.kept.tolist(), found.stands.tolist(), found.shared.tolist(), found.total.tolist()
        ([0, 1], [0, 1, 0, 0], [0], [10.0])
    """
    flat = np.asarray(x).reshape(len(x), -1)
    moves = (flat != flat[:1]).any(0)
    _, first, group = np.unique(flat[0, ~moves], return_index=True, return_inverse=True)
    constant = np.flatnonzero(~moves)
    kept = np.sort(np.append(np.flatnonzero(moves), constant[first]))
    step = max(1, len(moves) // _STEPS)
    filling = -len(kept) % step
    if len(kept) + filling > _WORTH * len(moves):
        return None
    stands = np.zeros(len(moves), np.int32)
    stands[kept] = np.arange(len(kept))
    stands[constant] = stands[constant[first][group]]
    value = np.where(np.isin(np.arange(len(moves)), kept), 0, flat[0]).astype(flat.dtype)
    total = np.bincount(stands, value, minlength=len(kept))
    shared = np.flatnonzero(np.bincount(stands, minlength=len(kept)) > 1)
    return Columns(
        jnp.asarray(np.append(kept, np.full(filling, len(moves))), jnp.int32),
        jnp.asarray(stands),
        jnp.asarray(value),
        jnp.asarray(shared, jnp.int32),
        jnp.asarray(total[shared], flat.dtype),
    )


class Held(NamedTuple):
    """What the rows that others stand for add to each node of one network.

    Attributes:
        sums: [F] at the start of the epoch.
        rows: [G, F] at that time, the rows that stand for others.
    """

    sums: jax.Array
    rows: jax.Array


class Folding(NamedTuple):
    """One network's training with a first layer of K rows in the place of D.

    Attributes:
        loss: (weights, variables, x [B, K], y, weight, key, Held) -> what the loss gives, ``weights`` with K rows.
        fold: (weights, optimizer's state) -> both with K rows, and what is held of the others.
        unfold: (weights of K rows, state of K rows, weights before) -> both with D rows.
        data: x [N, ...] -> [N, K].
    """

    loss: Callable[..., Any]
    fold: Callable[[Params, Any], tuple[Params, Any, Held | None]]
    unfold: Callable[[Params, Any, Params], tuple[Params, Any]]
    data: Callable[[jax.Array], jax.Array]


def unfolded(loss: Callable[..., Any]) -> Folding:
    """Training with all rows."""
    return Folding(
        loss=lambda *args: loss(*args[:-1]),
        fold=lambda weights, state: (weights, state, None),
        unfold=lambda weights, state, before: (weights, state),
        data=lambda x: x,
    )


def folding(
    loss: Callable[..., Any],
    optimizer: optax.GradientTransformationExtraArgs,
    shapes: tuple[Any, ...],
    place: Columns | None,
) -> Folding:
    """How to train with fewer rows; with all of them where the loss reads inputs or first layer in another way, or the
    optimizer looks at more than each number's own gradient and state.

    Args:
        loss: (weights, variables, x, y, weight, key) -> anything, of one network.
        optimizer: of one network.
        shapes: of these arguments.
        place: from :func:`columns`.
    """
    if place is None:
        return unfolded(loss)
    weights = shapes[0]
    program = capture(loss, *shapes, derivatives=True)
    found = _first_layer(program.jaxpr, [len(jax.tree.leaves(part)) for part in shapes], place.stands.size)
    if found is None:
        return unfolded(loss)
    leaf, product, flattening = found
    rows, kept = jax.tree.leaves(weights)[leaf].shape[0], place.kept.size
    state = jax.eval_shape(optimizer.init, weights)
    like = _of_leaf(optimizer, weights, leaf, kept)
    if like is None or not _each_by_itself(optimizer, weights, state, leaf, like):
        return unfolded(loss)

    def small_loss(weights, variables, x, y, weight, key, held):  # type: ignore[no-untyped-def]
        def rule(number: int, eqn: Any, inputs: list[Any]) -> list[Any]:
            if number in flattening:
                return inputs[:1]
            made = bind(number, eqn, inputs)
            if number == product:
                # The update that the kept rows have had since the start of the epoch, which the others share.
                since = jax.lax.stop_gradient(inputs[1])[place.shared] - held.rows
                made = [made[0] + held.sums + _dot(place.total, since)]
            return made

        leaves = jax.tree.leaves((weights, variables, x, y, weight, key))
        out = evaluate(program.jaxpr, program.consts, leaves, rule, derivatives=True)
        return jax.tree.unflatten(jax.tree.structure(program.shape), out)

    def some(w: jax.Array) -> jax.Array:
        return jnp.take(w, place.kept, 0, mode="fill", fill_value=0)

    def fold(weights: Params, state: Any) -> tuple[Params, Any, Held]:
        whole = jax.tree.leaves(weights)[leaf]
        held = Held(_dot(place.value, whole), some(whole)[place.shared])
        return _set(weights, [leaf], some), _set(state, like, some), held

    def unfold(weights: Params, state: Any, before: Params) -> tuple[Params, Any]:
        old, new = jax.tree.leaves(before)[leaf], jax.tree.leaves(weights)[leaf]
        shared = old + (new - some(old))[place.stands]
        # Kept rows as they are: added to what they were, their change would be rounded once more.
        whole = shared.at[place.kept].set(new, mode="drop")
        return _set(weights, [leaf], lambda _: whole), _set(state, like, lambda w: w[place.stands])

    def data(x: jax.Array) -> jax.Array:
        return jnp.take(x.reshape(len(x), rows), place.kept, 1, mode="fill", fill_value=0)

    return Folding(small_loss, fold, unfold, data)


def _dot(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.dot(a, b, precision=jax.lax.Precision.HIGHEST)


def _set(tree: Any, numbers: list[int], change: Callable[[Any], Any]) -> Any:
    leaves, structure = jax.tree.flatten(tree)
    return jax.tree.unflatten(structure, [change(leaf) if n in numbers else leaf for n, leaf in enumerate(leaves)])


def _first_layer(jaxpr: core.Jaxpr, counts: list[int], size: int) -> tuple[int, int, set[int]] | None:
    """Where the inputs, flattened, meet their weights: number of the leaf, of the product and of what flattens before it."""
    inputs: Any = jaxpr.invars[counts[0] + counts[1]]
    readers: dict[Any, list[int]] = {}
    for number, eqn in enumerate(jaxpr.eqns):
        for var in variables(eqn.invars):
            readers.setdefault(var, []).append(number)
    flattening: set[int] = set()
    while len(readers.get(inputs, [])) == 1 and inputs not in jaxpr.outvars:
        number = readers[inputs][0]
        eqn = jaxpr.eqns[number]
        if eqn.primitive.name == "dot_general":
            x, w = list[Any](eqn.invars)
            weights: list[Any] = jaxpr.invars[: counts[0]]
            simple = eqn.params["dimension_numbers"] == (((1,), (0,)), ((), ()))
            if not (simple and x is inputs and w in weights and w.aval.shape[0] == size and readers[w] == [number]):
                return None
            return (weights.index(w), number, flattening) if w.aval.ndim == 2 else None
        made: Any = eqn.outvars[0]
        if eqn.primitive.name != "reshape" or made.aval.shape[0] != inputs.aval.shape[0]:
            return None
        flattening.add(number)
        inputs = made
    return None


def _of_leaf(
    optimizer: optax.GradientTransformationExtraArgs, weights: Params, leaf: int, kept: int
) -> list[int] | None:
    """Which leaves of the optimizer's state are of the leaf's numbers: those that shrink with it. None if it is not plain."""
    whole = jax.tree.leaves(weights)[leaf]
    smaller = jax.ShapeDtypeStruct((kept, *whole.shape[1:]), whole.dtype)
    states = [
        jax.tree.leaves(jax.eval_shape(optimizer.init, w)) for w in (weights, _set(weights, [leaf], lambda _: smaller))
    ]
    found = [n for n, (a, b) in enumerate(zip(*states, strict=True)) if a.shape != b.shape]
    if any((states[0][n].shape, states[1][n].shape) != (whole.shape, smaller.shape) for n in found):
        return None
    return found


def _each_by_itself(
    optimizer: optax.GradientTransformationExtraArgs, weights: Params, state: Any, leaf: int, like: list[int]
) -> bool:
    """Whether numbers of the leaf with equal gradients get equal updates, whatever they are, and tell no others."""
    count, states = len(jax.tree.leaves(weights)), len(jax.tree.leaves(state))
    started = capture(optimizer.init, weights)
    if any(dependents(started.jaxpr, [n == leaf for n in range(count)])):
        return False

    def update(gradients: Any, state: Any, weights: Any, epoch: jax.Array) -> Any:
        return optimizer.update(gradients, state, weights, epoch=epoch)

    program = capture(update, weights, state, weights, jax.ShapeDtypeStruct((), jnp.int32))
    values = [n == count + states + leaf for n in range(len(program.jaxpr.invars))]
    if any(dependents(program.jaxpr, values)):
        return False
    own = [n == leaf or n - count in like for n in range(len(program.jaxpr.invars))]
    told = [n == leaf or n - count in like for n in range(len(program.jaxpr.outvars))]
    if any(tells and not may for tells, may in zip(dependents(program.jaxpr, own), told, strict=True)):
        return False
    touched = reached(program.jaxpr, own)
    shape = jax.tree.leaves(weights)[leaf].shape

    def by_itself(eqn: Any) -> bool:
        shapes = [var.aval.shape for var in (*eqn.invars, *eqn.outvars)]
        return eqn.primitive.name in ELEMENTWISE and all(math.prod(s) == 1 or s == shape for s in shapes)

    return all(by_itself(eqn) for eqn in program.jaxpr.eqns if not touched.isdisjoint(eqn.outvars))
