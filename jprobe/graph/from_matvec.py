"""A signed graph from an operator that can only multiply."""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.errors import ArgumentError, ShapeError, WeightsError
from jprobe.graph.block import Block
from jprobe.graph.constant import Constant
from jprobe.graph.from_edges import from_edges
from jprobe.graph.graph import Graph
from jprobe.graph.layout import Layout
from jprobe.graph.matvec_edges import Matvec, MatvecEdges
from jprobe.graph.operators import Weights

# The most nodes whose edges are read out, one product for each: 134 MB of entries in double precision.
READ_OUT = 4096
# Columns of the identity that are multiplied at once.
_TOGETHER = 128
# Of the absolute weight behind a number in double precision: more is no rounding.
EXACT = 1e-11
# Of the absolute weight behind a row sum in single precision: what minimisers and certificates allow for.
ROUNDING = 3e-7
# Nodes whose columns are compared with those of the absolute operator.
_COLUMNS = 16


def from_matvec(
    matvec: Callable[[jax.Array], jax.Array],
    shape: int | tuple[int, ...],
    *,
    colors: Any = None,
    absolute: Callable[[jax.Array], jax.Array] | None = None,
) -> Graph:
    """A signed graph from its product s -> A_u s alone.

    A_u = A + A^T is symmetric with zeros on the diagonal; each entry off it is one edge. A directed A becomes symmetric
    by ``lambda s: a(s) + jax.linear_transpose(a, s)(s)[0]``.

    Without ``colors``, the operator is read out: N products give all edges, and the graph is that of
    :func:`from_edges`, for every function of jprobe. With ``colors`` no edge is ever looked at: a sweep takes one
    product for each color, and each product of a certificate is one product. ``greedy``, ``exact`` and matrices need
    the edges one by one, and refuse such a graph. The energy is a share of the weight of all edges, and bounds
    allow for rounding in units of a row's weight; neither follows from products by A_u, so ``absolute`` is needed too.

    Args:
        matvec: a linear JAX function of one array that keeps its dtype. If it is a pytree, such as
            ``jax.tree_util.Partial(function, arrays)``, its arrays are the graph's weights, and others compile nothing
            again. What is no JAX function goes into ``jax.pure_callback``.
        shape: of s, [N] or any; nodes are numbered in row-major order.
        colors: a color for each node, whole numbers of that shape; no edge joins nodes of one color. A layered network
            has the color of the layer, modulo 2 where edges join neighbouring layers alone; a square lattice
            ``np.indices(shape).sum(0) % 2``.
        absolute: s -> |A_u| s, with the absolute values of the same entries.

    Returns:
        The graph.

    Raises:
        ShapeError: the product has another shape than s, the colors have, or a node has an edge to itself.
        ArgumentError: the function is not linear, not symmetric, joins nodes of one color, or computes in a lower
            precision than its argument's, as far as random vectors show; ``absolute`` is not that of this operator;
            or colors and absolute do not come together; or without them, more than 4,096 nodes.
        WeightsError: a product is NaN, infinite or complex.

    Example:
        >>> glass = lambda s: jnp.roll(s, 1).at[0].multiply(-1) + jnp.roll(s.at[0].multiply(-1), -1)  # a frustrated ring
        >>> from_matvec(glass, 5).num_edges
        5
        >>> ring = lambda s: jnp.roll(s, 1) + jnp.roll(s, -1)
        >>> even = from_matvec(ring, 1000, colors=np.arange(1000) % 2, absolute=ring)
        >>> even, even.matvec(jnp.ones(1000)).max().item()
        (Graph(1,000 nodes, ? edges, 2 blocks), 2.0)
    """
    if not callable(matvec) or not callable(absolute or matvec):
        raise ArgumentError(
            f"matvec and absolute are functions s -> A s, not {type(matvec).__name__}; as_graph takes matrices."
        )
    if (colors is None) != (absolute is None):
        raise ArgumentError(
            "colors and absolute come together: with them the operator only multiplies, without both it is read out."
        )
    shape = tuple(int(size) for size in np.atleast_1d(shape))
    nodes = math.prod(shape)
    if nodes < 1:
        raise ShapeError(f"shape is that of s, with one node or more, not {shape}.")
    signed, weights = _operator(matvec, 0, shape)
    if absolute is None:
        return _read_out(signed, weights, nodes)
    unsigned, more = _operator(absolute, len(weights), shape)
    weights += more
    color = _numbered(colors, shape)
    _check(signed, unsigned, weights, color)
    order = np.argsort(color, kind="stable").astype(np.int32)
    sizes = np.bincount(color)
    blocks = tuple(Block(f"color {n}", "nodes", (int(size),)) for n, size in enumerate(sizes))
    offsets = tuple(np.cumsum([0, *sizes]).tolist())
    places = None if (order == np.arange(nodes)).all() else Constant(order)
    names = tuple(f"array {n}" for n in range(len(weights)))
    links = (MatvecEdges(signed, unsigned, offsets, places),)
    return Graph(tuple(weights), Layout(blocks, links, (), names, (False,) * len(names), 0, places))


