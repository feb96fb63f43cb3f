"""One network and many: a leading seed axis put on and taken off."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.errors import WeightsError
from jprobe.typing import Params


def stack(*networks: Params) -> Params:
    """Put networks of one architecture on a leading seed axis, as :func:`jprobe.sweep` wants them.

    Args:
        networks: one or more pytrees with the same structure and shapes. Leaves that are no arrays, such as an Equinox
            module's activation functions, must be equal and stay as they are.

    Returns:
        Pytree whose arrays are [S, ...], S the number of networks.

    Raises:
        WeightsError: the networks differ in structure, shape or what is no array.

    Example:
        >>> import jax.numpy as jnp
        >>> stack({"kernel": jnp.ones((2, 3))})["kernel"].shape
        (1, 2, 3)
    """

    def together(*leaves: Any) -> Any:
        if _is_array(leaves[0]):
            return jnp.stack(leaves)
        if any(leaf != leaves[0] for leaf in leaves[1:]):
            raise ValueError(f"leaves that are no arrays are not equal: {', '.join(map(repr, leaves))}")
        return leaves[0]

    try:
        return jax.tree.map(together, *networks)
    except (ValueError, TypeError) as error:
        raise WeightsError(f"These networks do not stack; they must agree in structure and shapes: {error}") from error


def unstack(params: Params) -> list[Params]:
    """The networks that :func:`stack` put together, or that ``train.fit`` trained.

    Args:
        params: pytree whose arrays are [S, ...].

    Returns:
        S pytrees.

    Raises:
        WeightsError: no arrays, or arrays without a common leading axis.

    Example:
        >>> import jax.numpy as jnp
        >>> [net["bias"].item() for net in unstack({"bias": jnp.array([1.0, 2.0])})]
        [1.0, 2.0]
    """
    sizes = {np.shape(leaf)[:1] for leaf in jax.tree.leaves(params) if _is_array(leaf)}
    if len(sizes) != 1 or sizes == {()}:
        raise WeightsError("Every array of params must begin with the same seed axis [S, ...].")
    [(size,)] = sizes
    return [jax.tree.map(lambda leaf, s=s: leaf[s] if _is_array(leaf) else leaf, params) for s in range(size)]


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array | np.ndarray | np.generic)
