"""Which leaves of a pytree a probe touches."""

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any

import jax
import jax.numpy as jnp

from jprobe.errors import UnknownLayerError
from jprobe.typing import Params

# A path or glob, several of them, or a function of (path, leaf); None: every leaf of two or more dimensions.
Select = str | Sequence[str] | Callable[[str, Any], bool] | None


def everything(path: str, leaf: Any) -> bool:
    """Select every floating-point leaf, biases and scales too."""
    return True


def leaf_paths(params: Params) -> list[str]:
    """Path of each floating-point leaf, its keys joined by '/', as :data:`Select` patterns see it.

    Example:
        >>> import jax.numpy as jnp
        >>> leaf_paths({"Dense_0": {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)}})
        ['Dense_0/bias', 'Dense_0/kernel']
    """
    return [_path(p) for p, leaf in jax.tree_util.tree_leaves_with_path(params) if _is_float(leaf)]


def selected(params: Params, select: Select) -> list[bool]:
    """Whether each leaf of ``params`` is touched, in the order of ``jax.tree.leaves``.

    Args:
        params: pytree of arrays (or of shapes, from ``jax.eval_shape``).
        select: a path ('Dense_0/kernel'), a glob ('*/kernel'), the name of a layer ('Dense_0', which takes
            all below it), several of these, or a function of (path, leaf). None: every leaf of two or more
            dimensions. Leaves that hold no floating-point numbers are never touched.

    Raises:
        UnknownLayerError: a pattern, or the whole selection, matches no leaf.
    """
    leaves = [(_path(path), leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(params)]
    if select is None:
        chosen = [_is_float(leaf) and jnp.ndim(leaf) >= 2 for _, leaf in leaves]
    elif callable(select):
        chosen = [_is_float(leaf) and bool(select(path, leaf)) for path, leaf in leaves]
    else:
        patterns = [select] if isinstance(select, str) else list(select)
        for pattern in patterns:
            if not any(_is_float(leaf) and _matches(path, pattern) for path, leaf in leaves):
                raise UnknownLayerError(pattern, leaf_paths(params))
        chosen = [_is_float(leaf) and any(_matches(path, p) for p in patterns) for path, leaf in leaves]
    if not any(chosen):
        raise UnknownLayerError(select, leaf_paths(params))
    return chosen


def pick(params: Params, select: Select) -> tuple[dict[int, Any], Callable[[dict[int, Any]], Params]]:
    """Take the selected leaves out, and get a function that puts new ones in their places.

    Args:
        params: pytree of arrays.
        select: see :func:`selected`.

    Returns:
        The selected leaves by their index among all leaves (random keys folded from that index do not
        depend on the selection), and ``rebuild``, which takes such a dict and gives the whole pytree, every
        other leaf as it was.

    Raises:
        UnknownLayerError: nothing is selected.
    """
    leaves, treedef = jax.tree.flatten(params)
    touched = selected(params, select)

    def rebuild(new: dict[int, Any]) -> Params:
        return jax.tree.unflatten(treedef, [new.get(i, leaf) for i, leaf in enumerate(leaves)])

    return {i: leaf for i, leaf in enumerate(leaves) if touched[i]}, rebuild


def leaf_keys(key: jax.Array, leaves: dict[int, Any]) -> dict[int, jax.Array]:
    """A random key for each leaf that :func:`pick` took out, folded from the leaf's index."""
    numbers = list(leaves)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.asarray(numbers))
    return {number: keys[n] for n, number in enumerate(numbers)}


def _path(path: tuple[Any, ...]) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")


def _is_float(leaf: Any) -> bool:
    return jnp.issubdtype(jnp.result_type(leaf), jnp.floating)


def _matches(path: str, pattern: str) -> bool:
    parts = path.split("/")
    return any(fnmatchcase("/".join(parts[: n + 1]), pattern) for n in range(len(parts)))
