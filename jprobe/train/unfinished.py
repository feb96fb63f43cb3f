"""Trainings that were interrupted: the state after some epoch, kept beside the checkpoint until training ends."""

import contextlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jprobe import checkpoint as checkpoints
from jprobe.errors import CheckpointError, MissingFileError


class Unfinished(NamedTuple):
    """Where states are kept.

    Attributes:
        folder: of the states; it is there only while training goes on, or after an interruption.
        settings: digest of all that they depend on.
        every: epochs from one state to the next.
    """

    folder: Path
    settings: np.ndarray
    every: int

    @classmethod
    def beside(cls, checkpoint: str | Path, settings: np.ndarray, every: int) -> "Unfinished":
        """States of the training that will leave this checkpoint."""
        path = Path(checkpoint)
        return cls(path.with_name(f"{path.name}.unfinished"), settings, every)

    def read(self, part: str, like: Callable[[int], Any]) -> tuple[int, Any]:
        """Epochs done and the state after them, of a part of the networks; (0, None) if there is none.

        Args:
            part: its name.
            like: epochs done -> shapes of the state.

        Raises:
            CheckpointError: the newest is damaged, or of other data, seeds, settings or functions.
        """
        found = {int(match[1]): path for path, match in self._states(part)}
        if not found:
            return 0, None
        done = max(found)
        try:
            state = checkpoints.load(
                found[done], {"state": like(done), "made_from": jax.ShapeDtypeStruct((32,), jnp.uint8)}
            )
        except (CheckpointError, MissingFileError):
            if found[done].exists():
                raise
            return self.read(part, like)  # another process, which trains the same, has come further
        if not np.array_equal(state["made_from"], self.settings):
            raise CheckpointError(
                f"{found[done]} holds a training of these shapes from other data, seeds, settings or functions. Choose "
                "another folder, or delete it to train again."
            )
        return done, state["state"]

    def write(self, part: str, done: int, state: Any) -> None:
        """Keep a state, and drop the ones before it.

        Raises:
            DiskError: it could not be written; the one before is then still there.
        """
        # Another process, which trains the same, may have come further.
        old = [path for path, match in self._states(part) if int(match[1]) < done]
        checkpoints.save(self.folder / f"part_{part}_epoch_{done}", {"state": state, "made_from": self.settings})
        for path in old:
            shutil.rmtree(path, ignore_errors=True)

    def clear(self) -> None:
        """Training has ended: its checkpoint holds all."""
        for path in self.folder.glob("part_*"):
            shutil.rmtree(path, ignore_errors=True)
        with contextlib.suppress(OSError):  # another process is writing there
            self.folder.rmdir()

    def _states(self, part: str) -> list[tuple[Path, re.Match[str]]]:
        matches = (
            (path, re.fullmatch(rf"part_{re.escape(part)}_epoch_(\d+)", path.name))
            for path in self.folder.glob("part_*")
        )
        return [(path, match) for path, match in matches if match]
