"""The data room: decoding, checksums, import without a network, the decoded cache, tasks."""

import collections
import contextlib
import doctest
import errno
import gzip
import hashlib
import importlib.util
import io
import os
import shutil
import socket
import struct
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jprobe import atomic, data
from jprobe.data import cache, cifar, downloads, embedded, idx, official, tfds_files
from jprobe.errors import (
    ArgumentError,
    DamagedFileError,
    DiskError,
    MissingDataError,
    MissingExtraError,
    MissingFileError,
    ShapeError,
    UnknownNameError,
    UnreadableFileError,
)

tfds = pytest.importorskip("tensorflow_datasets")

MEND = "Mend it."
SHARED = os.environ.get("JPROBE_TEST_DATA")
needs_files = pytest.mark.skipif(
    not SHARED, reason="set JPROBE_TEST_DATA to a folder with data/fashion-mnist, data/kmnist and get-cifar10"
)


@pytest.fixture(autouse=True)
def isolated(tmp_path, monkeypatch):
    """No test sees this machine's caches."""
    monkeypatch.setenv("JPROBE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)


def pack_idx(array):
    """An IDX file as its authors describe it, written without jprobe."""
    header = struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(header + array.tobytes(), compresslevel=1)


def flip_byte(path, offset):
    content = bytearray(path.read_bytes())
    content[offset] ^= 0x40
    path.write_bytes(content)


def files_below(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file()) if folder.exists() else []


# Decoding


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=6)))
def test_idx_gives_back_any_array(array):
    found = idx.decode(pack_idx(array), Path("x.gz"), MEND)
    assert found.shape == array.shape
    assert np.array_equal(found, array)


@given(st.data())
@settings(max_examples=50)
def test_idx_refuses_any_truncated_file(draw):
    whole = pack_idx(np.arange(40, dtype=np.uint8).reshape(5, 8))
    cut = draw.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(DamagedFileError, match=r"(?s)x\.gz is damaged.*Mend it"):
        idx.decode(whole[:cut], Path("x.gz"), MEND)


@pytest.mark.parametrize(
    "content",
    [b"", b"\0\0", b"\0\0\x0d\1\0\0\0\0", b"\0\0\x08\3\0\0\0\1", b"\0\0\x08\1\0\0\0\2abc", b"\xff\0\x08\0a"],
)
def test_idx_refuses_what_is_gzip_but_not_idx(content):
    with pytest.raises(DamagedFileError):
        idx.decode(gzip.compress(content), Path("x.gz"), MEND)


@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_cifar_records_by_hand(count, seed):
    rng = np.random.default_rng(seed)
    labels, planes = rng.integers(0, 10, count), rng.integers(0, 256, (count, 3, 32, 32))
    content = b"".join(bytes([k]) + bytes(p.ravel().tolist()) for k, p in zip(labels, planes, strict=True))
    x, y = cifar.decode(content, Path("batch.bin"), MEND)
    assert y.dtype == np.int32
    assert y.tolist() == labels.tolist()
    i, row, column, channel = rng.integers(0, (count, 32, 32, 3))
    assert x.shape == (count, 32, 32, 3)
    assert x[i, row, column, channel] == content[3073 * i + 1 + 1024 * channel + 32 * row + column]


def test_cifar_refuses_half_records_and_strange_labels():
    with pytest.raises(DamagedFileError, match="whole number"):
        cifar.decode(b"\1" * 3072, Path("b.bin"), MEND)
    with pytest.raises(DamagedFileError, match="label 10"):
        cifar.decode(b"\x0a" + bytes(3072), Path("b.bin"), MEND)


# MNIST


@pytest.fixture(scope="module")
def mnist():
    return embedded.mnist()


def test_mnist_is_the_official_one(mnist):
    assert mnist.x_train.shape == (60000, 28, 28, 1)
    assert mnist.x_test.shape == (10000, 28, 28, 1)
    assert mnist.x_train.dtype == np.uint8
    assert mnist.y_train.dtype == np.int32
    assert mnist.y_train[:5].tolist() == [5, 0, 4, 1, 9]
    assert mnist.y_test[:5].tolist() == [7, 2, 1, 0, 4]
    # Counts as listed in the literature.
    train = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    test = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.bincount(mnist.y_train).tolist() == train
    assert np.bincount(mnist.y_test).tolist() == test
    # The mean and deviation that everyone normalises with.
    assert mnist.x_train.mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert mnist.x_train.std() / 255 == pytest.approx(0.3081, abs=5e-5)


def test_mnist_files_have_the_official_md5_and_are_what_is_decoded(mnist):
    official_md5 = {
        "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
    }
    for name, md5 in official_md5.items():
        assert hashlib.md5((embedded.FOLDER / name).read_bytes()).hexdigest() == md5
        assert mnist.checksums[name] == f"md5:{md5}"
    with gzip.open(embedded.FOLDER / "t10k-images-idx3-ubyte.gz") as file:
        assert struct.unpack(">4I", file.read(16)) == (0x803, 10000, 28, 28)
        assert file.read() == mnist.x_test.tobytes()


def test_mnist_notice_states_source_licence_and_checksums():
    notice = (embedded.FOLDER / "NOTICE.md").read_text()
    for words in ("CC BY-SA 3.0", "LeCun", "Cortes", "Burges", "yann.lecun.com"):
        assert words in notice
    for checksum in embedded.CHECKSUMS.values():
        assert checksum.removeprefix("md5:") in notice


@pytest.fixture
def installed(tmp_path, monkeypatch):
    folder = tmp_path / "installed"
    shutil.copytree(embedded.FOLDER, folder)
    monkeypatch.setattr(embedded, "FOLDER", folder)
    return folder


def test_damaged_installation_is_named(installed):
    flip_byte(installed / "t10k-labels-idx1-ubyte.gz", 2000)
    with pytest.raises(DamagedFileError, match=r"(?s)t10k-labels-idx1-ubyte\.gz is damaged.*--force-reinstall"):
        data.load("mnist")
    (installed / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(MissingFileError, match="t10k-labels"):
        data.load("mnist")


def test_truncated_installation_is_named(installed):
    path = installed / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DamagedFileError, match="train-images"):
        data.load("mnist")


