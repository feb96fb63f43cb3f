import errno
import os

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from jprobe import results
from jprobe.errors import DamagedFileError, DiskError, MissingFileError


def test_a_failed_write_leaves_the_old_file_and_no_scraps(tmp_path, monkeypatch):
    path = tmp_path / "a" / "summary.json"
    results.write(path, "old")

    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(DiskError, match="No space left"):
        results.write(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in path.parent.iterdir()] == ["summary.json"]


def test_an_unwritable_folder_is_an_explained_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="--out"):
        results.write(tmp_path / "file" / "below", "x")


@given(st.lists(st.floats(width=32), min_size=1, max_size=20), st.booleans())
def test_datasets_come_back_from_disk_as_they_were(tmp_path_factory, values, flag):
    path = tmp_path_factory.mktemp("nc") / "a.nc"
    before = xr.Dataset(
        {"accuracy": (("task", "seed"), np.array([values], np.float32), {"units": "1"})},
        {"seed": np.arange(len(values)), "signed": flag, "task": ["easy"]},
        {"checksums": '{"a": "md5:1"}'},
    )
    results.save(path, before)
    after = results.load(path)
    xr.testing.assert_identical(after, before)
    assert after.signed.dtype == bool


def test_a_file_with_any_byte_changed_does_not_load(tmp_path):
    path = tmp_path / "a.nc"
    results.save(path, xr.Dataset({"a": ("x", [1.0, 2.0, 3.0])}, {"x": [0, 1, 2]}, {"note": "text"}))
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(DamagedFileError):
            results.load(path)
    path.write_bytes(content[:-1])
    with pytest.raises(DamagedFileError, match="Delete it"):
        results.load(path)
    with pytest.raises(MissingFileError, match="Delete it"):
        results.load(tmp_path / "b.nc")


def test_provenance_names_versions_data_and_command():
    made = results.provenance({"train.gz": "md5:abc"}, "jprobe run probes", 1.234)
    assert made["data"] == {"train.gz": "md5:abc"}
    assert made["command"] == "jprobe run probes"
    assert made["versions"]["numpy"] == np.__version__


def test_what_was_loaded_may_be_joined_and_saved_again(tmp_path, recwarn):
    """Names of other lengths, as of two networks' kernels."""
    parts = [
        xr.Dataset({"norm": ("kernel", [1.0])}, {"kernel": [name]}) for name in ("Conv_0/kernel", "recurrent/kernel")
    ]
    for n, part in enumerate(parts):
        results.save(tmp_path / f"{n}.nc", part)
    joined = xr.concat([results.load(tmp_path / f"{n}.nc") for n in range(2)], "network", join="outer")
    results.save(tmp_path / "joined.nc", joined)
    assert results.load(tmp_path / "joined.nc").kernel.values.tolist() == ["Conv_0/kernel", "recurrent/kernel"]
    assert not recwarn.list
