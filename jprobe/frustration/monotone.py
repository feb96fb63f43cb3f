"""How monotone a network is along a partial order: the outputs that move with it."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.errors import ArgumentError, ShapeError
from jprobe.keys import as_key
from jprobe.typing import Params


def alignment(
    fn: Callable[..., Any],
    params: Params,
    images: jax.Array,
    sx: jax.Array,
    sy: jax.Array,
    sizes: jax.Array,
    *,
    key: Any = None,
    batch: int = 16,
) -> tuple[np.ndarray, np.ndarray]:
    """The share Omega of outputs that rise, in the order s_y, when an image rises in the order s_x.

    x2 = x1 + c s_x * d with d uniform in (0, 1) at every input and c such that |x2 - x1| has the size asked for;
    Omega is the share of outputs with s_y (y2 - y1) >= 0.

    Args:
        fn: the network, (params, x [B, ...]) -> logits [B, C].
        params: its parameters.
        images: x1 [I, ...], as the network takes them.
        sx: signs of the inputs, of the shape of one image.
        sy: signs of the outputs [C].
        sizes: Euclidean norms of the perturbations [K], above 0, in units of the network's input.
        key: JAX random key; each image and size has its own draw. Default: ``jax.random.key(0)``.
        batch: perturbed images run together.

    Returns:
        Omega float32 [I, K] in [0, 1]; and whether the predicted class stayed, bool [I, K].

    Raises:
        ShapeError: signs of other shapes.
        ArgumentError: a size that is not above 0.

    Source:
        Paper 2, 'Quantifying near-monotonicity in DNNs: a direct test'.

    Example:
        >>> monotone = lambda w, x: x @ w
        >>> w, sx, sy = jnp.array([[1.0, -2.0], [3.0, -1.0]]), jnp.ones(2), jnp.array([1.0, -1.0])
        >>> alignment(monotone, w, jnp.zeros((1, 2)), sx, sy, jnp.array([0.1]), key=jax.random.key(0))[0].tolist()
        [[1.0]]
    """
    images, sx, sy, sizes = jnp.asarray(images), jnp.asarray(sx), jnp.asarray(sy), jnp.asarray(sizes)
    if sx.size != images[0].size:
        raise ShapeError(f"sx has {sx.size} signs, an image {images[0].size} elements.")
    outputs = jax.eval_shape(fn, params, images[:1])
    if sy.size != outputs.size:
        raise ShapeError(f"sy has {sy.size} signs, the network {outputs.size} outputs.")
    if not bool((sizes > 0).all()):
        raise ArgumentError("Perturbations have sizes above 0.")
    found = _alignment(fn, params, images, sx.reshape(images.shape[1:]), sy.ravel(), sizes, as_key(key), batch)
    return np.asarray(found[0]), np.asarray(found[1])


@functools.partial(jax.jit, static_argnames=("fn", "batch"))
def _alignment(
    fn: Callable[..., Any],
    params: Params,
    images: jax.Array,
    sx: jax.Array,
    sy: jax.Array,
    sizes: jax.Array,
    key: jax.Array,
    batch: int,
) -> Any:
    def one_image(numbered: Any) -> Any:
        number, image = numbered
        here = jax.random.fold_in(key, number)
        before = fn(params, image[None]).reshape(-1)

        def one_size(at: Any) -> Any:
            k, size = at
            step = sx * jax.random.uniform(jax.random.fold_in(here, k), image.shape)
            after = fn(params, (image + size / jnp.sqrt(jnp.sum(step * step)) * step)[None]).reshape(-1)
            return jnp.mean(sy * (after - before) >= 0), jnp.argmax(after) == jnp.argmax(before)

        return jax.lax.map(one_size, (jnp.arange(sizes.size), sizes), batch_size=min(batch, sizes.size))

    return jax.lax.map(one_image, (jnp.arange(len(images)), images))


def crossing(omega: Any) -> float:
    """The lambda of lambda-monotonicity: where P(|Omega - 0.5| >= lambda) crosses 2 lambda.

    Args:
        omega: alignment fractions, any shape, in [0, 1].

    Returns:
        The largest lambda in [0, 0.5] with P(|Omega - 0.5| >= lambda) >= 2 lambda.

    Raises:
        ArgumentError: no fraction, or one out of range.

    Source:
        Paper 2, eq. (10) and supplement figure 7.

    Example:
        >>> crossing([0.0, 1.0, 1.0]), crossing([0.5, 0.5])
        (0.5, 0.0)
    """
    away = np.sort(np.abs(np.asarray(omega, np.float64).ravel() - 0.5))[::-1]
    if not away.size or away[0] > 0.5 or np.isnan(away).any():
        raise ArgumentError("Alignment fractions lie between 0 and 1, and there is one or more.")
    # Among the k largest deviations, lambda may rise to the k-th, and to k / (2 n): the share that is left above it.
    share = np.arange(1, away.size + 1) / (2 * away.size)
    return float(np.minimum(away, share).max())


def survival(omega: Any, at: Any) -> np.ndarray:
    """P(|Omega - 0.5| >= l) for each l.

    Source:
        Paper 2, supplement figure 7.

    Example:
        >>> survival([0.0, 0.5, 0.9], [0.0, 0.3, 0.45]).round(2).tolist()
        [1.0, 0.67, 0.33]
    """
    away = np.abs(np.asarray(omega, np.float64).ravel() - 0.5)
    return np.array([(away >= level).mean() for level in np.asarray(at)])
