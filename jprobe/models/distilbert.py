"""DistilBERT, and BERT itself: encoders of text with a classifier of tokens."""

from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from jprobe.errors import ArgumentError


class DistilBert(nn.Module):
    """Transformer encoder of the BERT family with a linear classifier on every token; no dropout.

    x <- LayerNorm(word + position [+ type 0]), then for each layer x <- LayerNorm(x + attention(x)) and
    x <- LayerNorm(x + W_2 gelu(W_1 x)), then logits x W + b. Names of layers follow DistilBERT's.

    Attributes:
        vocabulary: number of word pieces.
        positions: longest sequence.
        width: D, size of a token's vector.
        heads: of the attention; divides ``width``.
        layers: number of blocks.
        hidden: width of the feed-forward layers, lin1 and lin2.
        labels: C, number of classes of a token; 0 for an encoder alone, which returns its vectors.
        token_types: number of token types (BERT has 2, DistilBERT none); every token is of type 0.
        activation: of the feed-forward layers.
        epsilon: of the layer norms.

    Raises:
        ArgumentError: ``heads`` does not divide ``width``.

    Source:
        Sanh, Debut, Chaumond, Wolf, arXiv:1910.01108; Devlin et al., arXiv:1810.04805.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> model = DistilBert(vocabulary=50, positions=16, width=8, heads=2, layers=2, hidden=16, labels=3)
        >>> ids = jnp.array([[2, 7, 9, 0]])
        >>> variables = model.init(jax.random.key(0), ids)
        >>> model.apply(variables, ids, jnp.array([[1, 1, 1, 0]])).shape
        (1, 4, 3)
    """

    vocabulary: int = 28996
    positions: int = 512
    width: int = 768
    heads: int = 12
    layers: int = 6
    hidden: int = 3072
    labels: int = 9
    token_types: int = 0
    activation: Literal["gelu", "relu"] = "gelu"
    epsilon: float = 1e-12

    def __post_init__(self) -> None:
        """Check the configuration."""
        if self.width % self.heads:
            raise ArgumentError(f"heads={self.heads} must divide width={self.width}.")
        super().__post_init__()

    @nn.compact
    def __call__(self, ids: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """Logits [B, T, labels] of word pieces ids [B, T]; mask [B, T] is 0 at padding, which no token attends to."""
        mask = jnp.ones(ids.shape, bool) if mask is None else mask.astype(bool)
        x = Embeddings(self.vocabulary, self.positions, self.width, self.token_types, self.epsilon, name="embeddings")(
            ids
        )
        for n in range(self.layers):
            x = Block(self.heads, self.hidden, self.activation, self.epsilon, name=f"layer_{n}")(x, mask)
        return nn.Dense(self.labels, name="classifier")(x) if self.labels else x


class Embeddings(nn.Module):
    """Sum of what a word piece, its position and type 0 stand for, normalised."""

    vocabulary: int
    positions: int
    width: int
    token_types: int
    epsilon: float

    @nn.compact
    def __call__(self, ids: jax.Array) -> jax.Array:
        """Vectors [B, T, width]."""
        if ids.shape[1] > self.positions:
            raise ArgumentError(
                f"A sequence of {ids.shape[1]} word pieces is longer than the model's {self.positions}."
            )
        x = nn.Embed(self.vocabulary, self.width, name="word_embeddings")(ids)
        # One row for each token, so that activations of this layer compare with those of the others.
        places = jnp.broadcast_to(jnp.arange(ids.shape[1]), ids.shape)
        x = x + nn.Embed(self.positions, self.width, name="position_embeddings")(places)
        if self.token_types:
            x = x + nn.Embed(self.token_types, self.width, name="token_type_embeddings")(jnp.zeros_like(ids))
        return nn.LayerNorm(self.epsilon, name="LayerNorm")(x)


class Block(nn.Module):
    """Attention and a feed-forward network, each added to its input and normalised."""

    heads: int
    hidden: int
    activation: str
    epsilon: float

    @nn.compact
    def __call__(self, x: jax.Array, mask: jax.Array) -> jax.Array:
        """Vectors [B, T, width] of vectors of that shape."""
        attended = Attention(self.heads, name="attention")(x, mask)
        x = nn.LayerNorm(self.epsilon, name="sa_layer_norm")(x + attended)
        fed = FeedForward(self.hidden, self.activation, name="ffn")(x)
        return nn.LayerNorm(self.epsilon, name="output_layer_norm")(x + fed)


class Attention(nn.Module):
    """Multi-head self-attention: softmax(q k' / sqrt(d)) v in each head, then one linear layer."""

    heads: int

    @nn.compact
    def __call__(self, x: jax.Array, mask: jax.Array) -> jax.Array:
        """Vectors [B, T, width] of vectors of that shape."""
        size = x.shape[-1] // self.heads

        def project(name: str) -> jax.Array:
            return nn.Dense(x.shape[-1], name=name)(x).reshape(*x.shape[:2], self.heads, size)

        q, k, v = project("q_lin"), project("k_lin"), project("v_lin")
        scores = jnp.einsum("bqhd,bkhd->bhqk", q, k) / size**0.5
        scores = jnp.where(mask[:, None, None, :], scores, jnp.finfo(scores.dtype).min)
        mixed = jnp.einsum("bhqk,bkhd->bqhd", nn.softmax(scores), v)
        return nn.Dense(x.shape[-1], name="out_lin")(mixed.reshape(x.shape))


class FeedForward(nn.Module):
    """W_2 activation(W_1 x)."""

    hidden: int
    activation: str

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Vectors [B, T, width] of vectors of that shape."""
        x_hidden = nn.Dense(self.hidden, name="lin1")(x)
        x_hidden = nn.relu(x_hidden) if self.activation == "relu" else nn.gelu(x_hidden, approximate=False)
        return nn.Dense(x.shape[-1], name="lin2")(x_hidden)
