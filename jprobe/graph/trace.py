"""The graph of any JAX function, read off its jaxpr."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from jprobe.errors import ArgumentError
from jprobe.graph.building import Builder, Residual
from jprobe.graph.equations import Walk, unknown
from jprobe.graph.graph import Graph
from jprobe.graph.rules import COMPARISONS, RULES, is_elementwise
from jprobe.graph.views import Compared, Known, Piece, Value, View
from jprobe.typing import Params


def trace(
    fn: Callable[..., Any],
    params: Params,
    x: Any,
    *,
    residual: Residual = "identity",
    fold_bn: bool = False,
) -> Graph:
    """The signed DAG of a network, read off the function's jaxpr.

    Nodes are the elements of the input and of every tensor that a convolution, a product, a pool or a sum of two
    branches makes. Edges are the entries of those linear maps whose input is a node, not padding: the weights of
    convolutions and products; 0.01 / p for a p x p pool, of maxima and means alike; 1 for sums. Biases are left
    out. Elementwise increasing functions (ReLU and its like), normalisations and dropout have neither nodes nor
    edges; concatenations, slices and shuffles only move nodes.

    Args:
        fn: ``fn(params, x)``; ``model.apply`` of a Flax Linen module, or any function.
        params: its parameters; arrays, or shapes (``jax.eval_shape``) where only counts are asked.
        x: one input, with its leading axis of 1 where the network wants one; an array or a shape.
        residual: what the sum of two branches is. "identity": the block of the main branch's layer, with edges of
            weight 1 from what is added to it, the pattern of the network's own Jacobian. "paper": no such edges; the
            block's rows hold, beside its layer's weights, the rows of the other summands on those summands' own
            inputs; a shortcut's layer has no nodes, and a tensor that feeds a shortcut's convolution or strided
            pool stands twice.
        fold_bn: whether multiplication by arrays (gamma / sigma of a normalisation with fixed statistics) multiplies
            the edges. The paper leaves normalisations out, taking gamma > 0; trained networks have negative ones.

    Returns:
        The graph. ``num_params`` counts the "params" collection where params are Flax variables, all leaves else.

    Raises:
        UnsupportedOperationError: an operation that is no linear map and not known to be increasing.
        ArgumentError: ``residual`` is unknown, or the output does not depend on x.

    Source:
        Paper 2, section 'Adjacency matrix of a DNN' and supplement D.1.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> params = {"w1": jnp.ones((784, 64)), "w2": jnp.ones((64, 2))}
        >>> graph = trace(lambda p, x: jax.nn.relu(x @ p["w1"]) @ p["w2"], params, jnp.ones((1, 784)))
        >>> graph.num_nodes, graph.num_edges, graph.num_params
        (850, 50304, 50304)
    """
    x = jax.ShapeDtypeStruct(jnp.shape(x), jnp.result_type(x)) if not isinstance(x, jax.ShapeDtypeStruct) else x
    builder, results, _ = _walked(fn, params, x, None, residual, fold_bn)
    return builder.graph(_views(results), _parameters(params))


class States(NamedTuple):
    """What the nodes of a network hold for one input.

    Attributes:
        blocks: of each block, the value of its nodes after all that acts on them one by one (ReLU, normalisation).
        windows: of each block that is a maximum over windows, what it was taken of and its result; None for others.
        output: what the function returns.

    Example:
        >>> import jax.numpy as jnp
        >>> found = states(lambda w, x: jnp.max(x @ w, 1), jnp.array([[1.0, 2.0]]), jnp.ones((1, 1)))
        >>> found.output.tolist(), [w is not None for w in found.windows]
        ([2.0], [False, False, True])
    """

    blocks: tuple[jax.Array, ...]
    windows: tuple[tuple[jax.Array, jax.Array] | None, ...]
    output: Any


def states(fn: Callable[..., Any], params: Params, x: jax.Array, *, residual: Residual = "identity") -> States:
    """Run a network, and see what each node of its graph holds.

    Args:
        fn: as for :func:`trace`.
        params: its parameters.
        x: one input, of the shape that the graph was traced with.
        residual: as for :func:`trace`.

    Returns:
        The nodes' values, by block; a pure function of arrays, for use under jit and vmap.

    Raises:
        UnsupportedOperationError: as :func:`trace`.

    Source:
        Paper 2, supplement D.2.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> w = jnp.array([[1.0, -1.0]])
        >>> [b.tolist() for b in states(lambda w, x: jax.nn.relu(x @ w), w, jnp.ones((1, 1))).blocks]
        [[[1.0]], [[1.0, 0.0]]]
    """
    builder, results, tree = _walked(fn, params, jax.ShapeDtypeStruct(x.shape, x.dtype), x, residual, False)
    order = builder.order(_views(results))
    output = jax.tree.unflatten(tree, [result.value for result in results])
    return States(tuple(builder.states[n] for n in order), tuple(builder.windows.get(n) for n in order), output)


def _walked(
    fn: Callable[..., Any], params: Params, x: Any, value: Any, residual: Residual, fold_bn: bool
) -> tuple[Builder, list[Value], Any]:
    if residual not in ("identity", "paper"):
        raise ArgumentError(f"residual is 'identity' or 'paper', not {residual!r}.")
    leaves, _ = jax.tree_util.tree_flatten_with_path(params)
    shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(jnp.shape(leaf), jnp.result_type(leaf)), params)
    closed, made = jax.make_jaxpr(fn, return_shape=True)(shapes, x)
    builder = Builder(residual)
    first = builder.block("input", "input", x.shape, [])
    values: list[Value] = [
        Known(leaf, "/".join(_word(part) for part in path), ("param", n)) for n, (path, leaf) in enumerate(leaves)
    ]
    values.append(View(x.shape, (Piece(first, ()),), frozenset({first}), value=value))
    builder.states[first] = value
    walk = Walk(builder, fold_bn)
    consts: list[Value] = [Known(const, "", ("const", id(const))) for const in closed.consts]
    results = _run(closed.jaxpr, consts, values, walk)
    if not _views(results):
        raise ArgumentError("The function's result does not depend on x, so it has no graph.")
    return builder, results, jax.tree.structure(made)


def _views(values: Sequence[Value]) -> list[View]:
    return [value for value in values if isinstance(value, View)]


def _word(part: Any) -> str:
    for attribute in ("key", "idx", "name"):
        if hasattr(part, attribute):
            return str(getattr(part, attribute))
    return str(part)


def _parameters(params: Params) -> int:
    counted = params["params"] if isinstance(params, Mapping) and "params" in params else params
    return sum(int(np.prod(jnp.shape(leaf))) for leaf in jax.tree.leaves(counted))


def _run(jaxpr: core.Jaxpr, consts: Sequence[Value], args: Sequence[Value], walk: Walk) -> list[Value]:
    """Interpret a jaxpr: what does not depend on the input is computed, the rest becomes blocks and links."""
    # A comparison only decides which branch a value takes; it reads nothing.
    readers = [eqn.invars for eqn in jaxpr.eqns if eqn.primitive.name not in COMPARISONS]
    reads = Counter(v for atoms in (*readers, jaxpr.outvars) for v in atoms if not isinstance(v, core.Literal))
    compared = {v for eqn in jaxpr.eqns for v in eqn.invars if not isinstance(v, core.Literal)} - set(reads)
    found: dict[Any, Value] = {}

    def write(variables: Sequence[Any], values: Sequence[Value]) -> None:
        for variable, value in zip(variables, values, strict=True):
            found[variable] = value.read_again() if isinstance(value, View) and reads[variable] > 1 else value

    def read(atom: Any) -> Value:
        return Known(atom.val) if isinstance(atom, core.Literal) else found[atom]

    write(jaxpr.constvars, consts)
    write(jaxpr.invars, args)
    for eqn in jaxpr.eqns:
        if not any(v in reads or v in compared for v in eqn.outvars):
            continue
        inputs = [read(atom) for atom in eqn.invars]
        write(eqn.outvars, _equation(eqn, inputs, walk))
    return [read(atom) for atom in jaxpr.outvars]


def _equation(eqn: Any, inputs: list[Value], walk: Walk) -> list[Value]:
    known = [value for value in inputs if isinstance(value, Known)]
    body = _body(eqn)
    if is_elementwise(eqn, inputs):
        return _with_numbers(eqn, inputs, _views(inputs), body, walk)
    if body is not None:
        return _run(body.jaxpr, [Known(c, "", ("const", id(c))) for c in body.consts], inputs, walk)
    if len(known) == len(inputs):
        return _computed(eqn, known)
    rule = RULES.get(eqn.primitive.name)
    if rule is None:
        raise unknown(eqn)
    if eqn.primitive.name != "select_n" and any(isinstance(value, Compared) for value in inputs):
        raise unknown(eqn, "of a comparison")
    made = rule(walk, eqn, inputs)
    return _with_numbers(eqn, inputs, made if isinstance(made, list) else [made], None, walk)


def _with_numbers(
    eqn: Any, inputs: list[Value], results: Sequence[Value], body: core.ClosedJaxpr | None, walk: Walk
) -> list[Value]:
    """The results with their numbers, where the network is run while it is traced."""
    source = next(value for value in inputs if not isinstance(value, Known))
    if source.value is None:
        return list(results)
    numbers = [value.value for value in inputs]
    made = core.jaxpr_as_fun(body)(*numbers) if body else eqn.primitive.bind(*numbers, **eqn.params)
    out: list[Value] = []
    for result, value in zip(results, made if isinstance(made, list) else [made], strict=True):
        if isinstance(result, View):
            result = replace(result, value=value)
            walk.builder.saw(result)
        else:
            result = result._replace(value=value)
        out.append(result)
    if eqn.primitive.name in ("reduce_window_max", "reduce_max"):
        walk.builder.saw_window(source, out[0])
    return out


# "remat2" is what jax.checkpoint makes.
_CALLS = ("jit", "pjit", "closed_call", "core_call", "remat2", "checkpoint", "custom_jvp_call", "custom_vjp_call")


def _body(eqn: Any) -> core.ClosedJaxpr | None:
    """The jaxpr that a call runs."""
    if eqn.primitive.name not in _CALLS:
        return None
    body = eqn.params["call_jaxpr" if "call_jaxpr" in eqn.params else "jaxpr"]
    return core.ClosedJaxpr(body, ()) if isinstance(body, core.Jaxpr) else body


def _computed(eqn: Any, inputs: list[Known]) -> list[Value]:
    """What does not depend on the input: its value where all values are there, its shape else."""
    names = [known.name for known in inputs if known.name]
    name = names[0] if names else ""
    # A weight that is only cast or reshaped is still that weight, wherever it is read.
    keys = [known.key for known in inputs if known.key is not None]
    key: Any = (eqn.primitive.name, str(eqn.params), *keys) if len(keys) == len(inputs) == 1 else object()
    if any(isinstance(known.value, jax.ShapeDtypeStruct) for known in inputs):
        return [
            Known(jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype), name, (key, n)) for n, v in enumerate(eqn.outvars)
        ]
    if any(isinstance(known.value, jax.core.Tracer) for known in inputs):
        out = eqn.primitive.bind(*(known.value for known in inputs), **eqn.params)
    else:
        # Inside somebody's jit, constants stay numbers that rules can look at.
        with jax.ensure_compile_time_eval():
            out = eqn.primitive.bind(*(known.value for known in inputs), **eqn.params)
    made = out if eqn.primitive.multiple_results else [out]
    return [Known(value, name, (key, n)) for n, value in enumerate(made)]
