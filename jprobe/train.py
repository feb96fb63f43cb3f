"""Train many networks at once: one compiled scan, the minibatches shared by blocks of seeds."""

import functools
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh

from jprobe import checkpoint as checkpoints
from jprobe.data import Task
from jprobe.errors import ArgumentError, CheckpointError, UnknownNameError, WeightsError
from jprobe.models import forward
from jprobe.sharding import compiled
from jprobe.typing import Params

Keep = Literal["last", "best"]

# Seeds b * BLOCK to (b + 1) * BLOCK - 1 see the same minibatches, so that the first layer of the whole block is
# one matrix product. Sharing has a price: networks of a block fluctuate together (the median accuracy of blocks
# on MNIST {7,9} spreads over 0.4 points). Ten is nearly as fast as twenty and leaves ten independent blocks in a
# hundred seeds.
BLOCK = 10

# A network whose test accuracy is within this of always giving the commonest class has learnt nothing.
DEAD_MARGIN = 0.05


class Fit(NamedTuple):
    """Networks after training.

    Attributes:
        params: weights, every leaf [S, ...].
        seeds: [S] the seed of each network.
        accuracy: [S] test accuracy of the kept weights, in [0, 1].
        epoch: [S] the epoch whose weights were kept, from 1.
        test_accuracy: [S, epochs] test accuracy after each epoch.
        train_loss: [S, epochs] mean training loss in each epoch, in nats.
        chance: test accuracy of always giving the commonest class.
    """

    params: Params
    seeds: np.ndarray
    accuracy: np.ndarray
    epoch: np.ndarray
    test_accuracy: np.ndarray
    train_loss: np.ndarray
    chance: float

    @property
    def dead(self) -> np.ndarray:
        """[S] whether a network learnt nothing: accuracy within 0.05 of always giving the commonest class."""
        return self.accuracy <= self.chance + DEAD_MARGIN