def test_loading_mnist_needs_neither_tfds_nor_jax():
    code = (
        "import sys, jprobe as jp; assert len(jp.data.load('mnist').x_train) == 60000\n"
        "print(sorted({'jax', 'tensorflow_datasets', 'tensorflow', 'etils', 'requests', 'urllib3'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""


# The decoded cache


def tiny(name="tiny"):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (6, 4, 4, 1), np.uint8), np.array([0, 1, 2, 0, 1, 2], np.int32)
    return data.Dataset(name, x, y, x[::-1].copy(), y[::-1].copy(), ("a", "b", "c"), {"f": "md5:0"}, "made here")


def assert_same(a, b):
    for field in cache.ARRAYS:
        assert getattr(a, field).dtype == getattr(b, field).dtype
        assert np.array_equal(getattr(a, field), getattr(b, field))
    assert (a.name, a.class_names, a.checksums, a.source) == (b.name, b.class_names, b.checksums, b.source)


def test_cache_dir_follows_the_environment(monkeypatch, tmp_path):
    assert data.cache_dir() == tmp_path / "cache"
    monkeypatch.delenv("JPROBE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert data.cache_dir() == tmp_path / "xdg" / "jprobe"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert data.cache_dir() == tmp_path / "home" / ".cache" / "jprobe"


def test_decoded_once(monkeypatch):
    first = data.load("mnist")
    assert [path.name for path in files_below(data.cache_dir())] == ["mnist.npz"]
    monkeypatch.setattr(embedded, "mnist", lambda: pytest.fail("decoded twice"))
    assert_same(data.load("mnist"), first)


def test_names_with_slashes_stay_inside_the_cache():
    cache.store(tiny("../../x/y:1.0.0"))
    assert [path.parent for path in files_below(data.cache_dir())] == [data.cache_dir() / "data"]
    assert_same(cache.recall("../../x/y:1.0.0"), tiny("../../x/y:1.0.0"))


def test_a_flipped_byte_anywhere_in_the_decoded_cache_never_gives_other_arrays():
    cache.store(tiny())
    path = cache.path_of("tiny")
    whole = path.read_bytes()
    noticed = 0
    for offset in range(0, len(whole), 7):
        path.write_bytes(whole)
        flip_byte(path, offset)
        found = cache.recall("tiny")
        if found is None:
            noticed += 1
        else:
            assert_same(found, tiny())
    assert noticed > len(whole) / 7 / 2
    for length in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert cache.recall("tiny") is None


def test_a_decoded_cache_whose_headers_lie_is_noticed():
    # Large enough that zipfile has not read on to the end, and so to the checksum, by itself.
    x, y = np.zeros((40000, 1, 1, 1), np.uint8), np.zeros(40000, np.int32)
    cache.store(data.Dataset("long", x, y, x, y, ("a", "b"), {}, "made here"))
    path = cache.path_of("long")
    content = path.read_bytes()
    # Consistent, and smaller: NumPy alone would read half of the examples without an error.
    path.write_bytes(content.replace(b"(40000, 1", b"(20000, 1").replace(b"(40000,)", b"(20000,)"))
    assert path.read_bytes() != content
    assert cache.recall("long") is None


def test_damaged_decoded_cache_is_named_and_made_again(caplog, mnist):
    data.load("mnist")
    flip_byte(cache.path_of("mnist"), 20_000_000)
    assert_same(data.load("mnist"), mnist)
    assert "mnist.npz is damaged" in caplog.text
    assert cache.recall("mnist") is not None


def test_mnist_loads_where_the_cache_cannot_be_written(monkeypatch, tmp_path, caplog, mnist):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("JPROBE_CACHE", str(tmp_path / "file"))
    assert_same(data.load("mnist"), mnist)
    assert "JPROBE_CACHE" in caplog.text


def test_mnist_loads_where_the_disk_is_full(monkeypatch, caplog, mnist):
    def full(file, **arrays):
        file.write(b"some")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    assert_same(data.load("mnist"), mnist)
    assert "No space left" in caplog.text
    assert files_below(data.cache_dir()) == []


def test_replacing_keeps_the_old_file_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "f"
    path.write_text("old")
    with contextlib.suppress(KeyboardInterrupt), atomic.replacing(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    with atomic.replacing(path) as file:
        file.write(b"new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert files_below(tmp_path) == [path]


def test_replacing_keeps_the_old_folder_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "f"
    for content in ("old", "new"):
        with contextlib.suppress(KeyboardInterrupt), atomic.replacing_folder(path) as folder:
            (folder / "half").write_text("half")
            raise KeyboardInterrupt
        assert not path.exists() or files_below(path) == [path / "old"]
        with atomic.replacing_folder(path) as folder:
            (folder / content).write_text(content)
        assert files_below(tmp_path) == [path / content]


def test_import_of_photos_onto_a_full_disk_keeps_nothing(tmp_path, monkeypatch):
    image = pytest.importorskip("PIL.Image")
    (tmp_path / "mine" / "val" / "tench").mkdir(parents=True)
    image.new("RGB", (224, 224), "red").save(tmp_path / "mine" / "val" / "tench" / "a.png")

    def full(source, target):
        target.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", full)
        with pytest.raises(DiskError, match="imagenette: No space left on device"):
            data.import_files("imagenette", tmp_path / "mine")
    assert files_below(data.cache_dir()) == []
    (kept,) = data.import_files("imagenette", tmp_path / "mine")
    assert data.load_photos(kept.parent).labels == ("tench",)


# Fashion-MNIST and KMNIST, as small synthetic sets (TFDS's table replaced) and as the real files


def fake_registry(monkeypatch, name, contents):
    """Make TFDS register other checksums for the official file names of a dataset."""
    UrlInfo = tfds.core.download.checksums.UrlInfo
    Size = tfds.core.utils.Size
    real = tfds.builder_cls
    infos = {
        url: UrlInfo(Size(len(content)), hashlib.sha256(content).hexdigest(), info.filename)
        for url, info in real(name).url_infos.items()
        for content in [contents[info.filename]]
    }
    monkeypatch.setattr(
        tfds, "builder_cls", lambda other: SimpleNamespace(url_infos=infos) if other == name else real(other)
    )


@pytest.fixture
def small_fashion(monkeypatch, tmp_path):
    """A folder with four small IDX files that pass for Fashion-MNIST, and what they hold."""
    rng = np.random.default_rng(1)
    arrays = [rng.integers(0, 256, (12, 28, 28)), rng.integers(0, 10, 12)]
    arrays += [rng.integers(0, 256, (4, 28, 28)), rng.integers(0, 10, 4)]
    contents = {name: pack_idx(array.astype(np.uint8)) for name, array in zip(idx.FILES, arrays, strict=True)}
    fake_registry(monkeypatch, "fashion_mnist", contents)
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return folder, arrays


def test_import_then_load_without_network(small_fashion, no_network, tmp_path):
    folder, arrays = small_fashion
    written = data.import_files("fashion_mnist", folder)
    assert files_below(data.cache_dir()) == sorted(written)
    assert {path.name for path in written} == set(idx.FILES)
    assert not (tmp_path / "tfds").exists()
    found = data.load("fashion_mnist")
    for array, expected in zip([found.x_train, found.y_train, found.x_test, found.y_test], arrays, strict=True):
        assert np.array_equal(array.reshape(expected.shape), expected)
    assert found.class_names[9] == "Ankle boot"
    assert found.checksums == {
        name: "sha256:" + hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in idx.FILES
    }


def test_import_refuses_a_missing_file_and_writes_nothing(small_fashion, tmp_path):
    folder, _ = small_fashion
    (folder / "t10k-images-idx3-ubyte.gz").unlink()
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(MissingFileError, match=r"mine/t10k-(images|labels)\S+ does not exist.*Also missing: t10k-"):
        data.import_files("fashion_mnist", folder)
    assert files_below(tmp_path / "cache") == files_below(tmp_path / "tfds") == []
    with pytest.raises(MissingFileError, match="nowhere does not exist"):
        data.import_files("fashion_mnist", tmp_path / "nowhere")


def test_import_refuses_a_damaged_file_and_writes_nothing(small_fashion, tmp_path):
    folder, _ = small_fashion
    flip_byte(folder / "train-labels-idx1-ubyte.gz", 20)
    with pytest.raises(DamagedFileError, match=r"(?s)mine/train-labels\S+ is damaged.*sha256:.*Nothing was imported"):
        data.import_files("fashion_mnist", folder)
    assert files_below(tmp_path / "cache") == files_below(tmp_path / "tfds") == []


def test_import_says_which_other_file_a_wrong_file_is(small_fashion, tmp_path):
    folder, _ = small_fashion
    shutil.copy(embedded.FOLDER / "train-labels-idx1-ubyte.gz", folder)
    with pytest.raises(ArgumentError, match=r"it is train-labels-idx1-ubyte\.gz of mnist"):
        data.import_files("fashion_mnist", folder)
    shutil.copy(folder / "t10k-labels-idx1-ubyte.gz", folder / "train-labels-idx1-ubyte.gz")
    with pytest.raises(ArgumentError, match=r"it is t10k-labels-idx1-ubyte\.gz of fashion_mnist"):
        data.import_files("fashion_mnist", folder)
    assert files_below(tmp_path / "cache") == files_below(tmp_path / "tfds") == []


@pytest.mark.parametrize("name", ["fashion_mnist", "cifar10", "conll2003", "imagenette"])
def test_import_refuses_an_empty_path_and_a_file(name, tmp_path):
    with pytest.raises(ArgumentError, match=r"The path is empty\. Name a folder that holds"):
        data.import_files(name, "")
    (tmp_path / "file").write_text("")
    with pytest.raises(ArgumentError, match="file is a file, not a folder"):
        data.import_files(name, tmp_path / "file")
    with pytest.raises(MissingFileError, match="nowhere does not exist"):
        data.import_files(name, tmp_path / "nowhere")


def test_import_from_a_folder_that_may_not_be_read(small_fashion, monkeypatch, tmp_path):
    folder, _ = small_fashion

    def refuse(*args):
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "listdir", refuse)
        with pytest.raises(UnreadableFileError, match=r"mine cannot be read: Permission denied\. Name a folder"):
            data.import_files("fashion_mnist", folder)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        with pytest.raises(UnreadableFileError, match=r"gz cannot be read: Permission denied\. Nothing was imported"):
            data.import_files("fashion_mnist", folder)
    assert files_below(data.cache_dir()) == []


def test_import_of_other_names():
    with pytest.raises(ArgumentError, match="nothing to import"):
        data.import_files("mnist", ".")
    with pytest.raises(UnknownNameError, match="Did you mean 'kmnist'"):
        data.import_files("kmnits", ".")


def test_import_onto_a_full_disk_leaves_nothing(small_fashion, monkeypatch, tmp_path):
    folder, _ = small_fashion
    copied = []

    def full(source, target):
        copied.append(target.write(source.read()))
        if len(copied) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(DiskError, match="No space left on device"):
        data.import_files("fashion_mnist", folder)
    assert files_below(tmp_path / "cache") == files_below(tmp_path / "tfds") == []


def test_damaged_file_in_the_download_cache_is_found_on_load_and_mended_by_import(small_fashion, no_network):
    folder, _ = small_fashion
    written = data.import_files("fashion_mnist", folder)
    flip_byte(written[0], 30)
    with pytest.raises(DamagedFileError, match="jprobe data fetch fashion_mnist") as caught:
        data.load("fashion_mnist")
    assert str(written[0]) in str(caught.value)
    # A sound file, but another one.
    written[0].write_bytes(pack_idx(np.zeros((12, 28, 28), np.uint8)))
    with pytest.raises(DamagedFileError, match="the published one is sha256"):
        data.load("fashion_mnist")
    data.import_files("fashion_mnist", folder)
    assert len(data.load("fashion_mnist").x_train) == 12


def test_fetch_asks_for_damaged_files_only(small_fashion, monkeypatch):
    folder, _ = small_fashion
    written = data.import_files("fashion_mnist", folder)
    written[1].write_bytes(b"")
    asked = []

    def download(url, checksum, target, missing):
        asked.append(target)
        shutil.copy(folder / target.name, target)

    monkeypatch.setattr(official, "download", download)
    assert len(data.fetch("fashion_mnist").x_train) == 12
    assert asked == [written[1]]


# TFDS's own download cache: what a person has there is read, and nothing is written


def as_tfds_downloads(name, contents):
    """Fill TFDS's download cache as TFDS itself does: file name -> path."""
    from tensorflow_datasets.core.download import resource

    paths = {}
    for url, info in tfds.builder_cls(name).url_infos.items():
        path = tfds_files.data_dir() / "downloads" / name / resource.get_dl_fname(url, info.checksum)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents[info.filename])
        resource.write_info_file(
            url=url, path=tfds.core.Path(path), dataset_name=name, original_fname=info.filename, url_info=info
        )
        paths[info.filename] = path
    return paths


def test_what_tfds_downloaded_is_read(small_fashion, no_network):
    folder, arrays = small_fashion
    paths = as_tfds_downloads("fashion_mnist", {name: (folder / name).read_bytes() for name in idx.FILES})
    before = files_below(tfds_files.data_dir())
    assert data.load("fashion_mnist").y_train.tolist() == arrays[1].tolist()
    assert data.catalogue()[1].where == f"cached at {cache.path_of('fashion_mnist')}"
    cache.path_of("fashion_mnist").unlink()
    assert data.catalogue()[1].where == f"cached at {paths[idx.FILES[0]].parent}"
    # Older versions of TFDS kept all files in one folder.
    for path in paths.values():
        for file in (path, path.with_name(path.name + ".INFO")):
            shutil.move(file, tfds_files.data_dir() / "downloads" / file.name)
    assert data.load("fashion_mnist").y_train.tolist() == arrays[1].tolist()
    assert len(files_below(tfds_files.data_dir())) == len(before)
    # Half a download has no INFO.
    cache.path_of("fashion_mnist").unlink()
    next((tfds_files.data_dir() / "downloads").glob("*.INFO")).unlink()
    with pytest.raises(MissingDataError):
        data.load("fashion_mnist")


def test_a_damaged_file_of_tfds_is_named_replaced_by_our_own_and_left_alone(small_fashion, monkeypatch, no_network):
    folder, _ = small_fashion
    paths = as_tfds_downloads("fashion_mnist", {name: (folder / name).read_bytes() for name in idx.FILES})
    flip_byte(paths[idx.FILES[1]], 20)
    damaged = paths[idx.FILES[1]].read_bytes()
    with pytest.raises(DamagedFileError, match=f"(?s){paths[idx.FILES[1]]}.*jprobe data fetch fashion_mnist"):
        data.load("fashion_mnist")
    with pytest.raises(MissingDataError):
        data.fetch("fashion_mnist")
    data.import_files("fashion_mnist", folder)
    assert len(data.load("fashion_mnist").x_train) == 12
    assert paths[idx.FILES[1]].read_bytes() == damaged


def test_cifar_as_tfds_unpacks_it_is_read(small_cifar, no_network):
    _, batches, archive = small_cifar
    (path,) = as_tfds_downloads("cifar10", {cifar.ARCHIVE: archive}).values()
    assert_small_cifar(data.load("cifar10"), batches)
    unpacked = tfds_files.data_dir() / "downloads" / "extracted" / f"TAR_GZ.{path.name}" / cifar.FOLDER
    unpacked.mkdir(parents=True)
    for name, content in batches.items():
        (unpacked / name).write_bytes(content)
    path.unlink()
    cache.path_of("cifar10").unlink()
    assert data.catalogue()[3].where == f"cached at {unpacked}"
    assert_small_cifar(data.load("cifar10"), batches)


@needs_files
def test_tfds_finds_its_files_where_we_look_for_them(no_network):
    source = Path(SHARED) / "data" / "kmnist"
    as_tfds_downloads("kmnist", {name: (source / name).read_bytes() for name in idx.FILES})
    manager = tfds.download.DownloadManager(
        download_dir=os.fspath(tfds_files.data_dir() / "downloads"),
        dataset_name="kmnist",
        force_checksums_validation=True,
    )
    for filename, file in tfds_files.registered("kmnist").items():
        theirs = Path(manager.download(file.url))
        assert tfds_files.downloaded("kmnist", file) == theirs
        assert theirs.read_bytes() == (source / filename).read_bytes()


# Downloads


@pytest.mark.parametrize("name", ["fashion_mnist", "kmnist", "cifar10"])
def test_without_files_and_network_the_error_comes_soon_and_alone(name, no_network, capfd):
    start = time.monotonic()
    with pytest.raises(MissingDataError, match=f"(?s)cannot be reached.*jprobe data import {name} DIR"):
        data.load(name)
    assert time.monotonic() - start < 10
    assert capfd.readouterr() == ("", "")
    assert not tfds_files.data_dir().exists()
    assert files_below(data.cache_dir()) == []


@pytest.fixture
def served(monkeypatch):
    """A function that makes URLs answer: end of the URL -> content, a status, or an error."""
    import requests

    def serve(contents):
        def get(url, **kwargs):
            assert kwargs["timeout"] == (downloads.CONNECT, downloads.ANSWER)
            content = contents[url.rpartition("/")[2]]
            if isinstance(content, Exception):
                raise content
            answer = requests.Response()
            answer.url = url
            answer.status_code, answer.reason = (200, "OK") if isinstance(content, bytes) else content
            answer.raw = io.BytesIO(content if isinstance(content, bytes) else b"")
            return answer

        monkeypatch.setattr(requests, "get", get)

    return serve


def test_downloads_are_checked_and_kept_in_our_cache(small_fashion, served, capfd, tmp_path):
    folder, arrays = small_fashion
    contents = {path.name: path.read_bytes() for path in folder.iterdir()}
    served({**contents, idx.FILES[1]: b"<html>log in first</html>"})
    with pytest.raises(MissingDataError, match=r"(?s)train-labels.*another checksum.*jprobe data import fashion_mnist"):
        data.load("fashion_mnist")
    assert idx.FILES[1] not in {path.name for path in files_below(data.cache_dir())}
    served(contents)
    assert data.load("fashion_mnist").y_train.tolist() == arrays[1].tolist()
    assert set(idx.FILES) < {path.name for path in files_below(data.cache_dir())}
    assert not (tmp_path / "tfds").exists()
    assert capfd.readouterr() == ("", "")


def test_a_server_that_answers_with_an_error(served):
    served(dict.fromkeys(idx.FILES, (503, "Service Unavailable")))
    with pytest.raises(MissingDataError, match=r"503 .*Service Unavailable"):
        data.load("kmnist")
    assert files_below(data.cache_dir()) == []


def test_download_onto_a_full_disk(small_fashion, served, monkeypatch):
    folder, _ = small_fashion
    served({path.name: path.read_bytes() for path in folder.iterdir()})

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskError, match=r"t10k-images\S+: No space left on device.*JPROBE_CACHE"):
        data.load("fashion_mnist")
    assert files_below(data.cache_dir()) == []


