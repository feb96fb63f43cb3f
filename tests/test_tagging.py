"""Sentences, spans and activations: against seqeval, a loop, and Gram matrices."""

import io
import zipfile

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

import jprobe as jp
from jprobe import cli, metrics
from jprobe.data import Sentences, conll2003, token_task
from jprobe.data.conll import to_iob2
from jprobe.data.tokens import BUCKETS
from jprobe.errors import ArgumentError, DamagedFileError, MissingFileError, ShapeError, UnknownLayerError
from jprobe.metrics.spans import f1, span_counts, tag_scheme

pytestmark = pytest.mark.quick

LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
SCHEME = tag_scheme(LABELS)
TEXT = """-DOCSTART- -X- -X- O

Ann NNP I-NP I-PER
Lee NNP I-NP I-PER
Bob NNP I-NP B-PER
sees VBZ I-VP O
Rome NNP I-NP I-LOC

It PRP I-NP O
rains VBZ I-VP O
"""


@pytest.fixture(autouse=True)
def _own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("JPROBE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))


counted = jax.jit(lambda predicted, gold, lengths: span_counts(predicted, gold, lengths, SCHEME))


def counts(predicted, gold):
    # One shape for all examples, so that they share a program: what follows a sentence is not read.
    rows, width = 4, 9

    def fill(sentences):
        filled = np.full((rows, width), 3)
        for n, sentence in enumerate(sentences):
            filled[n, : len(sentence)] = sentence
        return jnp.asarray(filled)

    lengths = [len(row) for row in gold] + [0] * (rows - len(gold))
    return counted(fill(predicted), fill(gold), jnp.array(lengths))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=9), min_size=1, max_size=4)
)
def test_span_f1_is_seqevals(rows):
    seqeval = pytest.importorskip("seqeval.metrics", reason="seqeval is in the extra 'parity'")
    predicted, gold = ([[pair[n] for pair in row] for row in rows] for n in (0, 1))
    names = [[[LABELS[t] for t in row] for row in tags] for tags in (gold, predicted)]
    expected = seqeval.f1_score(*names, zero_division=0)
    assert float(f1(counts(predicted, gold))) == pytest.approx(expected, abs=1e-6)


def test_spans_by_hand():
    # Ann Lee is one span, Bob another; the prediction joins them, finds Rome, and invents one.
    assert counts([[1, 2, 2, 0, 3], [0, 2]], [[1, 2, 1, 0, 3], [0, 0]]).tolist() == [1, 3, 3]
    assert counts([[0]], [[0]]).tolist() == [0, 0, 0]
    assert tag_scheme(("NOUN", "VERB")) is None
    assert tag_scheme(("B-X", "I-X")) is None


@given(st.lists(st.sampled_from(["O", "I-A", "B-A", "I-B", "B-B"]), max_size=12))
def test_iob2_keeps_every_span(tags):
    seqeval = pytest.importorskip("seqeval.metrics.sequence_labeling", reason="seqeval is in the extra 'parity'")
    found = to_iob2(tags)
    assert seqeval.get_entities(found) == seqeval.get_entities(tags)
    assert all(b == "O" or b[0] == "B" or a[2:] == b[2:] for a, b in zip(["O", *found], found, strict=False))
    assert to_iob2(found) == found


def test_conll_is_imported_in_either_scheme(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "eng.testb").write_text(TEXT)
    cli.main(["data", "import", "conll2003", str(tmp_path / "mine")])
    found = conll2003()
    assert found.words == [["Ann", "Lee", "Bob", "sees", "Rome"], ["It", "rains"]]
    assert found.tags == [["B-PER", "I-PER", "B-PER", "O", "B-LOC"], ["O", "O"]]
    assert found.num_words == 7
    (tmp_path / "mine" / "eng.testb").unlink()
    (tmp_path / "mine" / "test.txt").write_text(
        "\n".join(" ".join(p) for p in zip(found.words[0], found.tags[0], strict=True))
    )
    jp.data.import_files("conll2003", tmp_path / "mine")
    assert conll2003().tags == found.tags[:1]
    (entry,) = [entry for entry in jp.data.catalogue() if entry.name == "conll2003"]
    assert entry.where.endswith("test.txt")


@pytest.mark.parametrize("ours", [True, False])
def test_conlls_archive_is_read_where_it_was_downloaded_to(ours, tmp_path):
    from tensorflow_datasets.core.download import resource

    url = "https://data.deepai.org/conll2003.zip"
    folder = tmp_path / "tfds" / "downloads" / "conll2003"
    path = (
        jp.data.cache_dir() / "text" / "conll2003" / "conll2003.zip"
        if ours
        else folder / resource.get_dl_fname(url, None)
    )
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as files:
        files.writestr("test.txt", TEXT)
    path.parent.mkdir(parents=True)
    path.write_bytes(content.getvalue())
    path.with_name(path.name + ".INFO").write_text("{}")
    assert conll2003().num_words == 7
    path.write_bytes(content.getvalue()[:200])
    with pytest.raises(DamagedFileError, match="archive"):
        conll2003()


