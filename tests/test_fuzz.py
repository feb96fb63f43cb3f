"""Bad input: a few cases of each kind of the fuzzer, and by name what it, and reading the code, have found."""

import gzip
import io
import json
import os
import pickle
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import jprobe as jp
from jprobe import atomic, cli, results, studies
from jprobe.data import cifar, idx
from jprobe.errors import (
    ArgumentError,
    CheckpointError,
    DamagedFileError,
    JprobeError,
    MissingFileError,
    UnknownNameError,
)
from jprobe.studies import probes
from jprobe.weights import distilbert, read_tensors

SCRIPTS = Path(__file__).parent.parent / "scripts"
MEND = "Bring it again."


@pytest.fixture(scope="module")
def fuzzing():
    """The fuzzer, imported as its script imports it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(SCRIPTS), *sys.path])
        import fuzzing.kinds
        import fuzzing.mutating
        import fuzzing.samples

        yield fuzzing


@pytest.mark.parametrize("kind", ["commands", "configs", "importers", "edges", "checkpoints", "results"])
def test_a_few_of_each_kind(fuzzing, kind, tmp_path, monkeypatch):
    import random
    import socket

    from fuzzing.judging import Box, judge

    def offline(*words):
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", offline)
    words = []
    for n in range({"commands": 4, "results": 5}.get(kind, 15)):
        box = Box(tmp_path / "box")
        case = fuzzing.kinds.KINDS[kind](random.Random(f"ci {kind} {n}"), box)
        verdict = judge(case, box)
        assert verdict.word != "wrong", f"{n} {case.says}: {verdict.why}"
        words.append(verdict.word)
    assert "refused" in words


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda box: int("x"), "ValueError"), (lambda box: (box.cache / "a.tmp").write_text("half"), "half a file"),
        (lambda box: box.marker.mkdir(), "code"), (lambda box: bytearray(2**31), "memory"),
        (lambda box: sys.exit(1), "without a word"), (lambda box: (_ for _ in ()).throw(ArgumentError("No.")), "names none"),
        (lambda box: print("Traceback (most recent call last)", file=sys.stderr), "traceback"),
        (lambda box: (box.given / "b").write_text("x"), "files changed"),
    ],
)  # fmt: skip
def test_the_judge_sees_what_is_wrong(fuzzing, tmp_path, answer, why):
    from fuzzing.judging import Box, Case, judge

    box = Box(tmp_path / "box")

    def run():
        if answer(box) is None and why == "names none":
            next(answer(box))

    verdict = judge(Case("a case", run, ("a.txt",)), box)
    assert verdict.word == "wrong"
    assert why in verdict.why


# Headers that claim more than there is.


@pytest.mark.parametrize(
    "head",
    [
        struct.pack(">4B3I", 0, 0, 8, 3, 2**31, 28, 28), struct.pack(">4B1I", 0, 0, 8, 1, 2**32 - 1),
        struct.pack(">4B4I", 0, 0, 8, 4, *[2**32 - 1] * 4), bytes([0, 0, 8, 100]) + struct.pack(">100I", *[1] * 100) + b"x",
        bytes([0, 0, 8, 0]) + b"x", struct.pack(">4B1I", 0, 0, 9, 1, 1) + b"x",
    ],
)  # fmt: skip
def test_idx_that_claims_what_it_has_not(head):
    with pytest.raises(DamagedFileError, match=r"labels\.gz is damaged"):
        idx.decode(gzip.compress(head), Path("labels.gz"), MEND)


def test_idx_reads_no_more_than_its_header_says():
    bomb = gzip.compress(struct.pack(">4B1I", 0, 0, 8, 1, 10) + bytes(2**26))
    with pytest.raises(DamagedFileError, match="says 10 bytes of content, it has more"):
        idx.decode(bomb, Path("labels.gz"), MEND)


def test_npz_that_claims_what_it_has_not(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (2**33,)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", header.getvalue() + bytes(16))
    with pytest.raises(DamagedFileError, match=r"a\.npz .*\[8589934592\]"):
        read_tensors(tmp_path / "a.npz")


# pickle writes no names of modules that are not here, so a file is put together from its opcodes.
def torch_file(shape, strides, offset=0, count=4):
    numbers = lambda values: b"(" + b"".join(b"\x8a\x08" + struct.pack("<q", n) for n in values) + b"t"  # noqa: E731
    word = lambda text: b"X" + struct.pack("<I", len(text)) + text  # noqa: E731
    storage = b"(" + word(b"storage") + b"ctorch\nFloatStorage\n" + word(b"0") + word(b"cpu") + b"K\x04" + b"NtQ"
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"\x8a\x08" + struct.pack("<q", offset)
    tensor += numbers(shape) + numbers(strides) + b"\x89}tR"
    found = b"\x80\x02}" + word(b"a") + tensor + b"s."
    out = b"".join(pickle.dumps(thing, 2) for thing in (0x1950A86A20F9469CFC6C, 1001, {}))
    return out + found + pickle.dumps(["0"], 2) + struct.pack("<q", count) + np.arange(count, dtype="<f4").tobytes()


def test_torch_tensors_that_reach_beyond_their_storage(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(torch_file((2, 2), (1, 2)))
    assert read_tensors(path)["a"].tolist() == [[0, 2], [1, 3]]
    for shape, strides, offset in (
        ((2**40,), (0,), 0),  # one number, spread out
        ((4,), (-1,), 0),  # the memory before it
        ((2, 2), (3, -3), 0),
        ((5,), (1,), 0),
        ((4,), (1,), 1),
        ((4,), (1,), -1),
        ((-4,), (1,), 0),
    ):
        path.write_bytes(torch_file(shape, strides, offset))
        with pytest.raises(DamagedFileError, match=r"a\.bin is damaged"):
            read_tensors(path)
    path.write_bytes(torch_file((1,), (1,), count=4)[: -8 - 16] + struct.pack("<q", 2**60))
    with pytest.raises(DamagedFileError):
        read_tensors(path)
    path.write_bytes(torch_file((1,), (1,))[: -8 - 16] + struct.pack("<q", -1) + bytes(16))
    with pytest.raises(DamagedFileError, match="-1 numbers"):
        read_tensors(path)


def test_pickles_that_run_code_or_take_for_ever(fuzzing, tmp_path):
    for content in (*fuzzing.mutating.evil_pickles(str(tmp_path / "marker")), fuzzing.mutating.laughing_pickle()):
        for name in ("a.bin", "a.pth", "a.npz", "a.safetensors"):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(DamagedFileError, match=name):
                read_tensors(tmp_path / name)
        begin = b"".join(pickle.dumps(thing, 2) for thing in (0x1950A86A20F9469CFC6C, 1001, {}))
        (tmp_path / "a.bin").write_bytes(begin + content)
        with pytest.raises(DamagedFileError, match=r"a\.bin"):
            read_tensors(tmp_path / "a.bin")
        with zipfile.ZipFile(tmp_path / "a.pth", "w") as archive:
            archive.writestr("a/data.pkl", content)
        with pytest.raises(DamagedFileError, match=r"a\.pth"):
            read_tensors(tmp_path / "a.pth")
    assert not (tmp_path / "marker").exists()


# Archives and photos.


def test_archives_whose_members_lie_elsewhere_or_link(fuzzing, tmp_path):
    content = fuzzing.mutating.outside_tar(str(tmp_path / "marker"))
    with pytest.raises(DamagedFileError, match=r"c\.tar\.gz is damaged: it has no data_batch_1\.bin"):
        cifar.unpack(content, Path("c.tar.gz"), MEND)
    assert not list(tmp_path.iterdir())


def test_an_archive_with_a_member_of_absurd_size():
    import tarfile

    member = tarfile.TarInfo("data_batch_1.bin")
    member.size = 2**40
    content = gzip.compress(member.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    with pytest.raises(DamagedFileError, match=r"c\.tar\.gz"):
        cifar.unpack(content, Path("c.tar.gz"), MEND)


def test_photos_that_are_none(tmp_path, monkeypatch):
    import subprocess

    def started(*words, **options):
        raise AssertionError("a photo started a program")

    monkeypatch.setattr(subprocess, "check_call", started)
    folder = tmp_path / "tench"
    folder.mkdir()
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
    # A header of 60,000 by 3,000 pixels, with nothing after it.
    absurd = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">2I5B", 60_000, 3_000, 8, 2, 0, 0, 0)
    import zlib

    absurd += struct.pack(">I", zlib.crc32(absurd[12:])) + b"\0\0\0\0IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    for content in (postscript, absurd, b"<html>", b"", b"GIF89a" + bytes(100)):
        (folder / "a.png").write_bytes(content)
        with pytest.raises(DamagedFileError, match=r"a\.png is damaged") as caught:
            jp.data.load_photos(tmp_path)
        assert "object at" not in str(caught.value)


def test_a_pipe_among_photos_is_not_waited_for(tmp_path):
    (tmp_path / "tench").mkdir()
    os.mkfifo(tmp_path / "tench" / "a.png")
    with pytest.raises(ArgumentError, match="holds no photos"):
        jp.data.load_photos(tmp_path)


# Edges.


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b,1\n" + "x" * 200_000 + ",b,1\n", "line 2 holds no edge"), ("<html>" * 30_000, r"line 1 has the fields .*letters"),
        ("1" * 5000 + " 2 nan\n", "not finite"), ("a b " + "9" * 5000 + "\n", "not finite"), ("x" * 2**21, "a line has"),
    ],
)  # fmt: skip
def test_long_lines_are_told_in_short(tmp_path, text, says):
    (tmp_path / "e.txt").write_text(text)
    with pytest.raises(JprobeError, match=says) as caught:
        jp.graph.read_edges(tmp_path / "e.txt")
    assert len(str(caught.value)) < 700


def test_labels_of_any_length(tmp_path):
    (tmp_path / "e.txt").write_text("1" * 5000 + " 2 1\n")
    assert jp.graph.read_edges(tmp_path / "e.txt").labels == ("1" * 5000, "2")


@pytest.mark.parametrize(
    "options", [{"delimiter": ""}, {"delimiter": "::"}, {"delimiter": "\n"}, {"columns": (0, 1)}, {"columns": "012"}]
)
def test_options_of_edges_that_make_no_sense(tmp_path, options):
    (tmp_path / "e.txt").write_text("a b 1\n")
    with pytest.raises(ArgumentError, match=next(iter(options))):
        jp.graph.read_edges(tmp_path / "e.txt", **options)


# Paths, options and folders of runs.


@pytest.mark.parametrize("path", ["a" * 300, "b/" * 3000, "a\0b", "\udcff"])
def test_names_that_no_file_has(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for words in (
        ["data", "import", "imagenette", path], ["weights", "import", "squeezenet", path], ["weights", "import", "distilbert-ner", path],
        ["open", path], ["compare", path, "."], ["run", "transformer", "--checkpoint", path], ["run", "frustration", "--network", path],
    ):  # fmt: skip
        with pytest.raises(SystemExit) as caught:
            cli.main(words)
        assert caught.value.code in (1, 2)
        assert len(capsys.readouterr().err) < 12_500
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"seeds": "3"}, "--seeds must be a whole number, not '3'"), ({"seeds": 2.5}, "--seeds must be a whole number"),
        ({"seeds": True}, "--seeds must be a whole number"), ({"seeds": None}, "--seeds must be a whole number"),
        ({"seeds": 10**30}, "--seeds must be 2,147,483,647 or less"), ({"hidden": 64}, "--hidden takes values, not 64"),
        ({"hidden": (64, "x")}, "--hidden must be a whole number"), ({"pair": (1, 2, 3)}, "--pair takes 2 values"),
        ({"dataset": "mnist"}, "--dataset takes values, not 'mnist'"), ({"dataset": ("\udcff",)}, "--dataset must be text"),
        ({"living": 1}, "--living must be True or False"), ({"out": "a\0b"}, "--out must be a path"), ({"out": 7}, "--out must be a path"),
        ({"activation": ["relu"]}, "--activation is one of"), ({"keep": object()}, "not object"),
    ],
)  # fmt: skip
def test_options_of_another_kind(wrong, says):
    with pytest.raises(ArgumentError, match=says):
        probes.Config(**wrong)


def test_lists_are_as_good_as_tuples():
    assert probes.Config(hidden=[32], pair=[np.int64(0), 1]) == probes.Config(hidden=(32,), pair=(0, 1))


def test_folders_of_unknown_studies_and_files_that_nest_for_ever(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text('{"study": "folder"}')
        (tmp_path / name / "summary.json").write_text("{}")
        results.save(tmp_path / name / "results.nc", __import__("xarray").Dataset({"x": 1.0}))
    with pytest.raises(UnknownNameError, match="folder"):
        studies.compare([tmp_path / "a", tmp_path / "b"])
    for content in ("[" * 100_000, '{"a":' * 20_000, '{"study": "\\udcff"}', "[1]", '{"study": 3}', "<html>"):
        (tmp_path / "a" / "config.json").write_text(content)
        with pytest.raises(DamagedFileError, match=r"config\.json"):
            studies.compare([tmp_path / "a", tmp_path / "b"])
        with pytest.raises(JprobeError, match=r"config\.json|another configuration"):
            studies.RunFolder(tmp_path / "a", {"study": "probes"}, {})
    with pytest.raises(MissingFileError):
        studies.compare([tmp_path / "b", tmp_path / "none"])


def test_a_model_whose_settings_claim_a_million_layers(fuzzing):
    files = fuzzing.samples.tagger()
    from safetensors.numpy import load

    tensors, config = load(files["model.safetensors"]), json.loads(files["config.json"])
    assert distilbert.convert(tensors, config)[0].layers == 1
    for name, value in (
        ("n_layers", 10**6),
        ("vocab_size", 10**30),
        ("hidden_dim", 2**62),
        ("n_heads", 3),
        ("layer_norm_eps", "x"),
    ):
        with pytest.raises((CheckpointError, ArgumentError), match=r"config\.json|These weights|heads=3"):
            distilbert.convert(tensors, {**config, name: value})


def test_a_pipe_is_no_file_to_replace(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="no file"), atomic.replacing(tmp_path / "pipe"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
