"""Operations that are other operations in another form: written out, they need no rules of their own."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend import core

from jprobe.graph.context import unknown
from jprobe.graph.views import Known, Value

# Equations that a loop may have once it is written out: more take minutes to read, and more still to compile.
MOST = 100_000

Written = Callable[..., Sequence[jax.Array]]


def written_out(eqn: Any, inputs: list[Value]) -> tuple[core.ClosedJaxpr, list[Value]] | None:
    """The equations that do what an equation does, and their inputs; None for an operation of its own.

    A scan is its body so many times, with the same weights or with a slice of them each; a running sum is one over
    windows; a branch that does not depend on the input is the one taken.

    Args:
        eqn: the equation.
        inputs: its inputs; one of them depends on the network's.
    """
    if eqn.primitive.name == "cond":
        return _branch(eqn, inputs)
    if eqn.primitive.name == "dynamic_update_slice":
        return _written_over(eqn, inputs)
    write = WRITTEN.get(eqn.primitive.name)
    if write is None:
        return None
    if eqn.primitive.name == "scan":
        why = too_long(eqn.params["jaxpr"], eqn.params["length"])
        if why:
            raise unknown(eqn, why)
    shapes = [jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype, weak_type=v.aval.weak_type) for v in eqn.invars]
    return jax.make_jaxpr(write(**eqn.params))(*shapes), inputs


def too_long(body: core.ClosedJaxpr, steps: int) -> str:
    """Why a loop of so many steps, or more, is not written out; "" where it may be: 100,000 operations at most."""
    count = steps * _operations(body.jaxpr)
    if count <= MOST:
        return ""
    return (
        f"of {steps:,} steps or more, which would be written out as {count:,} operations, {MOST:,} at most: trace it over "
        "fewer steps"
    )


def _operations(jaxpr: core.Jaxpr) -> int:
    """Number of equations of a jaxpr, loops of known length written out."""
    total = 1
    for eqn in jaxpr.eqns:
        inside = [value for value in eqn.params.values() if isinstance(value, core.ClosedJaxpr)]
        total += eqn.params.get("length", 1) * max((_operations(body.jaxpr) for body in inside), default=1)
    return total


def _branch(eqn: Any, inputs: list[Value]) -> tuple[core.ClosedJaxpr, list[Value]] | None:
    which, *rest = inputs
    if not isinstance(which, Known) or isinstance(which.value, jax.ShapeDtypeStruct | jax.core.Tracer):
        return None
    branches = eqn.params["branches"]
    return branches[min(max(int(which.value), 0), len(branches) - 1)], rest


def _written_over(eqn: Any, inputs: list[Value]) -> tuple[core.ClosedJaxpr, list[Value]] | None:
    """An array with a box of it replaced: what is before it, the box and what is after it."""
    old, new, *places = inputs
    unknown_ones = (jax.ShapeDtypeStruct, jax.core.Tracer)
    if any(not isinstance(place, Known) or isinstance(place.value, unknown_ones) for place in places):
        return None
    whole, box = (variable.aval.shape for variable in eqn.invars[:2])
    at = [int(np.clip(np.asarray(place.value), 0, n - s)) for place, n, s in zip(places, whole, box, strict=True)]

    def write(old: jax.Array, new: jax.Array) -> list[jax.Array]:
        return [_placed(old, new, at)]

    shapes = [jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype) for v in eqn.invars[:2]]
    return jax.make_jaxpr(write)(*shapes), [old, new]


def _placed(old: jax.Array, new: jax.Array, at: Sequence[int]) -> jax.Array:
    for axis, (start, size, whole) in enumerate(zip(at, new.shape, old.shape, strict=True)):
        if size < whole:
            inside = _placed(lax.slice_in_dim(old, start, start + size, axis=axis), new, at)
            parts = [
                lax.slice_in_dim(old, 0, start, axis=axis),
                inside,
                lax.slice_in_dim(old, start + size, whole, axis=axis),
            ]
            return lax.concatenate([part for part in parts if part.shape[axis]], axis)
    return new


def _stacked(arrays: Sequence[jax.Array], axis: int) -> jax.Array:
    return lax.concatenate([lax.expand_dims(array, (axis,)) for array in arrays], axis)


def _stack(axis: int) -> Written:
    return lambda *arrays: [_stacked(arrays, axis)]


def _unstack(axis: int) -> Written:
    return lambda x: [lax.index_in_dim(x, n, axis, keepdims=False) for n in range(x.shape[axis])]


def _tile(reps: tuple[int, ...]) -> Written:
    def write(x: jax.Array) -> list[jax.Array]:
        for axis, times in enumerate(reps):
            x = lax.concatenate([x] * times, axis) if times > 1 else x
        return [x]

    return write


def _running_sum(axis: int, reverse: bool) -> Written:
    def write(x: jax.Array) -> list[jax.Array]:
        length, rest = x.shape[axis], [1] * x.ndim
        window = [length if n == axis else 1 for n in range(x.ndim)]
        around = (0, length - 1) if reverse else (length - 1, 0)
        padding = [around if n == axis else (0, 0) for n in range(x.ndim)]
        return [lax.reduce_window(x, np.zeros((), x.dtype), lax.add, window, rest, padding)]

    return write


def _unchanged(**_: Any) -> Written:
    return lambda *arrays: list(arrays)


def _step(x: jax.Array, n: int) -> jax.Array:
    """Step n of the leading axis; its number is an operand, so that one compiled program slices all steps."""
    at = [jnp.int32(n), *[jnp.int32(0)] * (x.ndim - 1)]
    return lax.squeeze(lax.dynamic_slice_p.bind(x, *at, slice_sizes=(1, *x.shape[1:])), (0,))


def _scan(jaxpr: core.ClosedJaxpr, length: int, reverse: bool, num_consts: int, num_carry: int, **_: Any) -> Written:
    body = core.jaxpr_as_fun(jaxpr)

    def write(*arrays: jax.Array) -> list[jax.Array]:
        consts, carry, over = arrays[:num_consts], arrays[num_consts:][:num_carry], arrays[num_consts + num_carry :]
        made = []
        for n in reversed(range(length)) if reverse else range(length):
            out = body(*consts, *carry, *(_step(x, n) for x in over))
            carry, each = out[:num_carry], out[num_carry:]
            made.append(each)
        steps = zip(*(reversed(made) if reverse else made), strict=True)
        return [*carry, *(_stacked(step, 0) for step in steps)]

    return write


WRITTEN: dict[str, Callable[..., Written]] = {
    "stack": _stack,
    "unstack": _unstack,
    "tile": _tile,
    "cumsum": _running_sum,
    "device_put": _unchanged,
    "optimization_barrier": _unchanged,
    "sharding_constraint": _unchanged,
    "scan": _scan,
}
