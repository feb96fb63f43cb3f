"""What each node of a network is worth, as arrays: pure functions for jit, vmap and loops of one's own."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.graph import Graph, states, trace
from jprobe.metrics.node_strength import Blocks, node_strength
from jprobe.models import Model, forward
from jprobe.typing import Params

# What a network's outputs become before they are activations, such as ``jax.nn.softmax`` of logits.
Output = Callable[[jax.Array], jax.Array]


class Measured(NamedTuple):
    """What :func:`measure` finds, by block of the graph.

    Attributes:
        strength: sums of the signed weights that enter [2, *shape][0] and leave [1] a node, biases apart.
        absolute: the same of their absolute values.
        driven: sum_i E|z_i| |w_ik| of the weights that enter, E over the inputs.
        bias: what is added to the weighted sum, [*shape].
        edges: float32 [*shape], how many edges enter.
        squares: sum of the squared weights that enter, [*shape].
        neuron_strength: weighted sums with their biases, [B, *shape].
        neuron_activation: what the nodes hand on, [B, *shape].
    """

    strength: Blocks
    absolute: Blocks
    driven: Blocks
    bias: Blocks
    edges: Blocks
    squares: Blocks
    neuron_strength: Blocks
    neuron_activation: Blocks


def layers_of(model: Model, params: Params, x: Any) -> Graph:
    """The graph whose nodes are a network's neurons: normalisations in its edges, sums of layers one layer.

    Args:
        model: as for :func:`neurons`.
        params: arrays, or shapes.
        x: inputs [B, ...], or their shape.

    Example:
        >>> from jprobe.models import MLP
        >>> model, x = MLP((4,), 2), jnp.ones((5, 3))
        >>> [b.name for b in layers_of(model, model.init(jax.random.key(0), x), x).blocks]
        ['input', 'Dense_0', 'Dense_1']
    """
    one = jax.ShapeDtypeStruct((1, *np.shape(x)[1:]), jnp.result_type(x))
    return trace(forward(model), params, one, residual="merged", fold_bn=True)


def measure(model: Model, params: Params, x: jax.Array, output: Output | None = None) -> Measured:
    """The numbers of :func:`neurons` as arrays: a pure function of (params, x), for use under jit and vmap.

    Args:
        model: as for :func:`neurons`.
        params: of one network.
        x: inputs [B, ...].
        output: as for :func:`neurons`.

    Example:
        >>> from jprobe.models import MLP
        >>> model, x = MLP((4,), 2), jnp.ones((5, 3))
        >>> many = jax.vmap(lambda key: model.init(key, x))(jax.random.split(jax.random.key(0), 10))
        >>> jax.jit(jax.vmap(lambda params: measure(model, params, x)))(many).neuron_strength[1].shape
        (10, 5, 1, 4)
    """
    graph, fn = layers_of(model, params, x), forward(model)
    seen = jax.vmap(lambda one: states(fn, params, one[None], residual="merged"))(x)
    activation = list(seen.blocks)
    if output is not None:
        for n in graph.layout.outputs:
            activation[n] = output(activation[n])
    signed, absolute = graph, graph.absolute()
    squared = Graph(tuple(w * w for w in graph.weights), graph.layout)
    pattern = Graph(tuple(map(jnp.ones_like, graph.weights)), graph.layout.absolute)
    first = graph.forward([a[0] for a in seen.blocks])
    return Measured(
        strength=_both(signed),
        absolute=_both(absolute),
        driven=absolute.forward([jnp.abs(a).mean(0) for a in seen.blocks]),
        bias=tuple(s[0] - f for s, f in zip(seen.sums, first, strict=True)),
        edges=pattern.forward(graph.ones()),
        squares=squared.forward(graph.ones()),
        neuron_strength=seen.sums,
        neuron_activation=tuple(activation),
    )


def link_weights(sums: Any, squares: Any, edges: Any, bias: Any) -> tuple[Any, Any]:
    """Mean and variance of w_ik + b_k over all edges into a layer, from sums over the edges into each node.

    Args:
        sums: sum_i w_ik, [..., nodes]; arrays of JAX or of NumPy.
        squares: sum_i w_ik^2.
        edges: how many edges enter each node.
        bias: b_k.

    Returns:
        Two arrays [...].

    Source:
        Paper 3, eqs. (1) and (2).

    Example:
        >>> [float(v) for v in link_weights(np.array([4.0]), np.array([10.0]), np.array([2.0]), np.array([1.0]))]  # 1 and 3, plus 1
        [3.0, 1.0]
    """
    count = edges.sum(-1)
    mean = (sums + edges * bias).sum(-1) / count
    return mean, (squares + 2 * bias * sums + edges * bias**2).sum(-1) / count - mean**2


def _both(graph: Graph) -> Blocks:
    return tuple(map(lambda *pair: jnp.stack(pair), *node_strength(graph)))