def test_quiet_hides_what_tfds_prints_and_leaves_everything_as_it_was(capfd):
    import logging

    before = logging.getLogger("absl").level, sys.stdout, sys.stderr
    with contextlib.suppress(KeyError), tfds_files.quiet():
        print("progress")
        print("progress", file=sys.stderr)
        raise KeyError
    assert (logging.getLogger("absl").level, sys.stdout, sys.stderr) == before
    assert capfd.readouterr() == ("", "")


@needs_files
@pytest.mark.parametrize(
    ("name", "folder", "test_labels"),
    [("fashion_mnist", "fashion-mnist", [9, 2, 1, 1, 6]), ("kmnist", "kmnist", [2, 9, 3, 8, 3])],
)
def test_real_files_imported(name, folder, test_labels, no_network):
    source = Path(SHARED) / "data" / folder
    data.import_files(name, source)
    found = data.load(name)
    with gzip.open(source / "train-images-idx3-ubyte.gz") as file:
        assert file.read()[16:] == found.x_train.tobytes()
    with gzip.open(source / "train-labels-idx1-ubyte.gz") as file:
        assert list(file.read()[8:]) == found.y_train.tolist()
    assert found.y_test[:5].tolist() == test_labels
    assert collections.Counter(found.y_train.tolist()) == dict.fromkeys(range(10), 6000)


