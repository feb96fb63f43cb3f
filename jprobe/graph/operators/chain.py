"""Operators one after another: how they are joined, and which edges a chain of them has.

The edges are found by index arithmetic alone. Nothing here runs the linear map itself, so this is what the implicit
operator is tested against.
"""

import math
from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jprobe.graph.edges import Edges
from jprobe.graph.operators.base import Carrier, Layer, Operator, Shape, Weights
from jprobe.graph.operators.movement import Place

Chain = tuple[Operator, ...]


def then(chain: Chain, operator: Operator) -> Chain:
    """A chain followed by an operator, with a placement moved behind it where that saves work."""
    if chain and isinstance(place := chain[-1], Place) and (found := operator.reading(place)) is not None:
        reader, rest = found
        return (*then(chain[:-1], reader), *rest)
    return (*chain, operator)


def reversible(chain: Chain) -> bool:
    """Whether the operators only rearrange an array."""
    return all(isinstance(operator, Carrier) and operator.inverse() is not None for operator in chain)


def reversed_chain(chain: Chain) -> Chain:
    """The way back through a reversible chain."""
    back = [operator.inverse() for operator in carriers(chain)]
    assert None not in back
    return tuple(operator for operator in back[::-1] if operator is not None)


def carriers(chain: Sequence[Operator]) -> tuple[Carrier, ...]:
    """A chain that has no layer, as what it is."""
    return tuple(operator for operator in chain if isinstance(operator, Carrier))


def layer_in(chain: Chain) -> Layer | None:
    """The one operator that has edges; None where elements are only carried, by edges of weight 1."""
    return next((operator for operator in chain if isinstance(operator, Layer)), None)


def parts(chain: Chain) -> tuple[tuple[Carrier, ...], Layer | None, tuple[Carrier, ...]]:
    """The operators before the layer, the layer, and those after it."""
    layer = layer_in(chain)
    at = len(chain) if layer is None else chain.index(layer)
    return carriers(chain[:at]), layer, carriers(chain[at + 1 :])


def count(chain: Chain, shape: Shape, weights: Weights) -> int:
    """Exact number of edges, those of weight zero among them.

    Args:
        chain: of a link.
        shape: of its source.
        weights: the graph's; their shapes are enough.
    """
    before, layer, after = parts(chain)
    if not all(operator.keeps for operator in after):
        # Results may be dropped or repeated, and their edges with them.
        blank = [np.broadcast_to(np.zeros((), w.dtype), w.shape) for w in weights]
        return sum(some.source.size for some in entries(chain, shape, blank))
    # Placements and paddings bring elements that are no nodes, which have no edges.
    there = origin(shape, before) > 0 if before else np.broadcast_to(True, shape)
    return int(there.sum()) if layer is None else layer.count(there, weights)


def entries(chain: Chain, shape: Shape, weights: Weights) -> Iterator[Edges]:
    """The edges of a chain, in portions, between elements of its operand and of its result.

    Args:
        chain: of a link.
        shape: of its source.
        weights: the graph's.
    """
    before, layer, after = parts(chain)
    which, gain = origin(shape, before), _factors(shape, before, weights).ravel()
    shape, which = which.shape, which.ravel() - 1
    result = shape if layer is None else layer.result(shape, weights)
    lift = _factors(result, after, weights).ravel()
    places, first, copies = _places(origin(result, after).ravel() - 1, math.prod(result))
    for source, target, weight in _unit_edges(shape) if layer is None else layer.entries(shape, weights):
        many = np.where(which[source] >= 0, copies[target], 0)
        each = np.repeat(np.arange(target.size), many)
        nth = np.arange(each.size) - np.repeat(np.cumsum(many) - many, many)
        target, source = places[first[target[each]] + nth], source[each]
        yield Edges(which[source], target, weight[each] * gain[source] * lift[target])


def _unit_edges(shape: Shape) -> Iterator[Edges]:
    each = np.arange(math.prod(shape))
    yield Edges(each, each, np.ones(each.size))


def origin(shape: Shape, chain: Sequence[Carrier]) -> np.ndarray:
    """Of each element that carriers make of an array, which one it was, numbered from 1; 0 is none."""
    # Some moves are written in JAX, which has 32-bit integers.
    numbers = np.arange(1, math.prod(shape) + 1, dtype=np.int32).reshape(shape)
    with jax.ensure_compile_time_eval():
        for operator in chain:
            numbers = np.asarray(operator.move(numbers))
    return numbers


def _places(came: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where each of ``size`` elements is among those that came: a list of places, where its own begin, how many."""
    places = np.argsort(came, kind="stable")[np.count_nonzero(came < 0) :]
    copies = np.bincount(came[came >= 0], minlength=size)
    return places, np.cumsum(copies) - copies, copies


def _factors(shape: Shape, chain: Sequence[Carrier], weights: Weights) -> np.ndarray:
    """What the carriers multiply each element by, where it arrives."""
    if not any(operator.has_factors for operator in chain):
        return np.ones(origin(shape, chain).shape)
    x = jnp.ones(shape)
    for operator in chain:
        x = operator(x, weights)
    return np.asarray(x, np.float64)
