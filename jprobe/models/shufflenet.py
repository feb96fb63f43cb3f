"""ShuffleNet v1."""

import flax.linen as nn
import jax
import jax.numpy as jnp

GROUPS = 4


class ShuffleNet(nn.Module):
    """Sixteen units of grouped 1 x 1 convolutions, with channels shuffled between the groups; inference only.

    Images are 224 x 224. Convolutions of a unit hold a bias, zero in published weights: paper 2 counts it.

    Attributes:
        classes: C, number of logits.

    Source:
        Zhang, Zhou, Lin, Sun, arXiv:1707.01083, 4 groups; the graph of ShuffleNet v1 in https://github.com/onnx/models.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> shapes = jax.eval_shape(ShuffleNet().init, jax.random.key(0), jnp.zeros((1, 224, 224, 3)))
        >>> sum(leaf.size for leaf in jax.tree.leaves(shapes["params"]))
        1406712
    """

    classes: int = 1000

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Logits [B, classes] of images [B, H, W, 3]."""
        x = nn.relu(_normalised(nn.Conv(24, (3, 3), 2, 1, name="conv")(x), "conv_bn"))
        x = nn.max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))
        n = 0
        for channels, units in ((136, 4), (272, 8), (544, 4)):
            for unit in range(units):
                # The first unit of a stage halves the image; its other channels are those of its input.
                x = Unit(
                    channels if unit else channels - x.shape[-1],
                    # The very first one is narrower inside: a quarter of the 448 channels would be too many for 24.
                    112 if n == 0 else x.shape[-1],
                    halves=unit == 0,
                    name=f"unit_{n}",
                )(x)
                n += 1
        return nn.Dense(self.classes, name="pred")(jnp.mean(x, (1, 2)))


class Unit(nn.Module):
    """Grouped 1 x 1, shuffle, 3 x 3 in each channel, grouped 1 x 1; then relu(x + y), or relu([y, pooled x])."""

    features: int
    inner: int
    halves: bool

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Images [B, H, W, C], or [B, H / 2, W / 2, features + C], of images [B, H, W, C]."""
        stride = 2 if self.halves else 1
        y = nn.Conv(self.inner, (1, 1), feature_group_count=GROUPS, name="gconv_in")(x)
        y = _shuffled(nn.relu(_normalised(y, "gconv_in_bn")))
        y = nn.Conv(self.inner, (3, 3), stride, 1, feature_group_count=self.inner, name="depthwise")(y)
        y = _normalised(y, "depthwise_bn")
        y = nn.Conv(self.features, (1, 1), feature_group_count=GROUPS, name="gconv_out")(y)
        y = _normalised(y, "gconv_out_bn")
        if not self.halves:
            return nn.relu(y + x)
        pooled = nn.avg_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)), count_include_pad=False)
        return nn.relu(jnp.concatenate([y, pooled], -1))


def _shuffled(x: jax.Array) -> jax.Array:
    """Channels dealt out in turn: the first of each group, then the second of each group, ..."""
    return x.reshape(*x.shape[:-1], GROUPS, -1).swapaxes(-1, -2).reshape(x.shape)


def _normalised(x: jax.Array, name: str) -> jax.Array:
    return nn.BatchNorm(use_running_average=True, epsilon=1e-5, name=name)(x)