@needs_files
def test_catalogue_says_where_things_are():
    names = {entry.name: entry for entry in data.catalogue()}
    assert list(names) == ["mnist", "fashion_mnist", "kmnist", "cifar10", "conll2003", "imagenette"]
    assert names["mnist"].where == "embedded"
    assert names["kmnist"].where == "not here"
    assert names["kmnist"].licence == "CC BY-SA 4.0"
    assert "32 x 32 x 3, 10 classes: airplane" in names["cifar10"].what
    data.import_files("kmnist", Path(SHARED) / "data" / "kmnist")
    assert data.catalogue()[2].where == f"cached at {official.folder('kmnist')}"
    data.load("kmnist")
    assert data.catalogue()[2].where == f"cached at {cache.path_of('kmnist')}"


# CIFAR-10


@pytest.fixture
def small_cifar(monkeypatch, tmp_path):
    """Six batches of three records that pass for CIFAR-10."""
    rng = np.random.default_rng(2)
    batches = {}
    for name in cifar.CHECKSUMS:
        records = rng.integers(0, 256, (3, 3073), np.uint8)
        records[:, 0] %= 10
        batches[name] = records.tobytes()
        monkeypatch.setitem(cifar.CHECKSUMS, name, "md5:" + hashlib.md5(batches[name]).hexdigest())
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in {**batches, "readme.html": b"hello"}.items():
            member = tarfile.TarInfo(f"{cifar.FOLDER}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    fake_registry(monkeypatch, "cifar10", {cifar.ARCHIVE: buffer.getvalue()})
    folder = tmp_path / "mine"
    (folder / cifar.FOLDER).mkdir(parents=True)
    return folder, batches, buffer.getvalue()


def assert_small_cifar(found, batches):
    labels = [batches[name][3073 * i] for name in cifar.CHECKSUMS for i in range(3)]
    assert found.y_train.tolist() == labels[:15]
    assert found.y_test.tolist() == labels[15:]
    assert found.x_train[4, 5, 6].tolist() == [batches["data_batch_2.bin"][3073 + 1 + 1024 * c + 166] for c in range(3)]
    assert found.checksums == cifar.CHECKSUMS


@pytest.mark.parametrize("inner", [True, False])
def test_cifar_folder_is_kept_as_it_is(small_cifar, no_network, inner):
    folder, batches, _ = small_cifar
    for name, content in batches.items():
        (folder / cifar.FOLDER / name).write_bytes(content)
    written = data.import_files("cifar10", folder if inner else folder / cifar.FOLDER)
    assert written == [official.folder("cifar10") / cifar.FOLDER / name for name in cifar.CHECKSUMS]
    assert files_below(data.cache_dir()) == sorted(written)
    assert_small_cifar(data.load("cifar10"), batches)


def test_cifar_archive_is_kept_as_it_is(small_cifar, no_network):
    folder, batches, archive = small_cifar
    (folder / cifar.ARCHIVE).write_bytes(archive)
    (written,) = data.import_files("cifar10", folder)
    assert written.read_bytes() == archive
    assert written.parent == official.folder("cifar10")
    assert_small_cifar(data.load("cifar10"), batches)


def test_cifar_wrong_and_missing_files(small_cifar, tmp_path, no_network):
    folder, batches, archive = small_cifar
    with pytest.raises(MissingFileError, match=r"cifar-10-binary\.tar\.gz does not exist.*cifar-10-batches-bin"):
        data.import_files("cifar10", folder)
    for name, content in batches.items():
        (folder / cifar.FOLDER / name).write_bytes(content)
    (folder / cifar.FOLDER / "data_batch_3.bin").unlink()
    with pytest.raises(MissingFileError, match=r"data_batch_3\.bin does not exist"):
        data.import_files("cifar10", folder)
    (folder / cifar.FOLDER / "data_batch_3.bin").write_bytes(batches["data_batch_4.bin"])
    with pytest.raises(ArgumentError, match=r"it is data_batch_4\.bin of cifar10"):
        data.import_files("cifar10", folder)
    (folder / cifar.FOLDER / "data_batch_3.bin").write_bytes(batches["data_batch_3.bin"][:-1])
    with pytest.raises(DamagedFileError, match=r"data_batch_3\.bin is damaged"):
        data.import_files("cifar10", folder)
    (folder / cifar.ARCHIVE).write_bytes(archive[:-1])
    with pytest.raises(DamagedFileError, match=r"cifar-10-binary\.tar\.gz is damaged"):
        data.import_files("cifar10", folder)
    assert files_below(tmp_path / "cache") == files_below(tmp_path / "tfds") == []


def test_cifar_damaged_after_import_is_read_from_what_is_imported_next(small_cifar, no_network):
    folder, batches, archive = small_cifar
    for name, content in batches.items():
        (folder / cifar.FOLDER / name).write_bytes(content)
    for _ in range(2):
        (folder / cifar.ARCHIVE).unlink(missing_ok=True)
        written = data.import_files("cifar10", folder)
        assert len(written) == 6
        flip_byte(written[2], 100)
        with pytest.raises(DamagedFileError, match=r"data_batch_3\.bin is damaged"):
            data.load("cifar10")
        with pytest.raises(MissingDataError):
            data.fetch("cifar10")
        (folder / cifar.ARCHIVE).write_bytes(archive)
        (written,) = data.import_files("cifar10", folder)
        assert_small_cifar(data.fetch("cifar10"), batches)
        cache.path_of("cifar10").unlink()
        flip_byte(written, 100)
        with pytest.raises(DamagedFileError, match=r"cifar-10-binary\.tar\.gz is damaged"):
            data.load("cifar10")


def test_cifar_archive_that_lacks_a_file():
    buffer = io.BytesIO()
    tarfile.open(fileobj=buffer, mode="w:gz").close()
    with pytest.raises(DamagedFileError, match=r"no data_batch_1\.bin"):
        cifar.unpack(buffer.getvalue(), Path("a.tar.gz"), MEND)
    with pytest.raises(DamagedFileError, match=r"not a tar\.gz archive"):
        cifar.unpack(buffer.getvalue()[:20], Path("a.tar.gz"), MEND)


@needs_files
@pytest.mark.slow
def test_real_cifar10(tmp_path, no_network):
    prepared = tmp_path / "official"
    subprocess.run([sys.executable, Path(SHARED) / "get-cifar10", prepared], check=True)
    data.import_files("cifar10", prepared)
    found = data.load("cifar10")
    assert found.x_train.shape == (50000, 32, 32, 3)
    assert found.y_train[:5].tolist() == [6, 9, 9, 4, 1]
    assert found.y_test[:5].tolist() == [3, 8, 8, 0, 6]
    assert np.bincount(found.y_train).tolist() == [5000] * 10
    # The means that everyone normalises with.
    means = found.x_train.mean((0, 1, 2)) / 255
    assert means == pytest.approx([0.4914, 0.4822, 0.4465], abs=5e-5)
    batch = (prepared / cifar.FOLDER / "test_batch.bin").read_bytes()
    assert found.x_test[7].transpose(2, 0, 1).tobytes() == batch[7 * 3073 + 1 : 8 * 3073]


# Other names


class Source(list):
    """Stands for what tfds.data_source returns: examples, and `dataset_info`."""

    dataset_info: SimpleNamespace


@pytest.fixture
def prepared_by_tfds(monkeypatch, tmp_path):
    """Let TFDS have a prepared "emnist/tiny"; the state can be changed by the test."""
    rng = np.random.default_rng(3)
    shard = tmp_path / "emnist-train.array_record"
    shard.write_bytes(b"records")
    features = {"image": object(), "label": SimpleNamespace(names=["a", "b"])}
    info = SimpleNamespace(
        features=features,
        homepage="https://example.org",
        full_name="emnist/tiny/1.0.0",
        splits=collections.defaultdict(lambda: SimpleNamespace(filepaths=[shard])),
    )
    splits = {}
    for split, count in {"train": 5, "test": 3}.items():
        splits[split] = Source(
            {"image": rng.integers(0, 256, (6, 7, 3), np.uint8), "label": i % 2} for i in range(count)
        )
        splits[split].dataset_info = info
    state = SimpleNamespace(ready=True, splits=splits, info=info, calls=0, urls=[], prepare=None)

    def data_source(name, *, split, data_dir, download):
        assert (name, str(data_dir), download) == ("emnist/tiny", str(tmp_path / "tfds"), False)
        state.calls += 1
        return [splits[s] for s in split]

    def builder(name, *, data_dir, file_format):
        assert (str(data_dir), file_format) == (str(tmp_path / "tfds"), "array_record")
        return SimpleNamespace(
            info=info,
            is_prepared=lambda: state.ready,
            url_infos=dict.fromkeys(state.urls),
            download_and_prepare=state.prepare,
        )

    monkeypatch.setattr(tfds, "data_source", data_source)
    monkeypatch.setattr(tfds, "builder", builder)
    return state


def test_other_names_go_through_tfds_once(prepared_by_tfds):
    first = data.load("emnist/tiny")
    assert first.x_train.shape == (5, 6, 7, 3)
    assert np.array_equal(first.x_test[2], prepared_by_tfds.splits["test"][2]["image"])
    assert first.y_train.tolist() == [0, 1, 0, 1, 0]
    assert first.class_names == ("a", "b")
    digest = hashlib.sha256(b"records").hexdigest()
    assert first.checksums == {"emnist-train.array_record": f"sha256:{digest}"}
    assert_same(data.load("emnist/tiny"), first)
    assert prepared_by_tfds.calls == 1


@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is not None, reason="TensorFlow is here")
def test_preparing_names_the_extra(prepared_by_tfds):
    prepared_by_tfds.ready = False
    with pytest.raises(MissingExtraError, match=r"emnist/tiny.*pip install 'tensorflow>="):
        data.load("emnist/tiny")


