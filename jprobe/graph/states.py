"""What the nodes of a network hold for one input."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jprobe.choices import Residual
from jprobe.graph.context import views_of
from jprobe.graph.reading import read
from jprobe.typing import Params


class States(NamedTuple):
    """What the nodes of a network hold for one input.

    Attributes:
        blocks: of each block, the value of its nodes after all that acts on them one by one (ReLU, normalisation).
        sums: of each block, its nodes' weighted sums with their biases, before what bends them.
        windows: of each block that is a maximum over windows, what it was taken of and its result; None for others.
        output: what the function returns.

    Example:
        >>> import jax.numpy as jnp
        >>> found = states(lambda w, x: jnp.max(x @ w, 1), jnp.array([[1.0, 2.0]]), jnp.ones((1, 1)))
        >>> found.output.tolist(), [w is not None for w in found.windows]
        ([2.0], [False, False, True])
    """

    blocks: tuple[jax.Array, ...]
    sums: tuple[jax.Array, ...]
    windows: tuple[tuple[jax.Array, jax.Array] | None, ...]
    output: Any


def states(fn: Callable[..., Any], params: Params, x: jax.Array, *, residual: Residual = "identity") -> States:
    """Run a network, and see what each node of its graph holds.

    Args:
        fn: as for :func:`trace`.
        params: its parameters.
        x: one input, of the shape that the graph was traced with.
        residual: as for :func:`trace`.

    Returns:
        The nodes' values, by block; a pure function of arrays, for use under jit and vmap.

    Raises:
        UnsupportedOperationError: as :func:`trace`.

    Source:
        Paper 2, supplement D.2.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> w = jnp.array([[1.0, -1.0]])
        >>> [b.tolist() for b in states(lambda w, x: jax.nn.relu(x @ w), w, jnp.ones((1, 1))).blocks]
        [[[1.0]], [[1.0, 0.0]]]
    """
    found = read(fn, params, jnp.asarray(x), residual, False, running=True)
    builder, seen = found.walk.builder, found.walk.seen
    assert seen is not None
    numbers = [builder.copies.get(n, n) for n in builder.order(views_of(found.results))]
    output = jax.tree.unflatten(found.tree, [result.value for result in found.results])
    return States(seen.values(numbers), seen.sums(numbers), seen.windows(numbers), output)
