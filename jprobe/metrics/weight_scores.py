"""How much each weight carries, as arrays like the parameters: an order to prune them in."""

import math
from collections.abc import Callable
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp

from jprobe.capture import Layer, apart, layers_of_function
from jprobe.errors import UnknownNameError
from jprobe.typing import Params

# What a weight is worth: what it carries itself, or what all weights into its neuron carry, or sum to.
Of = Literal["edge", "neuron", "node"]


def weight_scores(fn: Callable[..., Any], params: Params, *inputs: Any, of: Of = "edge") -> Params:
    """A score of each weight w_ik of each kernel, from what its inputs z_i are, E over the samples.

    - "edge": E|z_i| |w_ik|, what the weight carries.
    - "neuron": sum_i E|z_i| |w_ik|, the driven strength of the neuron k that it enters, alike for all weights into it.
    - "node": |sum_i w_ik|, the size of that neuron's in-strength, biases apart; the inputs only say which kernels there are.

    A weight that is many edges, as in a convolution or in tied layers, has the sum of theirs. Layers are those of
    :func:`jprobe.metrics.captured`. To prune the weakest first, each network by its own scores:
    ``jp.probes.prune(by=lambda params: weight_scores(fn, params, x))``.

    Args:
        fn: function of (params, *inputs), as of :func:`jprobe.metrics.captured`.
        params: its variables.
        inputs: the rest of its arguments: a sample of what the network was trained on.
        of: "edge", "neuron" or "node".

    Returns:
        Pytree like params, its arrays at least 0; inf for what is no kernel, such as biases, so that it goes last. A pure
        function of params, for use under jit and vmap.

    Raises:
        UnknownNameError: another ``of``.
        ArgumentError: as for :func:`jprobe.metrics.captured`.

    Source:
        Paper 3, section 3.3: a neuron that transmits a weak signal might be a candidate for pruning. It prunes none.

    Example:
        >>> x, w = jnp.array([[1.0, -2.0], [3.0, 0.0]]), {"bias": jnp.zeros(2), "kernel": jnp.array([[1.0, 2.0], [-1.0, 0.0]])}
        >>> scores = weight_scores(lambda w, x: x @ w["kernel"] + w["bias"], w, x)
        >>> scores["kernel"].tolist(), scores["bias"].tolist()
        ([[2.0, 4.0], [1.0, 0.0]], [inf, inf])
    """
    if of not in get_args(Of):
        raise UnknownNameError("score", of, get_args(Of))
    arrays, together = apart(params)
    scores: dict[int, jax.Array] = {}
    for _, layer in layers_of_function(fn, params, *inputs):
        leaf = arrays[layer.source.leaf]
        placed, back = jax.vjp(layer.source.place, jnp.zeros(leaf.shape, leaf.dtype))
        (score,) = back(_score(layer, of).astype(placed.dtype))
        scores[layer.source.leaf] = scores.get(layer.source.leaf, 0) + score
    return together({n: scores.get(n, jnp.full(jnp.shape(leaf), jnp.inf)) for n, leaf in arrays.items()})


def _score(layer: Layer, of: Of) -> jax.Array:
    """Scores [like the kernel]."""
    if of == "node":
        return _spread(jnp.abs(layer.kernel.sum(layer.fan_in, keepdims=True)), layer)
    samples = math.prod(piece.size for axis in layer.axes for piece in axis if not piece.neuron)
    absolute = jnp.abs(layer.kernel)
    # The sum over all edges of E|z| |w| is linear in |w|; the share of each weight is |w| times its derivative.
    carried = absolute * jax.grad(lambda w: layer.apply(jnp.abs(layer.inputs), w).sum() / samples)(absolute)
    return carried if of == "edge" else _spread(carried.sum(layer.fan_in, keepdims=True), layer)


def _spread(score: jax.Array, layer: Layer) -> jax.Array:
    return jnp.broadcast_to(score, layer.kernel.shape)