def test_files_that_are_no_conll_are_errors(tmp_path):
    with pytest.raises(MissingFileError, match=r"eng\.testb or test\.txt"):
        jp.data.import_files("conll2003", tmp_path)
    for text, match in (
        (b"one\ntwo\n", "line 1"),
        (b"\n\n", "no sentence"),
        (b"\xff\xfe", "UTF-8"),
        (b"a b NOUN\n", "line 1"),
    ):
        (tmp_path / "test.txt").write_bytes(text)
        with pytest.raises(DamagedFileError, match=match):
            jp.data.import_files("conll2003", tmp_path)


def test_the_real_test_set(test_data):
    jp.data.import_files("conll2003", test_data / "data" / "conll2003")
    found = conll2003()
    assert (len(found.words), found.num_words) == (3453, 46435)
    # Entities of the English test set by type, as the shared task's paper counts them (its table 2).
    begins = [tag[2:] for tags in found.tags for tag in tags if tag.startswith("B-")]
    assert {kind: begins.count(kind) for kind in sorted(set(begins))} == {
        "LOC": 1668,
        "MISC": 702,
        "ORG": 1661,
        "PER": 1617,
    }


class Letters:
    """A tokenizer that makes a piece of each letter; spaces have none."""

    class Encoding:
        def __init__(self, words):
            pairs = [(ord(c), n) for n, word in enumerate(words) for c in word if c != " "]
            self.ids, self.word_ids = [0, *(p[0] for p in pairs), 0], [None, *(p[1] for p in pairs), None]

    def encode_batch(self, rows, is_pretokenized):
        return [self.Encoding(row) for row in rows]


@given(
    st.lists(st.lists(st.text("ab ", min_size=1, max_size=4), min_size=1, max_size=6), min_size=1, max_size=12),
    st.integers(3, 30),
)
@settings(max_examples=60, deadline=None)
def test_buckets_lose_no_word(rows, longest):
    sentences = Sentences(rows, [["B-PER" if "a" in word else "Z" for word in row] for row in rows], "x", {}, "")
    task = token_task(sentences, Letters(), LABELS, longest)
    assert len(task.batches) <= BUCKETS
    found = []
    for batch in task.batches:
        for ids, mask, first, length, gold in zip(*batch, strict=True):
            assert (first[length:] == -1).all()
            assert (ids[mask == 0] == 0).all()
            found.append((ids[mask == 1].tolist(), first[:length].tolist(), gold[:length].tolist()))
    expected = []
    for row in rows:
        encoding = Letters.Encoding(row)
        ids, places = encoding.ids[:longest], encoding.word_ids[:longest]
        first = [places.index(n) if n in places else -1 for n in range(len(row))]
        expected.append((ids, first, [1 if "a" in word else 0 for word in row]))
    assert sorted(found) == sorted(expected)
    assert task.num_words == sum(map(len, rows))
    assert task.num_tokens == sum(len(ids) for ids, _, _ in expected)


def test_buckets_pad_least():
    rows = [["a" * n] for n in (1, 1, 1, 9, 9, 2, 2, 20)]
    task = token_task(Sentences(rows, [["O"]] * 8, "x", {}, ""), Letters(), LABELS, 50)
    # Four lengths, four buckets: no padding at all.
    assert sum(batch.ids.size for batch in task.batches) == task.num_tokens
    assert token_task(Sentences(rows, [["O"]] * 8, "x", {}, ""), Letters(), LABELS, 50, limit=3).num_words == 3
    with pytest.raises(ArgumentError):
        token_task(Sentences([], [], "x", {}, ""), Letters(), LABELS, 50)


MODEL = jp.models.DistilBert(vocabulary=130, positions=24, width=8, heads=2, layers=2, hidden=12, labels=5)
ROWS = [["ab", "a", " "], ["b"], ["aab", "b", "a", "a"]]
TASK = token_task(
    Sentences(ROWS, [["B-PER", "I-PER", "O"], ["B-LOC"], ["O", "O", "B-LOC", "I-LOC"]], "x", {}, ""),
    Letters(),
    LABELS,
    24,
)


start = jax.jit(lambda key: MODEL.init(key, jnp.zeros((1, 4), jnp.int32)))
logits_of = jax.jit(MODEL.apply)


def weights(seed=0):
    """Matrices large beside biases, so that words of one sentence are labelled differently."""
    rng = np.random.default_rng(seed)
    noise = lambda w: rng.normal(scale=1 if w.ndim > 1 else 0.1, size=w.shape).astype(np.float32)  # noqa: E731
    return jax.tree.map(lambda w: np.asarray(w) + noise(w), start(jax.random.key(seed)))