def _operator(matvec: Callable[..., Any], first: int, shape: tuple[int, ...]) -> tuple[Matvec, list[jax.Array]]:
    """The function without its arrays, and its arrays."""
    # The arrays of a plain function are not known; they are constants of what is compiled.
    bound = jax.tree_util.Partial(matvec) if jax.tree_util.all_leaves([matvec]) else matvec
    leaves, tree = jax.tree.flatten(bound)
    try:
        made = jax.eval_shape(bound, jax.ShapeDtypeStruct(shape, jnp.float32))
    except (jax.errors.TracerArrayConversionError, jax.errors.ConcretizationTypeError) as error:
        raise ArgumentError(
            "matvec is no JAX function: write it with jax.numpy, or call what it does through jax.pure_callback."
        ) from error
    if getattr(made, "shape", None) != shape:
        raise ShapeError(f"matvec makes {made} of an array of shape {shape}; the product has the same shape.")
    if not jnp.issubdtype(made.dtype, jnp.floating):
        raise WeightsError(f"matvec makes {made.dtype} of float32; a signed graph has real weights.")
    return Matvec(tree, first, shape), [jnp.asarray(leaf) for leaf in leaves]


def _numbered(colors: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Colors numbered from 0, for the nodes in a row."""
    colors = np.asarray(colors)
    if colors.shape != shape:
        raise ShapeError(f"colors has shape {colors.shape}; there is one color for each node, {shape}.")
    return np.unique(colors, return_inverse=True)[1].reshape(-1)


def _read_out(operator: Matvec, weights: Weights, nodes: int) -> Graph:
    """The graph of all entries above the diagonal."""
    if nodes > READ_OUT:
        raise ArgumentError(
            f"Without colors the edges of an operator are read out by one product a node, which is done up to {READ_OUT:,} "
            f"nodes; this has {nodes:,}. Say which nodes no edge joins, colors=, and give absolute=, s -> |A| s."
        )
    with jax.enable_x64(True):
        parts = [
            np.asarray(_products(operator, np.eye(min(_TOGETHER, nodes - start), nodes, start), weights))
            for start in range(0, nodes, _TOGETHER)
        ]
        matrix = np.concatenate(parts).T
        s = np.random.default_rng(0).normal(size=nodes)
        product = _in_double(operator, weights)(s)
    _check_finite(matrix, product)
    size = np.abs(matrix)
    _check_linear(matrix @ s, product, size @ np.abs(s), "matvec")
    # What the transform behind an operator leaves of a zero is no edge.
    least = 1e-14 * np.minimum.outer(size.max(0), size.max(1)).T
    if (size.diagonal() > least.diagonal()).any():
        _refuse_loop(int(np.argmax(size.diagonal())))
    wrong = np.abs(matrix - matrix.T) > EXACT * np.maximum(size, size.T) + 2 * least
    if wrong.any():
        i, j = np.argwhere(wrong)[0]
        _refuse_asymmetric(f"the entries ({i}, {j}) and ({j}, {i}) are {matrix[i, j]:g} and {matrix[j, i]:g}")
    low, high = np.nonzero(np.triu(size > least, 1))
    return from_edges(low, high, matrix[high, low], nodes)


def _check(signed: Matvec, unsigned: Matvec, weights: Weights, color: np.ndarray) -> None:
    """Refuse what random vectors show not to be what was said."""
    rng = np.random.default_rng(0)
    u, v = rng.normal(size=(2, color.size)).astype(np.float32).astype(np.float64)
    with jax.enable_x64(True):
        times, sizes = _in_double(signed, weights), _in_double(unsigned, weights)
        degree, au, av, behind_u, behind_v = (
            sizes(np.ones(color.size)),
            times(u),
            times(v),
            sizes(abs(u)),
            sizes(abs(v)),
        )
        _check_finite(degree, au, av, behind_u, behind_v)
        _check_linear(0.7 * au + av, times(0.7 * u + v), abs(behind_u) + abs(behind_v), "matvec")
        _check_absolute(times, sizes, degree, rng.choice(color.size, min(color.size, _COLUMNS), replace=False))
        if (np.abs(au) > behind_u * (1 + EXACT)).any():
            _refuse_absolute()
        _check_linear(0.7 * sizes(u) + sizes(v), sizes(0.7 * u + v), behind_u + behind_v, "absolute")
        for product in (times, sizes):
            one, other = u @ product(v), v @ product(u)
            if abs(one - other) > EXACT * (np.abs(u) @ behind_v):
                _refuse_asymmetric(f"for random vectors u' A v = {one:g} and v' A u = {other:g}")
        _check_colors(times, sizes, degree, color, u)
    single = np.asarray(_product(signed, jnp.asarray(u, jnp.float32), weights), np.float64)
    off = float((np.abs(single - au) / np.maximum(behind_u, 1e-300)).max())
    if off > ROUNDING:
        raise ArgumentError(
            f"matvec loses {off:.1g} of a row's absolute weight in single precision; minimisers and certificates allow "
            f"for {ROUNDING:g}."
        )


Times = Callable[[np.ndarray], np.ndarray]


def _in_double(operator: Matvec, weights: Weights) -> Times:
    return lambda s: np.asarray(_product(operator, jnp.asarray(s, jnp.float64), weights))


@functools.partial(jax.jit, static_argnums=0)
def _product(operator: Matvec, s: jax.Array, weights: Weights) -> jax.Array:
    return operator(s, weights)


@functools.partial(jax.jit, static_argnums=0)
def _products(operator: Matvec, s: jax.Array, weights: Weights) -> jax.Array:
    return jax.vmap(lambda one: operator(one, weights))(s)


def _check_absolute(times: Times, sizes: Times, degree: np.ndarray, nodes: np.ndarray) -> None:
    """Compare columns of A and |A|."""
    if (degree < 0).any():
        _refuse_absolute()
    for node in nodes:
        one = np.arange(degree.size) == node
        if (np.abs(np.abs(times(one)) - sizes(one)) > EXACT * degree[node]).any():
            _refuse_absolute()


def _check_colors(times: Times, sizes: Times, degree: np.ndarray, color: np.ndarray, u: np.ndarray) -> None:
    """Of each color, look whether its nodes receive anything from one another."""
    for n in range(color.max() + 1):
        here = color == n
        inside = np.maximum(np.abs(times(here * u)), sizes(here)) * here
        if (inside <= EXACT * degree).all():
            continue
        node = int(np.argmax(inside))
        if sizes(np.arange(color.size) == node)[node] > EXACT * degree[node]:
            _refuse_loop(node)
        raise ArgumentError(f"Node {node} has an edge to another node of its color; nodes of one color have none.")


def _check_finite(*arrays: np.ndarray) -> None:
    if not all(np.isfinite(array).all() for array in arrays):
        raise WeightsError("A product is NaN or infinite; a graph's weights are finite.")


def _check_linear(expected: np.ndarray, found: np.ndarray, behind: np.ndarray, name: str) -> None:
    """Refuse a product that differs from what linearity makes of others."""
    off = float((np.abs(expected - found) / (behind + EXACT * behind.max() + 1e-300)).max())
    if off > 1e-4:
        raise ArgumentError(f"{name} is not linear: the product of a sum is not the sum of the products.")
    if off > EXACT:
        raise ArgumentError(
            f"{name} computes in a lower precision than that of its argument: of float64, {off:.1g} of a row's absolute "
            "weight is wrong. Take the precision from the argument: no float32 or default dtype inside."
        )


def _refuse_asymmetric(how: str) -> None:
    raise ArgumentError(
        f"The operator is not symmetric: {how}. Of a directed A take A + A^T: "
        "lambda s: a(s) + jax.linear_transpose(a, s)(s)[0]."
    )


def _refuse_loop(node: int) -> None:
    raise ShapeError(f"Node {node} has an edge to itself, which no spin can change; take the diagonal away.")


def _refuse_absolute() -> None:
    raise ArgumentError("absolute is not the product by the absolute values of the entries of matvec's operator.")
