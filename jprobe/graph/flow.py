"""The nodes that a derivative flows through."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import jax.numpy as jnp

from jprobe.errors import ArgumentError
from jprobe.graph.graph import Blocks, Graph


def carrying(graph: Graph) -> Graph:
    """A local graph with those nodes alive that lie on a way of edges that are not 0, from the input to the output.

    Others, such as a ReLU that is off and what it alone feeds, carry no derivative: they have no part in the graph.

    Raises:
        ArgumentError: no node carries any.

    Example:
        >>> import jax
        >>> from jprobe.graph import trace
        >>> w, x = jnp.array([[1.0, -1.0]]), jnp.ones((1, 1))
        >>> [a.astype(int).tolist() for a in trace(lambda w, x: jax.nn.relu(x @ w) @ w.T, w, x, at=x).alive]
        [[[1]], [[1, 0]], [[1]]]
    """
    unsigned = graph.absolute()
    layout, order = unsigned.layout, range(len(graph.blocks))
    starts = {n for n in order if not layout.into[n]}
    from_input = _reached(
        graph, order, starts, lambda n, at: [link.forward(at, unsigned.weights)[n] for link in layout.into[n]]
    )
    to_output = _reached(
        graph,
        order[::-1],
        set(layout.outputs),
        lambda n, at: [link.backward(at, unsigned.weights)[n] for link in layout.out_of[n]],
    )
    alive = tuple((a > 0) & (b > 0) for a, b in zip(from_input, to_output, strict=True))
    if not any(bool(alive[n].any()) for n in layout.outputs):
        raise ArgumentError(
            "The network's derivative is 0 at this input (every way to the output leads through a unit that is off or "
            "saturated), so its local graph has no edges. Take another input, or what the network returns before the unit."
        )
    return graph if all(bool(a.all()) for a in alive) else replace(graph, alive=alive)


def _reached(graph: Graph, order: Sequence[int], starts: set[int], flows: Callable[..., list]) -> Blocks:
    """1 for each node that is reached from blocks where the ways begin."""
    at = [jnp.full(block.shape, float(n in starts)) for n, block in enumerate(graph.blocks)]
    for n in order:
        for received in flows(n, at):
            at[n] = jnp.maximum(at[n], (received > 0).astype(jnp.float32))
    return tuple(at)
