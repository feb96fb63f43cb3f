"""The graph of a network's derivative at one input."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core
from jax.interpreters import partial_eval

from jprobe.errors import ArgumentError, WeightsError
from jprobe.graph.building import Builder
from jprobe.graph.condense import Condenser
from jprobe.graph.flow import carried, carrying
from jprobe.graph.graph import Graph
from jprobe.graph.linear import OF_INPUT, Found, walk
from jprobe.graph.linear_context import layer_of
from jprobe.graph.lookups import replay
from jprobe.graph.reading import no_array
from jprobe.graph.tape import Step, Tangent, Tape
from jprobe.graph.views import Known
from jprobe.paths import leaves_by_path, parameters
from jprobe.typing import Params

# Of the largest change of an output: float32 leaves 1e-5 in networks of 50 layers.
TOLERANCE = 1e-3


def local_graph(fn: Callable[..., Any], params: Params, at: Any) -> Graph:
    """The graph of ``jax.jacobian(lambda x: fn(params, x))(at)``.

    Its path sums are the Jacobian: with A its matrix, the block of (I - A)^-1 from the input's nodes to the output's.

    Args:
        fn: as for :func:`jprobe.graph.trace`.
        params: as there; arrays.
        at: the input, floats, or tokens that the network looks up in tables.

    Raises:
        ArgumentError: parameters or input without numbers, a result that does not depend on the input, or whose
            derivative is 0 everywhere.
        WeightsError: an input, a parameter or a derivative that is NaN or infinite.
        UnsupportedDerivativeError: an operation without a rule.

    Example:
        >>> w = jnp.array([[1.0, 2.0], [3.0, 4.0]])
        >>> graph = local_graph(lambda w, x: jax.nn.gelu(x @ w) @ w.T, w, jnp.ones((1, 2)))
        >>> graph, [block.name for block in graph.blocks]
        (Graph(6 nodes, 8 edges, 3 blocks, local), ['input', 'dense', 'dense.1'])
    """
    params, at = jax.tree.map(_single, (_arrays(params, "params"), _arrays(at, "at")))
    changed, changes = _openings(fn, params, at)

    def derivative(params: Params, x: jax.Array, *changes: jax.Array) -> list[jax.Array]:
        return jax.jvp(lambda *added: changed(params, x, *added), tuple(map(jnp.zeros_like, changes)), changes)[1]

    closed = _traced(derivative, params, at, *(jax.ShapeDtypeStruct(step.shape, jnp.float32) for step in changes))
    needed, _ = partial_eval.dce_jaxpr(closed.jaxpr, [True] * len(closed.jaxpr.outvars), instantiate=True)
    builder = Builder("identity")
    # Of a parameter there is one array; numbers that depend on the input have no name that they could share.
    tape = Tape(
        lambda known: builder.weight(known._replace(key=None) if known.key is OF_INPUT else known, known.trained)
    )
    leaves = leaves_by_path(params)
    values: list[Found] = [Known(leaf, path, ("param", n), trained) for n, (path, trained, leaf) in enumerate(leaves)]
    values += [Known(at, key=OF_INPUT), *map(tape.write, changes)]
    # Not jax.ensure_compile_time_eval: under it the compiled functions below would be folded, operation by operation.
    with jax.core.eval_context():
        results = walk(core.ClosedJaxpr(needed, closed.consts), values, tape)
        outputs = {n: result.step for n, result in enumerate(results) if isinstance(result, Tangent)}
        if not outputs:
            raise ArgumentError("The function's result does not depend on x, so it has no graph.")
        condenser = Condenser(tape.steps, list(outputs.values()), builder)
        views = condenser.build()
        count = sum(math.prod(jnp.shape(leaf)) for leaf in jax.tree.leaves(parameters(params)))
        graph = builder.graph(views, count, local=True)

        rng = np.random.default_rng(0)
        along = [rng.normal(size=step.shape).astype(np.float32) for step in changes]
        expected = jax.jit(core.jaxpr_as_fun(closed))(*jax.tree.leaves(params), at, *along)
        order = builder.order(views)
        read = [change for n, change in enumerate(along) if n in condenser.nodes]
        found = carried(graph, read, tuple(order.index(view.pieces[0].block) for view in views))
        _check(found, [expected[n] for n in outputs])
        return _alive(graph)


def _check(found: Sequence[jax.Array], expected: Sequence[jax.Array]) -> None:
    """Hold the graph against the derivative along a random direction: no wrong graph leaves here."""
    for here, there in zip(map(np.asarray, found), map(np.asarray, expected), strict=True):
        if not np.abs(here.reshape(there.shape) - there).max() <= TOLERANCE * np.abs(there).max():
            raise WeightsError(
                "The local graph does not carry the derivative that jax.jvp gives: the derivative is not finite or too "
                "badly conditioned for float32 here, or jprobe reads an operation wrongly (then please report the function)."
            )


def _alive(graph: Graph) -> Graph:
    alive = carrying(graph)
    every = [np.asarray(a) for a in alive]
    if not any(every[n].any() for n in graph.layout.outputs):
        raise ArgumentError(
            "The network's derivative is 0 at this input (every way to the output leads through a unit that is off or "
            "saturated), so its local graph has no edges. Take another input, or return the value before that unit."
        )
    return graph if all(a.all() for a in every) else replace(graph, alive=alive)


def _arrays(values: Any, what: str) -> Any:
    for leaf in jax.tree.leaves(values):
        if isinstance(leaf, jax.ShapeDtypeStruct | jax.core.Tracer):
            raise ArgumentError(
                f"{what} holds shapes alone; a local graph is made of numbers: give arrays, outside jit."
            )
        try:
            finite = np.isfinite(np.asarray(leaf, np.float64)).all()
        except TypeError:
            raise no_array(leaf, what) from None
        if not finite:
            raise WeightsError(f"{what} holds NaN or infinity; a derivative there means nothing.")
    return jax.tree.map(jnp.asarray, values)


def _single(leaf: jax.Array) -> jax.Array:
    """Half precision as float32, which holds it exactly."""
    half = jnp.issubdtype(leaf.dtype, jnp.floating) and jnp.finfo(leaf.dtype).bits < 32
    return leaf.astype(jnp.float32) if half else leaf


def _traced(fn: Callable[..., Any], *args: Any) -> core.ClosedJaxpr:
    with jax.default_matmul_precision("highest"):
        return jax.make_jaxpr(fn)(*args)


def _openings(
    fn: Callable[..., Any], params: Params, at: jax.Array
) -> tuple[Callable[..., list[jax.Array]], list[Step]]:
    """The function with changes added to its input, or to what is looked up by its tokens; and the input's blocks."""
    closed = _traced(lambda params, x: _floats(fn(params, x)), params, at)
    floats = jnp.issubdtype(at.dtype, jnp.floating)
    tokens = [*(False for _ in jax.tree.leaves(params)), not floats]
    if floats:
        changed = lambda params, x, change: replay(closed, [*jax.tree.leaves(params), x + change], tokens, _unchanged)  # noqa: E731
        return changed, [Step("input", at.shape, name="input")]

    found: list[Step] = []

    def note(eqn: Any, value: jax.Array) -> jax.Array:
        found.append(Step("input", value.shape, name=layer_of(eqn) or "input"))
        return value

    jax.eval_shape(lambda params, x: replay(closed, [*jax.tree.leaves(params), x], tokens, note), params, at)
    if not found:
        raise ArgumentError(
            "x holds whole numbers, which have no derivative, and the function looks up no table with them. "
            "Give it floats: for one-hot products, the encoded tokens."
        )

    def with_changes(params: Params, x: jax.Array, *changes: jax.Array) -> list[jax.Array]:
        each = iter(changes)
        return replay(closed, [*jax.tree.leaves(params), x], tokens, lambda _, value: value + next(each))

    return with_changes, found


def _unchanged(eqn: Any, value: jax.Array) -> jax.Array:
    return value


def _floats(result: Any) -> list[jax.Array]:
    return [leaf for leaf in map(jnp.asarray, jax.tree.leaves(result)) if jnp.issubdtype(leaf.dtype, jnp.floating)]
