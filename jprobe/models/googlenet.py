"""GoogLeNet: Caffe's, with local response normalisation, and torchvision's, with batch normalisation."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from jprobe.models.normalization import local_response_normalization
from jprobe.models.pooling import ceil_max_pool

# Channels of each inception block: 1x1; 3x3 after its 1x1; 5x5 after its 1x1; the 1x1 after pooling.
_WIDTHS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


class GoogLeNet(nn.Module):
    """Nine inception blocks without batch normalisation or auxiliary heads; inference only.

    Names of layers follow Caffe's bvlc_googlenet. Images are 224 x 224.

    Attributes:
        classes: C, number of logits.

    Source:
        Szegedy et al., arXiv:1409.4842; https://github.com/BVLC/caffe/tree/master/models/bvlc_googlenet.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> shapes = jax.eval_shape(GoogLeNet().init, jax.random.key(0), jnp.zeros((1, 224, 224, 3)))
        >>> sum(leaf.size for leaf in jax.tree.leaves(shapes))
        6998552
    """

    classes: int = 1000

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Logits [B, classes] of images [B, H, W, 3]."""
        x = nn.relu(nn.Conv(64, (7, 7), 2, 3, name="conv1_7x7_s2")(x))
        x = local_response_normalization(ceil_max_pool(x, 3, 2))
        x = nn.relu(nn.Conv(64, (1, 1), name="conv2_3x3_reduce")(x))
        x = nn.relu(nn.Conv(192, (3, 3), padding=1, name="conv2_3x3")(x))
        x = ceil_max_pool(local_response_normalization(x), 3, 2)
        for block, widths in _WIDTHS.items():
            if block in ("4a", "5a"):
                x = ceil_max_pool(x, 3, 2)
            x = Inception(widths, 5, normalised=False, name=f"inception_{block}")(x)
        return nn.Dense(self.classes, name="loss3_classifier")(jnp.mean(x, (1, 2)))


class GoogLeNetTorchvision(nn.Module):
    """Nine inception blocks with batch normalisation and without auxiliary heads; inference only.

    Its "5x5" convolutions are 3 x 3, a slip that torchvision keeps for its published weights. Convolutions hold a
    bias, zero in published weights: paper 2 counts it. Images are 224 x 224.

    Attributes:
        classes: C, number of logits.

    Source:
        Szegedy et al., arXiv:1409.4842; torchvision.models.googlenet.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> shapes = jax.eval_shape(GoogLeNetTorchvision().init, jax.random.key(0), jnp.zeros((1, 224, 224, 3)))
        >>> sum(leaf.size for leaf in jax.tree.leaves(shapes["params"]))
        6632184
    """

    classes: int = 1000

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Logits [B, classes] of images [B, H, W, 3]."""
        x = nn.relu(_convolve(x, 64, 7, "conv1", True, stride=2))
        x = ceil_max_pool(x, 3, 2)
        x = nn.relu(_convolve(x, 64, 1, "conv2", True))
        x = nn.relu(_convolve(x, 192, 3, "conv3", True))
        x = ceil_max_pool(x, 3, 2)
        for block, widths in _WIDTHS.items():
            if block in ("4a", "5a"):
                x = ceil_max_pool(x, 3 if block == "4a" else 2, 2)
            x = Inception(widths, 3, normalised=True, name=f"inception_{block}")(x)
        return nn.Dense(self.classes, name="fc")(jnp.mean(x, (1, 2)))


class Inception(nn.Module):
    """Four branches side by side: 1x1; 1x1 and 3x3; 1x1 and "5x5"; max pooling and 1x1."""

    widths: tuple[int, ...]
    large: int  # side of the "5x5" kernels
    normalised: bool

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Images [B, H, W, sum of the branches] of images [B, H, W, C]."""
        one, three_in, three, five_in, five, pooled = self.widths

        def layer(x: jax.Array, features: int, side: int, name: str) -> jax.Array:
            return nn.relu(_convolve(x, features, side, name, self.normalised))

        branches = [
            layer(x, one, 1, "1x1"),
            layer(layer(x, three_in, 1, "3x3_reduce"), three, 3, "3x3"),
            layer(layer(x, five_in, 1, "5x5_reduce"), five, self.large, "5x5"),
            layer(nn.max_pool(x, (3, 3), (1, 1), "SAME"), pooled, 1, "pool_proj"),
        ]
        return jnp.concatenate(branches, -1)


def _convolve(x: jax.Array, features: int, side: int, name: str, normalised: bool, stride: int = 1) -> jax.Array:
    """Convolution, and batch normalisation where there is one, in a module that calls this."""
    x = nn.Conv(features, (side, side), stride, side // 2, name=name)(x)
    return nn.BatchNorm(use_running_average=True, epsilon=1e-3, name=f"{name}_bn")(x) if normalised else x
