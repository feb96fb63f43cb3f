"""Which leaves of a pytree are meant: by path, by glob, by layer, or by a function."""

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any

import jax
import jax.numpy as jnp

from jprobe.errors import UnknownLayerError
from jprobe.paths import PARAMETERS, leaves_by_path
from jprobe.typing import Params

# Names of layers or globs, or a function of a name.
Layers = str | Sequence[str] | Callable[[str], bool]

# A path or glob, several of them, or a function of (path, leaf); None: every leaf of two or more dimensions.
Select = str | Sequence[str] | Callable[[str, Any], bool] | None


def everything(path: str, leaf: Any) -> bool:
    """Select every floating-point parameter, biases and scales too."""
    return True


def leaf_paths(params: Params) -> list[str]:
    """Path of each floating-point leaf, as :data:`Select` patterns see it.

    Example:
        >>> import jax.numpy as jnp
        >>> leaf_paths({"params": {"Dense_0": {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)}}})
        ['Dense_0/bias', 'Dense_0/kernel']
    """
    return [path for path, _, leaf in leaves_by_path(params) if _is_float(leaf)]


def selected(params: Params, select: Select) -> list[bool]:
    """Whether each leaf of ``params`` is touched, in the order of ``jax.tree.leaves``.

    Args:
        params: pytree of arrays (or of shapes, from ``jax.eval_shape``).
        select: a path ('Dense_0/kernel'), a glob ('*/kernel'), the name of a layer ('Dense_0', which takes
            all below it), several of these, or a function of (path, leaf). None: every leaf of two or more
            dimensions. Leaves that hold no floating-point numbers are never touched, and leaves outside the collection
            "params", such as running means, only by patterns that begin with their collection ('batch_stats/*').

    Raises:
        UnknownLayerError: a pattern, or the whole selection, matches no leaf.
    """
    leaves = leaves_by_path(params)
    if select is None:
        chosen = [trained and _is_float(leaf) and jnp.ndim(leaf) >= 2 for _, trained, leaf in leaves]
    elif callable(select):
        chosen = [trained and _is_float(leaf) and bool(select(path, leaf)) for path, trained, leaf in leaves]
    else:
        patterns = [select] if isinstance(select, str) else list(select)
        matches = [[_is_float(leaf) and _matches(path, trained, p) for path, trained, leaf in leaves] for p in patterns]
        for pattern, found in zip(patterns, matches, strict=True):
            if not any(found):
                raise UnknownLayerError(pattern, leaf_paths(params))
        chosen = [any(found) for found in zip(*matches, strict=True)] if patterns else [False] * len(leaves)
    if not any(chosen):
        raise UnknownLayerError(select, leaf_paths(params))
    return chosen


def selected_layers(names: Sequence[str], select: Layers) -> list[int]:
    """Numbers of the layers that are asked for, by name or glob ('Dense_*'), several of these, or a function of the name.

    Raises:
        UnknownLayerError: a pattern, or the whole selection, matches no layer.

    Example:
        >>> selected_layers(["input", "Dense_0", "Dense_1"], "Dense_*")
        [1, 2]
    """
    if callable(select):
        chosen = [n for n, name in enumerate(names) if select(name)]
    else:
        patterns = [select] if isinstance(select, str) else list(select)
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise UnknownLayerError(pattern, names, of_layers=True)
        chosen = [n for n, name in enumerate(names) if any(fnmatchcase(name, pattern) for pattern in patterns)]
    if not chosen:
        raise UnknownLayerError(select, names, of_layers=True)
    return chosen


def pick(params: Params, select: Select) -> tuple[dict[int, Any], Callable[[dict[int, Any]], Params]]:
    """Take the selected leaves out, and get a function that puts new ones in their places.

    Args:
        params: pytree of arrays.
        select: see :func:`selected`.

    Returns:
        The selected leaves by number, and ``rebuild``, which takes such a dict and gives the whole pytree, every
        other leaf as it was. Numbers count the trained parameters, then all other leaves, so that random keys folded
        from them depend neither on the selection nor on whether there are statistics.

    Raises:
        UnknownLayerError: nothing is selected.
    """
    leaves, treedef = jax.tree.flatten(params)
    touched = selected(params, select)
    places = sorted(range(len(leaves)), key=[not trained for _, trained, _ in leaves_by_path(params)].__getitem__)

    def rebuild(new: dict[int, Any]) -> Params:
        out = list(leaves)
        for number, leaf in new.items():
            out[places[number]] = leaf
        return jax.tree.unflatten(treedef, out)

    return {number: leaves[place] for number, place in enumerate(places) if touched[place]}, rebuild


def leaf_keys(key: jax.Array, leaves: dict[int, Any]) -> dict[int, jax.Array]:
    """A random key for each leaf that :func:`pick` took out, folded from the leaf's number."""
    numbers = list(leaves)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.asarray(numbers))
    return {number: keys[n] for n, number in enumerate(numbers)}


def _is_float(leaf: Any) -> bool:
    return jnp.issubdtype(jnp.result_type(leaf), jnp.floating)


def _matches(path: str, trained: bool, pattern: str) -> bool:
    """Whether a pattern is a leaf's path or one of the layers that it lies in."""
    named = pattern.partition("/")[0]
    if trained and named == PARAMETERS:
        path = f"{PARAMETERS}/{path}"
    if not trained and named != path.partition("/")[0]:
        return False
    parts = path.split("/")
    return any(fnmatchcase("/".join(parts[: n + 1]), pattern) for n in range(len(parts)))
