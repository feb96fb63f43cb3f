"""The kinds of input: what each case gives to jprobe."""

import dataclasses
import importlib
import json
import random
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import jprobe as jp
from fuzzing import samples
from fuzzing.judging import Box, Case, Reached
from fuzzing.mutating import VALUES, bytes_of, json_of, lines_of, words_of
from jprobe import checkpoint, cli, results
from jprobe.data import cifar, conll, idx, tfds_files
from jprobe.data.loading import load
from jprobe.studies import NAMES, command
from jprobe.studies.runner.folder import RunFolder
from jprobe.weights import read_tensors

COMMANDS = [
    "list", "data show", "weights show", "--version", "--help", "run probes --help", "run collapse --help",
    "run probes --seeds 2 --epochs 1 --pair 0 1 --probes flip prune --hidden 8 4 --out out",
    "run probes --preset paper --dataset mnist --activation tanh --widths 32 --living --mesh 1",
    "run complexity --seeds 1 --hidden 8 --image-pairs 10",
    "run collapse --seeds 1 --pixels unit signed --epochs 1 --out out",
    "run difficulty --seeds 1 --hidden 8 --dataset mnist",
    "run lenses --seeds 1 --replicas 2 --samples 10 --dataset mnist",
    "run cnt --networks 2 --depths 3 --architectures fc cnn --init sd --samples 10",
    "run connectivity --dataset mnist --nodes 4 --channels 2 --size 8 --penalty 0.01",
    "run transformer --checkpoint ../given/tagger --layers classifier --kept 0.5 1.0 --sentences 2",
    "run frustration --network squeezenet --photos ../given/photos --replicas 2 --nulls 2 --largest 2.5",
    "run frustration --table sizes",
    "data import conll2003 ../given/text", "data import imagenette ../given/photos", "data import fashion_mnist ../given/digits",
    "data import cifar10 ../given/digits", "data fetch kmnist", "data fetch mnist", "weights fetch resnet18",
    "weights fetch distilbert-ner", "weights import distilbert-ner ../given/tagger", "weights import squeezenet ../given/net.npz",
    "open ../given/run", "compare ../given/run ../given/again --out page.html",
]  # fmt: skip


def commands(rng: random.Random, box: Box) -> Case:
    """A command line."""
    samples.put(box.given / "tagger", samples.tagger())
    samples.put(box.given / "text", {"test.txt": samples.CONLL.encode()})
    samples.put(box.given / "photos", {"tench/a.jpg": samples.photo("JPEG")})
    samples.put(box.given / "digits", samples.digits())
    samples.put(box.given, {"net.npz": samples.tensors()[".npz"]})
    for name in ("run", "again"):
        samples.put(box.given / name, samples.run_folder())
    words = words_of(rng, shlex.split(rng.choice(COMMANDS)))

    def reached(*_: Any, **__: Any) -> None:
        raise Reached

    def run() -> None:
        # What a study would compute is no question of its options; what it is of, is.
        with (
            mock.patch("jprobe.studies.runner.working.run_all", reached),
            mock.patch("webbrowser.open", return_value=True),
        ):
            cli.main(words)

    return Case(shlex.join(words), run, limited=False, anywhere=True)


def configs(rng: random.Random, box: Box) -> Case:
    """A configuration, as code makes it; or the one of a run's folder."""
    name = rng.choice(NAMES)
    package = importlib.import_module(f"jprobe.studies.{name}")
    fields = [field.name for field in dataclasses.fields(package.Config)]
    right = package.PRESETS["paper"]
    values = {
        field: rng.choice([*VALUES, (rng.choice(VALUES), 3), *[getattr(right, field)] * 8])
        for field in rng.sample(fields, rng.choice([1, 1, 2]))
    }

    def run() -> None:
        config = dataclasses.replace(package.PRESETS["quick"], **values)
        json.dumps(config.numbers(), allow_nan=False).encode()
        config.folder(package.PRESETS), config.in_words()
        command.command_of(config, package.PRESETS["quick"]).encode()

    return Case(f"{name} {values!r:.300}", run, tuple(f"--{field.replace('_', '-')}" for field in values))


