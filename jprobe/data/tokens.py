"""Sentences as batches of word pieces, sentences of like length together."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jprobe.data.conll import Sentences
from jprobe.errors import ArgumentError

# More buckets waste less on padding and compile longer.
BUCKETS = 4


class Batch(NamedTuple):
    """Sentences padded to one length.

    Attributes:
        ids: word pieces [B, T], int32.
        mask: [B, T], 1 where there is a word piece.
        first: [B, W] place of each word's first piece; -1 for words without one, and beyond the sentence.
        lengths: [B] words of each sentence.
        gold: [B, W] label of each word, an index into the task's labels.

    Example:
        >>> one = np.ones((2, 3), np.int32)
        >>> Batch(ids=one, mask=one, first=one, lengths=np.array([3, 3]), gold=one).ids.shape
        (2, 3)
    """

    ids: np.ndarray
    mask: np.ndarray
    first: np.ndarray
    lengths: np.ndarray
    gold: np.ndarray


class TokenTask(NamedTuple):
    """Sentences to tag.

    Attributes:
        batches: a few batches, each of sentences of like length.
        labels: what the labels are called.
        num_tokens: word pieces, without padding.
        num_words: words.
        checksums: file name -> checksum, for provenance.

    Example:
        >>> TokenTask((), ("O", "B-LOC"), 0, 0, {}).labels
        ('O', 'B-LOC')
    """

    batches: tuple[Batch, ...]
    labels: tuple[str, ...]
    num_tokens: int
    num_words: int
    checksums: dict[str, str]


def token_task(
    sentences: Sentences, tokenizer: Any, labels: Sequence[str], longest: int, limit: int | None = None
) -> TokenTask:
    """Cut words into pieces and sort sentences into buckets of like length, so that little is computed on padding.

    Args:
        sentences: words and tags.
        tokenizer: a ``tokenizers.Tokenizer``.
        labels: the labels of the network. A tag that is none of them becomes "O", or the first label.
        longest: the network's longest sequence; words beyond it are taken for untagged.
        limit: take that many sentences, evenly spaced over the set. Default: all.

    Returns:
        The task.

    Raises:
        ArgumentError: no sentence.

    Example:
        >>> import tokenizers
        >>> tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel({"[UNK]": 0, "Paris": 1}, "[UNK]"))
        >>> found = token_task(Sentences([["in", "Paris"]], [["O", "B-LOC"]], "two words", {}, ""), tokenizer, ("O", "B-LOC"), 8)
        >>> found.batches[0].ids.tolist(), found.batches[0].gold.tolist()
        ([[0, 1]], [[0, 1]])
    """
    count = len(sentences.words)
    chosen = range(count) if limit is None or limit >= count else np.linspace(0, count - 1, limit).astype(int).tolist()
    if not len(chosen):
        raise ArgumentError("There is no sentence to tag; ask for one or more.")
    number = {label: n for n, label in enumerate(labels)}
    outside = number.get("O", 0)
    rows = []
    for encoding, n in zip(
        tokenizer.encode_batch([sentences.words[n] for n in chosen], is_pretokenized=True), chosen, strict=True
    ):
        ids = encoding.ids[:longest]
        places: dict[int, int] = {}
        for place, word in enumerate(encoding.word_ids[:longest]):
            if word is not None:
                places.setdefault(word, place)
        gold = [number.get(tag, outside) for tag in sentences.tags[n]]
        rows.append((ids, [places.get(w, -1) for w in range(len(gold))], gold))
    rows.sort(key=lambda row: len(row[0]))
    batches = [_padded(rows[start:stop]) for start, stop in _buckets([len(row[0]) for row in rows])]
    return TokenTask(
        tuple(batches),
        tuple(labels),
        sum(len(row[0]) for row in rows),
        sum(len(row[2]) for row in rows),
        sentences.checksums,
    )


def _buckets(lengths: list[int]) -> list[tuple[int, int]]:
    """Ranges of a sorted list, at most BUCKETS of them, with the least padding together: dynamic programming."""
    ends = [n for n in range(1, len(lengths) + 1) if n == len(lengths) or lengths[n] != lengths[n - 1]]
    best: dict[int, tuple[int, list[tuple[int, int]]]] = {0: (0, [])}
    final = (float("inf"), [(0, len(lengths))])
    for _ in range(BUCKETS):
        longer: dict[int, tuple[int, list[tuple[int, int]]]] = {}
        for end in ends:
            options = [
                (cost + (end - start) * lengths[end - 1], [*cuts, (start, end)])
                for start, (cost, cuts) in best.items()
                if start < end
            ]
            if options:
                longer[end] = min(options, key=lambda option: option[0])
        best = longer
        if len(lengths) in best and best[len(lengths)][0] < final[0]:
            final = best[len(lengths)]
    return final[1]


def _padded(rows: list[tuple[list[int], list[int], list[int]]]) -> Batch:
    pieces, words = (max(len(row[n]) for row in rows) for n in (0, 1))

    def fill(n: int, size: int, value: int) -> np.ndarray:
        return np.array([row[n] + [value] * (size - len(row[n])) for row in rows], np.int32)

    ids = fill(0, pieces, 0)
    lengths = np.array([len(row[0]) for row in rows])[:, None]
    mask = (np.arange(pieces) < lengths).astype(np.int32)
    return Batch(ids, mask, fill(1, words, -1), np.array([len(row[1]) for row in rows], np.int32), fill(2, words, 0))
