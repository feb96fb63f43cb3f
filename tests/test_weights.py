"""Checkpoints: parity with transformers' torch models, every key used or refused, torch files read without torch."""

import collections
import errno
import json
import os
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jprobe import cli, weights
from jprobe.errors import (
    ArgumentError,
    CheckpointError,
    DamagedFileError,
    DiskError,
    MissingFileError,
    MissingWeightsError,
    UnreadableFileError,
)
from jprobe.weights.distilbert import convert

SIZES = {"vocab_size": 40, "max_position_embeddings": 20}
DISTIL = {**SIZES, "dim": 24, "n_heads": 4, "n_layers": 2, "hidden_dim": 32, "num_labels": 5}
BERT = {
    **SIZES, "hidden_size": 24, "num_attention_heads": 3, "num_hidden_layers": 2, "intermediate_size": 40, "num_labels": 4,
}  # fmt: skip
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "Paris", "rain", "##s", "in", "."]


def torch_model(kind, **options):
    """A small random torch model of transformers, and its sizes spread out so that no two layers are alike."""
    torch = pytest.importorskip("torch", reason="torch is in the extra 'parity'")
    transformers = pytest.importorskip("transformers", reason="transformers is in the extra 'parity'")
    torch.manual_seed(0)
    config, model = {
        "distilbert": (transformers.DistilBertConfig, transformers.DistilBertForTokenClassification),
        "bert": (transformers.BertConfig, transformers.BertForTokenClassification),
        "encoder": (transformers.BertConfig, transformers.BertModel),
    }[kind]
    net = model(config(**{**(DISTIL if kind == "distilbert" else BERT), **options})).eval()
    for parameter in net.parameters():
        parameter.data = torch.randn_like(parameter) * 0.4 + (parameter.data == 1)
    return net


def logits_of(net, ids, mask):
    torch = pytest.importorskip("torch")
    with torch.no_grad():
        out = net(torch.tensor(ids), attention_mask=torch.tensor(mask))
    return (out.logits if "logits" in out else out.last_hidden_state).numpy()


@pytest.mark.end_to_end
@pytest.mark.parametrize(
    ("kind", "options"),
    [("distilbert", {}), ("distilbert", {"activation": "relu", "n_heads": 6}), ("bert", {}), ("bert", {"layer_norm_eps": 1e-3}), ("encoder", {})],
)  # fmt: skip
@pytest.mark.parametrize("safe", [True, False], ids=["safetensors", "bin"])
def test_logits_are_transformers(kind, options, safe, tmp_path):
    net = torch_model(kind, **options)
    torch = pytest.importorskip("torch")
    net.save_pretrained(tmp_path)
    if not safe:
        (tmp_path / "model.safetensors").unlink()
        torch.save(net.state_dict(), tmp_path / "pytorch_model.bin")
    model, params = weights.load_distilbert(tmp_path)
    ids = np.random.default_rng(1).integers(0, 40, (3, 11))
    mask = np.arange(11) < np.array([11, 7, 1])[:, None]
    found = np.asarray(model.apply(params, ids, mask))
    expected = logits_of(net, ids, mask.astype(int))
    assert np.abs(found - expected)[mask].max() < 1e-4
    assert found.shape == expected.shape


def test_every_name_of_a_checkpoint_counts(tmp_path):
    net = torch_model("distilbert")
    tensors = {k: v.numpy() for k, v in net.state_dict().items()}
    config = {"model_type": "distilbert", "activation": "gelu", **DISTIL}
    convert(tensors, config)
    convert(tensors | {"distilbert.embeddings.position_ids": np.arange(20)[None]}, config)  # a buffer of old versions
    old = {
        k.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): v
        for k, v in tensors.items()
    }
    assert old.keys() != tensors.keys()
    convert(old, config)
    with pytest.raises(CheckpointError, match=r"left over: qa_outputs\.weight"):
        convert(tensors | {"qa_outputs.weight": np.ones((2, 24))}, config)
    with pytest.raises(CheckpointError, match="missing: layer_1/ffn/lin2/kernel"):
        convert({k: v for k, v in tensors.items() if k != "distilbert.transformer.layer.1.ffn.lin2.weight"}, config)
    with pytest.raises(CheckpointError, match="left over: layer_1/"):
        convert(tensors, config | {"n_layers": 1})
    with pytest.raises(CheckpointError, match=r"lin1/kernel is float32\[24, 32\], not float32\[24, 16\]"):
        convert(tensors, config | {"hidden_dim": 16})
    with pytest.raises(CheckpointError, match=r"classifier/bias is int8\[5\], not float32\[5\]"):
        convert(tensors | {"classifier.bias": np.ones(5, np.int8)}, config)
    with pytest.raises(CheckpointError, match="NaN"):
        convert(tensors | {"classifier.bias": np.full(5, np.nan, np.float32)}, config)
    for wrong, match in (({"model_type": "gpt2"}, "gpt2"), ({"activation": "swish"}, "swish")):
        with pytest.raises(CheckpointError, match=match):
            convert(tensors, config | wrong)
    with pytest.raises(CheckpointError, match="dim"):
        convert(tensors, {k: v for k, v in config.items() if k != "dim"})


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before torch 1.6"])
def test_torch_files_are_read_as_torch_reads_them(zipped, tmp_path):
    torch = pytest.importorskip("torch", reason="torch is in the extra 'parity'")
    whole = torch.arange(24.0).reshape(4, 6)
    tensors = {
        "float": whole, "view": whole[1:, ::2], "transposed": whole.T, "half": whole.half(), "bf16": whole.bfloat16(), "long": torch.arange(3),
        "bool": torch.tensor([True, False]), "scalar": torch.tensor(2.5), "empty": torch.zeros(0, 3), "double": whole.double(),
        "parameter": torch.nn.Parameter(whole + 1),
    }  # fmt: skip
    path = tmp_path / "a.bin"
    torch.save(collections.OrderedDict(tensors), path, _use_new_zipfile_serialization=zipped)
    found = weights.read_torch(path)
    assert found.keys() == tensors.keys()
    for name, expected in tensors.items():
        np.testing.assert_array_equal(found[name].astype(np.float64), expected.detach().double().numpy())
        assert found[name].shape == tuple(expected.shape)