def importers(rng: random.Random, box: Box) -> Case:
    """Files of data: importers, decoders behind their checksums, and the cache."""
    choices: list[Callable[[random.Random, Box], Case]] = [
        _idx, _official, _batch, _tar, _conll, _conll_zip, _photos, _photos, _decoded
    ]  # fmt: skip
    return rng.choice(choices)(rng, box)


def _mutated(rng: random.Random, box: Box, content: bytes) -> bytes:
    pool = [*samples.digits().values(), samples.cifar_tar(), samples.conll_zip(), samples.photo("PNG")]
    return bytes_of(rng, content, str(box.marker), [*pool, *samples.tensors().values()])


def _idx(rng: random.Random, box: Box) -> Case:
    # Within the compression, too: there are the sizes.
    import gzip

    content = rng.choice(list(samples.digits().values()))
    if rng.random() < 0.7:
        inner = _mutated(rng, box, gzip.decompress(content))
        wrong = gzip.compress(inner, mtime=0)
    else:
        wrong = _mutated(rng, box, content)
    return Case("IDX", lambda: idx.decode(wrong, Path("labels.gz"), "Bring it again."), ("labels.gz",))


def _official(rng: random.Random, box: Box) -> Case:
    files = dict(samples.digits())
    name = rng.choice(list(files))
    files[name] = _mutated(rng, box, files[name])
    samples.put(box.given, files)
    real = tfds_files.registered("fashion_mnist")
    # As if these were the published ones, so that decoding comes after the checksum.
    from jprobe.data.checksums import digest

    accepted = rng.random() < 0.7
    fake = {
        file: known._replace(checksum=digest(files[file] if accepted else samples.digits()[file], "sha256"))
        for file, known in real.items()
    }

    def run() -> None:
        with mock.patch("jprobe.data.tfds_files.registered", return_value=fake):
            if accepted:
                samples.put(box.cache / "official" / "fashion_mnist", files)
                try:
                    load("fashion_mnist")
                finally:
                    for path in (box.cache / "official").rglob("*"):
                        path.unlink() if path.is_file() else None
            else:
                jp.data.import_files("fashion_mnist", box.given)

    return Case(f"fashion_mnist {name}", run, (name, "fashion_mnist"))


def _batch(rng: random.Random, box: Box) -> Case:
    wrong = _mutated(rng, box, samples.batch())
    return Case("CIFAR-10 batch", lambda: cifar.decode(wrong, Path("test.bin"), "Bring it again."), ("test.bin",))


def _tar(rng: random.Random, box: Box) -> Case:
    import gzip

    content = samples.cifar_tar()
    inside = rng.random() < 0.7
    wrong = gzip.compress(_mutated(rng, box, gzip.decompress(content))) if inside else _mutated(rng, box, content)
    if rng.random() < 0.3:
        samples.put(box.given, {cifar.ARCHIVE: wrong})
        return Case("CIFAR-10 archive, imported", lambda: jp.data.import_files("cifar10", box.given), (cifar.ARCHIVE,))
    return Case("CIFAR-10 archive", lambda: cifar.unpack(wrong, Path("c.tar.gz"), "Bring it again."), ("c.tar.gz",))


def _conll(rng: random.Random, box: Box) -> Case:
    text = lines_of(rng, samples.CONLL) if rng.random() < 0.5 else _mutated(rng, box, samples.CONLL.encode())
    samples.put(box.given, {"test.txt": text})
    return Case(f"CoNLL {text[:60]!r}", lambda: jp.data.import_files("conll2003", box.given), ("test.txt",))


def _conll_zip(rng: random.Random, box: Box) -> Case:
    samples.put(box.cache / "text" / conll.NAME, {"conll2003.zip": _mutated(rng, box, samples.conll_zip())})
    return Case("CoNLL archive", jp.data.conll2003, ("conll2003.zip",))


def _photos(rng: random.Random, box: Box) -> Case:
    kind = rng.choice(["JPEG", "PNG", "WEBP", "BMP"])
    name = f"a.{kind.lower()}"
    samples.put(
        box.given / "val",
        {f"tench/{name}": _mutated(rng, box, samples.photo(kind)), "horn/b.png": samples.photo("PNG")},
    )
    return Case(f"photo {kind}", lambda: jp.data.import_files("imagenette", box.given), (name,))


def _decoded(rng: random.Random, box: Box) -> Case:
    from jprobe.data import cache

    stored = samples.tensors()[".npz"]
    samples.put(box.cache / "data", {"kmnist.npz": _mutated(rng, box, stored)})
    return Case("decoded cache", lambda: cache.recall("kmnist"))


