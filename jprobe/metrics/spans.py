"""F1 of spans in tagged sentences, such as named entities."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class TagScheme(NamedTuple):
    """What each label means for spans, in the scheme IOB2.

    Attributes:
        begins: [C] whether a label is of the kind B-.
        kind: [C] number of the entity's type; 0 for O.
    """

    begins: np.ndarray
    kind: np.ndarray


def tag_scheme(labels: Sequence[str]) -> TagScheme | None:
    """Read labels as tags "B-TYPE", "I-TYPE" and "O"; None if any is something else.

    Example:
        >>> tag_scheme(["O", "B-PER", "I-PER"]).kind.tolist()
        [0, 1, 1]
    """
    if not all(label == "O" or label[:2] in ("B-", "I-") for label in labels) or "O" not in labels:
        return None
    kinds = {name: n for n, name in enumerate(dict.fromkeys(label[2:] for label in labels if label != "O"), start=1)}
    return TagScheme(
        np.array([label.startswith("B-") for label in labels]),
        np.array([kinds[label[2:]] if label != "O" else 0 for label in labels], np.int32),
    )


def span_counts(predicted: jax.Array, gold: jax.Array, lengths: jax.Array, scheme: TagScheme) -> jax.Array:
    """Spans that both have, that are predicted, that are right: what F1 is made of.

    A span is the longest run of one type that begins with B-, or with I- after another type or O, as seqeval
    and conlleval take it; two spans are the same if their type, beginning and end are.

    Args:
        predicted: labels [B, W], indices into the scheme.
        gold: labels [B, W].
        lengths: [B], number of words of each sentence; what follows is not read.
        scheme: from :func:`tag_scheme`.

    Returns:
        int32 [3].

    Example:
        >>> scheme = tag_scheme(["O", "B-PER", "I-PER"])
        >>> span_counts(jnp.array([[1, 2, 0]]), jnp.array([[1, 0, 1]]), jnp.array([3]), scheme).tolist()
        [0, 1, 2]
    """
    inside = jnp.arange(gold.shape[1]) < lengths[:, None]
    (start_p, end_p, kind_p), (start_g, end_g, kind_g) = (_spans(t, inside, scheme) for t in (predicted, gold))
    both = start_p & start_g & (kind_p == kind_g) & (end_p == end_g)
    return jnp.stack([both.sum(), start_p.sum(), start_g.sum()]).astype(jnp.int32)


def _spans(tags: jax.Array, inside: jax.Array, scheme: TagScheme) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Where spans start, where the span that a word is in ends, and its type: [B, W] each."""
    kind = jnp.where(inside, jnp.asarray(scheme.kind)[tags], 0)
    begins = jnp.asarray(scheme.begins)[tags] & (kind > 0)
    before = jnp.pad(kind[:, :-1], ((0, 0), (1, 0)))
    starts = (kind > 0) & (begins | (kind != before))
    # A word is the last of its span if the next one starts a span or is outside.
    after = jnp.pad(kind[:, 1:], ((0, 0), (0, 1)))
    starts_next = jnp.pad(starts[:, 1:], ((0, 0), (0, 1)))
    last = (kind > 0) & (starts_next | (after == 0))
    places = jnp.arange(tags.shape[1])
    end = jax.lax.cummin(jnp.where(last, places, tags.shape[1]), axis=1, reverse=True)
    return starts, end, kind


def f1(counts: jax.Array) -> jax.Array:
    """F1 of counts (both, predicted, gold): 2 both / (predicted + gold), and 0 where there is nothing.

    Example:
        >>> f1(jnp.array([1, 2, 2])).item()
        0.5
    """
    both, predicted, gold = counts
    return 2 * both / jnp.maximum(predicted + gold, 1)
