"""SqueezeNet v1.1."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from jprobe.models.pooling import ceil_max_pool


class SqueezeNet(nn.Module):
    """Fire blocks, then a 1 x 1 convolution for each class and its mean over the image; inference only.

    Names of layers follow the authors' Caffe model. Images are 227 x 227 as published; others of at least 15 x 15 run.

    Attributes:
        classes: C, number of logits.

    Source:
        Iandola et al., arXiv:1602.07360; version 1.1 of https://github.com/forresti/SqueezeNet.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> shapes = jax.eval_shape(SqueezeNet().init, jax.random.key(0), jnp.zeros((1, 227, 227, 3)))
        >>> sum(leaf.size for leaf in jax.tree.leaves(shapes))
        1235496
    """

    classes: int = 1000

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Logits [B, classes] of images [B, H, W, 3]."""
        x = nn.relu(nn.Conv(64, (3, 3), 2, "VALID", name="conv1")(x))
        x = ceil_max_pool(x, 3, 2)
        x = Fire(16, 64, name="fire2")(x)
        x = Fire(16, 64, name="fire3")(x)
        x = ceil_max_pool(x, 3, 2)
        x = Fire(32, 128, name="fire4")(x)
        x = Fire(32, 128, name="fire5")(x)
        x = ceil_max_pool(x, 3, 2)
        x = Fire(48, 192, name="fire6")(x)
        x = Fire(48, 192, name="fire7")(x)
        x = Fire(64, 256, name="fire8")(x)
        x = Fire(64, 256, name="fire9")(x)
        x = nn.relu(nn.Conv(self.classes, (1, 1), name="conv10")(x))
        return jnp.mean(x, (1, 2))


class Fire(nn.Module):
    """Few channels by a 1 x 1 convolution, then many by 1 x 1 and by 3 x 3 convolutions side by side."""

    squeezed: int
    expanded: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Images [B, H, W, 2 expanded] of images [B, H, W, C]."""
        x = nn.relu(nn.Conv(self.squeezed, (1, 1), name="squeeze1x1")(x))
        small = nn.relu(nn.Conv(self.expanded, (1, 1), name="expand1x1")(x))
        large = nn.relu(nn.Conv(self.expanded, (3, 3), padding=1, name="expand3x3")(x))
        return jnp.concatenate([small, large], -1)
