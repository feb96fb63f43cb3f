"""Train many networks at once: one compiled scan, the minibatches shared by blocks of seeds."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh

from jprobe import checkpoint as checkpoints
from jprobe.choices import Diverged, Keep
from jprobe.data import Task
from jprobe.errors import ArgumentError, ShapeError, UnknownNameError, WeightsError
from jprobe.models import Model
from jprobe.train.checks import check_shapes, has_statistics, start_shapes
from jprobe.train.holding import room
from jprobe.train.loop import Augment, Recipe, Record, Score, starter
from jprobe.train.losses import Loss, cross_entropy
from jprobe.train.optimizers import cosine_adam
from jprobe.train.result import Fit
from jprobe.train.running import Run, made_from, read, train_all
from jprobe.train.unfinished import Unfinished
from jprobe.typing import Params

LEARNING_RATE = 0.01


def fit(
    model: Model,
    task: Task | Sequence[Task],
    seeds: int | Sequence[int] = 20,
    *,
    epochs: int = 10,
    batch: int = 128,
    learning_rate: float | None = None,
    optimizer: optax.GradientTransformation | None = None,
    loss: Loss = cross_entropy,
    score: Score | None = None,
    augment: Augment | None = None,
    record: Record | None = None,
    initial: Params | None = None,
    keep: Keep = "last",
    diverged: Diverged = "refuse",
    together: int | None = None,
    checkpoint: str | Path | None = None,
    every: int | None = None,
    pad_to: tuple[int, int] | None = None,
    mesh: Mesh | None = None,
    progress: Callable[[float], None] | None = None,
) -> Fit:
    """Train a model from S random initialisations; by default Adam, cross-entropy, rate lr (1 + cos(pi e / epochs)) / 2.

    A seed decides the initial weights, and its block of ten the order of the examples: networks of one block
    share their minibatches, which makes their first layers one matrix product. A network does not depend on
    which others are trained beside it.

    One compilation serves every call with the same functions (the same objects: make an optimizer once) and shapes.

    Args:
        model: Flax Linen module, or what else :func:`jprobe.models.network` takes, such as a function of a key that makes
            an NNX or Equinox module.
        task: the data; or a list of S tasks of one shape, one for each network.
        seeds: how many networks (seeds 0, 1, ...), or the seeds themselves.
        epochs: passes over the training set.
        batch: examples a step. The last step of an epoch takes what is left; a network with statistics (batch
            normalisation) leaves those examples out, because filling a minibatch up would count some twice.
        learning_rate: lr, of the first epoch of the default optimizer; 0.01 if not given.
        optimizer: of one network, any optax transformation with its schedule, such as ``optax.chain(
            optax.clip_by_global_norm(1), optax.adam(1e-3))``. :func:`jprobe.train.scale_by_epoch` makes schedules by epoch.
        loss: (outputs [B, ...], targets [B, ...], params) -> [B], one number an example, which are averaged; ``params``
            are the variables of one network, for penalties (a scalar is added to each number).
        score: (outputs, targets) -> [B], larger is better; its mean over the test set is ``accuracy``. Default: whether
            the largest output is the label; the loss, smaller is better, where targets are no labels.
        augment: (key, x [B, ...]) -> x [B, ...], applied to each training minibatch on the device. A block of networks
            shares what it draws.
        record: (params, optimizer's state) of one network -> pytree, kept of every epoch in ``recorded``.
        initial: variables to start from, every leaf [S, ...], in the place of the model's own random ones.
        keep: "last" keeps the last epoch's weights, "best" those of the best test accuracy (the paper's text;
            it selects on the test set, so its accuracies are optimistic).
        diverged: "refuse" ends a training whose loss or weights became infinite or NaN in an error, which names the seeds;
            "keep" returns those networks with the others, for whoever counts them: they are :attr:`Fit.dead`.
        together: most networks that are trained at once, by default a block, or as many of it as half of the memory has
            room for (:func:`jprobe.memory.within`). On a CPU convolutions are fastest alone (1).
        checkpoint: folder: networks that are there already are read, not trained; otherwise they are written
            as training ends.
        every: epochs after which the state of an unfinished training is kept beside the checkpoint, so that the same call
            takes it up after an interruption. Default: never.
        pad_to: numbers of training and test examples to fill the arrays up to. Tasks of different sizes that are
            padded alike share one compilation; their networks are the same as without.
        mesh: spread the networks over all devices of this mesh.
        progress: called with the fraction done.

    Returns:
        The networks and their history.

    Raises:
        ArgumentError: no seed, epoch or example; ``pad_to`` is too small; a learning rate beside an optimizer; a
            checkpoint of functions whose values cannot be told.
        UnknownNameError: another ``keep`` or ``diverged``.
        ShapeError: outputs, loss, score or augmented inputs of a wrong shape; tasks that differ in shape.
        WeightsError: training diverged, unless it may; initial weights that do not fit.
        CheckpointError: the checkpoint is of another network or configuration, or damaged.
        DiskError: the checkpoint could not be written.

    Source:
        Paper 1, section 3; the authors' released experiments where the text is silent.

    Example:
        >>> import numpy as np, jprobe as jp
        >>> x, y = np.eye(2, dtype=np.float32), np.array([0, 1])
        >>> task = jp.data.Task(x, y, x, y, num_classes=2)
        >>> jp.train.fit(jp.models.MLP((4,), 2), task, seeds=3, epochs=2)
        Fit(3 networks, accuracy ... median, ... dead, 2 epochs)
    """
    ids = _seeds(seeds)
    rate = LEARNING_RATE if learning_rate is None else learning_rate
    if ids.size < 1 or epochs < 1 or batch < 1 or rate <= 0 or (together is not None and together < 1):
        raise ArgumentError(
            f"Training needs one or more seeds, epochs, examples a batch and networks together, and a positive learning "
            f"rate, not seeds={seeds}, epochs={epochs}, batch={batch}, learning_rate={rate}, together={together}."
        )
    if every is not None and (every < 1 or checkpoint is None):
        raise ArgumentError(f"every is 1 or more epochs, of a training with a checkpoint; found every={every}.")
    if optimizer is not None and learning_rate is not None:
        raise ArgumentError("learning_rate is of the default optimizer; put the rate into optimizer instead.")
    for what, name, known in (("keep rule", keep, Keep), ("rule for what diverged", diverged, Diverged)):
        if name not in get_args(known):
            raise UnknownNameError(what, name, get_args(known))
    tasks = _tasks(task, ids.size)
    labels, apart = tasks[0].num_classes is not None, not isinstance(task, Task)
    if not labels and loss is cross_entropy:
        raise ArgumentError("The targets of this task are no labels: give a loss, such as jp.train.squared_error.")
    recipe = Recipe(
        model, optimizer or cosine_adam(rate, epochs), loss, _is_label if labels and score is None else score,
        augment, record, keep, apart, mesh,
    )  # fmt: skip
    start = start_shapes(model, tasks[0], initial, ids.size)
    check_shapes(recipe, tasks[0], start, min(batch, len(tasks[0].x_train)))
    together = together or room(recipe, tasks[0], start, min(batch, len(tasks[0].x_train)))
    run = Run(recipe, tasks, ids, initial, epochs, batch, together, pad_to, has_statistics(start))
    chance = np.array([_chance(task) for task in tasks]) if apart else _chance(tasks[0])

    if checkpoint is None:
        found = train_all(run, progress)
    else:
        settings = made_from(run)
        if Path(checkpoint).exists():
            return Fit(**read(checkpoint, run, start, settings), seeds=ids, chance=chance)
        unfinished = None if every is None else Unfinished.beside(checkpoint, settings, every)
        found = train_all(run, progress, unfinished)
    if diverged == "refuse":
        _check_finite(found, ids, "the rate of the optimizer" if optimizer else f"learning_rate from {rate:g}")
    if checkpoint is not None:
        if not Path(checkpoint).exists():  # else another process has trained the same meanwhile, and may be reading it
            checkpoints.save(checkpoint, {**found, "made_from": settings})
        if unfinished is not None:
            unfinished.clear()
    return Fit(**found, seeds=ids, chance=chance)


def untrained(model: Model, task: Task, seeds: int | Sequence[int] = 20) -> Params:
    """The variables that :func:`fit` starts from, every leaf [S, ...]: each trained network's untrained twin.

    Args:
        model: as :func:`fit` takes it.
        task: the data; only the shape of its inputs is read.
        seeds: as :func:`fit` takes them.

    Example:
        >>> import numpy as np, jprobe as jp
        >>> x, y = np.eye(2, dtype=np.float32), np.array([0, 1])
        >>> task = jp.data.Task(x, y, x, y, num_classes=2)
        >>> jp.train.untrained(jp.models.MLP((4,), 2), task, seeds=3)["params"]["Dense_0"]["kernel"].shape
        (3, 2, 4)
    """
    return starter(model)(jnp.asarray(_seeds(seeds)), jnp.asarray(task.x_train[:1]))


def _seeds(seeds: int | Sequence[int]) -> np.ndarray:
    return np.arange(seeds) if isinstance(seeds, int | np.integer) else np.asarray(seeds, dtype=int)


def _is_label(outputs: jax.Array, targets: jax.Array) -> jax.Array:
    return jnp.argmax(outputs, -1) == targets


def _tasks(task: Task | Sequence[Task], networks: int) -> list[Task]:
    """The one task, or those of each network, which must be alike."""
    if isinstance(task, Task):
        return [task]
    tasks = list(task)
    if len(tasks) != networks:
        raise ArgumentError(f"A list of tasks has one for each network: {len(tasks)} tasks, {networks} seeds.")
    kinds = {(t.x_train.shape, t.y_train.shape, t.x_test.shape[1:], t.y_test.shape[1:], t.num_classes) for t in tasks}
    if len(kinds) > 1:
        raise ShapeError(f"Tasks that are trained on together must agree in shapes and classes; these are of {kinds}.")
    return tasks


def _chance(task: Task) -> float:
    """Test accuracy of always giving the commonest class; NaN where targets are no labels."""
    return float("nan") if task.num_classes is None else float(np.bincount(task.y_test).max() / len(task.y_test))


def _check_finite(found: dict[str, Any], seeds: np.ndarray, lower: str) -> None:
    """Refuse networks that diverged: their loss or weights are no numbers."""
    # The last step's weights show in no training loss.
    finite = [np.isfinite(found["train_loss"]).all(1)]
    finite += [np.isfinite(leaf).reshape(len(leaf), -1).all(1) for leaf in jax.tree.leaves(found["params"])]
    diverged = seeds[~np.logical_and.reduce(finite)].tolist()
    if diverged:
        raise WeightsError(
            f"Training diverged for seeds {diverged}, of {len(seeds)} networks: the loss or the weights became infinite "
            f"or NaN; lower {lower}. (The inputs are finite: a task refuses others.)"
        )
