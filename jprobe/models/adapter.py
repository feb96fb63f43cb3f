"""One way to start and to call any model: Flax Linen, Flax NNX, Equinox, or plain functions."""

import inspect
import sys
from collections.abc import Callable
from typing import Any, TypeGuard

import flax.linen as nn
import jax

from jprobe.errors import ArgumentError
from jprobe.models.pure import Network
from jprobe.paths import PARAMETERS, has_collections
from jprobe.typing import Forward, Params

# A Flax Linen module; a function of a random key that makes an NNX or Equinox module; a function (variables, x) ->
# outputs; or a Network.
Model = nn.Module | Network | Callable[..., Any]


def network(model: Model) -> Network:
    """The two pure functions of any model.

    Args:
        model: one of

            - a Flax Linen module. If its ``__call__`` takes ``train``, ``training``, ``deterministic`` or
              ``use_running_average``, that says whether it trains.
            - a function of one random key that makes an NNX module (``lambda key: Net(nnx.Rngs(key))``) or an Equinox
              module (``lambda key: Net(key=key)``, which takes one example and is vmapped here), with its state
              (``lambda key: eqx.nn.make_with_state(Net)(key=key)``; its batch axis is named "batch").
            - a function (variables, x [B, ...]) -> outputs [B, ...], which has no ``init``: give
              :func:`jprobe.train.fit` your ``initial`` variables.
            - a :class:`Network`, which is returned as it is.

    Raises:
        ArgumentError: anything else, such as a module that is made already.

    Example:
        >>> import jax, jax.numpy as jnp, jprobe as jp
        >>> net = network(jp.models.MLP((4,), 2))
        >>> outputs, _ = net.apply(net.init(jax.random.key(0), jnp.ones((1, 3))), jnp.ones((5, 3)), False, None)
        >>> outputs.shape
        (5, 2)
    """
    if isinstance(model, Network):
        return model
    if isinstance(model, nn.Module):
        return _linen(model)
    if _is_made(model):
        raise ArgumentError(
            f"Give a function of a random key that makes this {type(model).__name__}, not the module itself: "
            "lambda key: Net(nnx.Rngs(key)) for NNX, lambda key: Net(key=key) for Equinox."
        )
    if not callable(model):
        raise ArgumentError(
            "A model is a Flax Linen module, a function of a key that makes an NNX or Equinox module, or a function of "
            f"(params, x), not {type(model).__name__}."
        )
    return _function(model) if _is_function(model) else _constructed(model)


def forward(model: Model) -> Forward:
    """The function (variables, x [B, ...]) -> outputs [B, ...] of a trained model, which changes nothing.

    Args:
        model: what :func:`network` takes; a function of (variables, x) is returned as it is.

    Raises:
        ArgumentError: what :func:`network` refuses; when called, a Flax Linen module's params without their collection.

    Example:
        >>> import jax.numpy as jnp
        >>> forward(lambda params, x: x @ params)(jnp.ones((3, 2)), jnp.ones((5, 3))).shape
        (5, 2)
    """
    if _is_function(model):
        return model
    apply = network(model).apply

    def forward(params: Params, x: jax.Array) -> jax.Array:
        return apply(params, x, False, None)[0]

    return forward


# Arguments that say whether a Linen module trains, and their values when it does.
_TRAINS = {"train": True, "training": True, "deterministic": False, "use_running_average": False}


def _linen(model: nn.Module) -> Network:
    switches = [name for name in inspect.signature(model.__call__).parameters if name in _TRAINS]

    def switched(train: bool) -> dict[str, Any]:
        return {name: _TRAINS[name] == train for name in switches}

    def init(key: jax.Array, x: jax.Array) -> Params:
        return model.init(key, x, **switched(False))

    def apply(variables: Params, x: jax.Array, train: bool, key: jax.Array | None) -> tuple[Any, Params]:
        variables = variables_of(model, variables)
        if not train:
            return model.apply(variables, x, **switched(False)), variables
        changing = [collection for collection in variables if collection != PARAMETERS]
        # A single key serves every stream of random numbers ("dropout", ...), each by its own name and count.
        outputs, changed = model.apply(variables, x, **switched(True), rngs=key, mutable=changing)
        return outputs, {**variables, **changed}

    return Network(init, apply)


def variables_of(model: nn.Module, variables: Params) -> Params:
    """Variables of a Flax Linen module, as they are, once it is seen that they are whole.

    Args:
        model: the module.
        variables: {"params": ..., ...} as ``model.init`` returns them.

    Raises:
        ArgumentError: parameters without the name of their collection.

    Example:
        >>> variables_of(nn.Dense(2), {"params": {"bias": 0.0}})
        {'params': {'bias': 0.0}}
    """
    if not has_collections(variables):
        raise ArgumentError(
            f'Variables of {type(model).__name__} are {{"params": ...}}, as model.init returns them; these have no '
            f'"{PARAMETERS}". For parameters alone, pass {{"params": parameters}}.'
        )
    return variables


def _function(model: Forward) -> Network:
    def init(key: jax.Array, x: jax.Array) -> Params:
        raise ArgumentError("A function of (params, x) does not say how its weights start: pass initial=.")

    return Network(init, lambda variables, x, train, key: (model(variables, x), variables))


def _constructed(make: Callable[[jax.Array], Any]) -> Network:
    """The network of a function that makes a module: which kind it makes is seen by calling it on shapes alone."""
    made: list[Any] = []
    jax.eval_shape(lambda key: made.append(make(key)), jax.random.key(0))
    module = made[0][0] if isinstance(made[0], tuple) and made[0] else made[0]
    if _is_of("flax.nnx", module):
        from jprobe.models.nnx_adapter import nnx_network

        return nnx_network(make)
    if _is_of("equinox", module):
        from jprobe.models.equinox_adapter import equinox_network

        return equinox_network(make)
    raise ArgumentError(
        f"A function of one key must make an NNX or an Equinox module; this one made {type(module).__name__}. "
        "A Flax Linen module is given itself, and a function that computes outputs takes (params, x)."
    )


def _is_made(model: Any) -> bool:
    return _is_of("equinox", model) or _is_of("flax.nnx", model)


def _is_of(package: str, thing: Any) -> bool:
    """Whether a thing is a module of a package, which need not be imported to say no."""
    library = sys.modules.get(package)
    return library is not None and isinstance(thing, library.Module)


def _is_function(model: Model) -> TypeGuard[Forward]:
    """Whether a model is a function of (variables, x), not one of a key alone and not a module that can be called."""
    if isinstance(model, Network | nn.Module) or _is_made(model) or not callable(model):
        return False
    try:
        parameters = inspect.signature(model).parameters.values()
    except (TypeError, ValueError):  # some builtins have no signature
        return True
    needed = [p for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return len(needed) != 1 or any(p.kind is p.VAR_POSITIONAL for p in parameters)
