"""What flows through a local graph: changes of the input along its edges, and which nodes take part."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jprobe.graph.graph import Blocks, Graph


@functools.partial(jax.jit, static_argnames="outputs")
def carried(graph: Graph, inputs: Sequence[jax.Array], outputs: tuple[int, ...]) -> Blocks:
    """What output blocks hold when changes flow from the input along the edges: (I - A)^-1 of them.

    Args:
        graph: a local graph.
        inputs: of each block of the input, in order.
        outputs: numbers of the blocks that are asked of.

    Example:
        >>> from jprobe.graph import trace
        >>> w, x = jnp.array([[1.0, -1.0]]), jnp.ones((1, 1))
        >>> graph = trace(lambda w, x: jax.nn.relu(x @ w) @ w.T, w, x, at=x)
        >>> [a.tolist() for a in carried(graph, [jnp.array([[2.0]])], (1, 2))]
        [[[2.0, -0.0]], [[2.0]]]
    """
    given = iter(inputs)
    at = [jnp.zeros(block.shape) for block in graph.blocks]
    for n, block in enumerate(graph.blocks):
        links = graph.layout.into[n]
        at[n] = next(given) if block.kind == "input" else sum((k.forward(at, graph.weights)[n] for k in links), at[n])
    return tuple(at[n] for n in outputs)


@jax.jit
def carrying(graph: Graph) -> Blocks:
    """Of each node of a local graph, whether it lies on a way of edges that are not 0 from the input to the output.

    Others, such as a ReLU that is off and what it alone feeds, carry no derivative.

    Example:
        >>> from jprobe.graph import trace
        >>> w, x = jnp.array([[1.0, -1.0]]), jnp.ones((1, 1))
        >>> graph = trace(lambda w, x: jax.nn.relu(x @ w) @ w.T, w, x, at=x)
        >>> [a.astype(int).tolist() for a in carrying(graph)]
        [[[1]], [[1, 0]], [[1]]]
    """
    layout, order = graph.layout.absolute, range(len(graph.blocks))
    starts = {n for n in order if graph.blocks[n].kind == "input"}

    def forward(n: int, at: Sequence[jax.Array]) -> list[jax.Array]:
        return [link.forward(at, graph.weights)[n] for link in layout.into[n]]

    def backward(n: int, at: Sequence[jax.Array]) -> list[jax.Array]:
        return [link.backward(at, graph.weights)[n] for link in layout.out_of[n]]

    reached, leading = (
        _reached(graph, order, starts, forward),
        _reached(graph, order[::-1], set(layout.outputs), backward),
    )
    return tuple((a > 0) & (b > 0) for a, b in zip(reached, leading, strict=True))


def _reached(graph: Graph, order: Sequence[int], starts: set[int], flows: Callable[..., Any]) -> list[jax.Array]:
    """1 for each node that is reached from blocks where the ways begin."""
    at = [jnp.full(block.shape, float(n in starts)) for n, block in enumerate(graph.blocks)]
    for n in order:
        for received in flows(n, at):
            at[n] = jnp.maximum(at[n], (received > 0).astype(jnp.float32))
    return at
