"""Paths of the leaves of a network's variables, spelled one way everywhere: 'Dense_0/kernel'."""

from collections.abc import Mapping
from typing import Any

import jax

# The collection of Flax variables that holds trained parameters; its name is left out of paths.
PARAMETERS = "params"


def spelled(keys: tuple[Any, ...]) -> str:
    """A path as JAX gives it, its keys joined by '/'.

    Example:
        >>> [(keys, _)] = jax.tree_util.tree_leaves_with_path({"Dense_0": {"kernel": 1.0}})
        >>> spelled(keys)
        'Dense_0/kernel'
    """
    return jax.tree_util.keystr(keys, simple=True, separator="/")


def has_collections(variables: Any) -> bool:
    """Whether a pytree is a Flax variables dictionary, {"params": ..., "batch_stats": ...}, not bare parameters."""
    return isinstance(variables, Mapping) and PARAMETERS in variables


def parameters(variables: Any) -> Any:
    """The trained parameters among a network's variables: the "params" collection, or all of a pytree without one.

    Example:
        >>> parameters({"params": {"kernel": 1.0}, "batch_stats": {"mean": 0.0}}), parameters([1.0])
        ({'kernel': 1.0}, [1.0])
    """
    return variables[PARAMETERS] if has_collections(variables) else variables


def leaves_by_path(variables: Any) -> list[tuple[str, bool, Any]]:
    """(path, whether it is a trained parameter, leaf) of each leaf, in the order of ``jax.tree.leaves``.

    Paths of Flax variables leave "params" out ('Dense_0/kernel'); those of other collections begin with the name of
    the collection ('batch_stats/BatchNorm_0/mean') and are no parameters.

    Example:
        >>> leaves_by_path({"params": {"a": {"kernel": 1.0}}, "batch_stats": {"a": {"mean": 0.0}}})
        [('batch_stats/a/mean', False, 0.0), ('a/kernel', True, 1.0)]
    """
    apart = has_collections(variables)
    out = []
    for keys, leaf in jax.tree_util.tree_leaves_with_path(variables):
        path = spelled(keys)
        trained = not apart or path == PARAMETERS or path.startswith(f"{PARAMETERS}/")
        out.append((path.removeprefix(f"{PARAMETERS}/") if apart and trained else path, trained, leaf))
    return out
