"""Checkpoints: whole or not at all, every byte as it was written, one error for a full disk."""

import errno
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import jax.numpy as jnp
import numpy as np
import pytest

from jprobe import checkpoint as checkpoints
from jprobe.errors import CheckpointError, DiskError, MissingFileError

TREE = {"params": {"a": np.arange(6, dtype=np.float32).reshape(2, 3)}, "epoch": np.arange(3, dtype=np.int32)}


def test_keys_missing_and_left_over_are_an_error(tmp_path):
    checkpoints.save(tmp_path / "c", {"a": jnp.ones(2), "old": jnp.ones(3)})
    with pytest.raises(CheckpointError, match=r"left over: old\n  missing: b"):
        checkpoints.load(tmp_path / "c", {"a": jnp.ones(2), "b": jnp.ones(3)})
    with pytest.raises(CheckpointError, match=r"a is float32\[2\], not int32\[2\]"):
        checkpoints.load(tmp_path / "c", {"a": jnp.ones(2, int), "old": jnp.ones(3)})


def test_a_checkpoint_replaces_an_older_one(tmp_path):
    for value in (1.0, 2.0):
        checkpoints.save(tmp_path / "c", {"a": jnp.full(2, value)})
    assert np.asarray(checkpoints.load(tmp_path / "c", {"a": jnp.zeros(2)})["a"]).tolist() == [2, 2]


def test_arrays_without_entries_are_kept_by_their_shapes(tmp_path):
    """A stage of a wiring may have no node left."""
    tree = {"a": np.ones(2, np.float32), "stage": {"nodes": np.zeros((3, 0, 4), np.float32)}}
    checkpoints.save(tmp_path / "c", tree)
    found = checkpoints.load(tmp_path / "c", tree)
    assert found["stage"]["nodes"].shape == (3, 0, 4)
    assert found["a"].tolist() == [1, 1]
    with pytest.raises(CheckpointError, match="left over: a"):
        checkpoints.load(tmp_path / "c", {"stage": tree["stage"]})
    with pytest.raises(CheckpointError, match=r"a is float32\[2\], not float32\[0\]"):
        checkpoints.load(tmp_path / "c", tree | {"a": np.zeros(0, np.float32)})


def test_threads_write_side_by_side(tmp_path):
    """As parts of a run do."""

    def writes(name):
        for value in range(4):
            checkpoints.save(tmp_path / name, {"a": np.full(3, value)})
        return checkpoints.load(tmp_path / name, {"a": np.zeros(3, int)})["a"].tolist()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(writes, "abcd")) == [[3, 3, 3]] * 4


def test_no_checkpoint_to_load_is_an_error(tmp_path):
    with pytest.raises(MissingFileError):
        checkpoints.load(tmp_path / "nothing", {"a": jnp.ones(2)})


def test_a_full_disk_is_an_error_and_keeps_the_older_checkpoint(tmp_path, monkeypatch):
    from orbax.checkpoint import v1 as ocp

    checkpoints.save(tmp_path / "c", {"a": jnp.ones(2)})

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ocp, "save", full)
    with pytest.raises(DiskError, match="No space left"):
        checkpoints.save(tmp_path / "c", {"a": jnp.zeros(2)})
    assert np.asarray(checkpoints.load(tmp_path / "c", {"a": jnp.zeros(2)})["a"]).tolist() == [1, 1]
    assert [file.name for file in tmp_path.iterdir()] == ["c"]


def test_a_byte_that_changes_in_any_file_is_noticed(tmp_path, capfd):
    path = tmp_path / "c"
    checkpoints.save(path, TREE)
    rng = np.random.default_rng(0)
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        good = file.read_bytes()
        for at in range(0, len(good), 3):
            bad = bytearray(good)
            bad[at] ^= 1 << int(rng.integers(8))
            file.write_bytes(bad)
            with pytest.raises(CheckpointError) as caught:
                checkpoints.load(path, TREE)
            assert str(path) in str(caught.value)
            assert "Delete it" in str(caught.value)
        file.unlink()
        with pytest.raises(CheckpointError, match="damaged"):
            checkpoints.load(path, TREE)
        file.write_bytes(good)
    again = checkpoints.load(path, TREE)
    np.testing.assert_array_equal(again["params"]["a"], TREE["params"]["a"])
    assert capfd.readouterr().err == ""


def test_a_full_disk_is_one_error(tmp_path):
    code = textwrap.dedent("""
        import sys, resource, signal, numpy as np
        from jprobe import checkpoint
        from jprobe.errors import DiskError
        tree = {"a": np.random.default_rng(0).normal(size=(300, 300)).astype(np.float32)}
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**17, 2**17))  # no file may grow larger: a disk that is full
        try:
            checkpoint.save(sys.argv[1], tree)
        except DiskError as error:
            print(error)
    """)
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "c"], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.startswith(f"Could not write {tmp_path / 'c'}")
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_after_all_is_one_error_too(tmp_path, monkeypatch):
    from orbax.checkpoint import v1 as ocp

    def fail(*args, **kwargs):
        raise ValueError("RESOURCE_EXHAUSTED: no space\nand much more")

    monkeypatch.setattr(ocp, "save", fail)
    with pytest.raises(DiskError, match=r"RESOURCE_EXHAUSTED: no space\. [A-Z]"):
        checkpoints.save(tmp_path / "c", TREE)
    assert list(tmp_path.iterdir()) == []
