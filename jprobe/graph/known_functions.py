"""Functions of jax.nn that increase in each element, told by what they compute and not by their names."""

import functools
from collections.abc import Iterator
from typing import Any

import jax
from jax.extend import core
from jax.interpreters import partial_eval

_PLAIN = (
    "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "softplus", "sigmoid", "log_sigmoid", "hard_sigmoid", "hard_tanh",
    "soft_sign",
)  # fmt: skip
_ALONG_AN_AXIS = ("softmax", "log_softmax")


def is_known(name: str, body: core.ClosedJaxpr) -> bool:
    """Whether a call is of the function of jax.nn that has its name.

    Args:
        name: of the call.
        body: what it runs, with what nothing reads taken out.

    Returns:
        Whether jax.nn's function of that name, traced for such inputs, has the same equations.

    Example:
        >>> import jax.numpy as jnp
        >>> own = jax.make_jaxpr(lambda x: x @ jnp.ones((2, 2)))(jnp.ones(2))
        >>> is_known("elu", own), is_known("elu", jax.make_jaxpr(jax.nn.elu)(jnp.ones(2)))
        (False, True)
    """
    if body.consts or name not in (*_PLAIN, *_ALONG_AN_AXIS):
        return False
    inputs = tuple((v.aval.shape, v.aval.dtype, v.aval.weak_type) for v in body.jaxpr.invars)
    return str(body.jaxpr) in _bodies(name, inputs)


@functools.lru_cache(maxsize=256)
def _bodies(name: str, inputs: tuple[Any, ...]) -> frozenset[str]:
    """The equations of a function of jax.nn, and of the calls that it consists of."""
    fn, rank = getattr(jax.nn, name), len(inputs[0][0])
    plain = [functools.partial(fn, axis=axis) for axis in range(-rank, 0)] if name in _ALONG_AN_AXIS else [fn]
    variants = list(plain)
    for _ in range(rank):  # a network under vmap, under one or several
        plain = [jax.vmap(each, in_axes=(0, *[None] * (len(inputs) - 1))) for each in plain]
        variants += plain
    shapes = [jax.ShapeDtypeStruct(shape, dtype, weak_type=weak) for shape, dtype, weak in inputs]
    found: set[str] = set()
    for variant in variants:
        try:
            jaxpr = jax.make_jaxpr(variant)(*shapes).jaxpr
        except (TypeError, ValueError):  # it takes other inputs, or has no such axis under so many vmaps
            continue
        needed, _ = partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars), instantiate=True)
        found.update(map(str, _nested(needed)))
    return frozenset(found)


def _nested(jaxpr: core.Jaxpr) -> Iterator[core.Jaxpr]:
    """A jaxpr and, where it is a single call, what that runs."""
    yield jaxpr
    if len(jaxpr.eqns) == 1:
        for value in jaxpr.eqns[0].params.values():
            if isinstance(value, core.ClosedJaxpr):
                yield from _nested(value.jaxpr)