def edges(rng: random.Random, box: Box) -> Case:
    """A list of edges."""
    import gzip

    content = lines_of(rng, samples.EDGES) if rng.random() < 0.6 else _mutated(rng, box, samples.EDGES.encode())
    name = rng.choice(["edges.txt", "edges.csv", "edges.txt.gz"])
    if rng.random() < 0.2:
        content = _mutated(rng, box, gzip.compress(content))
    (box.given / name).write_bytes(content)
    options: dict[str, Any] = rng.choice([
        {}, {}, {}, {"undirected": True}, {"drop_loops": True}, {"columns": (1, 0, 2)}, {"columns": (0, 1, 9)}, {"delimiter": ","},
        {"delimiter": ""}, {"delimiter": "::"}, {"columns": (0, 1)},
    ])  # fmt: skip
    return Case(
        f"edges {options} {content[:80]!r}",
        lambda: jp.graph.read_edges(box.given / name, **options),
        (name, *options),
    )


def checkpoints(rng: random.Random, box: Box) -> Case:
    """Files of weights, folders of published models, and checkpoints of trainings."""
    kind = rng.randrange(10)
    if kind < 6:
        suffix = rng.choice(list(samples.tensors()))
        path = samples.put(box.given, {f"net{suffix}": _mutated(rng, box, samples.tensors()[suffix])}) / f"net{suffix}"
        if rng.random() < 0.2:
            return Case(
                f"import {suffix}", lambda: jp.weights.import_weights("squeezenet", path), (path.name, "SqueezeNet")
            )
        return Case(f"tensors {suffix}", lambda: read_tensors(path), (path.name,))
    if kind < 8:
        files = dict(samples.tagger())
        name = rng.choice(
            ["config.json", "config.json", "tokenizer.json", "vocab.txt", "tokenizer_config.json", "model.safetensors"]
        )
        if name == "vocab.txt":
            del files["tokenizer.json"]
        if name.endswith(".json") and rng.random() < 0.7:
            files[name] = json_of(rng, json.loads(files[name]))
        else:
            files[name] = _mutated(rng, box, files[name])
        folder = samples.put(box.given / "tagger", files)
        named = (name, "config.json", "weights", "tagger")
        return Case(
            f"tagger {name} {files[name][:300]!r}", lambda: jp.weights.import_weights("distilbert-ner", folder), named
        )
    files = {
        n.partition("/")[2].partition("/")[2]: c
        for n, c in samples.run_folder().items()
        if n.startswith("checkpoints/")
    }
    name = rng.choice(list(files))
    files[name] = _mutated(rng, box, files[name])
    samples.put(box.given / "fit", files)
    return Case(f"training {name}", lambda: checkpoint.load(box.given / "fit", {"x": 0.0}), ("fit",), limited=False)


def results_(rng: random.Random, box: Box) -> Case:
    """Folders of runs: taken up, opened, compared."""
    files = dict(samples.run_folder())
    name = rng.choice([n for n in files if not n.startswith("checkpoints/")])
    if name.endswith(".json") and rng.random() < 0.7:
        files[name] = json_of(rng, json.loads(files[name]))
    else:
        files[name] = _mutated(rng, box, files[name])
    run, again = samples.put(box.given / "run", files), samples.put(box.given / "again", samples.run_folder())
    if rng.random() < 0.3 and name.endswith(".nc"):
        return Case(f"load {name}", lambda: results.load(run / name), (Path(name).name,))
    if rng.random() < 0.3:
        return Case(f"taken up {name}", lambda: command.taking_up(run), ("config.json",))
    if rng.random() < 0.3:
        config = json.loads(samples.run_folder()["config.json"])
        return Case(f"run folder {name}", lambda: RunFolder(run, config, {}), ("run",), limited=False)
    says = f"compare {name} {files[name][:300]!r}"
    return Case(
        says, lambda: cli.main(["compare", str(run), str(again), "--out", "page.html"]), ("run",), limited=False
    )


KINDS: dict[str, Callable[[random.Random, Box], Case]] = {
    "commands": commands, "configs": configs, "importers": importers, "edges": edges, "checkpoints": checkpoints, "results": results_,
}  # fmt: skip
