"""The seven networks of paper 2 as graphs, by name."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jprobe import weights
from jprobe.graph.building import Residual
from jprobe.graph.graph import Graph
from jprobe.graph.trace import trace
from jprobe.typing import Params

NAMES = (
    "shufflenet", "squeezenet", "resnet18", "alexnet", "alexnet_torchvision", "googlenet", "googlenet_torchvision",
)  # fmt: skip


def network(
    name: str, params: Params | None = None, *, residual: Residual = "identity", fold_bn: bool = False
) -> Graph:
    """The graph of a network that jprobe knows by name.

    Args:
        name: shufflenet, squeezenet, resnet18, alexnet, alexnet_torchvision, googlenet or googlenet_torchvision.
        params: its Flax variables, as ``jprobe.weights.load(name).params``. Default: shapes alone, which is enough
            for the numbers of nodes, edges and parameters.
        residual: see :func:`trace`.
        fold_bn: see :func:`trace`.

    Returns:
        The graph at the network's own input size.

    Raises:
        UnknownNameError: no network of that name.

    Source:
        Paper 2, Table 1.

    Example:
        >>> graph = network("squeezenet")
        >>> graph.num_nodes, graph.num_edges, graph.num_params
        (3269923, 378577376, 1235496)
    """
    model: Any
    model, shape = weights.architecture(name)
    x = jax.ShapeDtypeStruct(shape, jnp.float32)
    given = jax.eval_shape(model.init, jax.random.key(0), x) if params is None else params
    return trace(model.apply, given, x, residual=residual, fold_bn=fold_bn)


class Size(NamedTuple):
    """A row of paper 2's Table 1.

    Attributes:
        network: name.
        nodes: nodes / 10^6.
        edges: edges / 10^9.
        params: parameters / 10^6.
        edges_per_node: their ratio.
        edges_per_param: their ratio.

    Example:
        >>> next(published_sizes())
        Size(network='shufflenet', nodes=3.91, edges=0.28, params=1.4, edges_per_node=72.0, edges_per_param=200.9)
    """

    network: str
    nodes: float
    edges: float
    params: float
    edges_per_node: float
    edges_per_param: float


_TABLE_1 = (
    (3.91, 0.28, 1.4, 72.0, 200.9),
    (3.27, 0.38, 1.2, 116.0, 306.4),
    (3.01, 2.80, 11.7, 928.0, 239.3),
    (0.94, 0.67, 61.0, 718.0, 11.0),
    (0.73, 0.66, 61.1, 899.0, 10.8),
    (4.80, 1.52, 7.0, 316.0, 216.7),
    (4.80, 1.45, 6.6, 302.0, 218.1),
)


def published_sizes() -> Iterator[Size]:
    """The rows of Table 1, as published.

    Source:
        Paper 2, Table 1.

    Example:
        >>> len(list(published_sizes()))
        7
    """
    return (Size(name, *row) for name, row in zip(NAMES, _TABLE_1, strict=True))


def size(name: str, graph: Graph) -> Size:
    """A graph's sizes in the units and with the digits of Table 1.

    Example:
        >>> size("squeezenet", network("squeezenet", residual="paper")) == list(published_sizes())[1]
        True
    """
    nodes, edges, params = graph.num_nodes, graph.num_edges, graph.num_params
    return Size(
        name, round(nodes / 1e6, 2), round(edges / 1e9, 2), round(params / 1e6, 1), float(round(edges / nodes)), round(edges / params, 1)
    )  # fmt: skip
