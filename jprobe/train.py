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
    pad_to: tuple[int, int] | None = None,
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
        pad_to: numbers of training and test examples to fill the arrays up to. Tasks of different sizes that are
            padded alike share one compilation; their networks are the same as without.
        mesh: spread the networks over all devices of this mesh.
        progress: called with the fraction done.

    Returns:
        The networks and their history.

    Raises:
        ArgumentError: no seed, epoch or example; ``pad_to`` is too small.
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
    # A model with a list among its attributes cannot be looked up.
    make = _trainer if _hashable(model) else _trainer.__wrapped__
    start, train = make(model, epochs, learning_rate, keep, mesh)
    data = _padded(task, pad_to or (len(task.x_train), len(task.x_test)))
    parts = []
    for n, block in enumerate(blocks, start=1):
        # Every call is padded to the same shape: another shape would be another compilation.
        padded = jnp.asarray(np.resize(ids[block], together))
        order = _minibatches(
            int(ids[block[0]] // BLOCK), epochs, len(task.x_train), min(batch, len(data[0])), len(data[0])
        )
        trained = train(start(padded, data[0][:1]), order, *data)
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


def _hashable(model: nn.Module) -> bool:
    try:
        hash(model)
    except TypeError:
        return False
    return True


def _padded(task: Task, shape: tuple[int, int]) -> tuple[jax.Array, ...]:
    """(x_train, y_train, x_test, y_test, weight of each test example), filled up with zeros."""
    if shape[0] < len(task.x_train) or shape[1] < len(task.x_test):
        raise ArgumentError(
            f"pad_to={shape} is less than the task's {len(task.x_train)} and {len(task.x_test)} examples."
        )

    def fill(a: np.ndarray, size: int) -> jax.Array:
        return jnp.asarray(np.pad(a, [(0, size - len(a))] + [(0, 0)] * (a.ndim - 1)))

    train, test = (
        (fill(x, n), fill(y, n))
        for x, y, n in zip((task.x_train, task.x_test), (task.y_train, task.y_test), shape, strict=True)
    )
    return (*train, *test, fill(np.ones(len(task.x_test), np.float32), shape[1]))


def _minibatches(block: int, epochs: int, examples: int, batch: int, size: int) -> tuple[jax.Array, jax.Array]:
    """Examples of each step, and their weights: [epochs, steps, batch] each.

    Every example comes once an epoch. The last minibatch is filled up with examples of weight 0, and steps of
    weight 0 alone follow where there are fewer examples than ``size``.
    """
    steps = -(-size // batch)
    orders = [np.random.default_rng((1, block, epoch)).permutation(examples) for epoch in range(epochs)]
    rows = np.stack([np.resize(order, steps * batch) for order in orders]).astype(np.int32)
    weights = np.broadcast_to((np.arange(steps * batch) < examples).astype(np.float32), rows.shape)
    shape = (epochs, steps, batch)
    return jnp.asarray(rows.reshape(shape)), jnp.asarray(weights.reshape(shape))


@functools.lru_cache(maxsize=16)
def _trainer(model: nn.Module, epochs: int, rate: float, keep: Keep, mesh: Mesh | None) -> tuple[Any, Any]:
    """Two compiled functions, kept for the next task of these shapes.

    The first makes untrained weights [S, ...] from seeds [S] and an example. The second trains them:
    (params [S, ...], minibatches, x_train, y_train, x_test, y_test, test weights) -> the fields of a Fit.
    """
    run = forward(model)
    adam = optax.scale_by_adam()

    def start(seeds: jax.Array, x: jax.Array) -> Params:
        return jax.vmap(lambda seed: model.init(jax.random.fold_in(jax.random.key(0), seed), x)["params"])(seeds)

    def loss(params: Params, x: jax.Array, y: jax.Array, weight: jax.Array) -> jax.Array:
        each = optax.softmax_cross_entropy_with_integer_labels(run(params, x), y)
        return (each * weight).sum() / weight.sum()

    def train(params, minibatches, x, y, x_test, y_test, test_weight):  # type: ignore[no-untyped-def]
        networks = (jax.tree.leaves(params)[0].shape[0],)
        gradient = jax.vmap(jax.value_and_grad(loss), in_axes=(0, None, None, None))
        score = jax.vmap(lambda p: (test_weight * (jnp.argmax(run(p, x_test), -1) == y_test)).sum() / test_weight.sum())

        def epoch(carry: Any, inputs: Any) -> tuple[Any, Any]:
            params, opt, best = carry
            number, rows, weights = inputs
            now = rate * (1 + jnp.cos(jnp.pi * number / epochs)) / 2

            def update(carry: Any, rows: jax.Array, weight: jax.Array) -> tuple[Any, Any]:
                params, opt = carry
                value, grads = gradient(params, x[rows], y[rows], weight)
                updates, opt = adam.update(grads, opt)
                return (jax.tree.map(lambda p, u: p - now * u, params, updates), opt), value * weight.sum()

            def step(carry: Any, rows_weight: Any) -> tuple[Any, Any]:
                skip = lambda carry, rows, weight: (carry, jnp.zeros(networks))  # noqa: E731
                return jax.lax.cond(rows_weight[1][0] > 0, update, skip, carry, *rows_weight)

            (params, opt), losses = jax.lax.scan(step, (params, opt), (rows, weights))
            accuracy = score(params)
            if keep == "last":
                best = (params, accuracy, jnp.full(networks, number + 1))
            else:
                better = accuracy > best[1]
                pick = jax.vmap(lambda b, new, old: jax.tree.map(lambda n, o: jnp.where(b, n, o), new, old))
                best = pick(better, (params, accuracy, jnp.full(networks, number + 1)), best)
            return (params, opt, best), (accuracy, losses.sum(0) / weights.sum())

        none = (params, jnp.full(networks, -1.0), jnp.zeros(networks, jnp.int32))
        (_, _, (kept, accuracy, at)), (history, losses) = jax.lax.scan(
            epoch, (params, adam.init(params), none), (jnp.arange(epochs), *minibatches)
        )
        return {
            "params": kept,
            "accuracy": accuracy,
            "epoch": at,
            "test_accuracy": history.T,
            "train_loss": losses.T,
        }

    return jax.jit(start), compiled(train, (True, *[False] * 6), mesh, everywhere=True)


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
