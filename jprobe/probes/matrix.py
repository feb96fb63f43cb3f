"""A kernel of any shape as the matrix of a bipartite graph: left nodes (inputs) by right nodes (outputs)."""

from collections.abc import Callable

import jax
import jax.numpy as jnp


def as_matrix(kernel: jax.Array, output_axis: int) -> tuple[jax.Array, Callable[[jax.Array], jax.Array]]:
    """View a kernel as a matrix [left, right].

    Args:
        kernel: two or more dimensions; all axes but one are flattened into the left nodes.
        output_axis: the axis of the right nodes: -1 for Flax ([in, out], [h, w, in, out]), 0 for Equinox and
            torch ([out, in]).

    Returns:
        The matrix, and a function that gives a matrix of its shape the kernel's shape back.

    Example:
        >>> import jax.numpy as jnp
        >>> matrix, back = as_matrix(jnp.zeros((3, 3, 8, 16)), -1)
        >>> matrix.shape, back(matrix).shape
        ((72, 16), (3, 3, 8, 16))
    """
    moved = jnp.moveaxis(kernel, output_axis, -1)
    return moved.reshape(-1, moved.shape[-1]), lambda m: jnp.moveaxis(m.reshape(moved.shape), -1, output_axis)
