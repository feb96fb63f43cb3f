import errno
import os

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from jprobe import results
from jprobe.errors import ConfigMismatchError, DiskError


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


def test_a_folder_with_another_configuration_is_refused_and_untouched(tmp_path):
    results.RunFolder(tmp_path, {"seeds": 3, "hidden": (64,)})
    results.RunFolder(tmp_path, {"seeds": 3, "hidden": (64,)})
    before = (tmp_path / "config.json").read_bytes()
    with pytest.raises(ConfigMismatchError, match=r"seeds: 3 there, 4 now") as caught:
        results.RunFolder(tmp_path, {"seeds": 4, "hidden": (64,), "epochs": 1})
    assert "epochs: absent there, 1 now" in str(caught.value)
    assert "hidden" not in str(caught.value)
    assert (tmp_path / "config.json").read_bytes() == before


def test_a_piece_is_computed_once_and_again_if_its_file_is_damaged(tmp_path):
    folder, calls = results.RunFolder(tmp_path, {}), []

    def compute():
        calls.append(1)
        return xr.Dataset({"a": ("x", [1.0, 2.0])})

    assert not folder.has("p")
    first = folder.piece("p", compute)
    again = folder.piece("p", compute)
    assert len(calls) == 1
    assert folder.has("p")
    xr.testing.assert_identical(first, again)
    file = tmp_path / "sweeps" / "p.nc"
    file.write_bytes(file.read_bytes()[:40])
    xr.testing.assert_identical(folder.piece("p", compute), first)
    assert len(calls) == 2


def test_provenance_names_versions_data_and_command():
    made = results.provenance({"train.gz": "md5:abc"}, "jprobe run probes", 1.234)
    assert made["data"] == {"train.gz": "md5:abc"}
    assert made["command"] == "jprobe run probes"
    assert made["versions"]["numpy"] == np.__version__
