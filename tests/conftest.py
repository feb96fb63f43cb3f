"""Fixtures that several test files share."""

import contextlib
import dataclasses
import gc
import logging
import os
from pathlib import Path

# What one test compiles the next ones read, those of other workers and of later runs too. Set before JAX is imported,
# and for the processes that tests start as well.
COMPILED = Path(__file__).parent.parent / ".pytest_cache" / "compiled"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(COMPILED))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.05")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

import hypothesis  # noqa: E402
import jax  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402

from jprobe import data  # noqa: E402

# How long an example takes says more about what else the machine does, and what is compiled, than about the code.
hypothesis.settings.register_profile("jprobe", deadline=None)
hypothesis.settings.load_profile("jprobe")


@pytest.fixture(scope="module", autouse=True)
def _forget_compiled():
    """Drop a file's compiled programs after it: each holds memory maps, and Linux gives a process 65,530."""
    yield
    jax.clear_caches()
    gc.collect()


@pytest.fixture(scope="module")
def quick():
    """Compile without optimizing, for files whose many small programs run once: eight times less to wait for.

    Not where rounding decides (energies, certificates, graphs): there the programs that people run are the ones to test.
    """
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture(scope="session")
def few_digits():
    """MNIST with 600 training and 200 test images of each digit: tasks of all pairs have one shape, and share programs."""
    mnist = data.load("mnist")
    kept = {}
    for split, count in (("train", 600), ("test", 200)):
        labels = getattr(mnist, f"y_{split}")
        rows = np.sort(np.concatenate([np.flatnonzero(labels == digit)[:count] for digit in range(10)]))
        kept |= {f"{name}_{split}": getattr(mnist, f"{name}_{split}")[rows] for name in "xy"}
    return dataclasses.replace(mnist, **kept)


@pytest.fixture
def compilations(caplog):
    """Context manager: counts how often functions of a name are compiled inside it."""

    @contextlib.contextmanager
    def counting(name):
        start = len(caplog.records)
        with jax.log_compiles(True), caplog.at_level(logging.WARNING):
            yield lambda: sum(
                record.getMessage().startswith(f"Compiling jit({name})") for record in caplog.records[start:]
            )

    return counting


@pytest.fixture
def test_data():
    """The folder of real files that JPROBE_TEST_DATA names."""
    folder = os.environ.get("JPROBE_TEST_DATA")
    if not folder:
        pytest.skip("JPROBE_TEST_DATA names no folder of real files")
    return Path(folder)