def test_preparing_fails_soon_without_a_network_and_tells_a_full_disk_from_a_lost_connection(
    prepared_by_tfds, monkeypatch, no_network
):
    import requests

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    prepared_by_tfds.ready = False
    prepared_by_tfds.urls = ["http://example.org/a.zip"]
    with pytest.raises(MissingDataError, match=r"example\.org/a\.zip cannot be reached"):
        data.load("emnist/tiny")
    prepared_by_tfds.urls = []
    for problem, error in (
        (OSError(errno.ENOSPC, "No space left on device"), DiskError),
        (requests.ConnectionError("lost"), MissingDataError),
        (tfds.download.DownloadError("lost"), MissingDataError),
    ):

        def prepare(problem=problem, **options):
            raise problem

        prepared_by_tfds.prepare = prepare
        with pytest.raises(error, match=r"No space left|lost"):
            data.load("emnist/tiny")


def test_real_tfds_names_the_extra_without_a_network(no_network, capfd):
    with pytest.raises(MissingExtraError, match="svhn_cropped"):
        data.load("svhn_cropped")
    assert capfd.readouterr() == ("", "")


def test_datasets_that_are_not_images_of_one_size(prepared_by_tfds):
    prepared_by_tfds.splits["test"][1]["image"] = np.zeros((6, 8, 3), np.uint8)
    with pytest.raises(ArgumentError, match="one size"):
        data.load("emnist/tiny")
    del prepared_by_tfds.info.features["image"]
    with pytest.raises(ArgumentError, match="not for image classification"):
        data.load("emnist/tiny")