class Harmful:
    def __reduce__(self):
        return os.system, ("touch harmed",)


def test_a_torch_file_cannot_run_code(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch", reason="torch is in the extra 'parity'")
    monkeypatch.chdir(tmp_path)
    for zipped in (True, False):
        torch.save({"a": Harmful()}, "a.bin", _use_new_zipfile_serialization=zipped)
        with pytest.raises(DamagedFileError, match=r"system"):
            weights.read_torch("a.bin")
    (tmp_path / "plain.bin").write_bytes(pickle.dumps(Harmful()))
    with pytest.raises(DamagedFileError):
        weights.read_torch("plain.bin")
    assert not (tmp_path / "harmed").exists()


def test_a_torch_file_cut_short_is_an_error(tmp_path):
    torch = pytest.importorskip("torch", reason="torch is in the extra 'parity'")
    for zipped in (True, False):
        torch.save({"a": torch.ones(1000)}, tmp_path / "a.bin", _use_new_zipfile_serialization=zipped)
        content = (tmp_path / "a.bin").read_bytes()
        (tmp_path / "a.bin").write_bytes(content[: len(content) // 2])
        with pytest.raises(DamagedFileError):
            weights.read_torch(tmp_path / "a.bin")


def written(folder, suffix):
    """A file of two tensors, in one of the formats that we read."""
    from safetensors.numpy import save_file

    tensors = {"a.weight": np.arange(24, dtype=np.float32).reshape(4, 6), "a.bias": np.ones(4, np.float32)}
    path = folder / f"whole{suffix}"
    if suffix == ".npz":
        np.savez(path, **tensors)
    elif suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch = pytest.importorskip("torch", reason="torch is in the extra 'parity'")
        zipped = suffix == ".pth"
        torch.save({k: torch.tensor(v) for k, v in tensors.items()}, path, _use_new_zipfile_serialization=zipped)
    return path, tensors


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".pth", ".bin"])
def test_a_damaged_file_is_one_clear_error_and_never_other_numbers_where_there_are_checksums(suffix, tmp_path):
    path, tensors = written(tmp_path, suffix)
    whole, rng, refused = path.read_bytes(), np.random.default_rng(0), 0
    damaged = tmp_path / f"damaged{suffix}"
    for trial in range(300):
        content = bytearray(whole)
        place = rng.integers(len(content))
        content[place] ^= rng.integers(1, 256)
        damaged.write_bytes(content[:place] if trial % 5 == 0 else content)
        try:
            found = weights.read_tensors(damaged)
        except (DamagedFileError, UnreadableFileError) as error:
            assert str(damaged) in str(error)  # noqa: PT017
            refused += 1
            continue
        if suffix in (".npz", ".pth") and found.keys() == tensors.keys():
            for name, array in tensors.items():
                np.testing.assert_array_equal(found[name], array)
    assert refused > 60


@pytest.fixture
def folder(tmp_path):
    """A published model, tiny and random: config, weights, and a vocabulary as older models have it."""
    net = torch_model("distilbert", num_labels=3, id2label={0: "O", 1: "B-LOC", 2: "I-LOC"}, vocab_size=len(WORDS))
    path = tmp_path / "published"
    net.save_pretrained(path)
    (path / "vocab.txt").write_text("\n".join(WORDS))
    (path / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": False}))
    return path


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("JPROBE_CACHE", str(tmp_path / "cache"))


def test_a_tagger_comes_with_its_labels_and_tokenizer(folder):
    tagger = weights.load_tagger(folder)
    assert tagger.labels == ("O", "B-LOC", "I-LOC")
    encoding = tagger.tokenizer.encode(["rains", "in", "Paris", "zebra"], is_pretokenized=True)
    assert encoding.tokens == ["[CLS]", "rain", "##s", "in", "Paris", "[UNK]", "[SEP]"]
    assert encoding.word_ids == [None, 0, 0, 1, 2, 3, None]


def test_import_show_and_load_by_name(folder, capsys):
    cli.main(["weights", "import", "distilbert-ner", str(folder)])
    cli.main(["weights", "show"])
    assert "named entities" in " ".join(capsys.readouterr().out.split())
    assert weights.catalogue()[0].where.endswith("weights/distilbert-ner")
    _, params = weights.load_distilbert("distilbert-ner")
    _, expected = weights.load_distilbert(folder)
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), params, expected))


