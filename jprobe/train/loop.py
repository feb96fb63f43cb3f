"""The compiled training loop: many networks in one scan over epochs and minibatches."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh

from jprobe.choices import Keep
from jprobe.models import Model, network
from jprobe.paths import PARAMETERS, has_collections, parameters
from jprobe.sharding import compiled
from jprobe.train.axes import over_networks, state_axes, with_seeds, without_seeds
from jprobe.train.folding import folding
from jprobe.train.losses import Loss
from jprobe.typing import Params

# Test examples that are evaluated together: what a network of many wide nodes makes of 2,000 images takes gigabytes.
EVALUATED = 512

# (outputs [B, ...], targets [B, ...]) -> one number an example, [B].
Score = Callable[[jax.Array, jax.Array], jax.Array]
Augment = Callable[[jax.Array, jax.Array], jax.Array]
Record = Callable[[Params, Any], Any]


class Recipe(NamedTuple):
    """What is compiled; equal recipes and equal shapes share one compilation.

    Attributes:
        model: what :func:`jprobe.models.network` takes.
        optimizer: of one network.
        loss: what is minimised.
        score: what a test example counts in ``accuracy``; None: its loss, of which less is better.
        augment: (key, x [B, ...]) -> x [B, ...], or None.
        record: (params, optimizer's state) -> what is kept of each epoch, or None.
        keep: "last" or "best".
        apart: whether every network has a task of its own, arrays [S, ...].
        mesh: devices to spread networks over, or None.
    """

    model: Model
    optimizer: optax.GradientTransformation
    loss: Loss
    score: Score | None
    augment: Augment | None
    record: Record | None
    keep: Keep
    apart: bool
    mesh: Mesh | None


class Data(NamedTuple):
    """A task's arrays, filled up; with a leading axis [S] where every network has its own.

    Attributes:
        x: training inputs [N, ...].
        y: their targets [N, ...].
        x_test: test inputs [M, ...].
        y_test: their targets [M, ...].
        test_weight: [M], 1 for a test example and 0 for filling.
    """

    x: jax.Array
    y: jax.Array
    x_test: jax.Array
    y_test: jax.Array
    test_weight: jax.Array


class Carry(NamedTuple):
    """Networks in training, every leaf [S, ...].

    Attributes:
        variables: as they are now.
        optimizer: its state.
        kept: the variables kept so far.
        accuracy: [S] their test score.
        epoch: [S] int32, their epoch, from 1.
    """

    variables: Params
    optimizer: Any
    kept: Params
    accuracy: jax.Array
    epoch: jax.Array


class History(NamedTuple):
    """What each epoch leaves, every leaf [S, E, ...].

    Attributes:
        test_accuracy: test score.
        train_loss: mean loss of the examples as they were trained on.
        recorded: what ``record`` returned, or None.
    """

    test_accuracy: jax.Array
    train_loss: jax.Array
    recorded: Any


def trained(variables: Params) -> Params:
    """The leaves that gradients change: parameters of floating point; None where a leaf is none."""
    return jax.tree.map(lambda w: w if jnp.issubdtype(w.dtype, jnp.inexact) else None, parameters(variables))


def joined(variables: Params, weights: Params) -> Params:
    """Variables with other trained leaves, as :func:`trained` gives them."""
    whole = jax.tree.map(
        lambda new, old: old if new is None else new, weights, parameters(variables), is_leaf=lambda leaf: leaf is None
    )
    return {**variables, PARAMETERS: whole} if has_collections(variables) else whole


def starter(model: Model) -> Callable[[Any, Any], Params]:
    """Compiled function (seeds [S], x [1, ...]) -> untrained variables [S, ...]."""
    return (_cached_starter if _hashable(model) else _starter)(model)


def _starter(model: Model) -> Callable[[Any, Any], Params]:
    init = network(model).init

    @jax.jit
    def start(seeds: jax.Array, x: jax.Array) -> Params:
        return jax.vmap(lambda seed: init(jax.random.fold_in(jax.random.key(0), seed), x))(seeds)

    return start


class Trainer(NamedTuple):
    """Two compiled functions.

    Attributes:
        begin: variables [S, ...] -> Carry.
        train: (Carry, seeds [S], block, epochs [E], rows [E, steps, batch], their weights, Data, Columns of the training inputs
            or None) -> Carry, History.
    """

    begin: Callable[..., Carry]
    train: Callable[..., tuple[Carry, History]]


def trainer(recipe: Recipe) -> Trainer:
    """The compiled functions of a recipe, the same ones for an equal recipe where it can be hashed."""
    # A model with a list among its attributes cannot be looked up.
    return (_cached if _hashable(recipe) else _trainer)(recipe)


def _hashable(thing: Recipe | Model) -> bool:
    try:
        hash(thing)
    except TypeError:
        return False
    return True


def _trainer(recipe: Recipe) -> Trainer:
    apply = network(recipe.model).apply
    optimizer = optax.with_extra_args_support(recipe.optimizer)
    data_axis = 0 if recipe.apart else None

    def begin(variables: Params) -> Carry:
        networks = jax.tree.leaves(variables)[0].shape[:1]
        worst = jnp.full(networks, jnp.inf if recipe.score is None else -jnp.inf)
        state = jax.vmap(lambda one: optimizer.init(trained(one)))(variables)
        return Carry(variables, state, variables, worst, jnp.zeros(networks, jnp.int32))

    def loss_of(weights, variables, x, y, weight, key):  # type: ignore[no-untyped-def]
        full = joined(variables, weights)
        outputs, changed = apply(full, x, True, key)
        return (recipe.loss(outputs, y, full) * weight).sum() / weight.sum(), changed

    def scores(variables, x, y, weight):  # type: ignore[no-untyped-def]
        outputs, _ = apply(variables, x, False, None)
        each = recipe.loss(outputs, y, variables) if recipe.score is None else recipe.score(outputs, y)
        return (weight * each).sum()

    def score_of(variables, x, y, weight):  # type: ignore[no-untyped-def]
        """Of the test set part by part: what a convolutional network makes of all of it may not fit the memory."""
        parts = -(-len(x) // EVALUATED)
        if parts == 1:
            return scores(variables, x, y, weight) / weight.sum()
        filled = [jnp.pad(a, [(0, parts * EVALUATED - len(a))] + [(0, 0)] * (a.ndim - 1)) for a in (x, y, weight)]
        cut = [a.reshape(parts, EVALUATED, *a.shape[1:]) for a in filled]
        return jax.lax.map(lambda part: scores(variables, *part), cut).sum() / weight.sum()

    measure = over_networks(score_of, (0, data_axis, data_axis, data_axis))
    take = jax.vmap(lambda a, rows: a[rows], in_axes=(0, None)) if recipe.apart else lambda a, rows: a[rows]

    def train(carry, seeds, block, epochs, rows, weights, data, columns):  # type: ignore[no-untyped-def]
        networks = seeds.shape
        draws = jax.vmap(lambda seed: jax.random.fold_in(jax.random.key(1), seed))(seeds)
        views = jax.random.fold_in(jax.random.key(2), block)

        one = jax.tree.map(lambda w: jax.ShapeDtypeStruct(w.shape[1:], w.dtype), carry.variables)
        axes = state_axes(optimizer, trained(one))
        batch = jax.tree.map(
            lambda a: jax.ShapeDtypeStruct((rows.shape[2], *a.shape[1:]), a.dtype), (data.x, data.y, weights[0, 0])
        )
        key = jax.eval_shape(lambda: jax.random.key(0))
        small = folding(loss_of, optimizer, (trained(one), one, *batch, key), columns)
        axes_of = (0, 0, data_axis, data_axis, None, 0, 0)
        gradient = over_networks(jax.value_and_grad(small.loss, has_aux=True), axes_of)
        x_train = small.data(data.x)
        improve = jax.vmap(
            lambda g, s, w, number: optimizer.update(g, s, w, epoch=number),
            in_axes=(0, axes, 0, None),
            out_axes=(0, axes),
        )

        def update(number, held, carry, step, rows, weight):  # type: ignore[no-untyped-def]
            variables, state = carry
            x, y = take(x_train, rows), take(data.y, rows)
            if recipe.augment is not None:
                view = jax.random.fold_in(jax.random.fold_in(views, number), step)
                x = (jax.vmap(recipe.augment, (None, 0)) if recipe.apart else recipe.augment)(view, x)
            keys = jax.vmap(lambda key: jax.random.fold_in(jax.random.fold_in(key, number), step))(draws)
            now = trained(variables)
            (value, changed), grads = gradient(now, variables, x, y, weight, keys, held)
            updates, state = improve(grads, state, now, number)
            return (joined(changed, optax.apply_updates(now, updates)), state), value * weight.sum()

        def epoch(carry: Carry, inputs: Any) -> tuple[Carry, History]:
            number, rows, weights = inputs
            before = trained(carry.variables)
            folded, state, held = jax.vmap(small.fold, (0, axes), (0, axes, 0))(before, carry.optimizer)
            begun = joined(carry.variables, folded), state

            def step(carry: Any, inputs: Any) -> tuple[Any, Any]:
                skip = lambda carry, *_: (carry, jnp.zeros(networks))  # noqa: E731
                return jax.lax.cond(inputs[2][0] > 0, functools.partial(update, number, held), skip, carry, *inputs)

            steps = jnp.arange(len(rows))
            (variables, state), losses = jax.lax.scan(step, begun, (steps, rows, weights))
            whole, state = jax.vmap(small.unfold, (0, axes, 0), (0, axes))(trained(variables), state, before)
            variables = joined(variables, whole)
            accuracy = measure(variables, data.x_test, data.y_test, data.test_weight)
            new = (variables, accuracy, jnp.full(networks, number + 1))
            if recipe.keep == "best":
                better = accuracy < carry.accuracy if recipe.score is None else accuracy > carry.accuracy
                pick = jax.vmap(lambda b, new, old: jax.tree.map(lambda n, o: jnp.where(b, n, o), new, old))
                new = pick(better, new, carry[2:])
            recorded = None if recipe.record is None else jax.vmap(recipe.record, (0, axes))(variables, state)
            return Carry(variables, state, *new), History(accuracy, losses.sum(0) / weights.sum(), recorded)

        carry = carry._replace(optimizer=without_seeds(carry.optimizer, axes))
        carry, history = jax.lax.scan(epoch, carry, (epochs, rows, weights))
        carry = carry._replace(optimizer=with_seeds(carry.optimizer, axes, networks))
        return carry, jax.tree.map(lambda a: jnp.moveaxis(a, 0, 1), history)

    by_seed = (True, True, False, False, False, False, recipe.apart, False)
    return Trainer(jax.jit(begin), compiled(train, by_seed, recipe.mesh, everywhere=True))


_cached_starter = functools.lru_cache(maxsize=16)(_starter)
_cached = functools.lru_cache(maxsize=16)(_trainer)