def tags_one_by_one(params, without=None):
    """Labels of each sentence, computed alone and without padding."""
    out = []
    for row in ROWS:
        encoding = Letters.Encoding(row)
        logits = np.array(logits_of(params, np.array([encoding.ids]))[0])
        if without is not None:
            logits[:, without] = -np.inf
        out.append(
            [int(logits[encoding.word_ids.index(n)].argmax()) if n in encoding.word_ids else 0 for n in range(len(row))]
        )
    return out


def test_span_f1_of_a_network_is_that_of_its_sentences():
    measure = jax.jit(metrics.span_f1(MODEL, TASK))
    for seed in range(20):
        params, gold = weights(seed), [[1, 2, 0], [3], [0, 0, 3, 4]]
        expected = f1(counts(tags_one_by_one(params), gold))
        assert float(measure(params)) == pytest.approx(float(expected), abs=1e-6)
    with pytest.raises(ArgumentError, match="Span F1"):
        metrics.span_f1(MODEL, TASK._replace(labels=("a", "b")))


def test_the_gap_of_a_tagger_is_in_spans():
    params, gold = weights(7), [[1, 2, 0], [3], [0, 0, 3, 4]]
    found = jp.complexity.gap(MODEL, jp.stack(params), TASK, metric=metrics.span_f1)
    signed = jax.tree.map(jnp.sign, params)
    for values, network in ((found.base, params), (found.perturbed, signed)):
        assert float(values[0]) == pytest.approx(float(f1(counts(tags_one_by_one(network), gold))), abs=1e-6)


@pytest.mark.parametrize("without", [None, 2])
def test_kappa_with_ones_own_labels_is_scikit_learns(without):
    params, other = weights(0), weights(1)
    own = metrics.own_labels(MODEL, params, TASK, without)
    measure = jax.jit(metrics.kappa(MODEL, own, without))
    assert float(measure(params)) == 1
    pairs = [
        (a, b)
        for row, mine, theirs in zip(
            ROWS, tags_one_by_one(params, without), tags_one_by_one(other, without), strict=True
        )
        for word, a, b in zip(row, mine, theirs, strict=True)
        if word != " "
    ]
    sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is in the extra 'parity'")
    assert float(measure(other)) == pytest.approx(sklearn.cohen_kappa_score(*zip(*pairs, strict=True)), abs=1e-6)


linear_cka, cka_profile = jax.jit(metrics.linear_cka), jax.jit(metrics.cka_profile)


def gram_cka(x, y):
    """Linear CKA by the N x N Gram matrices of its definition."""
    n = len(x)
    center = np.eye(n) - 1 / n
    k, m = (center @ (a @ a.T) @ center for a in (x.astype(np.float64), y.astype(np.float64)))
    return (k * m).sum() / np.sqrt((k * k).sum() * (m * m).sum())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([(2, 1, 1), (17, 6, 3), (40, 2, 5), (9, 3, 6)]), st.floats(-50, 50))
def test_cka_is_that_of_gram_matrices(seed, shape, shift):
    n, p, q = shape  # each shape is a compilation
    rng = np.random.default_rng(seed)
    x = (rng.normal(size=(n, p)) + shift).astype(np.float32)
    y = (x[:, :1] + rng.normal(size=(n, q))).astype(np.float32)
    expected = gram_cka(x, y)
    assert float(linear_cka(x, y)) == pytest.approx(expected, abs=1e-3)
    # In two batches, one of them padded.
    cut = n // 2
    pad = np.full((3, p), 7, np.float32), np.full((3, q), -9, np.float32)
    batches = [
        ({"a": x[:cut]}, {"a": y[:cut]}, np.ones(cut, np.float32)),
        (
            {"a": np.concatenate([x[cut:], pad[0]])},
            {"a": np.concatenate([y[cut:], pad[1]])},
            np.float32([1] * (n - cut) + [0] * 3),
        ),
    ]
    assert float(cka_profile(batches)["a"]) == pytest.approx(expected, abs=1e-3)


def test_cka_does_not_see_rotation_and_scale():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 5)).astype(np.float32)
    rotation = np.linalg.qr(rng.normal(size=(5, 5)))[0].astype(np.float32)
    assert float(linear_cka(x, 3 * x @ rotation + 1)) == pytest.approx(1, abs=1e-5)
    with pytest.raises(ShapeError):
        metrics.cka_profile([({"a": x}, {"b": x}, jnp.ones(60))])


def test_activations_of_a_layer_are_what_it_returns():
    params = weights()
    seen = {"first": "layer_0/ffn/lin1", "positions": "embeddings/position_embeddings"}
    run = jax.jit(metrics.linen_activations(MODEL, seen))
    ids = jnp.array([[3, 7, 9]])
    found = run(params, ids)
    assert found["first"].shape == (1, 3, 12)
    np.testing.assert_array_equal(
        found["positions"][0], params["params"]["embeddings"]["position_embeddings"]["embedding"][:3]
    )
    with pytest.raises(UnknownLayerError):
        metrics.linen_activations(MODEL, {"x": "layer_9/ffn"})(params, ids)
