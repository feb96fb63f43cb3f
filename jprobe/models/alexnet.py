"""AlexNet: Caffe's, with grouped convolutions, and torchvision's."""

import flax.linen as nn
import jax

from jprobe.models.normalization import local_response_normalization


class AlexNet(nn.Module):
    """Five convolutions, the 2nd, 4th and 5th in two groups, and three dense layers; inference only.

    Names of layers follow Caffe's bvlc_alexnet. Images are 227 x 227.

    Attributes:
        classes: C, number of logits.

    Source:
        Krizhevsky, Sutskever, Hinton, NeurIPS 2012; https://github.com/BVLC/caffe/tree/master/models/bvlc_alexnet.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> shapes = jax.eval_shape(AlexNet().init, jax.random.key(0), jnp.zeros((1, 227, 227, 3)))
        >>> sum(leaf.size for leaf in jax.tree.leaves(shapes))
        60965224
    """

    classes: int = 1000

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Logits [B, classes] of images [B, 227, 227, 3]."""
        x = nn.relu(nn.Conv(96, (11, 11), 4, "VALID", name="conv1")(x))
        x = nn.max_pool(local_response_normalization(x), (3, 3), (2, 2))
        x = nn.relu(nn.Conv(256, (5, 5), padding=2, feature_group_count=2, name="conv2")(x))
        x = nn.max_pool(local_response_normalization(x), (3, 3), (2, 2))
        x = nn.relu(nn.Conv(384, (3, 3), padding=1, name="conv3")(x))
        x = nn.relu(nn.Conv(384, (3, 3), padding=1, feature_group_count=2, name="conv4")(x))
        x = nn.relu(nn.Conv(256, (3, 3), padding=1, feature_group_count=2, name="conv5")(x))
        x = nn.max_pool(x, (3, 3), (2, 2))
        return _dense(x, self.classes)


class AlexNetTorchvision(nn.Module):
    """Five convolutions and three dense layers, without groups or normalisation; inference only.

    Its adaptive pooling changes nothing at 224 x 224, the size of its images, so it is left out.

    Attributes:
        classes: C, number of logits.
        head: whether the dense layers are there; without them the output is the last convolution's, pooled.

    Source:
        Krizhevsky, arXiv:1404.5997; torchvision.models.alexnet.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> shapes = jax.eval_shape(AlexNetTorchvision().init, jax.random.key(0), jnp.zeros((1, 224, 224, 3)))
        >>> sum(leaf.size for leaf in jax.tree.leaves(shapes))
        61100840
    """

    classes: int = 1000
    head: bool = True

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Logits [B, classes], without the head [B, 6, 6, 256], of images [B, 224, 224, 3]."""
        x = nn.relu(nn.Conv(64, (11, 11), 4, 2, name="conv1")(x))
        x = nn.max_pool(x, (3, 3), (2, 2))
        x = nn.relu(nn.Conv(192, (5, 5), padding=2, name="conv2")(x))
        x = nn.max_pool(x, (3, 3), (2, 2))
        x = nn.relu(nn.Conv(384, (3, 3), padding=1, name="conv3")(x))
        x = nn.relu(nn.Conv(256, (3, 3), padding=1, name="conv4")(x))
        x = nn.relu(nn.Conv(256, (3, 3), padding=1, name="conv5")(x))
        x = nn.max_pool(x, (3, 3), (2, 2))
        return _dense(x, self.classes) if self.head else x


def _dense(x: jax.Array, classes: int) -> jax.Array:
    """The three dense layers, in a module that calls this."""
    x = x.reshape(x.shape[0], -1)
    x = nn.relu(nn.Dense(4096, name="fc6")(x))
    x = nn.relu(nn.Dense(4096, name="fc7")(x))
    return nn.Dense(classes, name="fc8")(x)
