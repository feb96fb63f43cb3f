"""The networks of photos: logits as torch's, counts as paper 2's, every published tensor used or refused."""

import errno
import functools
import hashlib
import http.server
import io
import os
import re
import shutil
import struct
import threading
import zlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jprobe import cli, data, weights
from jprobe.errors import (
    ArgumentError,
    CheckpointError,
    DamagedFileError,
    DiskError,
    MissingFileError,
    MissingWeightsError,
    ShapeError,
    UnknownNameError,
)
from jprobe.models import ceil_max_pool, local_response_normalization
from jprobe.weights import vision

# Parameters of paper 2, table 1, in full: with its edges they give its column "edges / parameters".
PARAMETERS = {
    "shufflenet": 1_406_712, "squeezenet": 1_235_496, "resnet18": 11_694_312, "alexnet": 60_965_224,
    "alexnet_torchvision": 61_100_840, "googlenet": 6_998_552, "googlenet_torchvision": 6_632_184,
}  # fmt: skip
# Networks that end in a mean over the image take smaller ones; 111 makes the pools of ceiling mode hang over the edge.
SIZES = {"squeezenet": 111, "resnet18": 64, "googlenet": 111, "googlenet_torchvision": 111, "shufflenet": 64}

CLASSES = {
    "n01440764": 0, "n02102040": 217, "n02979186": 482, "n03000684": 491, "n03028079": 497, "n03394916": 566,
    "n03417042": 569, "n03425413": 571, "n03445777": 574, "n03888257": 701,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("JPROBE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))


def count(params):
    return sum(leaf.size for leaf in jax.tree.leaves(params))


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_the_papers(name):
    model, shape = weights.architecture(name)
    variables = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros(shape))
    assert count(variables["params"]) == PARAMETERS[name]
    assert jax.eval_shape(model.apply, variables, jnp.zeros((2, *shape[1:]))).shape == (2, 1000)


def published(name, x, **options):
    """Torch's logits of images x [B, H, W, 3] with random weights, and those weights under their published names."""
    torch = pytest.importorskip("torch", reason="torch is in the extra 'parity'")
    import torch_zoo

    made = torch_zoo.Weights()
    with torch.no_grad():
        logits = getattr(torch_zoo, name)(made, torch.tensor(x.transpose(0, 3, 1, 2)), **options).numpy()
    return logits, torch_zoo.onnx_zoo_names(made) if name == "shufflenet" else made.arrays()


def photos_for(name, batch=2):
    side = SIZES.get(name, weights.architecture(name)[1][1])
    return np.random.default_rng(0).normal(size=(batch, side, side, 3)).astype(np.float32)


@pytest.mark.end_to_end
@pytest.mark.parametrize("name", PARAMETERS)
def test_logits_are_torchs(name):
    x = photos_for(name)
    expected, tensors = published(name, x)
    converted = vision.ARCHITECTURES[name].convert(tensors)
    assert converted.lacks == ()
    assert count(converted.params["params"]) == PARAMETERS[name]
    assert {leaf.dtype for leaf in jax.tree.leaves(converted.params)} == {np.dtype("float32")}
    found = jax.jit(converted.model.apply)(converted.params, x)
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()
    assert np.ptp(expected, axis=1).min() > 0.1 * np.abs(expected).max()


@pytest.mark.parametrize("name", ["resnet18", "alexnet_torchvision"])
def test_a_head_may_be_missing(name):
    x = photos_for(name)
    expected, tensors = published(name, x, head=False)
    model, params, lacks = vision.ARCHITECTURES[name].convert(tensors)
    assert len(lacks) == 1
    expected = expected.transpose(0, 2, 3, 1) if expected.ndim == 4 else expected
    found = jax.jit(model.apply)(params, x)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()
    part = {"resnet18": "fc", "alexnet_torchvision": "classifier.4"}[name]
    with pytest.raises(CheckpointError, match=r"missing: .*\.weight"):
        vision.ARCHITECTURES[name].convert(tensors | {f"{part}.bias": np.zeros(1000, np.float32)})


@functools.cache
def _made(name):
    return published(name, photos_for(name, 1))[1]


def tensors_of(name):
    """Random weights under the published names."""
    return dict(_made(name))


@pytest.mark.parametrize("name", ["squeezenet", "resnet18", "googlenet", "googlenet_torchvision", "shufflenet"])
def test_every_name_of_a_checkpoint_counts(name):
    convert, tensors = vision.ARCHITECTURES[name].convert, tensors_of(name)
    first, second, third, *_ = tensors
    wrong = {k: v for k, v in tensors.items() if k != first}
    wrong |= {"extra.weight": np.zeros(3), second: np.zeros((2, 2)), third: np.full_like(tensors[third], np.nan)}
    with pytest.raises(CheckpointError) as caught:
        convert(wrong)
    for problem in (
        r"left over: extra\.weight",
        f"missing: {first}",
        rf"{second} is float32\[2, 2\], not float32\[\d",
        f"{third} holds NaN",
    ):
        assert re.search(f"\n  {problem}", str(caught.value))
    assert str(caught.value).count("\n  ") == 4
    unread = {
        "resnet18": ["bn1.num_batches_tracked"],
        "googlenet": ["loss1/conv.weight", "loss2/classifier.bias"],
        "googlenet_torchvision": ["conv1.bn.num_batches_tracked", "aux1.conv.conv.weight", "aux2.fc2.bias"],
        "shufflenet": ["OC2_DUMMY_1"],
    }
    convert(tensors | {key: np.zeros(()) for key in unread.get(name, [])})


def test_a_long_list_of_problems_is_cut_short():
    with pytest.raises(CheckpointError, match=r"SqueezeNet(.|\n)*and \d+ more"):
        vision.ARCHITECTURES["squeezenet"].convert({})


def test_convolutions_of_alexnet_may_be_numbered():
    _, tensors = published("alexnet_torchvision", photos_for("alexnet_torchvision", 1), head=False)
    renamed = {}
    for n, old in enumerate((0, 3, 6, 8, 10)):
        renamed |= {f"Conv_{n}.{kind}": tensors[f"features.{old}.{kind}"] for kind in ("weight", "bias")}
    convert = vision.ARCHITECTURES["alexnet_torchvision"].convert
    for a, b in zip(*(jax.tree.leaves(convert(t).params) for t in (tensors, renamed)), strict=True):
        assert (a == b).all()
    with pytest.raises(CheckpointError, match=r"left over: features\.0\.bias"):
        convert(tensors | renamed)


def test_shufflenets_names_and_shapes_are_the_onnx_zoos():
    onnx = pytest.importorskip("onnx")
    from pathlib import Path

    # The published graph with its large tensors left out: a constant's shape stands in the place of each.
    path = Path(onnx.__file__).parent / "backend/test/data/light/light_shufflenet.onnx"
    expected = {}
    for tensor in onnx.load(path).graph.initializer:
        array = onnx.numpy_helper.to_array(tensor)
        if tensor.name.endswith("__SHAPE"):
            expected[tensor.name.removesuffix("__SHAPE")] = tuple(array)
        elif array.dtype == np.float32:
            expected[tensor.name] = array.shape
    assert {k: v.shape for k, v in tensors_of("shufflenet").items()} == expected
    stem = weights.read_onnx(path)
    assert {name: array.shape for name, array in stem.items()}.items() <= expected.items()
    assert stem["gpu_0/conv3_0_bn_b_0"][0] == np.float32(2.3595006)


def test_pooling_and_normalisation_are_torchs():
    torch = pytest.importorskip("torch", reason="torch is in the extra 'parity'")
    for side in range(3, 9):  # every remainder that a stride of 2 or 3 leaves
        x = np.random.default_rng(side).normal(size=(1, side, side + 1, 7)).astype(np.float32) - 3
        there = torch.tensor(x.transpose(0, 3, 1, 2))
        for window, stride in ((3, 2), (2, 2), (3, 3)):
            expected = torch.nn.functional.max_pool2d(there, window, stride, ceil_mode=True)
            np.testing.assert_array_equal(ceil_max_pool(x, window, stride), expected.permute(0, 2, 3, 1))
        expected = torch.nn.functional.local_response_norm(there, 5, 2.0, 0.75).permute(0, 2, 3, 1)
        np.testing.assert_allclose(local_response_normalization(x, alpha=2.0), expected, rtol=1e-5)


# Files


def field(number, content):
    """A field of a protocol buffer: an int, or bytes."""

    def varint(n):
        out = b""
        while n > 127:
            out, n = out + bytes([n & 127 | 128]), n >> 7
        return out + bytes([n])

    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def caffe_blob(array, old):
    data = array.astype("<f4").tobytes()
    if old:
        four = (1,) * (4 - array.ndim) + array.shape
        floats = b"".join(b"\x2d" + data[n : n + 4] for n in range(0, len(data), 4))  # 5, not packed
        return b"".join(field(n, size) for n, size in enumerate(four, 1)) + floats
    shape = field(1, b"".join(field(0, n)[1:] for n in array.shape))
    return field(5, data) + field(7, shape)


def caffe_network(tensors, old):
    """A .caffemodel, with the layers of new or of older files, and one layer without weights."""
    layers, name, blobs = (2, 4, 6) if old else (100, 1, 7)
    out = field(1, b"a network") + field(layers, field(name, b"data") + (b"" if old else field(2, b"Input")))
    for key in tensors:
        layer, _, kind = key.rpartition(".")
        if kind == "weight":
            both = [tensors[key], tensors[f"{layer}.bias"]]
            out += field(layers, field(name, layer.encode()) + b"".join(field(blobs, caffe_blob(a, old)) for a in both))
    return out


@pytest.mark.parametrize("old", [False, True], ids=["new", "before 2015"])
def test_caffe_files_are_read(old, tmp_path):
    rng = np.random.default_rng(0)
    tensors = {
        name: rng.normal(size=shape).astype(np.float32)
        for name, shape in {
            "conv1.weight": (4, 3, 2, 2), "conv1.bias": (4,), "a/1x1.weight": (300, 4, 1, 1), "a/1x1.bias": (300,),
            "fc.weight": (5, 16), "fc.bias": (5,),
        }.items()
    }  # fmt: skip
    path = tmp_path / "net.caffemodel"
    path.write_bytes(caffe_network(tensors, old))
    found = weights.read_tensors(path)
    assert found.keys() == tensors.keys()
    for name, array in tensors.items():
        np.testing.assert_array_equal(found[name], array)
    content = path.read_bytes()
    for damaged in (content[:-7], content[: len(content) // 2], b"", b"\xff" * 50, b"no network at all", b"\x0b\x00"):
        path.write_bytes(damaged)
        with pytest.raises(DamagedFileError):
            weights.read_caffe(path)


def test_onnx_files_are_read(tmp_path):
    values = np.arange(6, dtype=np.float32).reshape(2, 3)

    def tensor(name, array, kind, packed_dims=False, floats=False):
        dims = b"".join(field(0, n)[1:] for n in array.shape)
        out = field(1, dims) if packed_dims else b"".join(field(1, n) for n in array.shape)
        return field(5, out + field(2, kind) + field(8, name) + field(4 if floats else 9, array.tobytes()))

    graph = tensor(b"raw", values, 1) + tensor(b"listed", values + 1, 1, floats=True, packed_dims=True)
    graph += tensor(b"half", values.astype(np.float16), 10) + tensor(b"double", values.astype(np.float64), 11)
    graph += tensor(b"shape", np.arange(4), 7) + field(2, b"graph")
    path = tmp_path / "net.onnx"
    path.write_bytes(field(1, 4) + field(7, graph))
    found = weights.read_tensors(path)
    assert found.keys() == {"raw", "listed", "half", "double"}
    for name, array in found.items():
        np.testing.assert_array_equal(array, values + (name == "listed"))
    content = path.read_bytes()
    elsewhere = field(7, field(5, field(1, 2) + field(2, 1) + field(8, b"a") + field(13, b"file")))
    for damaged in (content[:-1], content[: len(content) // 2], b"", elsewhere):
        path.write_bytes(damaged)
        with pytest.raises(DamagedFileError):
            weights.read_onnx(path)


def test_a_file_may_have_any_format(tmp_path):
    torch = pytest.importorskip("torch", reason="torch is in the extra 'parity'")
    from safetensors.numpy import save_file

    tensors = tensors_of("squeezenet")
    save_file({k: v.astype(np.float16) for k, v in tensors.items()}, tmp_path / "a.safetensors")
    np.savez(tmp_path / "b.npz", **tensors)
    torch.save({k: torch.tensor(v) for k, v in tensors.items()}, tmp_path / "c.pth")
    (tmp_path / "d.caffemodel").write_bytes(caffe_network(tensors, old=False))
    expected = vision.ARCHITECTURES["squeezenet"].convert(tensors).params
    for file in sorted(tmp_path.glob("?.*")):
        found = weights.load(file)
        assert (found.name, found.size, found.lacks, found.source) == ("squeezenet", (227, 227), (), str(file))
        assert found.checksum == "sha256:" + hashlib.sha256(file.read_bytes()).hexdigest()
        for a, b in zip(jax.tree.leaves(found.params), jax.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3 if file.suffix == ".safetensors" else 0, atol=1e-4)
    for file in sorted(tmp_path.glob("?.*")):
        file.write_bytes(file.read_bytes()[:-5000])
        with pytest.raises((DamagedFileError, CheckpointError), match=file.name):
            weights.load(file)


def test_what_cannot_be_loaded_is_explained(tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'resnet18'"):
        weights.load("resnet")
    with pytest.raises(UnknownNameError, match="Did you mean 'resnet18'"):
        weights.architecture("resnet-18")
    with pytest.raises(MissingWeightsError, match="jprobe weights import alexnet PATH"):
        weights.load("alexnet")
    for empty in (weights.load, weights.read_tensors, lambda path: weights.import_weights("squeezenet", path)):
        with pytest.raises(ArgumentError, match="The path is empty"):
            empty("")
    with pytest.raises(ArgumentError, match="is a folder, not a file"):
        weights.load(tmp_path)
    with pytest.raises(MissingFileError):
        weights.load(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", some=np.ones(3))
    with pytest.raises(CheckpointError, match=r"a\.npz holds none of .* its tensors are some"):
        weights.load(tmp_path / "a.npz")
    with pytest.raises(CheckpointError, match=r"a\.npz: .*SqueezeNet"):
        weights.load(tmp_path / "a.npz", "squeezenet")
    with pytest.raises(UnknownNameError, match="squeezenet"):
        weights.load(tmp_path / "a.npz", "squeezenett")
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(CheckpointError, match="must end in"):
        weights.load(tmp_path / "a.txt")


def test_import_show_and_load_by_name(tmp_path, capsys):
    tensors = tensors_of("squeezenet")
    np.savez(tmp_path / "mine.npz", **tensors)
    (target,) = weights.import_weights("squeezenet", tmp_path / "mine.npz")
    assert target == data.cache_dir() / "weights" / "squeezenet" / "mine.npz"
    assert weights.load("squeezenet").source == str(target)
    assert {entry.name: entry.where for entry in weights.catalogue()}["squeezenet"] == str(target.parent)
    assert weights.fetch("squeezenet") == target.parent
    tensors.pop("conv1.bias")
    np.savez(tmp_path / "less.npz", **tensors)
    with pytest.raises(CheckpointError, match=r"missing: conv1\.bias"):
        weights.import_weights("squeezenet", tmp_path / "less.npz")
    with pytest.raises(MissingFileError, match=r"squeezenet_v1\.1\.caffemodel"):
        weights.import_weights("squeezenet", tmp_path / "no.npz")
    assert weights.load("squeezenet").source == str(target)
    cli.main(["weights", "show"])
    assert "SqueezeNet v1.1" in " ".join(capsys.readouterr().out.split())


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words):
        pass


@pytest.fixture
def server(tmp_path):
    """URL of a server on this machine, and the folder that it serves."""
    folder = tmp_path / "served"
    folder.mkdir()

    def handle(*arguments):
        return Silent(*arguments, directory=str(folder))

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handle) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}", folder
        running.shutdown()


@pytest.fixture
def squeezenet_at(server, monkeypatch):
    """Publish a file of SqueezeNet's weights on this machine: name of the file, checksum."""
    url, folder = server
    np.savez(folder / "net.npz", **tensors_of("squeezenet"))
    known = vision.ARCHITECTURES["squeezenet"]

    def publish(file, checksum):
        changed = known._replace(url=f"{url}/{file}", checksum=checksum)
        monkeypatch.setitem(vision.ARCHITECTURES, "squeezenet", changed)

    return publish, hashlib.sha256((folder / "net.npz").read_bytes()).hexdigest()


def test_fetch_checks_what_it_downloads(squeezenet_at, capfd):
    publish, digest = squeezenet_at
    for file, checksum, match in (("net.npz", "0" * 8, "another checksum"), ("none.npz", digest, "404")):
        publish(file, "sha256:" + checksum)
        with pytest.raises(MissingWeightsError, match=match):
            weights.fetch("squeezenet")
        assert not [path for path in data.cache_dir().rglob("*") if path.is_file()]
        assert not weights.is_here("squeezenet")
    # torchvision publishes only the first digits.
    publish("net.npz", "sha256:" + digest[:8])
    kept = {"net.npz", "sha256.json"}
    assert {path.name for path in weights.fetch("squeezenet").iterdir()} == kept
    assert weights.load("squeezenet").checksum == "sha256:" + digest
    publish("none.npz", "sha256:" + digest)
    assert {path.name for path in weights.fetch("squeezenet").iterdir()} == kept  # not downloaded again
    assert capfd.readouterr() == ("", "")


def test_fetch_onto_a_full_disk_keeps_nothing(squeezenet_at, monkeypatch):
    publish, digest = squeezenet_at
    publish("net.npz", "sha256:" + digest)

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskError, match=r"net\.npz: No space left on device"):
        weights.fetch("squeezenet")
    assert not [path for path in data.cache_dir().rglob("*") if path.is_file()]


def test_a_connection_that_breaks_off_keeps_nothing(squeezenet_at, monkeypatch):
    publish, digest = squeezenet_at
    publish("net.npz", "sha256:" + digest)
    whole = Silent.copyfile
    monkeypatch.setattr(Silent, "copyfile", lambda self, source, out: whole(self, io.BytesIO(source.read(5000)), out))
    with pytest.raises(MissingWeightsError, match="broke off or stalled after 5,000 bytes"):
        weights.fetch("squeezenet")
    assert not [path for path in data.cache_dir().rglob("*") if path.is_file()]


def test_import_onto_a_full_disk_keeps_the_old_weights(tmp_path, monkeypatch):
    np.savez(tmp_path / "mine.npz", **tensors_of("squeezenet"))
    (old,) = weights.import_weights("squeezenet", tmp_path / "mine.npz")

    def full(source, target):
        target.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(DiskError, match="No space left on device"):
        weights.import_weights("squeezenet", tmp_path / "mine.npz")
    assert {path for path in data.cache_dir().rglob("*") if path.is_file()} == {old, old.with_name("sha256.json")}
    assert weights.load("squeezenet").source == str(old)


def test_fetch_without_a_network_says_what_to_bring(monkeypatch):
    known = vision.ARCHITECTURES["resnet18"]
    monkeypatch.setitem(
        vision.ARCHITECTURES, "resnet18", known._replace(url="http://127.0.0.1:9/resnet18-f37072fd.pth")
    )
    with pytest.raises(MissingWeightsError, match=r"cannot be reached(.|\n)*bring the file resnet18-f37072fd\.pth"):
        weights.fetch("resnet18")


# Photos


def test_preparation_is_the_publishers():
    photo = np.arange(2 * 224 * 224 * 3, dtype=np.int64).reshape(2, 224, 224, 3).astype(np.uint8)
    x = vision.preparation.torchvision((224, 224))(photo)
    expected = (photo / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    np.testing.assert_allclose(x, expected, atol=1e-5)
    assert x.dtype == np.float32
    # torchvision's GoogLeNet reads the same input and rescales it itself.
    again = expected * (np.array([0.229, 0.224, 0.225]) / 0.5) + (np.array([0.485, 0.456, 0.406]) - 0.5) / 0.5
    np.testing.assert_allclose(vision.preparation.symmetric((224, 224))(photo), again, atol=1e-5)
    x = vision.preparation.caffe((224, 224))(photo)
    np.testing.assert_allclose(x, photo[..., [2, 1, 0]] - np.array([104.0, 117, 123]), atol=1e-5)
    grey = np.full((2, 50, 60, 3), 9, np.uint8)
    x = vision.preparation.caffe((227, 200))(grey)
    assert x.shape == (2, 227, 200, 3)
    assert (x == 9 - np.array([104.0, 117, 123])).all()
    assert vision.preparation.caffe((227, 227))(grey[:0]).shape == (0, 227, 227, 3)
    for wrong in (photo / 255, photo[0], photo[..., :2]):
        with pytest.raises(ShapeError, match="uint8"):
            vision.preparation.caffe((224, 224))(wrong)


def test_photos_of_a_folder(tmp_path):
    image = pytest.importorskip("PIL.Image")
    for name, size, colour in (("b/2.png", (300, 250), "red"), ("b/1.JPEG", (224, 224), "blue"), ("a/3.png", (20, 90), "white")):  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        image.new("RGB", size, colour).save(tmp_path / name)
    image.new("L", (224, 224), 7).save(tmp_path / "a" / "grey.png")
    (tmp_path / "a" / "notes.txt").write_text("no photo")
    photos = data.load_photos(tmp_path)
    assert photos.images.shape == (4, 224, 224, 3)
    assert photos.images.dtype == np.uint8
    assert photos.labels == ("a", "a", "b", "b")
    assert photos.files == ("3.png", "grey.png", "1.JPEG", "2.png")
    assert photos.images[:, 100, 100].tolist()[0::3] == [[255, 255, 255], [255, 0, 0]]
    assert photos.images[1, 0, 0].tolist() == [7, 7, 7]


def test_photos_that_are_not_there(tmp_path):
    with pytest.raises(MissingFileError):
        data.load_photos(tmp_path / "nowhere")
    with pytest.raises(ArgumentError, match="a folder for each class"):
        data.load_photos(tmp_path)
    (tmp_path / "a").mkdir()
    # A PNG whose header is right and whose pixels end too early.
    header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\x00" * 30))]
    content = b"\x89PNG\r\n\x1a\n"
    for kind, body in chunks:
        content += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    for damaged in (b"no photo", content):
        (tmp_path / "a" / "1.png").write_bytes(damaged)
        with pytest.raises(DamagedFileError, match=r"1\.png"):
            data.load_photos(tmp_path)


# Real weights


@pytest.mark.end_to_end
def test_squeezenet_knows_its_photos(test_data):
    photos = data.load_photos(test_data / "data" / "imagenette")
    assert photos.images.shape == (500, 224, 224, 3)
    network = weights.load(test_data / "weights" / "squeezenet1_1-caffe-fp16.safetensors")
    run = jax.jit(network.model.apply)
    batches = np.split(photos.images, 10)
    logits = np.concatenate([run(network.params, network.prepare(batch)) for batch in batches])
    ranked = np.argsort(-logits, axis=1)
    truth = np.array([CLASSES[label] for label in photos.labels])[:, None]
    assert (ranked[:, :1] == truth).mean() >= 0.54
    assert (ranked[:, :5] == truth).any(1).mean() >= 0.80


@pytest.mark.parametrize(
    ("file", "name", "lacks", "shape"),
    [
        ("resnet18-torchvision-backbone-fp16", "resnet18", "1000-way head", (2, 512)),
        ("alexnet-torchvision-conv", "alexnet_torchvision", "dense layers", (2, 6, 6, 256)),
        ("squeezenet1_1-caffe-fp16", "squeezenet", "", (2, 1000)),
    ],
)
def test_real_weights_convert(test_data, file, name, lacks, shape):
    torch = pytest.importorskip("torch", reason="torch is in the extra 'parity'")
    import safetensors.numpy
    import torch_zoo

    path = test_data / "weights" / f"{file}.safetensors"
    network = weights.load(path)
    assert network.name == name
    assert lacks in "; ".join(network.lacks)
    x = network.prepare(np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), np.uint8))
    found = jax.jit(network.model.apply)(network.params, x)
    made = torch_zoo.Weights()
    numbered = {f"Conv_{n}": f"features.{old}" for n, old in enumerate((0, 3, 6, 8, 10))}
    for key, array in safetensors.numpy.load_file(path).items():
        layer, _, kind = key.rpartition(".")
        made.state[f"{numbered.get(layer, layer)}.{kind}"] = torch.tensor(array).float()
    with torch.no_grad():
        inputs = torch.tensor(x.transpose(0, 3, 1, 2))
        expected = getattr(torch_zoo, name)(made, inputs, **({"head": False} if lacks else {})).numpy()
    expected = expected.transpose(0, 2, 3, 1) if expected.ndim == 4 else expected
    assert found.shape == expected.shape == shape
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()
