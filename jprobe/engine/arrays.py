"""A network's arrays apart from its other leaves, which never vary."""

from collections.abc import Callable

import jax
import numpy as np

from jprobe.networks import is_array
from jprobe.typing import Params


def take(arrays: Params, places: np.ndarray) -> Params:
    """The networks at some places of the seed axis of every array.

    Of arrays on the host only these go to the device, which need not have room for all networks.

    Example:
        >>> take({"w": np.arange(6).reshape(3, 2)}, np.array([2, 0]))["w"].tolist()
        [[4, 5], [0, 1]]
    """
    if all(isinstance(w, np.ndarray) for w in jax.tree.leaves(arrays)):
        return jax.tree.map(lambda w: w[places], arrays)
    return _taken(arrays, places)


@jax.jit
def _taken(arrays: Params, places: jax.Array) -> Params:
    """In one compiled call."""
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
