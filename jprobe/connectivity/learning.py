"""Networks that learn their wiring: trained where every edge costs, and read as graphs."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from jprobe import train
from jprobe.connectivity.importance import Score, scored
from jprobe.connectivity.network import wiring_of, without
from jprobe.connectivity.regime import Regime, check, edge_sizes
from jprobe.connectivity.threshold import cut, live
from jprobe.connectivity.wiring import Wiring
from jprobe.data import Task
from jprobe.errors import ArgumentError, ShapeError
from jprobe.models import DAG, forward
from jprobe.networks import unstack
from jprobe.train import Fit
from jprobe.typing import Params

# Test images that a network sees together.
_TOGETHER = 500
# Images that show what an edge contributes.
SAMPLE = 256
# What figure 2 walks through.
THRESHOLDS = (0.0, 0.001, 0.002, 0.004, 0.006, 0.01, 0.02, 0.05, 0.1, 0.2)


class Learned(NamedTuple):
    """Networks that have learned their wiring.

    Attributes:
        model: of all of them.
        fit: S networks; ``fit.recorded`` is |tanh w| of the weighted edges after each epoch, [S, epochs, E].
        regime: how they were trained.

    Example:
        >>> Learned(DAG((2, 2), 1), Fit({}, *[np.zeros(1)] * 3, *[np.zeros((1, 1))] * 2, 0.1), Regime()).model.nodes
        (2, 2)
    """

    model: DAG
    fit: Fit
    regime: Regime

    def wirings(self, epoch: int | None = None) -> list[Wiring]:
        """The wiring of each network, whole, as it is now or after an epoch from 1; signs are left out of the latter.

        Raises:
            ArgumentError: an epoch that was not.
        """
        if epoch is not None and not 1 <= epoch <= self.regime.epochs:
            raise ArgumentError(f"These networks have epochs 1 to {self.regime.epochs}; there is no epoch {epoch}.")
        now = [wiring_of(self.model, one) for one in unstack(self.fit.params)]
        if epoch is None:
            return now
        out = []
        for n, one in enumerate(now):
            table = jax.tree.map(lambda a, n=n: np.asarray(a)[n], self.fit.params["wiring"])
            weights = one.weights.copy()
            yes = table["weighted"] > 0
            weights[table["sources"][yes], table["targets"][yes]] = self.fit.recorded[n][epoch - 1][yes]
            out.append(one._replace(weights=weights))
        return out


def learn_wiring(
    task: Task,
    *,
    nodes: int | tuple[int, ...] = 20,
    stages: int = 3,
    channels: int = 11,
    penalty: float | None = None,
    seeds: int | Sequence[int] = 1,
    edges: Sequence[tuple[int, int]] | None = None,
    regime: Regime | None = None,
    augment: train.fitting.Augment | None = None,
    dtype: Any = jnp.float32,
    checkpoint: str | Path | None = None,
    mesh: Any = None,
    progress: Callable[[float], None] | None = None,
) -> Learned:
    """Train networks whose every connection costs: cross-entropy + penalty sum |tanh w| over the edges of a complete DAG.

    Args:
        task: images with labels; their height and width are multiples of 2^(stages - 1).
        nodes: in each stage, or a number for every stage.
        stages: of falling resolution, where ``nodes`` is one number.
        channels: of the first stage; each later one has twice as many.
        penalty: lambda; default: the regime's.
        seeds: how many networks, or their seeds.
        edges: (i, j), i < j, that there may be. Default: all.
        regime: epochs, rates and batch. Default: the paper's 100 epochs.
        augment: of the training images, such as :func:`jprobe.train.flip_and_crop`.
        dtype: of the images and activations, such as ``jnp.bfloat16`` on an accelerator; weights and statistics are float32.
        checkpoint: folder, written as training ends; every epoch's state is kept beside it, so that the same call takes up
            an interrupted training.
        mesh: as for :func:`jprobe.train.fit`.
        progress: called with the fraction done.

    Returns:
        The networks, and their edges after every epoch.

    Raises:
        ArgumentError: targets that are no labels, or a regime or network that makes no sense.
        ShapeError: inputs that are no images, or of a size that does not halve as often.

    Source:
        Paper 4, section 3.

    Example:
        >>> import jprobe as jp
        >>> x, y = np.random.default_rng(0).normal(size=(8, 8, 8, 1)), np.arange(8) % 2
        >>> task = jp.data.Task(x, y, x, y, num_classes=2)
        >>> learned = learn_wiring(task, nodes=2, stages=2, channels=2, regime=Regime(epochs=1, drops=(), batch=4))
        >>> learned.wirings()
        [Wiring(4 nodes, 6 edges, 2 stages)]
    """
    if task.num_classes is None:
        raise ArgumentError("A wiring is learned for a task with labels; the targets of this one are none.")
    if task.x_train.ndim != 4:
        raise ShapeError(f"A wiring is learned for images [N, H, W, C]; these inputs are {list(task.x_train.shape)}.")
    how = check(Regime() if regime is None else regime)
    how = how if penalty is None else check(how._replace(penalty=penalty))
    model = DAG(
        (nodes,) * stages if isinstance(nodes, int) else tuple(nodes),
        channels,
        task.num_classes,
        None if edges is None else tuple(sorted((int(i), int(j)) for i, j in edges)),
        dtype=dtype,
    )
    return Learned(model, train_wiring(model, task, how, seeds, None, augment, checkpoint, mesh, progress), how)


def train_wiring(
    model: DAG, task: Task, regime: Regime, seeds: int | Sequence[int], initial: Params | None = None,
    augment: Any = None, checkpoint: str | Path | None = None, mesh: Any = None,
    progress: Callable[[float], None] | None = None,
) -> Fit:  # fmt: skip
    """Train networks by a regime, from the start or from variables [S, ...], and record their edges."""
    # Convolutions of many networks are grouped ones, which a CPU has no fast code for.
    alone = jax.default_backend() == "cpu"
    return train.fit(
        model, task, seeds, epochs=regime.epochs, batch=regime.batch, optimizer=regime.optimizer, loss=regime.loss,
        augment=augment, record=_record, initial=initial, checkpoint=checkpoint,
        every=None if checkpoint is None else 1, together=1 if alone else None, mesh=mesh, progress=progress,
    )  # fmt: skip


def _record(variables: Params, state: Any) -> jax.Array:
    return edge_sizes(variables)


def accuracies(model: DAG, params: Params, kept: np.ndarray, task: Task) -> np.ndarray:
    """Test accuracy of networks with some of their edges.

    Args:
        model: of all networks.
        params: [S, ...].
        kept: [S, K, N, N] by (source, target), K choices of edges for each network.
        task: whose test set is measured on.

    Returns:
        [S, K] in [0, 1].
    """
    count = len(task.x_test)
    size = min(_TOGETHER, count)
    parts = -(-count // size)
    padded = [np.pad(a, [(0, parts * size - count)] + [(0, 0)] * (a.ndim - 1)) for a in (task.x_test, task.y_test)]
    x, y = (a.reshape(parts, size, *a.shape[1:]) for a in padded)
    weight = (np.arange(parts * size) < count).reshape(parts, size)
    return np.asarray(_measure(model)(params, jnp.asarray(kept), x, y, weight)) / count


@functools.lru_cache(maxsize=8)
def _measure(model: DAG) -> Any:
    """(params [S, ...], kept [S, K, N, N], x [P, B, ...], y [P, B], weight [P, B]) -> images that are right, [S, K]."""
    run = forward(model)

    def right(variables: Params, x: jax.Array, y: jax.Array, weight: jax.Array) -> jax.Array:
        return ((run(variables, x).argmax(-1) == y) * weight).sum()

    def measure(params: Params, kept: jax.Array, *test: jax.Array) -> jax.Array:
        def of_network(pair: Any) -> jax.Array:
            variables, choices = pair
            cut = lambda edges: jax.lax.map(lambda part: right(without(variables, edges), *part), test).sum()  # noqa: E731
            return jax.lax.map(cut, choices)

        return jax.lax.map(of_network, (params, kept))

    return jax.jit(measure)


def threshold_sweep(
    learned: Learned, task: Task, thresholds: Sequence[float] = THRESHOLDS, score: Score = "magnitude"
) -> xr.Dataset:
    """Accuracy and sparsity of networks by the threshold that their edges are cut at, before and after dead paths go.

    Args:
        learned: the networks.
        task: whose test set is measured on.
        thresholds: of the score.
        score: of an edge, "magnitude" |tanh w|, or "relative": what it contributes to its target, measured on training
            images (:func:`jprobe.connectivity.relative`).

    Returns:
        Dataset of ``accuracy`` (edges below the threshold cut), ``live_accuracy`` (dead paths removed, too), ``edges``,
        ``live_edges`` and ``sparsity`` (of what is alive) [network, threshold].

    Source:
        Paper 4, figure 2.

    Example:
        >>> import jprobe as jp
        >>> x, y = np.random.default_rng(0).normal(size=(8, 8, 8, 1)), np.arange(8) % 2
        >>> task, short = jp.data.Task(x, y, x, y, num_classes=2), Regime(epochs=1, drops=(), batch=4)
        >>> learned = learn_wiring(task, nodes=2, stages=2, channels=2, regime=short)
        >>> threshold_sweep(learned, task, [0.0, 1.0]).live_edges.values
        array([[6., 0.]])
    """
    sample = task.x_train[:SAMPLE]
    whole = [scored(learned.model, one, sample, score) for one in unstack(learned.fit.params)]
    levels = np.asarray(thresholds, float)
    cuts = [[cut(one, tau) for tau in levels] for one in whole]
    lives = [[live(one) for one in row] for row in cuts]
    kept = np.array([[one.edges for one in (*row, *left)] for row, left in zip(cuts, lives, strict=True)])
    found = accuracies(learned.model, learned.fit.params, kept, task)
    count = len(levels)
    edges = np.array([[one.edges.sum() for one in row] for row in cuts], float)
    left = np.array([[one.edges.sum() for one in row] for row in lives], float)
    possible = np.array([[one.possible.sum()] for one in whole], float)
    dims = ("network", "threshold")
    return xr.Dataset(
        {
            "accuracy": (dims, found[:, :count]),
            "live_accuracy": (dims, found[:, count:]),
            "edges": (dims, edges),
            "live_edges": (dims, left),
            "sparsity": (dims, 1 - left / possible),
        },
        {"threshold": levels},
    )
