"""What each lens sees of the networks of one pair of classes: compiled once for all pairs."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jprobe import graph, probes
from jprobe.frustration import kernels, shuffle_layers
from jprobe.metrics.measuring import measure
from jprobe.metrics.two_classes import area, recalibrated
from jprobe.models import MLP, forward
from jprobe.typing import Params


class Split(NamedTuple):
    """Examples filled up to one number for all pairs.

    Attributes:
        x: inputs [B, ...].
        y: labels [B]: 0, 1, or -1 for filling.
    """

    x: jax.Array
    y: jax.Array


# (params of S networks, test examples, training examples, key) -> name -> [S].
Gaps = Callable[[Params, Split, Split, jax.Array], dict[str, jax.Array]]


@functools.lru_cache(maxsize=4)
def gaps_of(model: MLP) -> Gaps:
    """What networks lose: paper 1's gaps, with the threshold where it is and moved, and in area under the ROC curve.

    Returns ``error``, ``separation``, ``gap_signed``, ``gap_randomized``, ``gap_threshold`` and ``gap_auc``.
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
        return jax.lax.map(lambda each: one(each[0], test, training, each[1]), (params, _keys(params, key)))

    return jax.jit(of_all)


@functools.lru_cache(maxsize=4)
def frustration_of(
    model: MLP, shape: tuple[int, ...], nulls: int, replicas: int
) -> Callable[..., dict[str, jax.Array]]:
    """Paper 2's lens: the frustration of networks, and as a share of that of their null models N1.

    Returns a function (params of S networks, key) -> ``frustration`` and ``frustration_ratio``, [S] each: the lowest energy
    found from ``replicas`` starts, over the mean of those of ``nulls`` null models, each minimised alike.
    """
    x = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    layout = graph.trace(forward(model), jax.eval_shape(lambda: model.init(jax.random.key(0), jnp.zeros(x.shape))), x)

    def one(params: Params, key: jax.Array) -> dict[str, jax.Array]:
        network, (start, shuffle) = layout.with_params(params), jax.random.split(key)
        spins = jax.random.rademacher(start, (replicas, network.num_nodes), jnp.int8)

        def lowest(of: graph.Graph) -> jax.Array:
            return kernels.energy(of, kernels.descend(of, spins).spins).min()

        own = lowest(network)
        of_nulls = jax.lax.map(lambda key: lowest(shuffle_layers(network, key=key)), jax.random.split(shuffle, nulls))
        return {"frustration": own, "frustration_ratio": own / of_nulls.mean()}

    return jax.jit(lambda params, key: jax.vmap(one)(params, _keys(params, key)))


@functools.lru_cache(maxsize=4)
def strengths_of(model: MLP) -> Callable[..., dict[str, jax.Array]]:
    """Paper 3's lens, on the first hidden layer: how strengths vary, and whether they go with what neurons receive.

    Returns a function (params of S networks, x [B, ...]) -> ``strength_correlation``, Pearson's r over neurons of in-strength and
    mean neuron strength, and ``fluctuation``, the standard deviation over neurons of node strength; [S] each.
    """

    def one(params: Params, x: jax.Array) -> dict[str, jax.Array]:
        found = measure(model, params, x)
        inward = (found.strength[1][0] + found.bias[1]).ravel()
        total = inward + found.strength[1][1].ravel()
        received = found.neuron_strength[1].mean(0).ravel()
        return {"strength_correlation": jnp.corrcoef(inward, received)[0, 1], "fluctuation": total.std()}

    return jax.jit(jax.vmap(one, in_axes=(0, None)))


def _keys(params: Params, key: jax.Array) -> jax.Array:
    """A key for each of S networks, which does not depend on how many there are."""
    count = len(jax.tree.leaves(params)[0])
    return jax.vmap(lambda n: jax.random.fold_in(key, n))(jnp.arange(count))
