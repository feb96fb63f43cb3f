"""The cache of compiled programs is bounded, and no state of it ends a run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

# Compiles some programs as a run does; prints a number that they compute, and JAX's settings.
PROGRAM = """
import os, resource, sys, jax, jax.numpy as jnp
from jprobe.studies.runner import compiled
compiled.MOST = int(sys.argv[1])
compiled.keep_compiled()
if "FULL" in os.environ:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(os.environ["FULL"]),) * 2)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
total = sum(float(jax.jit(lambda x, n=n: jnp.sin(x) @ x.T + n)(jnp.ones((n, n))).sum()) for n in range(2, 8))
print(round(total, 3), jax.config.values["jax_compilation_cache_max_size"], jax.config.values["jax_compilation_cache_dir"])
"""


def compiling(cache, most=2 * 10**9, **environment):
    """(number, bound, folder) that a fresh process prints, and its stderr."""
    given = {key: value for key, value in os.environ.items() if not key.startswith("JAX_")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(most)], capture_output=True, text=True, cwd=Path(__file__).parent.parent,
        env={**given, "JPROBE_CACHE": str(cache), **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split(), done.stderr


def programs(cache):
    return sorted((cache / "compiled").glob("*-cache"))


def test_the_bound_is_in_force_and_what_was_left_unfinished_goes(tmp_path):
    (number, bound, folder), _ = compiling(tmp_path)
    assert (bound, folder) == ("2000000000", str(tmp_path / "compiled"))
    sizes = [path.stat().st_size for path in programs(tmp_path)]
    assert len(sizes) > 4
    # As a killed process leaves a program, and as a JAX without bound wrote them: no time of use.
    half = programs(tmp_path)[0]
    half.write_bytes(half.read_bytes()[:100])
    half.with_name(half.name.replace("-cache", "-atime")).unlink()
    (again, bound, _), told = compiling(tmp_path, most=sum(sizes) // 2)
    assert (again, bound, told) == (number, str(sum(sizes) // 2), "")
    left = [path.stat().st_size for path in programs(tmp_path)]
    assert sum(left) <= sum(sizes) // 2
    assert 0 < len(left) < len(sizes)


def test_a_damaged_cache_ends_no_run(tmp_path):
    (number, *_), _ = compiling(tmp_path)
    for n, path in enumerate(programs(tmp_path)):
        content = path.read_bytes()
        path.write_bytes((b"", content[:50], b"\xff" * len(content))[n % 3])
    (again, *_), told = compiling(tmp_path)
    assert again == number
    assert "Traceback" not in told


@pytest.mark.parametrize("there", ["a file", "a folder in place of the lock"])
def test_a_cache_that_cannot_be_written_is_told_once(tmp_path, there):
    if there == "a file":
        (tmp_path / "compiled").write_text("no folder")
    else:
        (tmp_path / "compiled" / ".lockfile").mkdir(parents=True)
    (_, _, folder), told = compiling(tmp_path)
    assert folder == "None"
    assert told.count("not kept") == 1
    assert len(told.splitlines()) == 1


def test_what_a_person_set_is_theirs(tmp_path):
    (_, bound, folder), _ = compiling(tmp_path, JAX_COMPILATION_CACHE_DIR=str(tmp_path / "mine"))
    assert (bound, folder) == ("-1", str(tmp_path / "mine"))
    (_, bound, folder), _ = compiling(tmp_path, JAX_COMPILATION_CACHE_MAX_SIZE="123456789")
    assert (bound, folder) == ("123456789", str(tmp_path / "compiled"))


def test_a_full_disk_ends_no_run(tmp_path):
    (number, *_), _ = compiling(tmp_path / "one")
    # No file can grow beyond 100 bytes: what a process writes then fails half way, as on a full disk.
    (again, *_), told = compiling(tmp_path / "two", FULL="100")
    assert again == number
    assert "Traceback" not in told
    assert all(path.stat().st_size <= 100 for path in programs(tmp_path / "two"))
    # With room again the halves are replaced.
    (again, *_), told = compiling(tmp_path / "two")
    assert (again, told) == (number, "")
    assert len(programs(tmp_path / "two")) == len(programs(tmp_path / "one"))
