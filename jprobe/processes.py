"""Several processes that share one run: how they find each other, and how they wait for each other.

The processes are JAX's own (``jax.distributed``): a cluster's scheduler starts the same command on each machine. They
exchange results through one folder, so nothing but waiting happens here.
"""

import os
import socket
import sys
import threading
import zlib
from typing import NoReturn

import jax
import numpy as np
from jax.experimental import multihost_utils

from jprobe import memory
from jprobe.errors import ArgumentError, LostProcessError

# Nobody knows how long the longest part of a run takes. A process that dies is noticed otherwise, by JAX.
_A_MONTH = 30 * 24 * 3600 * 1000

# Seconds until JAX takes a silent process for dead, or an end that not all come to for a failure, and ends the others.
_SILENT = 20

# Seconds that processes wait for each other when they start.
PATIENCE = 300


def join(coordinator: str | None = None, processes: int | None = None, process_id: int | None = None) -> None:
    """Become one of several processes; call this before anything is computed.

    Those of one machine share its memory, see :func:`jprobe.memory.limit`. The program ends, with one line and status 1,
    if the others are not there after five minutes: JAX, which waits for them, would end it without one.

    Args:
        coordinator: HOST:PORT of process 0. Default: what Slurm, Open MPI, Kubernetes or a TPU pod says.
        processes: how many there are. Default: likewise.
        process_id: which one this is, from 0. Default: likewise.

    Raises:
        ArgumentError: some of the three alone, a number out of range, no cluster that JAX knows, or no answer from the
            coordinator that can be understood.

    Example:
        >>> join("localhost:1234", processes=2)
        Traceback (most recent call last):
            ...
        jprobe.errors.ArgumentError: --coordinator, --processes and --process-id belong together: give all three, or none.
    """
    given = [value is not None for value in (coordinator, processes, process_id)]
    if any(given) and not all(given):
        raise ArgumentError("--coordinator, --processes and --process-id belong together: give all three, or none.")
    if processes is not None and process_id is not None and not 0 <= process_id < processes:
        raise ArgumentError(f"--process-id counts from 0 to {processes - 1} here, not {process_id}.")
    if coordinator is not None and not coordinator.rpartition(":")[2].isdigit():
        raise ArgumentError(f"--coordinator is HOST:PORT, not {coordinator!r}.")
    if jax.distributed.is_initialized():
        return
    late = threading.Timer(PATIENCE, _give_up, [coordinator])
    late.daemon = True
    late.start()
    try:
        jax.distributed.initialize(
            coordinator, processes, process_id, initialization_timeout=2 * PATIENCE,
            heartbeat_timeout_seconds=_SILENT, shutdown_timeout_seconds=_SILENT,
        )  # fmt: skip
    except ValueError as error:
        raise ArgumentError(
            f"JAX knows no cluster here ({error}). Name the processes: --coordinator HOST:PORT --processes N --process-id I."
        ) from error
    except RuntimeError as error:
        raise ArgumentError(f"The processes did not find each other: {str(error).splitlines()[0]}") from error
    finally:
        late.cancel()
    machines = multihost_utils.process_allgather(np.uint32(zlib.crc32(socket.gethostname().encode())))
    memory.shared_by(int((machines == machines[jax.process_index()]).sum()))


def _give_up(coordinator: str | None) -> NoReturn:
    where = "as the cluster says" if coordinator is None else f"with --coordinator {coordinator}"
    print(
        f"jprobe: The other processes were not found in {PATIENCE} seconds. Start all of them, {where}, each with a number of "
        "its own from 0, where they reach process 0 over the network.", file=sys.stderr, flush=True,
    )  # fmt: skip
    os._exit(1)


def count() -> int:
    """How many processes there are, 1 without others.

    Example:
        >>> count()
        1
    """
    return jax.process_count()


def index() -> int:
    """Which one this is, from 0.

    Example:
        >>> index()
        0
    """
    return jax.process_index()


def wait(place: str) -> None:
    """Wait until every process has come to this place; each may come to it once. Of one process there is nothing to wait for.

    JAX ends those that compute when one dies, and all when process 0 does, with a message of its own.

    Raises:
        LostProcessError: one of them died, or ended with an error, while this one waited.

    Example:
        >>> wait("the end")
    """
    if count() > 1:
        from orbax.checkpoint import multihost  # two seconds to import

        try:
            multihost.get_barrier_sync_fn()(key=f"jprobe: {place}", timeout_ms=_A_MONTH)
        except jax.errors.JaxRuntimeError as error:
            raise LostProcessError(place) from error


def leave(status: int) -> NoReturn:
    """End the program with this status. One of several processes does not wait for the others, which JAX ends then."""
    if jax.distributed.is_initialized():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)
