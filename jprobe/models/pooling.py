"""Max pooling whose last window may hang over the edge, as Caffe pools."""

import flax.linen as nn
import jax


def ceil_max_pool(x: jax.Array, window: int, stride: int) -> jax.Array:
    """Largest value of each window; ceil((n - window) / stride) + 1 windows along an axis of n.

    Args:
        x: [B, H, W, C].
        window: side of a window.
        stride: step between windows, no larger than ``window``.

    Returns:
        [B, h, w, C]; what hangs over the edge counts for nothing.

    Source:
        Caffe's pooling layer; torch's ``ceil_mode=True``.

    Example:
        >>> import jax.numpy as jnp
        >>> ceil_max_pool(jnp.arange(16.0).reshape(1, 4, 4, 1), 3, 2)[0, :, :, 0].tolist()
        [[10.0, 11.0], [14.0, 15.0]]
    """
    over = [(0, -(n - window) % stride) for n in x.shape[1:3]]
    return nn.max_pool(x, (window, window), (stride, stride), over)
