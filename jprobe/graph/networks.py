"""The seven networks of paper 2 as graphs, by name."""

from typing import Any

import jax
import jax.numpy as jnp

from jprobe import weights
from jprobe.choices import Residual
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
