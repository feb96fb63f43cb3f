"""ResNet-18."""

import flax.linen as nn
import jax
import jax.numpy as jnp


class ResNet18(nn.Module):
    """Eight blocks of two 3 x 3 convolutions, each added to its input; inference only.

    As torchvision has it, but every convolution holds a bias, zero in published weights: paper 2 counts it.

    Attributes:
        classes: C, number of logits.
        head: whether the dense layer is there; without it the output is the 512 means that it reads.

    Source:
        He, Zhang, Ren, Sun, arXiv:1512.03385; names as in torchvision.models.resnet18.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> shapes = jax.eval_shape(ResNet18().init, jax.random.key(0), jnp.zeros((1, 224, 224, 3)))
        >>> sum(leaf.size for leaf in jax.tree.leaves(shapes["params"]))
        11694312
    """

    classes: int = 1000
    head: bool = True

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Logits [B, classes], without the head [B, 512], of images [B, H, W, 3]."""
        x = nn.relu(_normalised(nn.Conv(64, (7, 7), 2, 3, name="conv1")(x), "bn1"))
        x = nn.max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))
        for stage, features in enumerate((64, 128, 256, 512), 1):
            x = Block(features, 1 if stage == 1 else 2, name=f"layer{stage}_0")(x)
            x = Block(features, 1, name=f"layer{stage}_1")(x)
        x = jnp.mean(x, (1, 2))
        return nn.Dense(self.classes, name="fc")(x) if self.head else x


class Block(nn.Module):
    """relu(BN(conv(relu(BN(conv x)))) + x), with x brought to the same shape by a 1 x 1 convolution where needed."""

    features: int
    stride: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Images [B, H / stride, W / stride, features] of images [B, H, W, C]."""
        y = nn.relu(_normalised(nn.Conv(self.features, (3, 3), self.stride, 1, name="conv1")(x), "bn1"))
        y = _normalised(nn.Conv(self.features, (3, 3), padding=1, name="conv2")(y), "bn2")
        if self.stride > 1:
            x = nn.Conv(self.features, (1, 1), self.stride, 0, name="downsample_0")(x)
            x = _normalised(x, "downsample_1")
        return nn.relu(y + x)


def _normalised(x: jax.Array, name: str) -> jax.Array:
    return nn.BatchNorm(use_running_average=True, epsilon=1e-5, name=name)(x)
