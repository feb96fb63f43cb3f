"""One short name for what numbers were computed from: a SHA-256 over arrays, settings and code."""

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jprobe.errors import ArgumentError


def digest(value: Any) -> str:
    """SHA-256 of arrays and plain values, and of lists, dictionaries and dataclasses of them, as hexadecimal text.

    The type, shape, dtype and every byte of an array count, and so do the names of fields and the order of dictionaries.

    Args:
        value: arrays (NumPy or JAX), numbers, text, None, and containers of them.

    Raises:
        ArgumentError: something else, such as a function: see :func:`digest_function`.

    Example:
        >>> digest({"w": np.ones(2)}) == digest({"w": np.ones(2)}), digest({"w": np.ones(2)}) == digest({"w": np.zeros(2)})
        (True, False)
    """
    sha = hashlib.sha256()
    _update(sha, value)
    return sha.hexdigest()


def _update(sha: Any, value: Any) -> None:
    if isinstance(value, jax.Array) and jax.dtypes.issubdtype(value.dtype, jax.dtypes.prng_key):
        value = jax.random.key_data(value)
    if isinstance(value, jax.Array | np.ndarray | np.generic):
        array = np.ascontiguousarray(value)
        sha.update(f"{array.dtype}{array.shape}:".encode())
        sha.update(json.dumps(array.tolist()).encode() if array.dtype.hasobject else array.tobytes())
    elif isinstance(value, Mapping):
        _contents(sha, "{", [item for pair in value.items() for item in pair])
    elif isinstance(value, list | tuple):
        _contents(sha, "(", list(value))
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [(f.name, getattr(value, f.name)) for f in dataclasses.fields(value)]
        _contents(sha, type(value).__name__, [item for pair in fields for item in pair])
    elif value is None or isinstance(value, bool | int | float | complex | str | bytes):
        sha.update(f"{type(value).__name__}{value!r};".encode())
    else:
        raise ArgumentError(
            f"A {type(value).__name__} has no digest; only arrays, plain values and containers of them have."
        )


def _contents(sha: Any, kind: str, items: list[Any]) -> None:
    sha.update(f"{kind}{len(items)}:".encode())
    for item in items:
        _update(sha, item)


def digest_function(fn: Any, *args: Any) -> str:
    """SHA-256 of what a function computes: its jaxpr on arguments of these shapes, and every array that it closes over.

    Two functions of one body have one digest, whatever they are called.

    Args:
        fn: a JAX function.
        args: arrays, or ``jax.ShapeDtypeStruct``; their values do not count.

    Example:
        >>> digest_function(lambda x: x + 1, 1.0) == digest_function(lambda y: y + 1, 2.0)
        True
    """
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(np.shape(x), jax.dtypes.result_type(x)), args)
    closed = jax.make_jaxpr(fn)(*shapes)
    # Functions inside equations print with their addresses, which another process does not share.
    code = re.sub(r"0x[0-9a-f]+|<function [^>]*>|<[\w.]+ object at [^>]*>", "", str(closed.jaxpr))
    return digest([code, [np.asarray(const) if not _is_key(const) else const for const in closed.consts]])


def _is_key(value: Any) -> bool:
    return isinstance(value, jax.Array) and jax.dtypes.issubdtype(value.dtype, jax.dtypes.prng_key)
