"""A network's arrays apart from its other leaves, which never vary."""

from collections.abc import Callable

import jax

from jprobe.networks import is_array
from jprobe.typing import Params


@jax.jit
def take(arrays: Params, places: jax.Array) -> Params:
    """The networks at some places of the seed axis of every array, in one compiled call."""
    return jax.tree.map(lambda w: w[places], arrays)


def hide_static(params: Params) -> tuple[Params, Callable[[Params], Params]]:
    """A network whose leaves are arrays only, and a function that puts the other leaves back.

    An Equinox module holds functions and flags beside its weights. JAX batches arrays, and a probe perturbs arrays:
    both get the network with None in the place of anything else, as ``equinox.partition`` would give it.

    Args:
        params: any pytree.

    Returns:
        The pytree with None for each leaf that is no array, and ``whole``, which takes such a pytree, whatever its
        arrays, and gives the network with its own other leaves.

    Example:
        >>> import numpy as np
        >>> arrays, whole = hide_static({"w": np.ones(2), "activation": abs})
        >>> arrays["activation"], whole({"w": np.zeros(2), "activation": None})["activation"]
        (None, <built-in function abs>)
    """

    def whole(arrays: Params) -> Params:
        return jax.tree.map(lambda own, new: own if new is None else new, params, arrays)

    return jax.tree.map(lambda leaf: leaf if is_array(leaf) else None, params), whole
