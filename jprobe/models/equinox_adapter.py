"""Equinox modules as networks."""

import inspect
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax

from jprobe.models.pure import Network
from jprobe.typing import Params


def equinox_network(make: Callable[[jax.Array], Any]) -> Network:
    """The network of a function that makes an Equinox module, or (module, state), from a random key.

    The module takes one example; the batch is vmapped over the axis name "batch". Variables are the module's arrays
    (``eqx.partition(module, eqx.is_array)[0]``), or {"params": those, "state": state} where it has a state. A module
    whose call takes ``key`` gets one for each example, None when it does not train.

    Args:
        make: key -> module, or key -> (module, state) as ``eqx.nn.make_with_state`` makes them.

    Example:
        >>> net = equinox_network(lambda key: eqx.nn.Linear(3, 2, key=key))
        >>> variables = net.init(jax.random.key(0), jax.numpy.ones((1, 3)))
        >>> net.apply(variables, jax.numpy.ones((5, 3)), False, None)[0].shape
        (5, 2)
    """
    static = eqx.filter(eqx.filter_eval_shape(make, jax.random.key(0)), _is_shape, inverse=True)
    stateful = isinstance(static, tuple)

    def init(key: jax.Array, x: jax.Array) -> Params:
        arrays = eqx.filter(make(key), eqx.is_array)
        return {"params": arrays[0], "state": arrays[1]} if stateful else arrays

    takes_key = "key" in inspect.signature(type(static[0] if stateful else static).__call__).parameters

    def apply(variables: Params, x: jax.Array, train: bool, key: jax.Array | None) -> tuple[Any, Params]:
        arrays = (variables["params"], variables["state"]) if stateful else variables
        made = eqx.combine(arrays, static)
        module, state = made if stateful else (made, None)
        module = eqx.nn.inference_mode(module, not train)
        keys = jax.random.split(key, len(x)) if takes_key and train and key is not None else None

        def one(x: jax.Array, key: jax.Array | None) -> Any:
            named = {"key": key} if takes_key else {}
            return module(x, state, **named) if stateful else module(x, **named)

        out_axes = (0, None) if stateful else 0
        found = jax.vmap(one, in_axes=(0, None if keys is None else 0), out_axes=out_axes, axis_name="batch")(x, keys)
        if not stateful:
            return found, variables
        outputs, after = found
        after = eqx.filter(after, eqx.is_array)
        return outputs, {"params": variables["params"], "state": after} if train else variables

    return Network(init, apply)


def _is_shape(leaf: Any) -> bool:
    return isinstance(leaf, jax.ShapeDtypeStruct)
