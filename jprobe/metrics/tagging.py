"""How well a network tags words: span F1, or agreement with given labels beyond chance."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jprobe.data import Batch, TokenTask
from jprobe.errors import ArgumentError
from jprobe.models import variables_of
from jprobe.metrics.spans import f1, span_counts, tag_scheme
from jprobe.typing import Metric, Params


def span_f1(model: nn.Module, task: TokenTask) -> Metric:
    """F1 of the spans that a token classifier finds, micro-averaged over types; labels on first word pieces.

    Args:
        model: Flax Linen module: (ids, mask) -> logits [B, T, C].
        task: the sentences, with labels in the scheme IOB2.

    Returns:
        A metric: params of one network -> float32 scalar in [0, 1].

    Raises:
        ArgumentError: labels that are no tags of spans.

    Source:
        Paper 1, section 5; equal to seqeval's f1_score.

    Example:
        >>> from jprobe.data import Batch, TokenTask
        >>> from jprobe.models import DistilBert
        >>> ids = np.array([[1, 2, 3]])
        >>> task = TokenTask((Batch(ids, ids > 0, ids - 1, np.array([3]), ids % 3),), ("O", "B-LOC", "I-LOC"), 3, 3, {})
        >>> model = DistilBert(vocabulary=5, positions=4, width=4, heads=1, layers=1, hidden=4, labels=3)
        >>> params = model.init(jax.random.key(0), jnp.asarray(ids))
        >>> 0 <= span_f1(model, task)(params) <= 1
        Array(True, dtype=bool)
    """
    scheme = tag_scheme(task.labels)
    if scheme is None:
        raise ArgumentError(f"Span F1 needs labels such as 'B-PER', 'I-PER' and 'O', not {', '.join(task.labels[:5])}.")

    def span_f1(params: Params) -> jax.Array:
        counts = [
            span_counts(
                predicted_labels(model, params, batch, task.labels),
                jnp.asarray(batch.gold),
                jnp.asarray(batch.lengths),
                scheme,
            )
            for batch in task.batches
        ]
        return f1(sum(counts[1:], counts[0]).astype(jnp.float32))

    return span_f1


def kappa(model: nn.Module, task: TokenTask, without: int | None = None) -> Metric:
    """Cohen's kappa of a network's labels and the task's: (a - e) / (1 - e).

    a is the fraction of words with the same label; e is what it would be if each kept to its own frequencies of
    labels and chose at random. Where one label goes to most words, a is near 1 whatever a network does; kappa is
    not: saying the commonest label everywhere gives 0.

    Args:
        model: Flax Linen module: (ids, mask) -> logits [B, T, C].
        task: the sentences; :func:`own_labels` puts a network's own labels in.
        without: label that may not be chosen, as in :func:`own_labels`.

    Returns:
        A metric: params of one network -> float32 scalar in [-1, 1]; 1 where both give one label to all words.

    Source:
        Cohen, Educational and Psychological Measurement 20 (1960) 37; equal to scikit-learn's cohen_kappa_score.

    Example:
        >>> from jprobe.data import Batch, TokenTask
        >>> from jprobe.models import DistilBert
        >>> ids = np.array([[1, 2, 3]])
        >>> task = TokenTask((Batch(ids, ids > 0, ids - 1, np.array([3]), ids % 3),), ("O", "B-LOC", "I-LOC"), 3, 3, {})
        >>> model = DistilBert(vocabulary=5, positions=4, width=4, heads=1, layers=1, hidden=4, labels=3)
        >>> params = model.init(jax.random.key(0), jnp.asarray(ids))
        >>> kappa(model, own_labels(model, params, task))(params).item()
        1.0
    """
    size = len(task.labels)

    def kappa(params: Params) -> jax.Array:
        same, says, should = jnp.zeros(()), jnp.zeros(size), jnp.zeros(size)
        for batch in task.batches:
            counted = jnp.asarray(batch.first) >= 0
            found, gold = predicted_labels(model, params, batch, task.labels, without), jnp.asarray(batch.gold)
            same += (counted & (found == gold)).sum()
            says, should = says.at[found].add(counted), should.at[gold].add(counted)
        total = should.sum()
        chance = (says @ should) / total**2
        return jnp.where(chance < 1, (same / total - chance) / jnp.where(chance < 1, 1 - chance, 1), 1.0)

    return kappa


def own_labels(model: nn.Module, params: Params, task: TokenTask, without: int | None = None) -> TokenTask:
    """The same sentences with the labels that this network gives them, to measure how far it departs from itself.

    Args:
        model: Flax Linen module: (ids, mask) -> logits [B, T, C].
        params: weights of one network.
        task: the sentences.
        without: label that may not be chosen. Where one label goes to nearly every word, as a grammar tagger's "no
            change" does, the first choice among the others still tells how much of the network is left.

    Example:
        >>> from jprobe.data import Batch, TokenTask
        >>> from jprobe.models import DistilBert
        >>> ids = np.array([[1, 2, 3]])
        >>> task = TokenTask((Batch(ids, ids > 0, ids - 1, np.array([3]), ids % 3),), ("O", "B-LOC", "I-LOC"), 3, 3, {})
        >>> model = DistilBert(vocabulary=5, positions=4, width=4, heads=1, layers=1, hidden=4, labels=3)
        >>> params = model.init(jax.random.key(0), jnp.asarray(ids))
        >>> own_labels(model, params, task).batches[0].gold.shape
        (1, 3)
    """
    predict = jax.jit(lambda params, batch: predicted_labels(model, params, batch, task.labels, without))
    return task._replace(
        batches=tuple(batch._replace(gold=np.asarray(predict(params, batch), np.int32)) for batch in task.batches)
    )


def commonest(task: TokenTask) -> tuple[int, float]:
    """Index of the commonest label, and the fraction of words that have it."""
    counts = np.bincount(np.concatenate([batch.gold[batch.first >= 0] for batch in task.batches]))
    return int(counts.argmax()), float(counts.max() / counts.sum())


def predicted_labels(
    model: nn.Module, params: Params, batch: Batch, labels: tuple[str, ...], without: int | None = None
) -> jax.Array:
    """Label [B, W] of each word: the largest logit of its first piece; "O" (or the first label) if it has none."""
    logits: Any = model.apply(variables_of(model, params), jnp.asarray(batch.ids), jnp.asarray(batch.mask))
    first = jnp.asarray(batch.first)
    of_words = jnp.take_along_axis(logits, jnp.maximum(first, 0)[..., None], axis=1)
    if without is not None:
        of_words = of_words.at[..., without].set(-jnp.inf)
    outside = labels.index("O") if "O" in labels else 0
    return jnp.where(first >= 0, jnp.argmax(of_words, -1), outside)
