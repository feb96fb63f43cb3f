"""Valid input of every kind, small: what is then made wrong."""

import functools
import gzip
import io
import json
import struct
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

CONLL = "-DOCSTART- -X- O O\n\nParis NNP I-NP I-LOC\nis VBZ I-VP O\nrainy JJ I-ADJP O\n. . O O\n\nAnn NNP I-NP I-PER\nsmiles VBZ I-VP O\n"
EDGES = "# who whom sign\nAnn Bob 1\nBob Cleo -1\nCleo Ann 1\nCleo Dan 0.5\nDan Ann -2.5\n"
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "Paris", "rain", "##s", "in", "."]
BERT = {
    "model_type": "distilbert", "vocab_size": len(WORDS), "max_position_embeddings": 8, "dim": 4, "n_heads": 2, "n_layers": 1,
    "hidden_dim": 6, "activation": "gelu", "id2label": {"0": "O", "1": "B-LOC"}, "layer_norm_eps": 1e-12,
}  # fmt: skip


def idx(array: np.ndarray) -> bytes:
    """A gzipped IDX file."""
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return gzip.compress(head + array.astype(np.uint8).tobytes(), mtime=0)


@functools.cache
def digits() -> dict[str, bytes]:
    """The four files of a set of four and two images."""
    from jprobe.data.idx import FILES

    rng = np.random.default_rng(0)
    arrays = [rng.integers(0, 256, (4, 28, 28)), np.arange(4), rng.integers(0, 256, (2, 28, 28)), np.arange(2)]
    return {name: idx(array) for name, array in zip(FILES, arrays, strict=True)}


@functools.cache
def batch() -> bytes:
    """A batch of CIFAR-10 with three images."""
    rng = np.random.default_rng(0)
    return b"".join(bytes([n]) + rng.bytes(3072) for n in range(3))


@functools.cache
def cifar_tar() -> bytes:
    """The archive of CIFAR-10, with three images a batch."""
    from jprobe.data import cifar

    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name in cifar.CHECKSUMS:
            member = tarfile.TarInfo(f"{cifar.FOLDER}/{name}")
            member.size = len(batch())
            tar.addfile(member, io.BytesIO(batch()))
    return out.getvalue()


@functools.cache
def conll_zip() -> bytes:
    """The archive of CoNLL-2003 with two sentences."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("test.txt", CONLL)
    return out.getvalue()


@functools.cache
def photo(kind: str) -> bytes:
    """A small photo: "JPEG", "PNG", "WEBP" or "BMP"."""
    from PIL import Image

    out = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


def arrays() -> dict[str, np.ndarray]:
    """Named tensors of a small network."""
    rng = np.random.default_rng(0)
    return {"a.weight": rng.normal(size=(4, 6)).astype(np.float32), "a.bias": np.ones(4, np.float32)}


def _field(number: int, content: bytes) -> bytes:
    """A field of a protocol buffer, of fewer than 16,384 bytes."""
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
    return (
        (bytes([number << 3 | 2]) if number < 16 else bytes([number << 3 & 127 | 130, number >> 4])) + length + content
    )


@functools.cache
def tensors() -> Mapping[str, bytes]:
    """Suffix -> a file of the same tensors in each format that is read; torch's where torch is installed."""
    from safetensors.numpy import save

    packed = io.BytesIO()
    np.savez(packed, **arrays())  # type: ignore[arg-type]
    onnx = b"".join(
        _field(
            5,
            b"".join(b"\x08" + bytes([n]) for n in a.shape)
            + b"\x10\x01"
            + _field(8, name.encode())
            + _field(9, a.tobytes()),
        )
        for name, a in arrays().items()
    )
    blobs = b"".join(
        _field(7, _field(7, _field(1, bytes(a.shape))) + _field(5, a.tobytes())) for a in arrays().values()
    )
    found = {
        ".safetensors": save(arrays()),
        ".npz": packed.getvalue(),
        ".onnx": _field(7, onnx),
        ".caffemodel": _field(100, _field(1, b"a") + blobs),
    }
    try:
        import torch
    except ImportError:
        return found
    for suffix, zipped in ((".pth", True), (".bin", False)):
        out = io.BytesIO()
        state = {name: torch.tensor(a) for name, a in arrays().items()}
        torch.save(state, out, _use_new_zipfile_serialization=zipped)
        found[suffix] = out.getvalue()
    return found


@functools.cache
def tagger() -> dict[str, bytes]:
    """A tiny DistilBERT as huggingface.co has them: file name -> content."""
    from safetensors.numpy import save
    from tokenizers import BertWordPieceTokenizer

    rng, dim, hidden = np.random.default_rng(0), BERT["dim"], BERT["hidden_dim"]
    shapes: dict[str, tuple[Any, ...]] = {
        "embeddings.word_embeddings.weight": (len(WORDS), dim),
        "embeddings.position_embeddings.weight": (BERT["max_position_embeddings"], dim),
    }
    norms = ["embeddings.LayerNorm", "transformer.layer.0.sa_layer_norm", "transformer.layer.0.output_layer_norm"]
    shapes |= {f"{name}.{kind}": (dim,) for name in norms for kind in ("weight", "bias")}
    layers = {f"attention.{name}": (dim, dim) for name in ("q_lin", "k_lin", "v_lin", "out_lin")}
    for name, (rows, columns) in {**layers, "ffn.lin1": (hidden, dim), "ffn.lin2": (dim, hidden)}.items():
        shapes |= {f"transformer.layer.0.{name}.weight": (rows, columns), f"transformer.layer.0.{name}.bias": (rows,)}
    weights = {f"distilbert.{name}": rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    weights |= {
        "classifier.weight": rng.normal(size=(2, 4)).astype(np.float32),
        "classifier.bias": np.zeros(2, np.float32),
    }
    tokenizer = BertWordPieceTokenizer({word: n for n, word in enumerate(WORDS)}, lowercase=False)
    return {
        "config.json": json.dumps(BERT).encode(),
        "model.safetensors": save(weights),
        "tokenizer.json": tokenizer.to_str().encode(),
        "vocab.txt": "\n".join(WORDS).encode(),
        "tokenizer_config.json": b'{"do_lower_case": false}',
    }


@functools.cache
def run_folder() -> dict[str, bytes]:
    """A finished run, the smallest: path in its folder -> content."""
    from jprobe import studies
    from jprobe.studies import probes

    with tempfile.TemporaryDirectory() as folder:
        config = probes.Config(seeds=2, epochs=1, pair=(0, 1), hidden=(4,), probes=("flip",), out=Path(folder) / "run")
        root = studies.run(probes.STUDY, config).report.parent
        kept = [path for path in root.rglob("*") if path.is_file() and path.parent.name != "figures"]
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in kept}


def put(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files into a folder."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder
