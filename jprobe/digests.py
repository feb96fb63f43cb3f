"""Digests of values, arrays and functions: equal where what is computed from them is equal, in any process."""

import dataclasses
import functools
import hashlib
import inspect
import re
import sys
import sysconfig
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from jprobe.errors import ArgumentError

# Dataclasses write these themselves; their fields say all.
_WRITTEN = {"__init__", "__repr__", "__eq__", "__hash__", "__setattr__", "__delattr__", "__replace__"}


def digest_of(*things: Any) -> np.ndarray:
    """SHA-256 of values: numbers, strings, arrays, containers, dataclasses, classes and functions.

    A function is its code, its defaults, the values that it closes over and the globals that it names, followed as far
    as the caller's own code goes; functions and classes of installed packages are their names. So two functions that
    are written alike agree, and one whose constant has changed does not.

    Args:
        things: what to digest, in this order.

    Returns:
        uint8 [32].

    Raises:
        ArgumentError: something whose value cannot be told, such as an open file.

    Example:
        >>> double, triple = (lambda x, n=n: n * x for n in (2, 3))
        >>> bool((digest_of(double) == digest_of(triple)).all())
        False
    """
    return np.frombuffer(_digest(things, _Seen({}, [])), np.uint8)


def digest_of_program(fn: Callable[..., Any], *args: Any) -> np.ndarray:
    """SHA-256 of what a JAX function computes: its jaxpr on arguments of these shapes, and every array it closes over.

    Unlike :func:`digest_of` this sees through calls into installed packages, and functions written differently that
    trace to the same equations agree.

    Args:
        fn: a JAX function.
        args: arrays, or ``jax.ShapeDtypeStruct``; their values do not count.

    Returns:
        uint8 [32].

    Example:
        >>> bool((digest_of_program(lambda x: x + 1, 1.0) == digest_of_program(lambda y: y + 1, 2.0)).all())
        True
    """
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(np.shape(x), jax.dtypes.result_type(x)), args)
    closed = jax.make_jaxpr(fn)(*shapes)
    # Functions inside equations print with their addresses, which another process does not share.
    code = re.sub(r"0x[0-9a-f]+|<function [^>]*>|<[\w.]+ object at [^>]*>", "", str(closed.jaxpr))
    return digest_of(code, list(_arrays(closed)))


def _arrays(value: Any) -> Iterator[Any]:
    """Every array inside a traced function, those of functions that it calls too: their text leaves out the numbers."""
    if isinstance(value, core.ClosedJaxpr):
        yield from value.consts
        yield from _arrays(value.jaxpr)
    elif isinstance(value, core.Jaxpr):
        for eqn in value.eqns:
            yield from _arrays([*eqn.invars, *eqn.params.values()])
    elif isinstance(value, core.Literal):
        yield value.val
    elif isinstance(value, np.ndarray | jax.Array):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _arrays(part)


class _Seen(NamedTuple):
    """Things met so far; each is held, so that no other takes its id.

    Attributes:
        done: id -> (thing, its digest).
        open: things that are being digested, outermost first.
    """

    done: dict[int, tuple[Any, bytes]]
    open: list[Any]


def _digest(thing: Any, seen: _Seen) -> bytes:
    """SHA-256 of one thing, the same whether it is met once or often, as itself or as an equal copy."""
    if id(thing) in seen.done:
        return seen.done[id(thing)][1]
    depth = next((n for n, outer in enumerate(reversed(seen.open)) if outer is thing), None)
    if depth is not None:  # a function that calls itself, a list that holds itself
        return f"the one {depth} above".encode()
    seen.open.append(thing)
    sha = hashlib.sha256()
    for token in _tokens(thing, seen):
        sha.update(len(token).to_bytes(8, "little"))
        sha.update(token)
    seen.open.pop()
    seen.done[id(thing)] = thing, sha.digest()
    return sha.digest()


def _tokens(thing: Any, seen: _Seen) -> Iterator[bytes]:
    if thing is None or thing is Ellipsis or isinstance(thing, bool | int | float | complex | str | bytes):
        yield f"{type(thing).__name__} {thing!r}".encode()
    elif isinstance(thing, np.ndarray | np.generic | jax.Array):
        yield from _array(thing)
    elif isinstance(thing, type):
        yield from _class(thing, seen)
    elif isinstance(thing, types.FunctionType):
        yield from _function(thing, seen)
    elif isinstance(thing, types.ModuleType):
        yield f"module {thing.__name__}".encode()
    elif isinstance(thing, np.dtype):
        yield f"dtype {thing.str}".encode()
    else:
        parts = _parts(thing)
        yield f"{type(thing).__module__}.{type(thing).__qualname__} of {len(parts)}".encode()
        for part in parts:
            yield _digest(part, seen)


def _array(thing: Any) -> Iterator[bytes]:
    if isinstance(thing, jax.Array) and jnp.issubdtype(thing.dtype, jax.dtypes.prng_key):
        thing = jax.random.key_data(thing)
    array = np.asarray(thing)
    yield f"array {array.dtype} {array.shape}".encode()
    yield np.ascontiguousarray(array).tobytes()


def _parts(thing: Any) -> list[Any]:
    """What makes up a container or a callable that is not a plain function."""
    if isinstance(thing, list | tuple):
        return list(thing)
    if isinstance(thing, Mapping):
        return [part for pair in thing.items() for part in pair]
    if isinstance(thing, set | frozenset):
        return sorted(thing, key=repr)
    if isinstance(thing, functools.partial):
        return [thing.func, thing.args, thing.keywords]
    if isinstance(thing, types.MethodType):
        return [thing.__self__, thing.__func__]
    if dataclasses.is_dataclass(thing):
        # The parent of a Flax module is where it stands, not what it is.
        fields = [f.name for f in dataclasses.fields(thing) if f.name != "parent" and hasattr(thing, f.name)]
        return [type(thing), *((name, getattr(thing, name)) for name in fields)]
    if hasattr(thing, "__wrapped__"):  # jitted functions, jax.nn.relu
        return [thing.__wrapped__]
    if isinstance(thing, types.BuiltinFunctionType | np.ufunc):
        return [getattr(thing, "__module__", None), thing.__name__]
    raise ArgumentError(
        f"A checkpoint must know what networks were trained by, and a {type(thing).__qualname__} ({str(thing)[:80]}) does "
        "not tell its value. Use functions of numbers, arrays, dataclasses and other functions, or leave checkpoint= out."
    )


def _class(thing: type, seen: _Seen) -> Iterator[bytes]:
    yield f"class {thing.__module__}.{thing.__qualname__}".encode()
    if _installed(thing.__module__):
        return
    for base in thing.__bases__:
        yield _digest(base, seen)
    for name, member in vars(thing).items():
        function = (
            inspect.unwrap(getattr(member, "__func__", member))
            if callable(member) or hasattr(member, "__func__")
            else None
        )
        if isinstance(function, types.FunctionType):
            if not (name in _WRITTEN and function.__code__.co_filename == "<string>"):
                yield name.encode()
                yield _digest(function, seen)
        elif not name.startswith("__") and isinstance(member, bool | int | float | complex | str | tuple):
            yield name.encode()
            yield _digest(member, seen)


def _function(thing: types.FunctionType, seen: _Seen) -> Iterator[bytes]:
    if hasattr(thing, "__wrapped__"):
        yield _digest(thing.__wrapped__, seen)
    own = not _installed(thing.__module__)
    # Where a function of one's own is called from, a file or a notebook, does not matter.
    yield (
        f"function {thing.__qualname__}".encode()
        if own
        else f"function {thing.__module__}.{thing.__qualname__}".encode()
    )
    yield _digest((thing.__defaults__, thing.__kwdefaults__), seen)
    for cell in thing.__closure__ or ():
        try:
            content = cell.cell_contents
        except ValueError:  # not yet bound
            content = None
        yield _digest(content, seen)
    if own:
        names: set[str] = set()
        yield from _code(thing.__code__, names, seen)
        for name in sorted(names & thing.__globals__.keys()):
            yield name.encode()
            yield _digest(thing.__globals__[name], seen)


def _code(code: types.CodeType, names: set[str], seen: _Seen) -> Iterator[bytes]:
    """Tokens of code, those of functions inside it too; the names it looks up are added to ``names``."""
    names.update(code.co_names)
    yield code.co_code
    yield " ".join((*code.co_names, "/", *code.co_varnames, "/", *code.co_freevars)).encode()
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _code(constant, names, seen)
        else:
            yield _digest(constant, seen)


@functools.cache
def _installed(module: str | None) -> bool:
    """Whether a module is of Python, of an installed package or of jprobe, not of the person who calls."""
    top = (module or "").partition(".")[0]
    if top in ("jprobe", "builtins") or top in sys.stdlib_module_names - {"__main__"}:
        return True
    file = getattr(sys.modules.get(top), "__file__", None)
    return file is not None and file.startswith(tuple(sysconfig.get_path(kind) for kind in ("purelib", "platlib")))
