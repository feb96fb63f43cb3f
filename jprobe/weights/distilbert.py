"""DistilBERT and BERT checkpoints of huggingface.co."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.errors import CheckpointError, DamagedFileError
from jprobe.models import DistilBert
from jprobe.paths import leaves_by_path
from jprobe.typing import Params
from jprobe.weights.folders import FILES, file_of, find, tensors_of

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
    names = {int(n): str(name) for n, name in config.get("id2label", {}).items()}
    labels = tuple(names.get(n, f"LABEL_{n}") for n in range(model.labels))
    return Tagger(model, params, labels, _tokenizer(folder), str(folder_or_name))


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
            found[path] = array.T if path.endswith("/kernel") else array
    model = _model(config, "classifier/kernel" in found, found.get("classifier/bias"))
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 1), jnp.int32))
    wanted = {path: leaf.shape for path, _, leaf in leaves_by_path(shapes)}
    problems = [f"left over: {key}" for key in left_over + sorted(found.keys() - wanted.keys())]
    problems += [f"missing: {path}" for path in wanted if path not in found]
    problems += [
        f"{path} is {list(found[path].shape)}, not {list(shape)}"
        for path, shape in wanted.items()
        if path in found and found[path].shape != shape
    ]
    problems += [
        f"{path} holds NaN or infinity" for path, a in found.items() if not np.isfinite(a.astype(np.float32)).all()
    ]
    if problems:
        shown = "\n  ".join(problems[:12]) + (f"\n  ... and {len(problems) - 12} more" if len(problems) > 12 else "")
        raise CheckpointError(
            f"These weights are not those of a {config.get('model_type')} token classifier or encoder:\n  {shown}\n"
            "Bring a checkpoint of DistilBertForTokenClassification, BertForTokenClassification, or of either encoder alone."
        )
    arrays = [jnp.asarray(found[path].astype(np.float32)) for path in wanted]
    return model, jax.tree.unflatten(jax.tree.structure(shapes), arrays)


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
    if kind not in table:
        raise CheckpointError(f"config.json is of a {kind!r} model; this reads 'distilbert' and 'bert'.")
    try:
        width, heads, layers, hidden, activation = (config[name] for name in table[kind])
        sizes = config["vocab_size"], config["max_position_embeddings"]
    except KeyError as error:
        raise CheckpointError(f"config.json lacks {error}.") from error
    if activation not in ("gelu", "relu"):
        raise CheckpointError(f"config.json asks for the activation {activation!r}; this knows 'gelu' and 'relu'.")
    return DistilBert(
        vocabulary=sizes[0], positions=sizes[1], width=width, heads=heads, layers=layers, hidden=hidden,
        labels=len(bias) if classifies and bias is not None else 0,
        token_types=config.get("type_vocab_size", 2) if kind == "bert" else 0,
        activation=activation, epsilon=config.get("layer_norm_eps", 1e-12),
    )  # fmt: skip


def _config(folder: Path) -> dict[str, Any]:
    path = file_of(folder, FILES[0])
    try:
        found = json.loads(path.read_text())
    except (ValueError, OSError) as error:
        raise DamagedFileError(path, f"it is not JSON ({error}).", "Get the file again.") from error
    return dict(found)


def _tokenizer(folder: Path) -> Any:
    import tokenizers

    path = file_of(folder, FILES[2])
    if path.suffix == ".json":
        tokenizer = tokenizers.Tokenizer.from_file(str(path))
    else:
        # Older checkpoints have the word pieces alone; the rest is BERT's.
        settings = folder / "tokenizer_config.json"
        lower = json.loads(settings.read_text()).get("do_lower_case", True) if settings.exists() else True
        tokenizer = tokenizers.BertWordPieceTokenizer(str(path), lowercase=lower)._tokenizer
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
