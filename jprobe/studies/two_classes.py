"""What networks of two classes lose to signs and shuffles, in every measure: compiled once for tasks filled up alike."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jprobe import probes
from jprobe.metrics.two_classes import area, recalibrated
from jprobe.models import forward
from jprobe.typing import Params


class Split(NamedTuple):
    """Examples filled up to some number.

    Attributes:
        x: inputs [B, ...].
        y: labels [B]: 0, 1, or -1 for filling.
    """

    x: jax.Array
    y: jax.Array


def filled(x: np.ndarray, y: np.ndarray, size: int) -> Split:
    """Examples filled up to ``size`` with copies of the last, which do not count.

    Example:
        >>> filled(np.zeros((2, 3)), np.array([0, 1]), 4).y.tolist()
        [0, 1, -1, -1]
    """
    filling = size - len(y)
    return Split(
        jnp.asarray(np.concatenate([x, np.repeat(x[-1:], filling, 0)])),
        jnp.asarray(np.pad(y, (0, filling), constant_values=-1)),
    )


# (params of S networks, test examples, training examples, key) -> name -> [S].
Gaps = Callable[[Params, Split, Split, jax.Array], dict[str, jax.Array]]


@functools.lru_cache(maxsize=16)
def gaps_of(model: Any) -> Gaps:
    """What networks lose: paper 1's gaps, with the threshold where it is and moved, and in area under the ROC curve.

    Returns a function that gives ``error``, ``separation``, ``gap_signed``, ``gap_randomized``, ``gap_threshold`` and ``gap_auc``.
    """
    run = forward(model)

    def one(params: Params, test: Split, training: Split, key: jax.Array) -> dict[str, jax.Array]:
        def read(params: Params) -> dict[str, jax.Array]:
            d, d_train = (jnp.diff(run(params, split.x), axis=-1)[:, 0] for split in (test, training))
            (m0, s0), (m1, s1) = ((d.mean(where=test.y == c), d.std(where=test.y == c)) for c in (0, 1))
            return {
                "accuracy": jnp.mean((d > 0) == (test.y == 1), where=test.y >= 0),
                "threshold": recalibrated(d, test.y, d_train, training.y),
                "auc": area(d, test.y),
                "separation": (m1 - m0) / (s0 + s1),
            }

        def after(probe: probes.Probe) -> dict[str, jax.Array]:
            return read(probe.apply(key, params, probe.init(params), jnp.float32(0)))

        base, signs, shuffled = read(params), after(probes.binarize()), after(probes.randomize("B"))
        return {
            "error": 1 - base["accuracy"],
            "separation": base["separation"],
            "gap_signed": base["accuracy"] - signs["accuracy"],
            "gap_randomized": base["accuracy"] - shuffled["accuracy"],
            "gap_threshold": base["threshold"] - signs["threshold"],
            "gap_auc": base["auc"] - signs["auc"],
        }

    # One network at a time: each reads the training set for its threshold.
    def of_all(params: Params, test: Split, training: Split, key: jax.Array) -> dict[str, jax.Array]:
        return jax.lax.map(lambda each: one(each[0], test, training, each[1]), (params, keys_of(params, key)))

    return jax.jit(of_all)


def keys_of(params: Params, key: jax.Array) -> jax.Array:
    """A key for each of S networks, which does not depend on how many there are."""
    count = len(jax.tree.leaves(params)[0])
    return jax.vmap(lambda n: jax.random.fold_in(key, n))(jnp.arange(count))
