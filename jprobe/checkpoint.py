"""Orbax checkpoints: written whole or not at all, and read back only as they were written, into what they were written from.

Of several processes each writes the checkpoints of its own parts, which Orbax cannot: there all processes write one
checkpoint together. Such checkpoints are safetensors files, and are read like the others.
"""

import json
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from safetensors.numpy import load_file, save_file

from jprobe.atomic import replacing_folder
from jprobe.data.checksums import SUMS, note_sums, sums_of
from jprobe.errors import CheckpointError, MissingFileError
from jprobe.files import writing
from jprobe.misfits import listed, misfits
from jprobe.paths import spelled

# In the folder of a checkpoint that one of several processes wrote: arrays by path.
ALONE = "arrays.safetensors"

# Checkpoints are written and read in one thread, one at a time. Orbax shares one event loop and one set of temporary names
# between the threads of a process: two that write at a time end in "File exists". The room that one has found another must
# not take. And Ctrl-C reaches the main thread alone: where it interrupted Orbax, threads of Orbax's own were left behind
# that waited for each other, for minutes, in which the program could not end.
_ORBAX = ThreadPoolExecutor(1, thread_name_prefix="checkpoints")


def save(path: str | Path, tree: Any) -> None:
    """Write a pytree of arrays as an Orbax checkpoint with checksums of its files, replacing an older one.

    Args:
        path: folder to write.
        tree: pytree of arrays.

    Raises:
        DiskError: it could not be written; an older checkpoint is then still there.
    """
    path = Path(path).absolute()
    together = any(not leaf.is_fully_addressable for leaf in jax.tree.leaves(tree) if isinstance(leaf, jax.Array))
    if together:
        tree = multihost_utils.process_allgather(tree, tiled=True)
        if jax.process_index() != 0:
            return
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _in_turn(_write, path, tree)


def _in_turn(fn: Callable[..., Any], *args: Any) -> Any:
    """What a function returns in the thread of checkpoints; an exception in this one is raised when that has ended."""
    done = _ORBAX.submit(fn, *args)
    try:
        return done.result()
    except BaseException:
        wait([done])
        raise


def _write(path: Path, tree: Any) -> None:
    with replacing_folder(path) as folder:
        _make_sure_of_room(path.parent, _most_bytes(tree))
        if jax.process_count() > 1:
            save_file({name: np.ascontiguousarray(leaf) for name, leaf in _leaves(tree)}, folder / ALONE)
        else:
            _save(folder, tree)
        note_sums(folder)  # Orbax does not notice a flipped bit


def _save(folder: Path, tree: Any) -> None:
    from orbax.checkpoint import v1 as ocp  # two seconds to import

    try:
        ocp.save(folder, _nested(tree), overwrite=True)
    except ValueError as error:  # what TensorStore raises when a write fails
        raise OSError(str(error).splitlines()[0]) from error


def _check_files(path: Path) -> None:
    """Raise CheckpointError if a file is not as it was written; Orbax would print tracebacks, or read on."""
    try:
        wanted = json.loads((path / SUMS).read_bytes())
        found = sums_of(path)
        damaged = sorted(name for name, checksum in wanted.items() if found.get(name) != checksum)
    except (OSError, ValueError, AttributeError):
        damaged = [SUMS]
    if damaged:
        raise CheckpointError(
            f"{path} is damaged: {', '.join(damaged)} not as written, or missing. Delete it to train again."
        )


def _make_sure_of_room(folder: Path, size: int) -> None:
    """Raise OSError if a folder has no room for that many bytes.

    Orbax writes from threads of its own. On a full disk each prints its traceback, 200 lines in all, before the caller
    hears of it; so the disk is asked before.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        for start in range(0, size, 2**20):
            file.write(bytes(min(2**20, size - start)))
        file.flush()


def _most_bytes(tree: Any) -> int:
    """Bytes that a checkpoint takes at most: its arrays, and what Orbax writes beside them."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]
    return sum(leaf.nbytes for leaf in leaves) + 2**13 * (len(leaves) + 8)


def load(path: str | Path, like: Any) -> Any:
    """Read a checkpoint into the structure, shapes and dtypes of ``like``.

    Args:
        path: folder that :func:`save` wrote.
        like: pytree of arrays or ``jax.ShapeDtypeStruct``.

    Returns:
        Pytree of arrays, structured as ``like``.

    Raises:
        MissingFileError: there is no such folder.
        CheckpointError: its files are not as they were written, or keys are missing, left over or of another shape or
            dtype.
    """
    path = Path(path).absolute()
    if not path.is_dir():
        raise MissingFileError(path, "Train first, or name the folder of an earlier run.")
    _check_files(path)
    try:
        found = load_file(path / ALONE) if (path / ALONE).exists() else dict(_leaves(_in_turn(_load, path)))
    except Exception as error:  # Orbax raises many kinds, none of its own
        raise CheckpointError(f"{path} cannot be read. Delete it to train again. ({error})") from error
    wanted = dict(_leaves(like))
    empty = {path: np.zeros(leaf.shape, leaf.dtype) for path, leaf in wanted.items() if _is_empty(leaf)}
    by_path = empty | found
    problems = misfits(by_path, wanted)
    if problems:
        raise CheckpointError(
            f"{path} does not fit this network:\n{listed(problems)}\nIt was written for another configuration; choose another "
            "folder, or delete it to train again."
        )
    return jax.tree_util.tree_map_with_path(lambda keys, _: by_path[spelled(keys)], like)


def _load(path: Path) -> Any:
    from orbax.checkpoint import v1 as ocp

    context = ocp.Context()
    if jax.process_count() > 1:  # the others read something else
        alone = context.multiprocessing
        alone.primary_host = jax.process_index()
        alone.active_processes = {jax.process_index()}
        alone.barrier_sync_key_prefix = f"process {jax.process_index()}"
    with context:
        return ocp.load(path)


def _is_empty(leaf: Any) -> bool:
    return 0 in np.shape(leaf)


def _leaves(tree: Any) -> list[tuple[str, Any]]:
    return sorted(
        ((spelled(keys), leaf) for keys, leaf in jax.tree_util.tree_leaves_with_path(tree)), key=lambda pair: pair[0]
    )


def _nested(tree: Any) -> dict[str, Any]:
    """Dictionaries by path, which Orbax takes whatever kind of pytree it was."""
    out: dict[str, Any] = {}
    for path, leaf in _leaves(tree):
        if _is_empty(leaf):
            continue  # Orbax refuses arrays without entries, of which shapes are all that there is
        *folders, name = path.split("/")
        place = out
        for folder in folders:
            place = place.setdefault(folder, {})
        place[name] = np.asarray(leaf)
    return out
