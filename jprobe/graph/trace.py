"""The graph of any JAX function, read off its jaxpr."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jprobe.choices import Residual
from jprobe.errors import ArgumentError, ShapeError
from jprobe.graph.context import views_of
from jprobe.graph.graph import Graph
from jprobe.graph.local import local_graph
from jprobe.graph.origin import Origin, shapes_of
from jprobe.graph.reading import input_shape, read
from jprobe.paths import parameters
from jprobe.typing import Params


def trace(
    fn: Callable[..., Any],
    params: Params,
    x: Any,
    *,
    at: Any = None,
    residual: Residual = "identity",
    fold_bn: bool = False,
) -> Graph:
    """The signed DAG of a network, read off the function's jaxpr: of all inputs, or at one of them (a local graph).

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

    Without ``at``, only what has one sign at every input is taken. With it, the graph is local: its edges are the
    derivatives at that input, dy_i / dx_j between the network's own layers, and the sums over all ways from the input to
    the output are the Jacobian, ((I - A)^-1)_ij = df_i / dx_j. Then normalisations, GELU, SiLU, softmax, attention,
    gates, embeddings and loops have their place too; docs/local_graphs.md says what is a node and what an edge.

    Args:
        fn: ``fn(params, x)``; ``model.apply`` of a Flax Linen module, or any function.
        params: what ``fn`` takes first, such as the whole variables dictionary of a Linen module, statistics included;
            arrays, or shapes (``jax.eval_shape``) where only counts are asked.
        x: one input, with its leading axis of 1 where the network wants one; an array or a shape.
        at: an input to take the derivative at, of the shape and kind of ``x``: floats, or tokens. Tokens have no derivative,
            so the input's nodes are then what the network looks up with them in a table.
        residual: what the sum of two branches is. "identity": the block of the main branch's layer, with edges of
            weight 1 from what is added to it, the pattern of the network's own Jacobian. "paper": no such edges; the
            block's rows hold, beside its layer's weights, the rows of the other summands on those summands' own
            inputs; a shortcut's layer has no nodes, and a tensor that feeds a shortcut's convolution or strided
            pool stands twice. "merged": summands that are layers, with nothing bent between, are one layer, whose nodes have
            the edges of all of them, as the units of a recurrent network have edges from the input and from the last
            step's units; other summands have edges of weight 1. Then every node holds the weighted sum of its
            neighbours and a bias.
        fold_bn: whether factors multiply the edges, signs and magnitudes, those of normalisations too: trained networks
            have negative gammas. Left out is only the number of terms of a mean, which its edges of 0.01 / p stand for.

    Returns:
        The graph. A node that is added to its own layer, or read twice, may have parallel edges to a neighbour: they
        are counted, and weigh in the energy, one by one, and add up where a matrix is made. In a local graph edges of
        weight 0 are counted too, and nodes that carry no derivative (a ReLU that is off) are not alive. ``num_params``
        counts the "params" collection where params are Flax variables, all leaves else.

    Raises:
        UnsupportedOperationError: an operation that is no linear map and not known to be increasing; the message names
            the layer and the line of the user's code.
        UnsupportedDerivativeError: with ``at``, an operation whose derivative has no rule; so does this one.
        ShapeError: ``at`` is no such input as ``x``.
        ArgumentError: ``residual`` is unknown, the output does not depend on x, arguments in another order, or a Linen
            module's bare parameters in the place of its variables; with ``at``, a derivative that is 0 everywhere.
        WeightsError: weights that are complex, NaN or infinite; with ``at``, such an input or derivative.

    Source:
        Paper 2, section 'Adjacency matrix of a DNN' and supplement D.1.

    Example:
        >>> params = {"w1": jnp.ones((784, 64)), "w2": jnp.ones((64, 2))}
        >>> graph = trace(lambda p, x: jax.nn.relu(x @ p["w1"]) @ p["w2"], params, jnp.ones((1, 784)))
        >>> graph.num_nodes, graph.num_edges, graph.num_params
        (850, 50304, 50304)
        >>> x = jnp.array([[1.0, -2.0]])
        >>> graph = trace(lambda w, x: jax.nn.softmax(x @ w), jnp.eye(2), x, at=x)
        >>> graph, [block.name for block in graph.blocks]
        (Graph(7 nodes, 10 edges, 4 blocks, local), ['input', 'dense', 'sum', 'add'])
    """
    if at is None:
        found = read(fn, params, x, residual, fold_bn)
        count = sum(math.prod(jnp.shape(leaf)) for leaf in jax.tree.leaves(parameters(params)))
        graph = found.walk.builder.graph(views_of(found.results), count)
    else:
        graph = _at(fn, params, x, at, residual)
    again = functools.partial(trace, fn, x=x, at=at, residual=residual, fold_bn=fold_bn)
    return dataclasses.replace(graph, origin=Origin(again, shapes_of(params)))


def _at(fn: Callable[..., Any], params: Params, x: Any, at: Any, residual: Residual) -> Graph:
    if residual != "identity":
        raise ArgumentError("At one input sums are what they are in the Jacobian: residual='identity'.")
    shape, given = input_shape(fn, x), input_shape(fn, at)
    if shape.shape != given.shape or jnp.issubdtype(shape.dtype, jnp.floating) != jnp.issubdtype(
        given.dtype, jnp.floating
    ):
        raise ShapeError(
            f"The input is {shape.dtype}{list(shape.shape)}, and the one to take the derivative at "
            f"{given.dtype}{list(given.shape)}: at is one such input."
        )
    return local_graph(fn, params, at)
