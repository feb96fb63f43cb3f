"""How monotone a network is along a partial order: the outputs that move with it."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.errors import ArgumentError, ShapeError
from jprobe.keys import as_key
from jprobe.typing import Params


class Alignment(NamedTuple):
    """How the outputs of perturbed images move in an order s_y.

    Attributes:
        omega: float32 [I, K], share of outputs with s_y (y2 - y1) >= 0.
        still: float32 [I, K], share of outputs that do not move at all, as behind a ReLU that is off; they are in omega.
        same_class: bool [I, K], whether the largest output stays the largest.

    Example:
        >>> Alignment(np.full((1, 1), 0.7), np.full((1, 1), 0.2), np.full((1, 1), True)).fair.round(2).tolist()
        [[0.6]]
    """

    omega: np.ndarray
    still: np.ndarray
    same_class: np.ndarray

    @property
    def fair(self) -> np.ndarray:
        """Omega with outputs that do not move counted half: 0.5 is then what chance gives."""
        return self.omega - self.still / 2


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
) -> Alignment:
    """The share Omega of outputs that rise, in the order s_y, when an image rises in the order s_x.

    Omega is the share with s_y (y2 - y1) >= 0, so an output that does not move counts as risen.
    x2 = x1 + c s_x * d with d uniform in (0, 1) at every input and c such that |x2 - x1| has the size asked for.

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
        Shares of outputs, and whether the class stayed, of each image and size.

    Raises:
        ShapeError: signs of other shapes.
        ArgumentError: a size that is not above 0.

    Source:
        Paper 2, 'Quantifying near-monotonicity in DNNs: a direct test'.

    Example:
        >>> half_dead = lambda w, x: jax.nn.relu(x @ w)
        >>> w, sx, sy = jnp.array([[1.0, -1.0]]), jnp.ones(1), jnp.ones(2)
        >>> found = alignment(half_dead, w, jnp.ones((1, 1)), sx, sy, jnp.array([0.1]), key=jax.random.key(0))
        >>> found.omega.tolist(), found.still.tolist()
        ([[1.0]], [[0.5]])
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
    return Alignment(*map(np.asarray, found))


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
            moved = sy * (after - before)
            return jnp.mean(moved >= 0), jnp.mean(moved == 0), jnp.argmax(after) == jnp.argmax(before)

        return jax.lax.map(one_size, (jnp.arange(sizes.size), sizes), batch_size=min(batch, sizes.size))

    return jax.lax.map(one_image, (jnp.arange(len(images)), images))


def gradient_order(
    fn: Callable[..., Any], params: Params, images: jax.Array, *, rounds: int = 20, batch: int = 16
) -> tuple[np.ndarray, np.ndarray]:
    """The order that the network's own gradients suggest: signs with a large s_y' J s_x, J the mean Jacobian.

    From s_y = 1 on, s_x = sign(J' s_y) and s_y = sign(J s_x) in turn, until nothing changes: each step can only
    raise s_y' J s_x, so this is a descent of the frustration of the graph of inputs and outputs alone, whose
    adjacency is J. It reads derivatives at the images, where the order of :func:`descend` reads weights alone.

    Args:
        fn: the network, (params, x [B, ...]) -> logits [B, C].
        params: its parameters.
        images: [I, ...], as the network takes them; J is the mean over them.
        rounds: turns at most.
        batch: images differentiated together.

    Returns:
        s_x of the shape of one image, and s_y [C]; int8, -1 or 1, 1 where a sum is 0.

    Raises:
        ArgumentError: no image.

    Source:
        Own work, as a reference for paper 2's order.

    Example:
        >>> w = jnp.array([[1.0, -2.0], [-3.0, 1.0], [2.0, -1.0]])
        >>> sx, sy = gradient_order(lambda w, x: x @ w, w, jnp.zeros((1, 3)))
        >>> sx.tolist(), sy.tolist()
        ([-1, -1, 1], [1, 1])
    """
    images = jnp.asarray(images)
    if not len(images):
        raise ArgumentError("The gradients need one image or more.")
    sy = jnp.ones(jax.eval_shape(fn, params, images[:1]).size)
    sx, sy = _gradient_order(fn, params, images, sy, rounds, min(batch, len(images)))
    return np.asarray(sx, np.int8), np.asarray(sy, np.int8)


@functools.partial(jax.jit, static_argnames=("fn", "rounds", "batch"))
def _gradient_order(
    fn: Callable[..., Any], params: Params, images: jax.Array, sy: jax.Array, rounds: int, batch: int
) -> Any:
    def logits(x: jax.Array) -> jax.Array:
        return fn(params, x[None]).reshape(-1)

    def mean(derivative: Callable[[jax.Array], jax.Array]) -> jax.Array:
        return jax.lax.map(derivative, images, batch_size=batch).mean(0)

    def sign(sums: jax.Array) -> jax.Array:
        return jnp.where(sums < 0, -1.0, 1.0)

    def turn(carry: Any) -> Any:
        _, sy, n, _ = carry
        sx = sign(mean(lambda x: jax.vjp(logits, x)[1](sy)[0]))
        new = sign(mean(lambda x: jax.jvp(logits, (x,), (sx,))[1]))
        return sx, new, n + 1, (new != sy).any()

    start = (jnp.ones(images.shape[1:]), sy, 0, True)
    sx, sy, *_ = jax.lax.while_loop(lambda carry: carry[3] & (carry[2] < rounds), turn, start)
    return sx, sy