def fit(
    model: nn.Module,
    task: Task,
    seeds: int | Sequence[int] = 20,
    *,
    epochs: int = 10,
    batch: int = 128,
    learning_rate: float = 0.01,
    keep: Keep = "last",
    checkpoint: str | Path | None = None,
    mesh: Mesh | None = None,
    progress: Callable[[float], None] | None = None,
) -> Fit:
    """Train a model from S random initialisations: Adam, cross-entropy, rate lr (1 + cos(pi e / epochs)) / 2.

    A seed decides the initial weights, and its block of ten the order of the examples: networks of one block
    share their minibatches, which makes their first layers one matrix product. A network does not depend on
    which others are trained beside it.

    Args:
        model: Flax Linen module.
        task: the data.
        seeds: how many networks (seeds 0, 1, ...), or the seeds themselves.
        epochs: passes over the training set; the learning rate changes once an epoch.
        batch: examples a step; the last step of an epoch takes what is left.
        learning_rate: of the first epoch.
        keep: "last" keeps the last epoch's weights, "best" those of the best test accuracy (the paper's text;
            it selects on the test set, so its accuracies are optimistic).
        checkpoint: folder: networks that are there already are read, not trained; otherwise they are written
            as training ends.
        mesh: spread the networks over all devices of this mesh.
        progress: called with the fraction done.

    Returns:
        The networks and their history.

    Raises:
        ArgumentError: no seed, epoch or example.
        UnknownNameError: another ``keep``.
        WeightsError: training diverged.
        CheckpointError: the checkpoint is of another network or configuration, or damaged.
        DiskError: the checkpoint could not be written.

    Source:
        Paper 1, section 3; the authors' released experiments where the text is silent.

    Example:
        >>> import numpy as np, jprobe as jp
        >>> x, y = np.eye(2, dtype=np.float32), np.array([0, 1])
        >>> task = jp.data.Task(x, y, x, y, num_classes=2)
        >>> jp.train.fit(jp.models.MLP((4,), 2), task, seeds=3, epochs=2).accuracy.shape
        (3,)
    """
    ids = np.arange(seeds) if isinstance(seeds, int | np.integer) else np.asarray(seeds, dtype=int)
    if ids.size < 1 or epochs < 1 or batch < 1 or learning_rate <= 0:
        raise ArgumentError(
            f"Training needs one or more seeds, epochs and examples a batch and a positive learning rate, not "
            f"seeds={seeds}, epochs={epochs}, batch={batch}, learning_rate={learning_rate}."
        )
    if keep not in get_args(Keep):
        raise UnknownNameError("keep rule", keep, get_args(Keep))
    chance = float(np.bincount(task.y_test).max() / len(task.y_test))
    if checkpoint is not None and Path(checkpoint).exists():
        found = checkpoints.load(checkpoint, _shape(model, task, ids.size, epochs))
        if not np.array_equal(found.pop("made_from"), _made_from(model, task, ids, epochs, batch, learning_rate, keep)):
            raise CheckpointError(
                f"{checkpoint} holds networks of these shapes trained from other data, seeds or settings. Choose another "
                "folder, or delete it to train again."
            )
        return Fit(**found, seeds=ids, chance=chance)

    blocks = [np.flatnonzero(ids // BLOCK == b) for b in dict.fromkeys((ids // BLOCK).tolist())]
    devices = 1 if mesh is None else mesh.size
    together = devices * -(-max(map(len, blocks)) // devices)
    train = _trainer(model, task, epochs, min(batch, len(task.x_train)), learning_rate, keep, mesh)
    data = tuple(jnp.asarray(a) for a in (task.x_train, task.y_train, task.x_test, task.y_test))
    parts = []
    for n, block in enumerate(blocks, start=1):
        # Every call is padded to the same shape: another shape would be another compilation.
        padded = jnp.asarray(np.resize(ids[block], together))
        start = _start(model, padded, data[0].shape[1:])
        trained = train(start, jnp.asarray(ids[block[0]] // BLOCK), *data)
        parts.append(jax.tree.map(lambda a, n=block.size: np.asarray(a)[:n], trained))
        if progress is not None:
            progress(n / len(blocks))
    back = np.argsort(np.concatenate(blocks))
    done: dict[str, Any] = jax.tree.map(lambda *leaves: np.concatenate(leaves)[back], *parts)
    diverged = [int(s) for s, a in zip(ids, done["train_loss"], strict=True) if not np.isfinite(a).all()]
    if diverged:
        raise WeightsError(f"Training diverged for seeds {diverged}; lower learning_rate from {learning_rate:g}.")
    if checkpoint is not None:
        made_from = _made_from(model, task, ids, epochs, batch, learning_rate, keep)
        checkpoints.save(checkpoint, {**done, "made_from": made_from})
    return Fit(**done, seeds=ids, chance=chance)


@functools.partial(jax.jit, static_argnums=(0, 2))
def _start(model: nn.Module, seeds: jax.Array, shape: tuple[int, ...]) -> Params:
    """Untrained weights [S, ...] of a model for inputs of this shape, compiled once for all tasks."""
    first = jnp.zeros((1, *shape), jnp.float32)
    return jax.vmap(lambda seed: model.init(jax.random.fold_in(jax.random.key(0), seed), first)["params"])(seeds)


def _trainer(
    model: nn.Module, task: Task, epochs: int, batch: int, rate: float, keep: Keep, mesh: Mesh | None
) -> Callable[..., dict[str, Any]]:
    """Compiled function (params [S, ...], block, x_train, y_train, x_test, y_test) -> the fields of a Fit."""
    run = forward(model)
    adam = optax.scale_by_adam()
    examples = len(task.x_train)
    steps = -(-examples // batch)

    def loss(params: Params, x: jax.Array, y: jax.Array, weight: jax.Array) -> jax.Array:
        each = optax.softmax_cross_entropy_with_integer_labels(run(params, x), y)
        return (each * weight).sum() / weight.sum()

    def train(
        params: Params, block: jax.Array, x: jax.Array, y: jax.Array, x_test: jax.Array, y_test: jax.Array
    ) -> dict[str, Any]:
        orders = jax.random.fold_in(jax.random.key(1), block)
        networks = (jax.tree.leaves(params)[0].shape[0],)
        gradient = jax.vmap(jax.value_and_grad(loss), in_axes=(0, None, None, None))
        score = jax.vmap(lambda p: jnp.mean(jnp.argmax(run(p, x_test), -1) == y_test))

        def epoch(carry: Any, number: jax.Array) -> tuple[Any, Any]:
            params, opt, best = carry
            now = rate * (1 + jnp.cos(jnp.pi * number / epochs)) / 2
            order = jax.random.permutation(jax.random.fold_in(orders, number), examples)
            # The last minibatch is filled up with examples of weight 0.
            rows = jnp.resize(order, (steps * batch,)).reshape(steps, batch)
            weights = (jnp.arange(steps * batch) < examples).astype(jnp.float32).reshape(steps, batch)

            def step(carry: Any, rows_weights: Any) -> tuple[Any, Any]:
                params, opt = carry
                rows, weight = rows_weights
                value, grads = gradient(params, x[rows], y[rows], weight)
                updates, opt = adam.update(grads, opt)
                return (jax.tree.map(lambda p, u: p - now * u, params, updates), opt), value * weight.sum()

            (params, opt), losses = jax.lax.scan(step, (params, opt), (rows, weights))
            accuracy = score(params)
            if keep == "last":
                best = (params, accuracy, jnp.full(networks, number + 1))
            else:
                better = accuracy > best[1]
                pick = jax.vmap(lambda b, new, old: jax.tree.map(lambda n, o: jnp.where(b, n, o), new, old))
                best = pick(better, (params, accuracy, jnp.full(networks, number + 1)), best)
            return (params, opt, best), (accuracy, losses.sum(0) / examples)

        none = (params, jnp.full(networks, -1.0), jnp.zeros(networks, jnp.int32))
        (_, _, (kept, accuracy, at)), (history, losses) = jax.lax.scan(
            epoch, (params, adam.init(params), none), jnp.arange(epochs)
        )
        return {
            "params": kept,
            "accuracy": accuracy,
            "epoch": at,
            "test_accuracy": history.T,
            "train_loss": losses.T,
        }

    return compiled(train, (True, *[False] * 5), mesh, everywhere=True)


def _shape(model: nn.Module, task: Task, seeds: int, epochs: int) -> dict[str, Any]:
    """Shapes of the fields of a Fit that a checkpoint holds."""
    x = jax.ShapeDtypeStruct((1, *task.x_train.shape[1:]), jnp.float32)
    params = jax.eval_shape(model.init, jax.random.key(0), x)["params"]
    each = jax.ShapeDtypeStruct((seeds,), jnp.float32)
    return {
        "params": jax.tree.map(lambda w: jax.ShapeDtypeStruct((seeds, *w.shape), w.dtype), params),
        "accuracy": each,
        "epoch": jax.ShapeDtypeStruct((seeds,), jnp.int32),
        "test_accuracy": jax.ShapeDtypeStruct((seeds, epochs), jnp.float32),
        "train_loss": jax.ShapeDtypeStruct((seeds, epochs), jnp.float32),
        "made_from": jax.ShapeDtypeStruct((32,), jnp.uint8),
    }


def _made_from(model: nn.Module, task: Task, *settings: object) -> np.ndarray:
    """Digest of all that trained weights depend on: uint8 [32]."""
    digest = hashlib.sha256(repr((model, settings)).encode())
    for array in (task.x_train, task.y_train, task.x_test, task.y_test):
        digest.update(array.tobytes())
    return np.frombuffer(digest.digest(), np.uint8)
