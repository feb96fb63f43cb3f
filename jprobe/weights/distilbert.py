"""DistilBERT and BERT checkpoints of huggingface.co."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.errors import CheckpointError, quoted
from jprobe.files import decoding, read_object
from jprobe.misfits import listed, misfits, not_finite
from jprobe.models import DistilBert
from jprobe.paths import leaves_by_path
from jprobe.typing import Params
from jprobe.weights.folders import FILES, file_of, find, tensors_of
from jprobe.weights.matching import single

# Published names, without the "distilbert." or "bert." before them -> path in the module.
_NAMES = [
    (r"embeddings\.(word|position|token_type)_embeddings", r"embeddings/\1_embeddings"),
    (r"embeddings\.LayerNorm", "embeddings/LayerNorm"),
    (r"transformer\.layer\.(\d+)\.attention\.(q_lin|k_lin|v_lin|out_lin)", r"layer_\1/attention/\2"),
    (r"transformer\.layer\.(\d+)\.(sa_layer_norm|output_layer_norm)", r"layer_\1/\2"),
    (r"transformer\.layer\.(\d+)\.ffn\.(lin1|lin2)", r"layer_\1/ffn/\2"),
    (r"encoder\.layer\.(\d+)\.attention\.self\.query", r"layer_\1/attention/q_lin"),
    (r"encoder\.layer\.(\d+)\.attention\.self\.key", r"layer_\1/attention/k_lin"),
    (r"encoder\.layer\.(\d+)\.attention\.self\.value", r"layer_\1/attention/v_lin"),
    (r"encoder\.layer\.(\d+)\.attention\.output\.dense", r"layer_\1/attention/out_lin"),
    (r"encoder\.layer\.(\d+)\.attention\.output\.LayerNorm", r"layer_\1/sa_layer_norm"),
    (r"encoder\.layer\.(\d+)\.intermediate\.dense", r"layer_\1/ffn/lin1"),
    (r"encoder\.layer\.(\d+)\.output\.dense", r"layer_\1/ffn/lin2"),
    (r"encoder\.layer\.(\d+)\.output\.LayerNorm", r"layer_\1/output_layer_norm"),
    (r"classifier", "classifier"),
]

# A buffer of older versions, and a layer that only sentence classifiers read.
_UNREAD = re.compile(r"embeddings\.position_ids|pooler\.dense\.(weight|bias)")

_AGAIN = "Get the file again."

# Sizes that both kinds of config.json call the same.
_LARGEST = 2**24
_SHARED = ("vocab_size", "max_position_embeddings")


class Tagger(NamedTuple):
    """A network that classifies tokens, with all that it takes to run it on words.

    Attributes:
        model: the module.
        params: its variables, {"params": ...}, float32.
        labels: name of each class, or none for an encoder alone.
        tokenizer: a ``tokenizers.Tokenizer``.
        name: folder or name it was loaded from.

    Example:
        >>> Tagger(DistilBert(labels=2), {}, ("O", "B-LOC"), None, "mine").model.labels
        2
    """

    model: DistilBert
    params: Params
    labels: tuple[str, ...]
    tokenizer: Any
    name: str


def load_distilbert(folder_or_name: str | Path) -> tuple[DistilBert, Params]:
    """DistilBERT or BERT from a published checkpoint.

    Args:
        folder_or_name: a folder with config.json and model.safetensors or pytorch_model.bin; a name of
            ``jprobe weights show``; or an owner/name of huggingface.co.

    Returns:
        The model and its variables in float32: ``model.apply(variables, ids, mask)`` gives logits
        [B, T, C], or vectors [B, T, D] if the checkpoint has no classifier.

    Raises:
        MissingWeightsError: it is neither on this machine nor to be had from the network.
        MissingFileError: the folder lacks a file.
        CheckpointError: another kind of network; keys missing, left over or of other shapes; NaN weights.
        DamagedFileError: a file that cannot be read.

    Example:
        >>> load_distilbert("no-such-folder")
        Traceback (most recent call last):
            ...
        jprobe.errors.MissingWeightsError: ...
    """
    folder = find(folder_or_name)
    config = _config(folder)
    return convert(tensors_of(folder), config)


def load_tagger(folder_or_name: str | Path) -> Tagger:
    """A token classifier with its labels and its tokenizer.

    Args:
        folder_or_name: as :func:`load_distilbert` takes it; the folder must hold tokenizer.json or vocab.txt, too.

    Returns:
        The tagger.

    Raises:
        JprobeError: what :func:`load_distilbert` raises.

    Example:
        >>> load_tagger("no-such-folder")
        Traceback (most recent call last):
            ...
        jprobe.errors.MissingWeightsError: ...
    """
    folder = find(folder_or_name)
    config = _config(folder)
    model, params = convert(tensors_of(folder), config)
    return Tagger(model, params, _labels(config, model.labels, folder), _tokenizer(folder), str(folder_or_name))


def convert(tensors: Mapping[str, np.ndarray], config: Mapping[str, Any]) -> tuple[DistilBert, Params]:
    """Model and variables of a checkpoint's tensors and its config.json; every key is used or refused.

    Args:
        tensors: published name -> array.
        config: the contents of config.json, of model type "distilbert" or "bert".

    Raises:
        CheckpointError: another kind of network; keys missing, left over or of other shapes; NaN weights.

    Example:
        >>> convert({}, {"model_type": "gpt2"})
        Traceback (most recent call last):
            ...
        jprobe.errors.CheckpointError: ...
    """
    found: dict[str, np.ndarray] = {}
    left_over = []
    for key, array in tensors.items():
        name = re.sub(r"^(distilbert|bert)\.", "", key)
        if _UNREAD.fullmatch(name):
            continue
        path = _path(name)
        if path is None or path in found:
            left_over.append(key)
        else:
            found[path] = single(array.T if path.endswith("/kernel") else array)
    model = _model(config, "classifier/kernel" in found, found.get("classifier/bias"))
    if model.layers > len(found):  # which would be made one by one before anything is compared
        raise CheckpointError(
            f"config.json gives {model.layers:,} layers, and there are {len(found)} arrays of weights."
        )
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 1), jnp.int32))
    wanted = {path: leaf for path, _, leaf in leaves_by_path(shapes)}
    problems = [f"left over: {key}" for key in left_over] + misfits(found, wanted) + not_finite(found)
    if problems:
        raise CheckpointError(
            f"These weights are not those of a {config.get('model_type')} token classifier or encoder:\n{listed(problems)}\n"
            "Bring a checkpoint of DistilBertForTokenClassification, BertForTokenClassification, or of either encoder alone."
        )
    return model, jax.tree.unflatten(jax.tree.structure(shapes), jax.device_put([found[path] for path in wanted]))


def _path(name: str) -> str | None:
    """Path of a published tensor in the module, or None."""
    layer, _, kind = name.rpartition(".")
    kind = {"gamma": "weight", "beta": "bias"}.get(kind, kind)  # names of TensorFlow's early checkpoints
    for pattern, path in _NAMES:
        if re.fullmatch(pattern, layer) and kind in ("weight", "bias"):
            path = re.sub(pattern, path, layer)
            if kind == "bias":
                return f"{path}/bias"
            if path.endswith("_embeddings"):
                return f"{path}/embedding"
            return f"{path}/scale" if path.lower().endswith("norm") else f"{path}/kernel"
    return None


def _model(config: Mapping[str, Any], classifies: bool, bias: np.ndarray | None) -> DistilBert:
    kind = config.get("model_type")
    table = {
        "distilbert": ("dim", "n_heads", "n_layers", "hidden_dim", "activation"),
        "bert": ("hidden_size", "num_attention_heads", "num_hidden_layers", "intermediate_size", "hidden_act"),
    }
    if not isinstance(kind, str) or kind not in table:
        raise CheckpointError(f"config.json is of a {quoted(kind)} model; this reads 'distilbert' and 'bert'.")
    *sizes, activation = table[kind]
    lacking = [name for name in (*sizes, *_SHARED, activation) if name not in config]
    if lacking:
        raise CheckpointError(f"config.json lacks {', '.join(lacking)}.")
    types = config.get("type_vocab_size", 2)
    given = {**{name: config[name] for name in (*sizes, *_SHARED)}, "type_vocab_size": types}
    for name, size in given.items():
        if type(size) is not int or not (name != "type_vocab_size") <= size <= _LARGEST:
            raise CheckpointError(f"config.json gives {name} as {quoted(size)}, which is no size.")
    epsilon = config.get("layer_norm_eps", 1e-12)
    if not isinstance(epsilon, float | int) or not 0 <= epsilon < 1:
        raise CheckpointError(f"config.json gives layer_norm_eps as {quoted(epsilon)}, which is no small number.")
    width, heads, layers, hidden = (config[name] for name in sizes)
    if config[activation] not in ("gelu", "relu"):
        raise CheckpointError(
            f"config.json asks for the activation {quoted(config[activation])}; this knows 'gelu' and 'relu'."
        )
    return DistilBert(
        vocabulary=config["vocab_size"], positions=config["max_position_embeddings"], width=width, heads=heads, layers=layers, hidden=hidden,
        labels=len(bias) if classifies and bias is not None else 0,
        token_types=types if kind == "bert" else 0,
        activation=config[activation], epsilon=epsilon,
    )  # fmt: skip


def _config(folder: Path) -> dict[str, Any]:
    return read_object(file_of(folder, FILES[0]), _AGAIN)


def _labels(config: Mapping[str, Any], count: int, folder: Path) -> tuple[str, ...]:
    with decoding(folder / FILES[0][0], "a model's settings: id2label gives no names", _AGAIN):
        names = {int(n): str(name) for n, name in config.get("id2label", {}).items()}
    return tuple(names.get(n, f"LABEL_{n}") for n in range(count))


def _tokenizer(folder: Path) -> Any:
    import tokenizers

    path = file_of(folder, FILES[2])
    settings = folder / "tokenizer_config.json"
    with decoding(path, "a tokenizer", _AGAIN):
        if path.suffix == ".json":
            tokenizer = tokenizers.Tokenizer.from_file(str(path))
        else:
            # Older checkpoints have the word pieces alone; the rest is BERT's.
            lower = read_object(settings, _AGAIN).get("do_lower_case", True) if settings.exists() else True
            tokenizer = tokenizers.BertWordPieceTokenizer(str(path), lowercase=lower)._tokenizer
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
