"""The graph of any JAX function, read off its jaxpr."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jprobe.choices import Residual
from jprobe.graph.context import views_of
from jprobe.graph.graph import Graph
from jprobe.graph.reading import read
from jprobe.paths import parameters
from jprobe.typing import Params


def trace(
    fn: Callable[..., Any],
    params: Params,
    x: Any,
    *,
    residual: Residual = "identity",
    fold_bn: bool = False,
) -> Graph:
    """The signed DAG of a network, read off the function's jaxpr.

    Nodes are the elements of the input and of every tensor that a convolution, a product, a pool or a sum of two
    branches makes. Edges are the entries of those linear maps whose input is a node, not padding: the weights of
    convolutions and products; 0.01 / p for a p x p pool, of maxima and means alike; 1 for sums, of two values or over
    axes (a sum that is divided by its number of terms is a mean). Biases are left out. Elementwise increasing functions
    (ReLU and its like) and dropout have neither nodes nor edges; concatenations, slices and shuffles only move nodes. A
    loop whose length does not depend on x is written out, and a branch that does not is the one taken. What nothing
    reads has no nodes. Functions are told by what they compute, not by their names. Only what comes from ``params`` is
    trained: null models leave constants of the code as they are. docs/graphs.md lists what is read, and what is refused.

    Factors, numbers or vectors that do not depend on x, have no nodes either. Of a normalisation with fixed statistics
    (gamma over the root of another parameter, at once or one after the other) nothing is left, as in the paper, which
    takes gamma > 0; any other factor leaves the edges its signs, and 0 where it is 0. ``fold_bn`` keeps all of them.

    Args:
        fn: ``fn(params, x)``; ``model.apply`` of a Flax Linen module, or any function.
        params: what ``fn`` takes first, such as the whole variables dictionary of a Linen module, statistics included;
            arrays, or shapes (``jax.eval_shape``) where only counts are asked.
        x: one input, with its leading axis of 1 where the network wants one; an array or a shape.
        residual: what the sum of two branches is. "identity": the block of the main branch's layer, with edges of
            weight 1 from what is added to it, the pattern of the network's own Jacobian. "paper": no such edges; the
            block's rows hold, beside its layer's weights, the rows of the other summands on those summands' own
            inputs; a shortcut's layer has no nodes, and a tensor that feeds a shortcut's convolution or strided
            pool stands twice.
        fold_bn: whether factors multiply the edges, signs and magnitudes, those of normalisations too: trained networks
            have negative gammas. Left out is only the number of terms of a mean, which its edges of 0.01 / p stand for.

    Returns:
        The graph. A node that is added to its own layer, or read twice, may have parallel edges to a neighbour: they
        are counted, and weigh in the energy, one by one, and add up where a matrix is made. ``num_params`` counts the "params" collection where params are Flax variables, all leaves else.

    Raises:
        UnsupportedOperationError: an operation that is no linear map and not known to be increasing; the message names
            the layer and the line of the user's code.
        ArgumentError: ``residual`` is unknown, the output does not depend on x, arguments in another order, or a Linen
            module's bare parameters in the place of its variables.
        WeightsError: weights that are complex, NaN or infinite.

    Source:
        Paper 2, section 'Adjacency matrix of a DNN' and supplement D.1.

    Example:
        >>> params = {"w1": jnp.ones((784, 64)), "w2": jnp.ones((64, 2))}
        >>> graph = trace(lambda p, x: jax.nn.relu(x @ p["w1"]) @ p["w2"], params, jnp.ones((1, 784)))
        >>> graph.num_nodes, graph.num_edges, graph.num_params
        (850, 50304, 50304)
    """
    found = read(fn, params, x, residual, fold_bn)
    count = sum(math.prod(jnp.shape(leaf)) for leaf in jax.tree.leaves(parameters(params)))
    return found.walk.builder.graph(views_of(found.results), count)
