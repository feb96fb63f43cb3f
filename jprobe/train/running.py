"""Training chunk by chunk: which networks are trained together, on what, and what a checkpoint of them holds."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jprobe import checkpoint as checkpoints
from jprobe.data import Task
from jprobe.digests import digest_of
from jprobe.errors import CheckpointError
from jprobe.train.batches import filled, minibatches
from jprobe.train.folding import columns
from jprobe.train.loop import Carry, Data, History, Recipe, starter, trainer
from jprobe.train.unfinished import Unfinished
from jprobe.typing import Params

# Seeds b * BLOCK to (b + 1) * BLOCK - 1 see the same minibatches, so that the first layer of the whole block is
# one matrix product. Sharing has a price: networks of a block fluctuate together (the median accuracy of blocks
# on MNIST {7,9} spreads over 0.4 points). Ten is nearly as fast as twenty and leaves ten independent blocks in a
# hundred seeds.
BLOCK = 10


class Run(NamedTuple):
    """All that one call of :func:`jprobe.train.fit` trains.

    Attributes:
        recipe: what is compiled.
        tasks: one, or one for each network.
        seeds: [S].
        initial: variables [S, ...] to start from, or None.
        epochs: passes over the training set.
        batch: examples a step.
        together: most networks of a block at once.
        pad_to: numbers of training and test examples to fill up to, or None.
        whole: whether a partial minibatch is left out.
    """

    recipe: Recipe
    tasks: list[Task]
    seeds: np.ndarray
    initial: Params | None
    epochs: int
    batch: int
    together: int
    pad_to: tuple[int, int] | None
    whole: bool


def train_all(
    run: Run, progress: Callable[[float], None] | None, unfinished: Unfinished | None = None
) -> dict[str, Any]:
    """Train every network; fields of a Fit, leaves [S, ...]."""
    start, (begin, train) = starter(run.recipe.model), trainer(run.recipe)
    chunks = list(_chunks(run.seeds, run.together))
    devices = 1 if run.recipe.mesh is None else run.recipe.mesh.size
    width = devices * -(-max(map(len, chunks)) // devices)
    pad_to = run.pad_to or (len(run.tasks[0].x_train), max(len(task.x_test) for task in run.tasks))
    examples = len(run.tasks[0].x_train)
    batch = min(run.batch, examples if run.whole else pad_to[0])
    shared = None if run.recipe.apart else filled(run.tasks[0], pad_to)
    place = columns(run.tasks[0].x_train) if shared and run.recipe.augment is None else None
    parts = []
    for n, chunk in enumerate(chunks, start=1):
        # Every call is padded to the same shape: another shape would be another compilation.
        padded = np.resize(chunk, width)
        seeds, block = run.seeds[padded], int(run.seeds[chunk[0]] // BLOCK)
        data = shared or _stacked([filled(run.tasks[s], pad_to) for s in padded])
        if run.initial is None:
            variables = start(seeds, run.tasks[0 if shared else padded[0]].x_train[:1])
        else:
            variables = jax.tree.map(lambda w, s=padded: np.asarray(w)[s], run.initial)
        order = minibatches(block, range(run.epochs), examples, batch, pad_to[0], run.whole)

        def some(carry: Carry, now: slice, seeds=seeds, block=block, order=order, data=data):  # type: ignore[no-untyped-def]
            return train(carry, seeds, block, np.arange(run.epochs)[now], order[0][now], order[1][now], data, place)

        def report(fraction: float, n: int = n) -> None:
            if progress is not None:
                progress((n - 1 + fraction) / len(chunks))

        carry, history = _epochs(run, some, begin(variables), unfinished, f"{chunk[0]}+{width}", report)
        found = {"params": carry.kept, "accuracy": carry.accuracy, "epoch": carry.epoch, **history._asdict()}
        parts.append(jax.tree.map(lambda a, n=chunk.size: np.asarray(a)[:n], found))
    back = np.argsort(np.concatenate(chunks))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves)[back], *parts)


def _epochs(
    run: Run, train: Callable[[Carry, slice], tuple[Carry, History]], carry: Carry, unfinished: Unfinished | None,
    part: str, progress: Callable[[float], None],
) -> tuple[Carry, History]:  # fmt: skip
    """All epochs of some networks, in one call, or in several where states in between are kept.

    A state is kept under the first of the networks and how many they are: with another memory they are others.
    """

    def after(done: int) -> dict[str, Any]:
        carried, history = jax.eval_shape(lambda carry: train(carry, slice(0, done)), carry)
        return {"carry": carried._asdict(), "history": history._asdict()}

    done, state = (0, None) if unfinished is None else unfinished.read(part, after)
    histories = []
    if state is not None:
        carry, histories = Carry(**state["carry"]), [History(**state["history"])]
    for first in range(done, run.epochs, run.epochs if unfinished is None else unfinished.every):
        last = min(first + (run.epochs if unfinished is None else unfinished.every), run.epochs)
        carry, history = train(carry, slice(first, last))
        histories.append(history)
        if unfinished is not None:
            kept = {"carry": carry._asdict(), "history": _joined(histories)._asdict()}
            unfinished.write(part, last, jax.tree.map(np.asarray, kept))
        progress(last / run.epochs)
    return carry, _joined(histories)


def _joined(histories: list[History]) -> History:
    return jax.tree.map(lambda *some: np.concatenate(some, 1), *histories)


def _chunks(seeds: np.ndarray, together: int) -> Iterator[np.ndarray]:
    """Indices of seeds of one block, at most ``together`` of them."""
    for block in dict.fromkeys((seeds // BLOCK).tolist()):
        members = np.flatnonzero(seeds // BLOCK == block)
        yield from (members[n : n + together] for n in range(0, len(members), together))


def _stacked(data: list[Data]) -> Data:
    return jax.tree.map(lambda *arrays: jnp.stack(arrays), *data)


def made_from(run: Run) -> np.ndarray:
    """Digest of all that trained networks depend on: uint8 [32].

    Devices, padding and how many train together are left out: they change nothing but the last digits.

    Raises:
        ArgumentError: a function whose value cannot be told.
    """
    tasks = [(t.x_train, t.y_train, t.x_test, t.y_test, t.num_classes) for t in run.tasks]
    initial = jax.tree.leaves(run.initial)
    return digest_of(run.recipe._replace(mesh=None), tasks, run.seeds, initial, run.epochs, run.batch)


def read(path: str | Path, run: Run, start: Params, settings: np.ndarray) -> dict[str, Any]:
    """Fields of a Fit that an earlier, equal run wrote.

    Args:
        path: folder of the checkpoint.
        run: what would be trained.
        start: shapes of one network's variables.
        settings: digest from :func:`made_from`.

    Raises:
        CheckpointError: it is damaged, or of another run.
    """
    found = checkpoints.load(path, {**_shapes(run, start), "made_from": jax.ShapeDtypeStruct((32,), jnp.uint8)})
    if not np.array_equal(found.pop("made_from"), settings):
        raise CheckpointError(
            f"{path} holds networks of these shapes trained from other data, seeds, settings or functions. Choose another "
            "folder, or delete it to train again."
        )
    return found


def _shapes(run: Run, start: Params) -> dict[str, Any]:
    """Shapes of what :func:`train_all` returns."""
    count = len(run.seeds)

    def begun(one: Params) -> Any:
        return trainer(run.recipe).begin(jax.tree.map(lambda w: jnp.broadcast_to(w, (count, *w.shape)), one))

    carry = jax.eval_shape(begun, start)
    record = run.recipe.record
    recorded = None if record is None else jax.eval_shape(jax.vmap(record), carry.variables, carry.optimizer)
    history = jax.ShapeDtypeStruct((count, run.epochs), jnp.float32)
    return {
        "params": carry.kept,
        "accuracy": carry.accuracy,
        "epoch": carry.epoch,
        "test_accuracy": history,
        "train_loss": history,
        "recorded": jax.tree.map(lambda a: jax.ShapeDtypeStruct((count, run.epochs, *a.shape[1:]), a.dtype), recorded),
    }
