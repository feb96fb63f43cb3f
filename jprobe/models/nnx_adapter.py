"""Flax NNX modules as networks."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from jprobe.models.pure import Network
from jprobe.typing import Params

# Collections of variables, named as Linen names them; what is neither follows as "state".
_KINDS = {"params": nnx.Param, "batch_stats": nnx.BatchStat}
_COLLECTIONS = (*_KINDS, "state")


def nnx_network(make: Callable[[jax.Array], nnx.Module]) -> Network:
    """The network of a function that makes an NNX module from a random key.

    Variables are {"params": ..., "batch_stats": ..., "state": ...}, plain dictionaries of arrays by attribute, empty
    ones left out. Streams of random numbers (dropout) are no variables: each call draws its own from the key.

    Args:
        make: key -> module, such as ``lambda key: Net(nnx.Rngs(key))``.

    Example:
        >>> net = nnx_network(lambda key: nnx.Linear(3, 2, rngs=nnx.Rngs(key)))
        >>> variables = net.init(jax.random.key(0), jnp.ones((1, 3)))
        >>> net.apply(variables, jnp.ones((5, 3)), False, None)[0].shape
        (5, 2)
    """

    graphs: list[Any] = []

    def shapes(key: jax.Array) -> list[Any]:
        graph, *states = _apart(make(key))
        graphs.append(graph)
        return states

    streams, *states = jax.eval_shape(shapes, jax.random.key(0))
    graph = graphs[0]

    def init(key: jax.Array, x: jax.Array) -> Params:
        return _plain(_apart(make(key))[2:])

    def apply(variables: Params, x: jax.Array, train: bool, key: jax.Array | None) -> tuple[Any, Params]:
        full = dict(zip(_COLLECTIONS, jax.tree.map(lambda leaf: leaf, states), strict=True))  # a copy, to be filled
        for name, values in variables.items():
            nnx.replace_by_pure_dict(full[name], values)
        module = nnx.merge(graph, _seeded(streams, key), *full.values())
        (module.train if train else module.eval)()
        outputs = module(x)
        return outputs, _plain(_apart(module)[2:]) if train else variables

    return Network(init, apply)


def _apart(module: nnx.Module) -> tuple[Any, ...]:
    """Graph, streams of random numbers, and a state for each collection."""
    return nnx.split(module, nnx.RngState, *_KINDS.values(), ...)


def _plain(states: Sequence[Any]) -> Params:
    named = zip(_COLLECTIONS, states, strict=True)
    return {name: nnx.to_pure_dict(state) for name, state in named if jax.tree.leaves(state)}


def _seeded(streams: Any, key: jax.Array | None) -> Any:
    """Streams of random numbers that begin at a key, each with its own."""
    key = jax.random.key(0) if key is None else key
    leaves, tree = jax.tree.flatten(streams)
    begun = [
        jax.random.fold_in(key, n)
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        else jnp.zeros(leaf.shape, leaf.dtype)
        for n, leaf in enumerate(leaves)
    ]
    return jax.tree.unflatten(tree, begun)
