"""Orbax checkpoints: written whole or not at all, and read back only into what they were written from."""

from pathlib import Path
from typing import Any

import jax

from jprobe.errors import CheckpointError, DiskError, MissingFileError


def save(path: str | Path, tree: Any) -> None:
    """Write a pytree of arrays as an Orbax checkpoint, replacing an older one.

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
        ocp.save(path, tree, overwrite=True)
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
        CheckpointError: it cannot be read, or keys are missing, left over or of another shape or dtype.
    """
    from orbax.checkpoint import v1 as ocp

    path = Path(path).absolute()
    if not path.is_dir():
        raise MissingFileError(path, "Train first, or name the folder of an earlier run.")
    try:
        found = ocp.load(path)
    except Exception as error:  # Orbax raises many kinds, none of its own, for a file that is cut short
        raise CheckpointError(f"{path} cannot be read; delete it to train again. ({error})") from error
    wanted, here = _shapes(like), _shapes(found)
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
    by_path = {_key(p): leaf for p, leaf in jax.tree_util.tree_leaves_with_path(found)}
    return jax.tree_util.tree_map_with_path(lambda p, _: by_path[_key(p)], like)


def _shapes(tree: Any) -> dict[str, str]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {_key(p): f"{leaf.dtype}{list(leaf.shape)}" for p, leaf in leaves}


def _key(path: tuple[Any, ...]) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")
