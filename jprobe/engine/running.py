"""The evaluations of a sweep, in an order that suits the machine: chunks that fit its memory, or whole networks."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.engine.arrays import take
from jprobe.engine.chunks import windows
from jprobe.engine.draws import draw_keys
from jprobe.engine.evaluation import Evaluation
from jprobe.typing import Params


class Piece(NamedTuple):
    """Part of a sweep's values.

    Attributes:
        where: of [S, L, R, F], a slice or number an axis.
        values: float32, of that part's shape or broadcasting to it.
        done: fraction of the sweep that is done with it.
    """

    where: tuple[Any, ...]
    values: np.ndarray
    done: float


def in_chunks(
    evaluation: Evaluation, arrays: Params, grid: np.ndarray, shape: tuple[int, int, int], chunk: tuple[int, int, int],
    key: jax.Array,
) -> Iterator[Piece]:  # fmt: skip
    """Evaluate networks, levels and draws chunk by chunk.

    Args:
        evaluation: from :func:`jprobe.engine.evaluation.plan`.
        arrays: weights of S networks.
        grid: [L] levels.
        shape: networks S, levels L and repeats R of the sweep.
        chunk: the same of one chunk.
        key: the sweep's random key.

    Example:
        >>> from jprobe.engine import plan
        >>> from jprobe.probes import prune
        >>> params, key = {"w": jnp.arange(1.0, 9.0).reshape(2, 2, 2)}, jax.random.key(0)
        >>> total = plan(prune(), lambda p: p["w"].sum(), {"w": jax.ShapeDtypeStruct((2, 2), jnp.float32)}, levels=1, key=key)
        >>> [piece.values.ravel().tolist() for piece in in_chunks(total, params, np.array([0.5]), (2, 1, 1), (1, 1, 1), key)]
        [[7.0], [15.0]]
    """
    total, pending, hoisted = np.prod(shape), None, None

    def fetched(outs: list[jax.Array], where: tuple[slice, slice, slice], done: float) -> Piece:
        sizes = tuple(slice(0, part.stop - part.start) for part in where)
        values = np.broadcast_arrays(*(np.asarray(out)[sizes] for out in outs))
        return Piece((*where, slice(None)), np.stack(values, -1), done)

    for nets in windows(shape[0], chunk[0]):
        these = take(arrays, nets.places)
        state = evaluation.init(these)
        if hoisted is None or evaluation.hoisted_by_network:
            hoisted = evaluation.prepare(these)
        for here in windows(shape[1], chunk[1]):
            level = jnp.asarray(np.asarray(grid[here.places], np.float32))
            for draws in windows(shape[2], chunk[2]):
                keys = draw_keys(key, nets.places, grid[here.places], draws.places)
                outs = evaluation.measure(hoisted, evaluation.perturb(these, state, keys, level))
                # A chunk is fetched when the next is under way, so that the device never waits for Python.
                if pending is not None:
                    yield fetched(*pending)
                in_nets = here.start * shape[2] + here.size * (draws.start + draws.size)
                done = nets.start * shape[1] * shape[2] + nets.size * in_nets
                pending = outs, (nets.real, here.real, draws.real), float(done / total)
    if pending is not None:
        yield fetched(*pending)


def by_network(
    evaluation: Evaluation, arrays: Params, grid: np.ndarray, networks: int, together: int
) -> Iterator[Piece]:
    """Walk the nested levels of each network, some networks at a time, each on a core.

    Args:
        evaluation: from :func:`jprobe.engine.evaluation.plan`, with a ``walk``.
        arrays: weights of S networks.
        grid: [L] levels.
        networks: S.
        together: most networks at a time.

    Example:
        >>> from jprobe.engine import plan
        >>> from jprobe.probes import prune
        >>> params, x = {"w": jnp.arange(1.0, 9.0).reshape(2, 2, 2)}, jnp.tile(jnp.eye(2), (500, 1))
        >>> metric = lambda p: (x @ p["w"]).mean()
        >>> shapes = {"w": jax.ShapeDtypeStruct((2, 2), jnp.float32)}
        >>> total = plan(prune(), metric, shapes, levels=20, key=jax.random.key(0))
        >>> [round(piece.values[-1].item(), 4) for piece in by_network(total, params, np.linspace(0.5, 0, 20), 2, together=2)]
        [2.5, 6.5]
    """
    walk, order = evaluation.walk, np.argsort(grid, kind="stable")
    assert walk is not None
    levels = jnp.asarray(np.asarray(grid[order], np.float32))

    def one(network: int) -> Piece:
        found = np.empty((len(grid), 1, evaluation.values), np.float32)
        found[order, 0] = walk(jax.tree.map(lambda w: w[network], arrays), levels)
        return Piece((network,), found, 0.0)

    yield one(0)._replace(done=1 / networks)  # it compiles; the others need not do so, too
    with ThreadPoolExecutor(together) as pool:
        for number, piece in enumerate(pool.map(one, range(1, networks)), start=2):
            yield piece._replace(done=number / networks)
