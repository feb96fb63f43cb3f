"""Many networks as one pytree with a leading seed axis, and apart again."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.errors import WeightsError
from jprobe.typing import Params


def stack(*networks: Params) -> Params:
    """Put networks of one architecture on a leading seed axis, as :func:`jprobe.sweep` takes them.

    Leaves that are no arrays, such as the activation functions and numbers of an Equinox module, are kept as they
    are; they must be the same in every network.

    Args:
        networks: one or more pytrees with the same structure, shapes and dtypes.

    Returns:
        Pytree whose arrays are [S, ...], S the number of networks. :func:`unstack` is the inverse.

    Raises:
        WeightsError: no network, or networks that differ in structure, shapes, dtypes or in what is no array.

    Example:
        >>> import jax.numpy as jnp
        >>> stack({"kernel": jnp.ones((2, 3))})["kernel"].shape
        (1, 2, 3)
    """
    if not networks:
        raise WeightsError("stack() needs one network or more.")

    def check(*leaves: Any) -> None:
        if is_array(leaves[0]):
            kinds = {(leaf.shape, leaf.dtype) if is_array(leaf) else type(leaf) for leaf in leaves}
            if len(kinds) > 1:
                raise ValueError(f"one leaf has the shapes and dtypes {', '.join(sorted(map(str, kinds)))}.")
            return
        other = [leaf for leaf in leaves[1:] if leaf is not leaves[0] and not (_plain(leaf) and leaf == leaves[0])]
        if other:
            raise ValueError(f"a leaf that is no array differs: {leaves[0]!r} and {other[0]!r}.")

    try:
        jax.tree.map(check, *networks)
        leaves, tree = jax.tree.flatten(networks[0])
        columns = zip(*map(jax.tree.leaves, networks), strict=True)
        stacked = iter(_stacked([column for column in columns if is_array(column[0])]))
        return jax.tree.unflatten(tree, [next(stacked) if is_array(leaf) else leaf for leaf in leaves])
    except (ValueError, TypeError) as error:
        raise WeightsError(f"These networks do not stack; they must agree in structure and shapes: {error}") from error


@jax.jit
def _stacked(columns: list[tuple[Any, ...]]) -> list[jax.Array]:
    return [jnp.stack(column) for column in columns]


def unstack(params: Params) -> list[Params]:
    """The networks that lie on a leading seed axis, one by one.

    Args:
        params: variables of S networks, every array [S, ...], such as ``fit.params``.

    Returns:
        S pytrees without that axis. Leaves that are no arrays are kept as they are.

    Raises:
        WeightsError: no arrays, or arrays without a common leading axis.

    Example:
        >>> import jax.numpy as jnp
        >>> [network["kernel"].shape for network in unstack({"kernel": jnp.ones((3, 2, 4))})]
        [(2, 4), (2, 4), (2, 4)]
    """
    sizes = {leaf.shape[:1] for leaf in jax.tree.leaves(params) if is_array(leaf)}
    if len(sizes) != 1 or sizes == {()}:
        raise WeightsError("Every array of params must begin with the same seed axis [S, ...]; found no such axis.")
    (count,) = sizes.pop()
    return [jax.tree.map(lambda leaf, n=n: leaf[n] if is_array(leaf) else leaf, params) for n in range(count)]


def is_array(leaf: Any) -> bool:
    """Whether a leaf is an array, of JAX or NumPy. Python numbers and functions are not."""
    return isinstance(leaf, jax.Array | np.ndarray | np.generic)


def _plain(leaf: Any) -> bool:
    """Whether a leaf compares by value."""
    return isinstance(leaf, str | bytes | bool | int | float | complex)
