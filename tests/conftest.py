"""Fixtures that several test files share."""

import contextlib
import dataclasses
import gc
import logging
import os
import subprocess
import sys
from pathlib import Path

# What one test compiles the next ones read, those of other workers and of later runs too. Set before JAX is imported,
# and for the processes that tests start as well.
COMPILED = Path(__file__).parent.parent / ".pytest_cache" / "compiled"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(COMPILED))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.05")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
os.environ.setdefault("JAX_TRACEBACK_IN_LOCATIONS_LIMIT", "0")

# Most of the time goes into compiling thousands of small programs. Without these two parts of XLA's compiler for CPUs
# it takes a third; XLA ends the process at a flag that it does not know, so another process tries them.
FAST_COMPILE = "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
if "XLA_FLAGS" not in os.environ:
    tried = subprocess.run(
        [sys.executable, "-c", "import jax; jax.devices()"], env=os.environ | {"XLA_FLAGS": FAST_COMPILE},
        capture_output=True,
    )  # fmt: skip
    os.environ["XLA_FLAGS"] = FAST_COMPILE if tried.returncode == 0 else ""

import hypothesis  # noqa: E402
import jax  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402
from jax._src import compiler  # noqa: E402
from jax._src.interpreters import mlir  # noqa: E402

from jprobe import data  # noqa: E402

# Tracing makes many objects, most of which stay: looking for garbage among them was a fifteenth of the time.
gc.set_threshold(100_000, 20, 100)

# How long an example takes says more about what else the machine does, and what is compiled, than about the code.
hypothesis.settings.register_profile("jprobe", deadline=None)
hypothesis.settings.load_profile("jprobe")


# Files that take longest, which two workers begin with: one that begins with them last works on alone.
LONGEST = (
    "notebook",
    "docstrings",
    "study_probes",
    "study_frustration",
    "study_transformer",
    "study_cnt",
    "readme",
    "mesh",
    "zoo",
    "fit",
    "sweep",
    "probes",
    "frustration",
    "graph",
    "rounding",
    "randomize",
    "train",
    "local_graph",
    "tagging",
)


def pytest_collection_modifyitems(items):
    """The longest files first."""
    order = {f"test_{name}.py": n for n, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


@pytest.fixture(scope="module", autouse=True)
def _compiled(request):
    """Compile the many small programs of files marked "quick", which run once, without optimizing.

    Not where rounding decides (local minima, certificates): there the programs that people run are the ones to test.
    What a file compiled is dropped after it: each program holds memory maps, and Linux gives a process 65,530.
    """
    jax.config.update("jax_disable_most_optimizations", request.node.get_closest_marker("quick") is not None)
    with _compiled_once(), _one_context():
        yield
    jax.clear_caches()
    gc.collect()


@contextlib.contextmanager
def _compiled_once():
    """Keep compiled programs in memory, in front of JAX's cache on disk and under its keys.

    A quarter of what the tests compile is what they compiled before: each sweep is a function of its own to JAX, and
    many have the same code. A JAX without these two functions compiles it again.
    """
    kept, read, write = {}, getattr(compiler, "_cache_read", None), getattr(compiler, "_cache_write", None)

    def remembering(name, key, *rest):
        return (kept[key], 0) if key in kept else read(name, key, *rest)

    def keeping(key, seconds, name, backend, executable, host_callbacks):
        if not host_callbacks:
            kept[key] = executable
        write(key, seconds, name, backend, executable, host_callbacks)

    with pytest.MonkeyPatch.context() as patch:
        if read and write:
            patch.setattr(compiler, "_cache_read", remembering)
            patch.setattr(compiler, "_cache_write", keeping)
        yield


@contextlib.contextmanager
def _one_context():
    """Write the programs of a file in one MLIR context: to make one for each was a fifth of the time of a small program.

    A program that is compiled while another one is written gets a context of its own, as its parts would go into that.
    """
    with pytest.MonkeyPatch.context() as patch:
        if make := getattr(mlir, "make_ir_context", None):
            kept = make()
            patch.setattr(mlir, "make_ir_context", lambda: make() if mlir.ir.Context.current else kept)
        yield


@pytest.fixture(scope="session")
def few_digits():
    """MNIST at 14 x 14 pixels with 600 training and 200 test images of each digit.

    Tasks of all pairs have one shape, and share programs.
    """
    mnist = data.load("mnist")
    kept = {}
    for split, count in (("train", 600), ("test", 200)):
        x, labels = getattr(mnist, f"x_{split}"), getattr(mnist, f"y_{split}")
        rows = np.sort(np.concatenate([np.flatnonzero(labels == digit)[:count] for digit in range(10)]))
        kept |= {
            f"x_{split}": x[rows].reshape(-1, 14, 2, 14, 2, 1).mean((2, 4)).astype(x.dtype),
            f"y_{split}": labels[rows],
        }
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
def unpainted(monkeypatch):
    """Runs leave their figures blank: drawing them is a third of a small study, and one run of each is drawn."""
    from jprobe.report.drawing import Drawing

    blank = Drawing(b"blank", b"blank", "<svg></svg>", 3.25, (), {"panels": []})
    monkeypatch.setattr("jprobe.report.templates.drawn", lambda figure, name: blank)


@pytest.fixture
def test_data():
    """The folder of real files that JPROBE_TEST_DATA names."""
    folder = os.environ.get("JPROBE_TEST_DATA")
    if not folder:
        pytest.skip("JPROBE_TEST_DATA names no folder of real files")
    return Path(folder)