@pytest.fixture
def prepared_svhn():
    """Five and three images that TFDS itself reads as its prepared svhn_cropped, without TensorFlow."""
    array_record = pytest.importorskip("array_record.python.array_record_module")
    image = pytest.importorskip("PIL.Image")
    from tensorflow_datasets.core import naming, splits
    from tensorflow_datasets.proto import tf_example_pb2

    builder = tfds.builder("svhn_cropped", data_dir=tfds_files.data_dir(), file_format="array_record")
    builder.data_path.mkdir(parents=True)
    infos = []
    for split, count in {"train": 5, "test": 3}.items():
        names = naming.ShardedFileTemplate(
            data_dir=builder.data_path,
            dataset_name="svhn_cropped",
            split=split,
            filetype_suffix="array_record",
        )
        infos.append(splits.SplitInfo(name=split, shard_lengths=[count], num_bytes=1, filename_template=names))
        writer = array_record.ArrayRecordWriter(os.fspath(infos[-1].filepaths[0]), "group_size:1")
        for i in range(count):
            png = io.BytesIO()
            image.fromarray(np.full((32, 32, 3), 10 * i, np.uint8)).save(png, "PNG")
            example = tf_example_pb2.Example()
            example.features.feature["image"].bytes_list.value.append(png.getvalue())
            example.features.feature["id"].bytes_list.value.append(b"id")
            example.features.feature["label"].int64_list.value.append(i)
            writer.write(example.SerializeToString())
        writer.close()
    builder.info.set_splits(splits.SplitDict(infos))
    builder.info.write_to_directory(builder.data_path)
    return Path(builder.data_path)


