"""The part of a network that one input uses."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jprobe.choices import Residual
from jprobe.errors import ArgumentError, ShapeError
from jprobe.graph import Bundle, Graph, Layout, Link, states
from jprobe.graph.operators import Place, Pool
from jprobe.graph.operators.chain import parts
from jprobe.typing import Params


def active(
    graph: Graph,
    fn: Callable[..., Any],
    params: Params,
    x: jax.Array,
    *,
    residual: Residual = "identity",
    classes: bool = True,
) -> Graph:
    """The active subnetwork of an input: the edges that carried something from it to the predicted class.

    Nodes whose value is 0 (dead by ReLU, or a maximum of such) are removed; of a maximum over a window only the edges
    from its largest elements stay; of the output only the predicted class; then nodes that no longer lead there.

    Args:
        graph: ``jprobe.graph.trace(fn, params, x)``, with the same ``residual``.
        fn: the network.
        params: its parameters.
        x: one input, of the shape that the graph was traced with.
        residual: as the graph was traced with.
        classes: whether the outputs are classes, of which one is predicted; else all outputs stay.

    Returns:
        A graph whose ``alive`` marks the nodes that stay. Under ``jax.vmap`` over inputs only ``alive`` and the last
        weights differ between inputs. The layout is the same for all inputs of a graph, so nothing is compiled again.

    Raises:
        ShapeError: the graph is that of another network or convention.
        ArgumentError: with ``residual="paper"``, a maximum that nothing but a sum reads.
        UnsupportedOperationError: as :func:`jprobe.graph.trace`.

    Source:
        Paper 2, 'Active subnetwork for an input' and supplement D.3.

    Example:
        >>> from jprobe.graph import trace
        >>> fn = lambda w, x: jax.nn.relu(x @ w) @ w.T
        >>> w, x = jnp.array([[1.0, -1.0], [2.0, 0.0]]), jnp.array([[1.0, 1.0]])
        >>> used = active(trace(fn, w, x), fn, w, x)
        >>> [a.astype(int).tolist() for a in used.alive]  # the second hidden node is dead; the second class wins
        [[[1, 1]], [[1, 0]], [[0, 1]]]
    """
    seen = states(fn, params, x, residual=residual)
    shapes = [block.shape for block in graph.blocks]
    if [b.shape for b in seen.blocks] != shapes:
        raise ShapeError("The graph is not the one that this function, input and residual convention have.")
    layout = active_layout(graph.layout)
    windows = [array for pair in seen.windows if pair is not None for array in pair]
    used = dataclasses.replace(graph, weights=(*graph.weights, *windows), layout=layout, alive=None, origin=None)
    alive = [
        jnp.ones(b.shape, bool) if block.kind == "input" else b != 0
        for b, block in zip(seen.blocks, graph.blocks, strict=True)
    ]
    return dataclasses.replace(
        used, alive=_leading_out(used, alive, seen.output if classes else None, len(graph.weights))
    )


def _leading_out(used: Graph, alive: list[jax.Array], output: jax.Array | None, own: int) -> tuple[jax.Array, ...]:
    """Keep of the output the predicted class, and of the rest the nodes that lead to it."""
    outputs = used.layout.outputs
    if output is not None and len(outputs) == 1 and used.blocks[outputs[0]].size == output.size:
        best = jnp.argmax(output.ravel())
        alive[outputs[0]] = (jnp.arange(output.size) == best).reshape(used.blocks[outputs[0]].shape)
    # Whether there is an edge, not its weight: sums of weights could cancel.
    pattern = dataclasses.replace(used, weights=(*map(jnp.ones_like, used.weights[:own]), *used.weights[own:]))
    reached = [a.astype(jnp.float32) for a in alive]
    for n in reversed(range(len(alive))):
        if n in outputs:
            continue
        total = jnp.zeros(alive[n].shape, jnp.float32)
        for link in used.layout.out_of[n]:
            total += link.backward(reached, pattern.weights)[n]
        reached[n] = (alive[n] & (total > 0)).astype(jnp.float32)
    return tuple(r > 0 for r in reached)


@functools.lru_cache(maxsize=32)
def active_layout(layout: Layout) -> Layout:
    """The layout whose maxima read, from weights appended to the graph's, what they were taken of for an input."""
    pools = {
        n: k.layer.maximum for n, k in enumerate(layout.links) if isinstance(k, Link) and isinstance(k.layer, Pool)
    }
    pools = {n: maximum for n, maximum in pools.items() if maximum is not None}
    # A sum in the paper's way has rows of the maxima that it adds; they are the same maxima as those of a block.
    targets = {n: layout.links[n].targets[0] for n in pools}
    maxima = {targets[n]: maximum for n, maximum in pools.items() if layout.blocks[targets[n]].kind == "pool"}
    first = len(layout.names)
    at = {maximum: (first + 2 * n, first + 2 * n + 1) for n, maximum in enumerate(maxima.values())}
    if not set(pools.values()) <= set(at):
        raise ArgumentError(
            "A maximum that a sum alone reads has no nodes in the paper's way; use residual='identity'."
        )
    links = tuple(_of_largest(k, at[pools[n]]) if n in pools else k for n, k in enumerate(layout.links))
    names = tuple(f"{layout.blocks[b].name}/{what}" for b in maxima for what in ("operand", "maximum"))
    return dataclasses.replace(
        layout, links=links, names=layout.names + names, trained=layout.trained + (False,) * len(names)
    )


def _of_largest(link: Bundle, seen: tuple[int, int]) -> Link:
    """A pool that compares whole tensors reads a piece of a concatenation in its place, not before it is placed."""
    assert isinstance(link, Link)
    before, pool, after = parts(link.operators)
    assert isinstance(pool, Pool)
    later = tuple(operator for operator in after if isinstance(operator, Place))
    rest = tuple(operator for operator in after if not isinstance(operator, Place))
    return link._replace(operators=(*before, *later, dataclasses.replace(pool, seen=seen), *rest))
