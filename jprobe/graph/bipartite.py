"""The graph of one layer."""

from typing import Any

import jax.numpy as jnp

from jprobe.errors import ShapeError
from jprobe.graph.block import Block
from jprobe.graph.checks import check_finite
from jprobe.graph.graph import Graph
from jprobe.graph.layout import Layout
from jprobe.graph.link import Link
from jprobe.graph.operators import Dot


def bipartite(kernel: Any) -> Graph:
    """The graph of one dense layer: inputs, outputs, an edge for each weight.

    Args:
        kernel: [inputs, outputs].

    Returns:
        Graph of inputs + outputs nodes, the inputs first.

    Raises:
        ShapeError: the kernel has not two axes.
        WeightsError: it holds complex numbers, NaN or infinity.

    Example:
        >>> bipartite(jnp.ones((3, 2))).num_edges
        6
    """
    check_finite(kernel)
    kernel = jnp.asarray(kernel, jnp.float32)
    if kernel.ndim != 2:
        raise ShapeError(f"A layer's kernel is [inputs, outputs]; this has shape {kernel.shape}.")
    blocks = (Block("input", "input", kernel.shape[:1]), Block("output", "dense", kernel.shape[1:]))
    link = Link(0, 1, (Dot(0, (((0,), (0,)), ((), ())), weights_left=False),))
    return Graph((kernel,), Layout(blocks, (link,), (1,), ("kernel",), (True,), kernel.size))