def test_what_tfds_prepared_is_read_without_tensorflow(prepared_svhn, no_network, capfd):
    found = data.load("svhn_cropped")
    assert found.x_train.shape == (5, 32, 32, 3)
    assert found.x_train[:, 3, 4, 1].tolist() == [0, 10, 20, 30, 40]
    assert found.y_test.tolist() == [0, 1, 2]
    for name, checksum in found.checksums.items():
        assert checksum == "sha256:" + hashlib.sha256((prepared_svhn / name).read_bytes()).hexdigest()
    assert len(found.checksums) == 2
    assert capfd.readouterr() == ("", "")


def test_what_tfds_prepared_and_is_damaged_is_named(prepared_svhn):
    shard = next(prepared_svhn.glob("*test*"))
    content = shard.read_bytes()
    shard.write_bytes(content.replace(b"IDAT", b"IDAX"))
    with pytest.raises(DamagedFileError, match=r"(?s)svhn_cropped/3\S+ is damaged.*jprobe data fetch svhn_cropped"):
        data.load("svhn_cropped")


def test_what_tfds_prepared_as_tfrecord_needs_another_folder(prepared_svhn):
    about = prepared_svhn / "dataset_info.json"
    about.write_text(about.read_text().replace('"array_record"', '"tfrecord"'))
    with pytest.raises(ArgumentError, match=r"(?s)TFRECORD.*Set TFDS_DATA_DIR to another folder"):
        data.load("svhn_cropped")


@pytest.mark.parametrize("name", ["mnits", "no_such/thing", "", None, 3, "../x"])
def test_unknown_names(name):
    with pytest.raises(UnknownNameError, match=r"There is no dataset named .*fashion_mnist") as caught:
        data.load(name)
    assert len(str(caught.value)) < 500


def test_unknown_configuration():
    with pytest.raises(ArgumentError, match="emnist/nope"):
        data.load("emnist/nope")


# Datasets and tasks


def test_tasks_are_the_papers():
    assert data.TASKS == {
        "mnist": {"easy": (0, 7), "hard": (7, 9)},
        "fashion_mnist": {"easy": (2, 3), "hard": (1, 3)},
    }


