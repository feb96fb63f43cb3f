"""The tensors of a published checkpoint, put into the variables of a network: every one is used, or refused."""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jprobe.errors import CheckpointError
from jprobe.misfits import listed, misfits, not_finite
from jprobe.paths import spelled
from jprobe.typing import Params

# torch's name of each kind of array, which Caffe's files share.
TORCH_NAMES = {"kernel": "weight", "scale": "weight", "bias": "bias", "mean": "running_mean", "var": "running_var"}


class Converted(NamedTuple):
    """A network made from published tensors.

    Attributes:
        model: the module.
        params: its variables, float32: "params" and, with batch normalisation, "batch_stats".
        lacks: what the checkpoint does not hold and the published network has, in words.
    """

    model: nn.Module
    params: Params
    lacks: tuple[str, ...] = ()


def match(
    model: nn.Module,
    shape: tuple[int, ...],
    tensors: Mapping[str, np.ndarray],
    published: Callable[[tuple[str, ...]], str | None],
    what: str,
    *,
    unread: str = "",
    flattened: Mapping[str, tuple[int, int, int]] | None = None,
) -> Params:
    """Variables of a model from published tensors, whose kernels stand output first.

    Args:
        model: the module.
        shape: of its input.
        tensors: published name -> array.
        published: path of an array in the module, such as ("fire2", "squeeze1x1", "kernel"), -> published name;
            None for a bias that is not published, because it is zero.
        what: the network in words, for errors.
        unread: pattern of published names that are left out.
        flattened: published name of a dense kernel that reads an image -> that image's (C, H, W): published
            networks flatten channels first, and jprobe's channels last.

    Returns:
        {"params": ..., "batch_stats": ...}, float32.

    Raises:
        CheckpointError: names missing or left over, other shapes, NaN weights.
    """
    leaves, tree = jax.tree_util.tree_flatten_with_path(jax.eval_shape(model.init, jax.random.key(0), jnp.zeros(shape)))
    # Without the name of the collection: a statistic's kind, "mean" or "var", tells enough.
    names = [published(tuple(spelled(path[1:]).split("/"))) for path, _ in leaves]
    wanted = {
        name: jax.ShapeDtypeStruct(_published_shape(leaf.shape), jnp.float32)
        for name, (_, leaf) in zip(names, leaves, strict=True)
        if name is not None
    }
    found = {name: single(array) for name, array in tensors.items() if name in wanted or not re.fullmatch(unread, name)}
    if problems := misfits(found, wanted) + not_finite(found):
        raise CheckpointError(
            f"These weights are not those of {what}:\n{listed(problems)}\n"
            "Bring the published file, with all its tensors under their published names."
        )
    arrays = [
        np.zeros(leaf.shape, np.float32) if name is None else _channels_last(found[name], (flattened or {}).get(name))
        for name, (_, leaf) in zip(names, leaves, strict=True)
    ]
    return jax.tree.unflatten(tree, jax.device_put(arrays))


def single(array: np.ndarray) -> np.ndarray:
    """Floating-point numbers in float32; anything else as it is, and so a misfit: quantised weights are no weights."""
    return array.astype(np.float32) if jnp.issubdtype(array.dtype, jnp.floating) else array


def _published_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape, output first, of a kernel whose output stands last."""
    return (shape[3], shape[2], *shape[:2]) if len(shape) == 4 else shape[::-1]


def _channels_last(array: np.ndarray, image: tuple[int, int, int] | None) -> Any:
    """A published array as the module has it; ``image`` is what a dense kernel reads, if it reads one."""
    if array.ndim == 4:
        return array.transpose(2, 3, 1, 0)
    if image is None:
        return array.T
    return array.reshape(-1, *image).transpose(2, 3, 1, 0).reshape(-1, len(array))
