"""What each lens sees of the networks of one pair of classes: compiled once for all pairs."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from jprobe import graph
from jprobe.frustration import kernels, shuffle_layers
from jprobe.metrics.measuring import measure
from jprobe.models import MLP, forward
from jprobe.studies.two_classes import keys_of
from jprobe.typing import Params


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

    return jax.jit(lambda params, key: jax.vmap(one)(params, keys_of(params, key)))


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
