"""Local response normalisation, of AlexNet and GoogLeNet."""

import functools

import jax


def local_response_normalization(x: jax.Array, window: int = 5, alpha: float = 1e-4, beta: float = 0.75) -> jax.Array:
    """Divide each value by what its neighbours in other channels amount to.

    y_c = x_c / (1 + alpha / window sum_d x_d^2)^beta, d over the ``window`` channels around c.

    Args:
        x: [..., C].
        window: number of channels, odd; fewer at the first and last channels, but ``window`` still divides.
        alpha: weight of the squares.
        beta: exponent.

    Returns:
        [..., C].

    Source:
        Krizhevsky, Sutskever, Hinton, NeurIPS 2012, section 3.3; divided by ``window`` as Caffe does.

    Example:
        >>> import jax.numpy as jnp
        >>> local_response_normalization(jnp.ones((1, 3)), alpha=5.0, beta=1.0).tolist()
        [[0.25, 0.25, 0.25]]
    """
    return jprobe_elementwise_normalization(x, window, alpha, beta)


# A jit of its own, with a name that graphs read as one operation of each element: not a sum over channels.
@functools.partial(jax.jit, static_argnames=("window", "alpha", "beta"))
def jprobe_elementwise_normalization(x: jax.Array, window: int, alpha: float, beta: float) -> jax.Array:
    """What :func:`local_response_normalization` computes."""
    axes = x.ndim - 1
    sides = [(0, 0)] * axes + [(window // 2, window // 2)]
    squares = jax.lax.reduce_window(x * x, 0.0, jax.lax.add, (1,) * axes + (window,), (1,) * x.ndim, sides)
    return x / (1 + alpha / window * squares) ** beta