def test_the_hubs_cache_is_found_without_a_network(folder, tmp_path, monkeypatch):
    # The layout of huggingface_hub's cache: refs/main names a snapshot, which holds the files.
    from huggingface_hub import constants

    home = tmp_path / "hub"
    snapshot = home / "models--dslim--distilbert-NER" / "snapshots" / ("a" * 40)
    snapshot.parent.mkdir(parents=True)
    folder.rename(snapshot)
    (home / "models--dslim--distilbert-NER" / "refs").mkdir()
    (home / "models--dslim--distilbert-NER" / "refs" / "main").write_text("a" * 40)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert weights.load_tagger("distilbert-ner").labels == ("O", "B-LOC", "I-LOC")
    assert weights.load_tagger("dslim/distilbert-NER").model.layers == 2
    with pytest.raises(MissingWeightsError, match="jprobe weights import"):
        weights.load_distilbert("nobody/nothing")


def test_import_of_something_else_keeps_nothing(folder, tmp_path):
    with pytest.raises(MissingFileError):
        weights.import_weights("distilbert-ner", tmp_path / "nowhere")
    (folder / "vocab.txt").unlink()
    with pytest.raises(MissingFileError, match=r"tokenizer\.json or vocab\.txt"):
        weights.import_weights("distilbert-ner", folder)
    (folder / "model.safetensors").write_bytes(b"no")
    with pytest.raises(DamagedFileError, match="safetensors"):
        weights.load_distilbert(folder)
    assert not (tmp_path / "cache" / "weights").exists()


@pytest.mark.parametrize(
    ("file", "content", "match"),
    [
        ("config.json", "{", "JSON"), ("config.json", "[1]", "JSON"), ("config.json", b"\xff", "JSON"),
        ("tokenizer.json", "{}", r"tokenizer\.json is damaged"), ("tokenizer_config.json", "7", "JSON"),
    ],
)  # fmt: skip
def test_garbled_settings_are_named(folder, file, content, match):
    (folder / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DamagedFileError, match=match):
        weights.load_tagger(folder)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"id2label": [1]}, DamagedFileError, "id2label"), ({"id2label": {"one": "O"}}, DamagedFileError, "id2label"),
        ({"dim": "24"}, CheckpointError, "dim as '24'"), ({"vocab_size": 0}, CheckpointError, "vocab_size as 0"),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_named(folder, change, error, match):
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | change))
    with pytest.raises(error, match=match):
        weights.load_tagger(folder)


def test_paths_that_are_no_folder_are_named(folder):
    with pytest.raises(ArgumentError, match="The path is empty"):
        weights.import_weights("distilbert-ner", "")
    with pytest.raises(MissingWeightsError, match="'' is not on this machine"):
        weights.load_distilbert("")
    with pytest.raises(ArgumentError, match=r"config\.json is a file, not a folder"):
        weights.load_distilbert(folder / "config.json")


def test_the_hubs_cache_on_a_full_disk(monkeypatch):
    import huggingface_hub

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", full)
    with pytest.raises(DiskError, match="No space left on device"):
        weights.fetch("distilbert-ner")


def test_the_command_line_explains(capsys):
    for words, match in (
        (["weights", "import", "distilbert", "x"], "Did you mean 'distilbert-ner'"),
        (["weights", "fetch", "nothing"], "There is no checkpoint"),
        (["run", "transformer", "--checkpoint", "no/such/folder"], "jprobe weights fetch distilbert-ner"),
    ):
        with pytest.raises(SystemExit) as left:
            cli.main(words)
        assert left.value.code == 1
        assert match in capsys.readouterr().err


def test_a_sequence_that_is_too_long_is_an_error(folder):
    model, params = weights.load_distilbert(folder)
    with pytest.raises(ArgumentError, match="longer"):
        model.apply(params, jnp.zeros((1, 21), jnp.int32))


def test_padding_changes_no_logit(folder):
    model, params = weights.load_distilbert(folder)
    ids = jnp.array([[2, 5, 6, 7, 3]])
    padded = jnp.pad(ids, ((0, 0), (0, 6)), constant_values=9)
    apply = jax.jit(model.apply)
    short = apply(params, ids)
    long = apply(params, padded, jnp.arange(11)[None] < 5)
    np.testing.assert_allclose(short, long[:, :5], atol=1e-5)
