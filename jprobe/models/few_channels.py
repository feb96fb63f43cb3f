"""Convolutions of few channels, whose training steps are fast inside loops on a CPU.

XLA's code for convolutions on a CPU is made for many channels. With one to ten, products of shifted images are faster:
two to five times (a training step of 128 digits through filters 5-5-5), and more under vmap over networks, where a
convolution has groups. Examples are the last axis here, so that every shift moves long contiguous runs.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from jprobe.models.layers import starts

WINDOW = (3, 3)


class Conv(nn.Module):
    """A convolution of 3 x 3 without padding, of images whose examples are the last axis.

    Attributes:
        features: number of filters F.
        kernel_sd: how the layer starts, see :func:`jprobe.models.layers.starts`.
    """

    features: int
    kernel_sd: float | None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """[F, H - 2, W - 2, B] of images [C, H, W, B]."""
        start_kernel, start_bias = starts(WINDOW[0] * WINDOW[1] * len(x), self.kernel_sd)
        kernel = self.param("kernel", start_kernel, (*WINDOW, len(x), self.features), jnp.float32)
        bias = self.param("bias", start_bias, (self.features,), jnp.float32)
        return convolve_few(x, kernel) + bias[:, None, None, None]


class Readout(nn.Module):
    """A layer from all numbers of an image, x W + b, of images whose examples are the last axis.

    Attributes:
        features: number of outputs.
        kernel_sd: how the layer starts, see :func:`jprobe.models.layers.starts`.
    """

    features: int
    kernel_sd: float | None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """[B, features] of images [C, H, W, B]; the kernel's rows are in the order (H, W, C)."""
        size = x.size // x.shape[-1]
        start_kernel, start_bias = starts(size, self.kernel_sd)
        kernel = self.param("kernel", start_kernel, (size, self.features), jnp.float32)
        return read_out(x, kernel) + self.param("bias", start_bias, (self.features,), jnp.float32)


@jax.custom_vjp
def convolve_few(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """A convolution without padding: y_f(i, j) = sum_c,a,b kernel(a, b, c, f) x_c(i + a, j + b).

    Where nothing is differentiated it is XLA's convolution, which :func:`jprobe.graph.trace` reads as such. Forward
    differentiation (``jax.jvp``) is refused by JAX.

    Args:
        x: images [C, H, W, B].
        kernel: [h, w, C, F].

    Returns:
        [F, H - h + 1, W - w + 1, B].

    Example:
        >>> x, kernel = jnp.ones((2, 5, 4, 3)), jnp.ones((3, 3, 2, 7))
        >>> y, back = jax.vjp(convolve_few, x, kernel)
        >>> y.shape, y[0, 0, 0, 0].item(), back(y)[1].shape
        ((7, 3, 2, 3), 18.0, (3, 3, 2, 7))
    """
    # Behind a barrier: XLA would fold the transposes into the convolution, which has no fast code then.
    plain = lax.optimization_barrier(x.transpose(3, 1, 2, 0))
    y = lax.conv_general_dilated(plain, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return lax.optimization_barrier(y).transpose(3, 1, 2, 0)


def _products(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """The same as products with shifted images."""
    high, wide, channels, filters = kernel.shape
    _, height, width, examples = x.shape
    rows, columns = height - high + 1, width - wide + 1
    shifted = [x[:, :, b : b + columns] for b in range(wide)]
    if channels == 1:
        # Every shift before the product. Networks under vmap share it in their first layer.
        seen = jnp.concatenate([image[:, a : a + rows] for a in range(high) for image in shifted])
        return (kernel.reshape(-1, filters).T @ seen.reshape(len(seen), -1)).reshape(-1, rows, columns, examples)
    # Columns before the product and rows after it: a third of the memory on either side.
    seen = jnp.concatenate(shifted)
    by_row = kernel.transpose(0, 3, 1, 2).reshape(high * filters, -1) @ seen.reshape(len(seen), -1)
    by_row = by_row.reshape(high, filters, height, columns, examples)
    return sum((by_row[a, :, a : a + rows] for a in range(1, high)), start=by_row[0, :, :rows])


convolve_few.defvjp(lambda x, kernel: jax.vjp(_products, x, kernel), lambda back, y: back(y))


@jax.custom_vjp
def read_out(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """A product with every number of an image: y_b,f = sum_i,j,c x_c(i, j, b) kernel((i, j, c), f).

    Where nothing is differentiated the images are put into the order of the kernel's rows, which
    :func:`jprobe.graph.trace` reads; else the rows into the order of the images: there are fewer of them.

    Args:
        x: images [C, H, W, B].
        kernel: [H W C, F].

    Returns:
        [B, F].

    Example:
        >>> x, kernel = jnp.ones((2, 3, 3, 4)), jnp.ones((18, 5))
        >>> y, back = jax.vjp(read_out, x, kernel)
        >>> y.shape, y[0, 0].item(), back(y)[0].shape
        ((4, 5), 18.0, (2, 3, 3, 4))
    """
    return x.transpose(3, 1, 2, 0).reshape(x.shape[-1], -1) @ kernel


def _by_channel(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """The same as one product without moving the images."""
    channels, height, width, examples = x.shape
    rows = kernel.reshape(height, width, channels, -1).transpose(2, 0, 1, 3).reshape(len(kernel), -1)
    return (rows.T @ x.reshape(-1, examples)).T


read_out.defvjp(lambda x, kernel: jax.vjp(_by_channel, x, kernel), lambda back, y: back(y))
