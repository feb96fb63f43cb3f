"""Linear centered kernel alignment: how alike two sets of activations are, up to rotation and scale."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jprobe.errors import ShapeError, UnknownLayerError
from jprobe.models import variables_of
from jprobe.typing import Params

Activations = dict[str, jax.Array]


def linear_cka(x: jax.Array, y: jax.Array, weight: jax.Array | None = None) -> jax.Array:
    """CKA(X, Y) = |Y' X|^2 / (|X' X| |Y' Y|) with centered columns and Frobenius norms, in feature space.

    Args:
        x: activations [N, P].
        y: activations [N, Q] of the same examples.
        weight: [N], 1 for examples that count and 0 for padding. Default: all count.

    Returns:
        float32 scalar in [0, 1]; NaN if X or Y is constant.

    Raises:
        ShapeError: other shapes.

    Source:
        Kornblith, Norouzi, Lee, Hinton, arXiv:1905.00414; paper 1, A.8.

    Example:
        >>> x = jax.random.normal(jax.random.key(0), (50, 4))
        >>> round(linear_cka(x, 3 * x[:, ::-1]).item(), 4)
        1.0
    """
    weight = jnp.ones(x.shape[:1]) if weight is None else weight
    return cka_profile([({"": x}, {"": y}, weight)])[""]


def cka_profile(batches: Iterable[tuple[Activations, Activations, jax.Array]]) -> Activations:
    """Linear CKA of every layer, accumulated over batches: no N x N matrix, and one [P, P] a layer.

    Args:
        batches: (activations, other activations, weight) of each batch: layer -> [N, P], layer -> [N, Q], [N].

    Returns:
        Layer -> float32 scalar in [0, 1].

    Raises:
        ShapeError: layers or numbers of examples that do not agree.

    Example:
        >>> x = jax.random.normal(jax.random.key(0), (50, 4))
        >>> profile = cka_profile([({"a": x}, {"a": x}, jnp.ones(50)), ({"a": -x}, {"a": -x}, jnp.ones(50))])
        >>> round(profile["a"].item(), 4)
        1.0
    """
    found = list(batches)
    for x, y, weight in found:
        wrong = x.keys() != y.keys() or any(a.ndim != 2 or len(a) != len(weight) for a in (*x.values(), *y.values()))
        if wrong:
            raise ShapeError("CKA compares activations [N, P] and [N, Q] of the same layers and examples.")
    total = sum(weight.sum() for _, _, weight in found)
    out = {}
    for layer in found[0][0]:
        # Centering first and multiplying then loses no digits, where sums of products would.
        mean_x, mean_y = (sum(batch[2] @ batch[n][layer] for batch in found) / total for n in (0, 1))
        xx, yy, xy = jnp.zeros(()), jnp.zeros(()), jnp.zeros(())
        for batch in found:
            a, b = (batch[0][layer] - mean_x) * batch[2][:, None], (batch[1][layer] - mean_y) * batch[2][:, None]
            xx, yy, xy = xx + _gram(a, a), yy + _gram(b, b), xy + _gram(a, b)
        out[layer] = jnp.square(xy).sum() / jnp.sqrt(jnp.square(xx).sum() * jnp.square(yy).sum())
    return out


def linen_activations(model: nn.Module, layers: Mapping[str, str]) -> Callable[..., Activations]:
    """Function (variables, *inputs) -> layer -> activations, of modules of a Flax Linen model.

    Args:
        model: the module.
        layers: name of a layer -> path of its module, such as "layer_0/ffn/lin1".

    Raises:
        UnknownLayerError: when called, if the model runs no such module.

    Example:
        >>> from jprobe.models import MLP
        >>> model = MLP((4,))
        >>> params = model.init(jax.random.key(0), jnp.zeros((1, 3)))
        >>> linen_activations(model, {"hidden": "Dense_0"})(params, jnp.zeros((5, 3)))["hidden"].shape
        (5, 4)
    """
    wanted = {tuple(path.split("/")) for path in layers.values()}

    def run(params: Params, *inputs: Any) -> Activations:
        _, state = model.apply(
            variables_of(model, params),
            *inputs,
            capture_intermediates=lambda module, method: method == "__call__" and module.path in wanted,
            mutable=["intermediates"],
        )
        out = {}
        for name, path in layers.items():
            place: Any = state.get("intermediates", {})
            for part in path.split("/"):
                place = place.get(part, {})
            if "__call__" not in place:
                raise UnknownLayerError(path, sorted(layers.values()))
            out[name] = place["__call__"][0]
        return out

    return run


def _gram(x: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.matmul(x.T, y, precision="highest")
