"""A function of (params, x) made ready to be read: its arguments checked, its jaxpr, what it starts from."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, get_args

import flax.errors
import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core
from jax.interpreters import partial_eval

from jprobe.choices import Residual
from jprobe.errors import ArgumentError, WeightsError
from jprobe.graph.activations import Activations
from jprobe.graph.building import Builder
from jprobe.graph.context import Walk, views_of
from jprobe.graph.interpret import run
from jprobe.graph.views import Known, Piece, Value, View
from jprobe.paths import has_collections, leaves_by_path
from jprobe.typing import Params


class Reading(NamedTuple):
    """A network that has been read.

    Attributes:
        walk: the graph's builder, and what the nodes hold.
        results: what the function returns, leaf by leaf; one or more of them depend on x.
        tree: their tree.
    """

    walk: Walk
    results: list[Value]
    tree: Any


def read(
    fn: Callable[..., Any], params: Params, x: Any, residual: Residual, fold_bn: bool, *, running: bool = False
) -> Reading:
    """Read a network's jaxpr.

    Args:
        fn: as for :func:`jprobe.graph.trace`.
        params: as for :func:`jprobe.graph.trace`.
        x: as for :func:`jprobe.graph.trace`.
        residual: as for :func:`jprobe.graph.trace`.
        fold_bn: as for :func:`jprobe.graph.trace`.
        running: whether x is run through the network while it is read.

    Raises:
        ArgumentError: arguments in another order, an unknown ``residual``, parameters that are not what the function
            takes, or a result that does not depend on x.
        WeightsError: complex parameters.
        UnsupportedOperationError: an operation without a rule.
    """
    if residual not in get_args(Residual):
        raise ArgumentError(f"residual is 'identity', 'paper' or 'merged', not {residual!r}.")
    shape = input_shape(fn, x)
    leaves = leaves_by_path(params)
    for path, _, leaf in leaves:
        try:
            dtype = jnp.result_type(leaf)
        except TypeError:
            raise no_array(leaf, "params") from None
        if jnp.issubdtype(dtype, jnp.complexfloating):
            raise WeightsError(f"The parameters {path} are complex; a signed graph has real weights.")
    closed, made = _jaxpr(fn, params, shape)
    builder = Builder(residual)
    first = builder.block("input", "input", shape.shape, [])
    values: list[Value] = [
        Known(leaf, path, ("param", n), trained, frozenset({n})) for n, (path, trained, leaf) in enumerate(leaves)
    ]
    values.append(View(shape.shape, (Piece(first, ()),), frozenset({first}), value=x if running else None))
    walk = Walk(builder, fold_bn, Activations(first, x) if running else None)
    consts: list[Value] = [Known(const, "", ("const", id(const))) for const in closed.consts]
    results = run(closed.jaxpr, consts, values, walk)
    if not views_of(results):
        raise ArgumentError("The function's result does not depend on x, so it has no graph.")
    return Reading(walk, results, jax.tree.structure(made))


def no_array(leaf: Any, where: str) -> ArgumentError:
    """What to say of a leaf that is no array, such as the activation function of an Equinox module."""
    return ArgumentError(
        f"{where} holds a {type(leaf).__name__}, not arrays alone; of an Equinox module, "
        "eqx.partition(net, eqx.is_array) takes the arrays apart."
    )


def input_shape(fn: Any, x: Any) -> jax.ShapeDtypeStruct:
    """Shape of one input, an array or a shape; refuses arguments in another order."""
    if not callable(fn):
        raise ArgumentError(f"The order is (fn, params, x): fn is a function of (params, x), not {type(fn).__name__}.")
    if isinstance(x, jax.ShapeDtypeStruct):
        shape = x
    else:
        try:
            shape = jax.ShapeDtypeStruct(np.shape(x), jnp.result_type(x))
        except (TypeError, ValueError):
            raise ArgumentError(
                f"The order is (fn, params, x): x is one input, an array or a shape, not {type(x).__name__}."
            ) from None
    if jnp.issubdtype(shape.dtype, jnp.complexfloating):
        raise ArgumentError("x is complex; the nodes of a signed graph hold real numbers.")
    return shape


def _jaxpr(fn: Callable[..., Any], params: Params, x: jax.ShapeDtypeStruct) -> tuple[Any, Any]:
    shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(jnp.shape(leaf), jnp.result_type(leaf)), params)
    try:
        closed, made = jax.make_jaxpr(fn, return_shape=True)(shapes, x)
    except flax.errors.FlaxError as error:
        if has_collections(params) or not isinstance(params, Mapping):
            raise
        raise ArgumentError(
            f"The parameters, {{{', '.join(map(repr, params))}}}, are not what the Flax module takes, which is the whole "
            f"variables dictionary: pass {{'params': params}}, with its other collections beside it. ({error})"
        ) from error
    # What nothing reads, such as an auxiliary output that is dropped, has no place in the graph and needs no rule.
    needed, _ = partial_eval.dce_jaxpr(closed.jaxpr, [True] * len(closed.jaxpr.outvars), instantiate=True)
    return core.ClosedJaxpr(needed, closed.consts), made
