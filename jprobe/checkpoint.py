"""Orbax checkpoints: written whole or not at all, and read back only into what they were written from."""

from pathlib import Path
from typing import Any

import jax
import numpy as np

from jprobe.digests import digest_of
from jprobe.errors import CheckpointError, DiskError, MissingFileError
from jprobe.paths import spelled


def save(path: str | Path, tree: Any) -> None:
    """Write a pytree of arrays as an Orbax checkpoint with a digest of them, replacing an older one.

    Args:
        path: folder to write.
        tree: pytree of arrays.

    Raises:
        DiskError: it could not be written; an older checkpoint is then still there.
    """
    from orbax.checkpoint import v1 as ocp  # two seconds to import

    path = Path(path).absolute()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        ocp.save(path, {"arrays": _nested(tree), "digest": _digest(tree)}, overwrite=True)
    except OSError as error:
        raise DiskError(path, error.strerror or str(error)) from error


def load(path: str | Path, like: Any) -> Any:
    """Read a checkpoint into the structure, shapes and dtypes of ``like``.

    Args:
        path: folder that :func:`save` wrote.
        like: pytree of arrays or ``jax.ShapeDtypeStruct``.

    Returns:
        Pytree of arrays, structured as ``like``.

    Raises:
        MissingFileError: there is no such folder.
        CheckpointError: it cannot be read, its arrays are not those that were written, or keys are missing, left over
            or of another shape or dtype.
    """
    from orbax.checkpoint import v1 as ocp

    path = Path(path).absolute()
    if not path.is_dir():
        raise MissingFileError(path, "Train first, or name the folder of an earlier run.")
    try:
        found = ocp.load(path)
        arrays, digest = found["arrays"], found["digest"]
    except Exception as error:  # Orbax raises many kinds, none of its own, for a file that is cut short
        raise CheckpointError(f"{path} cannot be read; delete it to train again. ({error})") from error
    wanted, here = _shapes(like), _shapes(arrays)
    problems = [f"missing {key}" for key in wanted.keys() - here.keys()]
    problems += [f"left over {key}" for key in here.keys() - wanted.keys()]
    problems += [
        f"{key} is {here[key]} instead of {wanted[key]}"
        for key in wanted.keys() & here.keys()
        if wanted[key] != here[key]
    ]
    if problems:
        raise CheckpointError(
            f"{path} does not fit this network: {'; '.join(sorted(problems))}. It was written for another "
            "configuration; choose another folder, or delete it to train again."
        )
    # Orbax does not notice a flipped bit.
    if not np.array_equal(digest, _digest(arrays)):
        raise CheckpointError(
            f"{path} is damaged: its arrays are not those that were written. Delete it to train again."
        )
    by_path = dict(_leaves(arrays))
    return jax.tree_util.tree_map_with_path(lambda keys, _: by_path[spelled(keys)], like)


def _leaves(tree: Any) -> list[tuple[str, Any]]:
    return sorted(
        ((spelled(keys), leaf) for keys, leaf in jax.tree_util.tree_leaves_with_path(tree)), key=lambda pair: pair[0]
    )


def _nested(tree: Any) -> dict[str, Any]:
    """Dictionaries by path, which Orbax takes whatever kind of pytree it was."""
    out: dict[str, Any] = {}
    for path, leaf in _leaves(tree):
        *folders, name = path.split("/")
        place = out
        for folder in folders:
            place = place.setdefault(folder, {})
        place[name] = np.asarray(leaf)
    return out


def _digest(tree: Any) -> np.ndarray:
    return digest_of(_leaves(tree))


def _shapes(tree: Any) -> dict[str, str]:
    return {path: f"{leaf.dtype}{list(leaf.shape)}" for path, leaf in _leaves(tree)}
