"""One compilation for programs that are written alike, whoever traced them: easy task and hard, one probe and the next."""

import functools
from collections.abc import Callable, Hashable
from typing import Any

import jax
import numpy as np
from jax.extend import core

# Arrays inside a program up to here are compared number by number; a program with larger ones is like no other.
_COMPARED = 4096


class Written:
    """A value by what it says: jaxprs are equal if their equations are, whatever their variables are called.

    Other values are equal as Python has them. So a program that calls a function made anew at each trace, such as a
    callback, is equal to none but itself: nothing is taken for equal by its name.

    Example:
        >>> import jax.numpy as jnp
        >>> one, two, other = (jax.make_jaxpr(fn)(1.0).jaxpr for fn in (jnp.sin, lambda y: jnp.sin(y), jnp.cos))
        >>> Written(one) == Written(two), Written(one) == Written(other)
        (True, False)
    """

    def __init__(self, *values: Any) -> None:
        self.values = values
        self._key = _key(values, {})
        self._hash = hash(self._key)

    def __eq__(self, other: object) -> bool:
        """Whether the values say the same."""
        return isinstance(other, Written) and self._key == other._key

    def __hash__(self) -> int:
        """Of what the values say."""
        return self._hash


def shared(build: Callable[..., Any], *values: Any) -> Any:
    """``build(*values)``, or what it gave for values that were equal: see :class:`Written`.

    Args:
        build: a function of a module, which makes a compiled function and depends on nothing else.
        values: jaxprs, shapes, numbers, and tuples of such.
    """
    try:
        written = Written(*values)
    except TypeError:  # something in it cannot be compared
        return build(*values)
    return _built(build, written)


@functools.lru_cache(maxsize=256)
def _built(build: Callable[..., Any], written: Written) -> Any:
    return build(*written.values)


def _key(value: Any, names: dict[Any, int]) -> Hashable:
    """A value as tuples of things that Python compares; ``names`` numbers variables as they appear."""
    if isinstance(value, core.ClosedJaxpr):
        return ("closed", _key(value.jaxpr, {}), _key(tuple(value.consts), {}))
    if isinstance(value, core.Jaxpr):
        names = {}
        bound = tuple((_name(var, names), _aval(var)) for var in (*value.constvars, *value.invars))
        equations = tuple(_equation(eqn, names) for eqn in value.eqns)
        return ("code", len(value.constvars), bound, equations, tuple(_atom(atom, names) for atom in value.outvars))
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        if value.size > _COMPARED or jax.dtypes.issubdtype(value.dtype, jax.dtypes.prng_key):
            raise TypeError("too large to compare, or no numbers")
        return (value.shape, str(value.dtype), np.asarray(value).tobytes())
    if isinstance(value, dict):
        return tuple((name, _key(each, names)) for name, each in sorted(value.items()))
    if isinstance(value, list | tuple):
        return (type(value), *(_key(each, names) for each in value))
    if isinstance(value, bool | int | float):  # Python takes 1, 1.0 and True for equal, and 0.0 and -0.0
        return (type(value), repr(value))
    hash(value)
    return value


def _equation(eqn: Any, names: dict[Any, int]) -> Hashable:
    inputs = tuple(_atom(atom, names) for atom in eqn.invars)
    params = tuple((name, _key(value, {})) for name, value in sorted(eqn.params.items()))
    return (eqn.primitive, eqn.ctx, inputs, params, tuple((_name(var, names), _aval(var)) for var in eqn.outvars))


def _atom(atom: Any, names: dict[Any, int]) -> Hashable:
    return ("literal", _key(atom.val, {}), _aval(atom)) if isinstance(atom, core.Literal) else names[atom]


def _name(var: Any, names: dict[Any, int]) -> int:
    return names.setdefault(var, len(names))


def _aval(atom: Any) -> Hashable:
    aval = atom.aval
    return (aval.shape, aval.dtype, getattr(aval, "weak_type", False)) if hasattr(aval, "shape") else aval
