"""How well a network tags words: span F1, or agreement with the network's own tags."""

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


def label_f1(model: nn.Module, task: TokenTask) -> Metric:
    """F1 of all labels but the commonest: 2 right / (predicted + gold), counting words that have another label.

    For labels that are not spans. The commonest label, of words with nothing to say, would drown the rest.

    Args:
        model: Flax Linen module: (ids, mask) -> logits [B, T, C].
        task: the sentences.

    Returns:
        A metric: params of one network -> float32 scalar in [0, 1].
    """
    common = commonest(task)

    def label_f1(params: Params) -> jax.Array:
        total = jnp.zeros(3)
        for batch in task.batches:
            inside = jnp.arange(batch.gold.shape[1]) < jnp.asarray(batch.lengths)[:, None]
            found, gold = predicted_labels(model, params, batch, task.labels), jnp.asarray(batch.gold)
            says, should = inside & (found != common), inside & (gold != common)
            total += jnp.stack([(says & should & (found == gold)).sum(), says.sum(), should.sum()])
        return f1(total)

    return label_f1


def own_labels(model: nn.Module, params: Params, task: TokenTask) -> TokenTask:
    """The same sentences with the labels that this network gives them, to measure how far it departs from itself."""
    predict = jax.jit(lambda params, batch: predicted_labels(model, params, batch, task.labels))
    return task._replace(
        batches=tuple(batch._replace(gold=np.asarray(predict(params, batch), np.int32)) for batch in task.batches)
    )


def commonest(task: TokenTask) -> int:
    """Index of the commonest label."""
    inside = [batch.gold[np.arange(batch.gold.shape[1]) < batch.lengths[:, None]] for batch in task.batches]
    return int(np.bincount(np.concatenate(inside)).argmax())


def predicted_labels(model: nn.Module, params: Params, batch: Batch, labels: tuple[str, ...]) -> jax.Array:
    """Label [B, W] of each word: the largest logit of its first piece; "O" (or the first label) if it has none."""
    logits: Any = model.apply({"params": params}, jnp.asarray(batch.ids), jnp.asarray(batch.mask))
    first = jnp.asarray(batch.first)
    of_words = jnp.take_along_axis(logits, jnp.maximum(first, 0)[..., None], axis=1)
    outside = labels.index("O") if "O" in labels else 0
    return jnp.where(first >= 0, jnp.argmax(of_words, -1), outside)
