"""The axis of networks: a vmap over it, and which of an optimizer's state has none.

Some of an optimizer's state is one value for all networks: a count of steps, and what follows from it alone. Such leaves
are left out of the vmap over networks. They are computed once, and as the scalar that optax computes for one network; as
a vector, XLA would round powers of Adam's decay rates differently.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.extend import core

from jprobe.typing import Params


def over_networks(fn: Callable[..., Any], in_axes: tuple[int | None, ...]) -> Callable[..., Any]:
    """``jax.vmap`` over networks, but a single one runs as it is: XLA's products are a quarter slower with an axis of one.

    Args:
        fn: of one network.
        in_axes: 0 or None for each argument, 0 of the first.

    Example:
        >>> dot = over_networks(jnp.dot, (0, None))
        >>> dot(jnp.ones((1, 3)), jnp.ones(3)).shape, dot(jnp.ones((2, 3)), jnp.ones(3)).shape
        ((1,), (2,))
    """

    def run(*args: Any) -> Any:
        if jax.tree.leaves(args[0])[0].shape[0] > 1:
            return jax.vmap(fn, in_axes)(*args)
        one = [
            jax.tree.map(lambda a, axis=axis: a if axis is None else a[0], arg)
            for arg, axis in zip(args, in_axes, strict=True)
        ]
        return jax.tree.map(lambda a: a[None], fn(*one))

    return run


def state_axes(optimizer: optax.GradientTransformationExtraArgs, weights: Params) -> Any:
    """For each leaf of an optimizer's state: None if it is the same for all networks, 0 if it is of each.

    Args:
        optimizer: of one network.
        weights: shapes of the trained weights of one network.

    Example:
        >>> adam = optax.with_extra_args_support(optax.scale_by_adam())
        >>> state_axes(adam, jax.ShapeDtypeStruct((2,), jnp.float32))
        ScaleByAdamState(count=None, mu=0, nu=0)
    """
    state = jax.eval_shape(optimizer.init, weights)
    leaves = [True] * len(jax.tree.leaves(weights))
    varying = _dependents(optimizer.init, (weights,), leaves)

    def after(gradients: Any, state: Any, weights: Any, epoch: jax.Array) -> Any:
        return optimizer.update(gradients, state, weights, epoch=epoch)[1]

    inputs = (weights, state, weights, jax.ShapeDtypeStruct((), jnp.int32))
    while True:
        # What an update makes of a varying leaf varies from the next step on.
        found = _dependents(after, inputs, [*leaves, *varying, *leaves, False])
        found = [before or now for before, now in zip(varying, found, strict=True)]
        if found == varying:
            return jax.tree.unflatten(jax.tree.structure(state), [0 if varies else None for varies in varying])
        varying = found


def _dependents(fn: Callable[..., Any], inputs: tuple[Any, ...], varies: list[bool]) -> list[bool]:
    """Whether each result of a function may depend on an input that varies."""
    jaxpr = jax.make_jaxpr(fn)(*inputs).jaxpr
    reached = {var for var, v in zip(jaxpr.invars, varies, strict=True) if v}

    def is_reached(var: Any) -> bool:
        return not isinstance(var, core.Literal) and var in reached

    for equation in jaxpr.eqns:
        if any(map(is_reached, equation.invars)):
            reached.update(equation.outvars)
    return [is_reached(var) for var in jaxpr.outvars]


def without_seeds(state: Any, axes: Any) -> Any:
    """State [S, ...] with one value of what all networks share."""
    return jax.tree.map(
        lambda axis, leaf: leaf[0] if axis is None and leaf is not None else leaf, axes, state, is_leaf=_is_none
    )


def with_seeds(state: Any, axes: Any, networks: tuple[int, ...]) -> Any:
    """The inverse of :func:`without_seeds`, for that many networks: devices take their share of every leaf."""
    return jax.tree.map(
        lambda axis, leaf: jnp.broadcast_to(leaf, (*networks, *leaf.shape)) if axis is None and leaf is not None else leaf,
        axes, state, is_leaf=_is_none,
    )  # fmt: skip


def _is_none(leaf: Any) -> bool:
    return leaf is None
