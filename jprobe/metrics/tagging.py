"""How well a network tags words: span F1, or agreement with given labels."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jprobe.data import Batch, TokenTask
from jprobe.errors import ArgumentError
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


def agreement(model: nn.Module, task: TokenTask, without: int | None = None) -> Metric:
    """Fraction of words whose label is the task's: mean [argmax f(x) = y].

    Args:
        model: Flax Linen module: (ids, mask) -> logits [B, T, C].
        task: the sentences; :func:`own_labels` puts a network's own labels in.
        without: label that may not be chosen, as in :func:`own_labels`.

    Returns:
        A metric: params of one network -> float32 scalar in [0, 1].
    """

    def agreement(params: Params) -> jax.Array:
        right, total = jnp.zeros(()), 0
        for batch in task.batches:
            counted = jnp.asarray(batch.first) >= 0
            found = predicted_labels(model, params, batch, task.labels, without)
            right += (counted & (found == jnp.asarray(batch.gold))).sum()
            total += int((batch.first >= 0).sum())
        return right / total

    return agreement


def own_labels(model: nn.Module, params: Params, task: TokenTask, without: int | None = None) -> TokenTask:
    """The same sentences with the labels that this network gives them, to measure how far it departs from itself.

    Args:
        model: Flax Linen module: (ids, mask) -> logits [B, T, C].
        params: weights of one network.
        task: the sentences.
        without: label that may not be chosen. Where one label goes to nearly every word, as a grammar tagger's "no
            change" does, the first choice among the others still tells how much of the network is left.
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
    logits: Any = model.apply({"params": params}, jnp.asarray(batch.ids), jnp.asarray(batch.mask))
    first = jnp.asarray(batch.first)
    of_words = jnp.take_along_axis(logits, jnp.maximum(first, 0)[..., None], axis=1)
    if without is not None:
        of_words = of_words.at[..., without].set(-jnp.inf)
    outside = labels.index("O") if "O" in labels else 0
    return jnp.where(first >= 0, jnp.argmax(of_words, -1), outside)