def test_pair_of_mnist(mnist):
    task = data.pair(mnist, (7, 9))
    assert task.name == "mnist 7-9"
    assert (task.num_classes, task.class_names, task.checksums) == (2, ("7", "9"), mnist.checksums)
    assert task.x_train.shape == (6265 + 5949, 28, 28, 1)
    assert task.x_train.dtype == np.float32
    assert np.bincount(task.y_train).tolist() == [6265, 5949]
    assert np.bincount(task.y_test).tolist() == [1028, 1009]
    assert (task.x_train.min(), task.x_train.max()) == (-1, 1)


@st.composite
def datasets(draw):
    count = draw(st.integers(2, 5))
    labels = draw(st.permutations([*range(count), *draw(st.lists(st.integers(0, count - 1), max_size=8))]))
    y = np.array(labels, np.int32)
    shape = (len(y), *draw(hnp.array_shapes(min_dims=3, max_dims=3, max_side=3)))
    x = draw(hnp.arrays(np.uint8, shape))
    return data.Dataset("d", x, y, x[::-1], y[::-1], tuple(map(str, range(count))), {}, "s")


@given(datasets(), st.data())
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60)
def test_pair_properties(dataset, draw):
    a, b = draw.draw(st.permutations(range(len(dataset.class_names))))[:2]
    task, swapped = data.pair(dataset, (a, np.int64(b))), data.pair(dataset, (b, a))
    kept = [i for i, label in enumerate(dataset.y_train) if label in (a, b)]
    # Back to the very pixels, in the same order.
    pixels = np.rint((task.x_train.astype(np.float64) + 1) * 127.5)
    assert np.array_equal(pixels, dataset.x_train[kept])
    assert task.y_train.tolist() == [[a, b].index(dataset.y_train[i]) for i in kept]
    assert np.array_equal(swapped.x_test, task.x_test)
    assert np.array_equal(swapped.y_test, 1 - task.y_test)


@pytest.mark.parametrize("classes", [(1, 1), (0, 3), (-1, 0), (0.0, 1), ("0", "1"), (0,), (0, 1, 2), 5, (True, False)])
def test_pair_refuses(classes):
    with pytest.raises(ArgumentError, match=r"0 \(a\), 1 \(b\), 2 \(c\)"):
        data.pair(tiny(), classes)


def test_task_takes_plain_lists_and_converts():
    task = data.Task([[1, 2], [3, 4]], [0, 1.0], [[5.5, 6]], [True], num_classes=2)
    assert [array.dtype for array in (task.x_train, task.x_test)] == [np.float32] * 2
    assert [array.dtype for array in (task.y_train, task.y_test)] == [np.int32] * 2
    assert (task.name, task.class_names, task.checksums) == ("custom", (), {})


def test_task_takes_jax_arrays():
    jnp = pytest.importorskip("jax.numpy")
    x = jnp.ones((2, 3), jnp.bfloat16)
    assert isinstance(data.Task(x, jnp.array([0, 1]), x, jnp.array([1, 0]), 2).x_train, np.ndarray)


GOOD = {
    "x_train": np.zeros((4, 3)),
    "y_train": [0, 1, 2, 0],
    "x_test": np.ones((2, 3)),
    "y_test": [0, 1],
    "num_classes": 3,
}


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"y_train": [0, 1]}, ShapeError, "x_train has 4 examples and y_train has 2"),
        ({"y_test": [0, 3]}, ArgumentError, "y_test must hold whole numbers from 0 to 2; found 3"),
        ({"y_test": [-1, 0]}, ArgumentError, "found -1"),
        ({"y_test": [0.5, 0]}, ArgumentError, "found 0.5"),
        ({"y_test": [np.nan, 0]}, ArgumentError, "found nan"),
        ({"y_test": np.eye(2)}, ShapeError, "one class number each"),
        ({"x_test": np.ones((2, 4))}, ShapeError, "one of x_test"),
        ({"x_test": np.ones(2)}, ShapeError, "features"),
        ({"x_test": np.ones((0, 3)), "y_test": []}, ShapeError, "not be empty"),
        ({"x_test": [[1, 2, np.inf], [0, 0, 0]]}, ArgumentError, "x_test holds values that are NaN"),
        ({"x_test": [[1, 2, 1e39], [0, 0, 0]]}, ArgumentError, "infinite in float32"),
        ({"x_test": [[1, 2, 3], [0, 0]]}, ShapeError, "different lengths"),
        ({"x_test": [["a", "b", "c"]] * 2}, ArgumentError, "must hold numbers"),
        ({"num_classes": 1}, ArgumentError, "2 or more"),
        ({"num_classes": 2.0}, ArgumentError, "whole number"),
        ({"class_names": ("a", "b")}, ArgumentError, "2 class_names were given for 3"),
    ],
)  # fmt: skip
def test_task_refuses(change, error, words):
    data.Task(**GOOD)
    with pytest.raises(error, match=words):
        data.Task(**{**GOOD, **change})


@pytest.mark.parametrize(
    "change",
    [
        {"x_train": np.zeros((6, 4, 4, 1), np.float32)},
        {"x_train": np.zeros((6, 4, 4), np.uint8)},
        {"y_train": np.zeros(5, np.int32)},
        {"y_train": np.zeros(6, np.int64)},
        {"y_train": np.full(6, 3, np.int32)},
        {"x_test": np.zeros((6, 4, 5, 1), np.uint8)},
    ],
)
def test_dataset_refuses(change):
    fields = {name: getattr(tiny(), name) for name in (*cache.ARRAYS, "class_names", "checksums", "source")}
    with pytest.raises(ShapeError, match="tiny"):
        data.Dataset("tiny", **{**fields, **change})


def test_examples_in_the_docstrings():
    # By name: the function `catalogue` hides its module.
    names = ("catalogue", "checksums", "dataset", "idx", "importing", "loading", "tasks")
    results = [
        doctest.testmod(sys.modules[f"jprobe.data.{name}"], optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
        for name in names
    ]
    assert sum(result.failed for result in results) == 0
    assert sum(result.attempted for result in results) > 10
