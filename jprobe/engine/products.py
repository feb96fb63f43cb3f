"""Products of fixed data with weights that vary: where they are, and how they are computed with less work."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend import core

from jprobe.engine.data import Data, describe
from jprobe.engine.hoisting import Hoisted
from jprobe.engine.paths import may_take
from jprobe.programs.program import Rule, bind


class Product(NamedTuple):
    """One product of data, which are fixed, and an operand W that varies, as an equation of a hoisted program.

    Attributes:
        place: number of the equation.
        input: which argument of the program W is, counted without hoisted values; None: it is computed.
        rows: axes of W that are summed over.
        first: whether the data stand before W.
        shape: of the result: the data's other axes and W's, the first operand's first.
        precision: of the equation.
    """

    place: int
    input: int | None
    rows: tuple[int, ...]
    first: bool
    shape: tuple[int, ...]
    precision: Any

    def matrix(self, w: jax.Array) -> jax.Array:
        """W, or anything of its shape, as a matrix [D, F]: what is summed over, and the rest."""
        moved = jnp.moveaxis(w, self.rows, range(len(self.rows)))
        return moved.reshape(math.prod(moved.shape[: len(self.rows)]), -1)

    def result(self, out: jax.Array) -> jax.Array:
        """[B, F] in the shape of the equation's result."""
        return (out if self.first else out.T).reshape(self.shape)


class Found(NamedTuple):
    """Products that are worth a path of their own, and their data, which are arguments of what is compiled."""

    products: tuple[Product, ...]
    data: list[Data]


def find(parts: Hoisted) -> Found:
    """Products of float32 data with a factor that varies, wherever they stand in a hoisted program.

    Args:
        parts: from :func:`jprobe.engine.hoisting.hoist`.
    """
    fixed: dict[Any, Any] = dict(zip(parts.rest.constvars, parts.fixed, strict=True))
    inputs: dict[Any, int] = {var: n for n, var in enumerate(parts.rest.invars[parts.owned :])}
    products, data = list[Product](), list[Data]()
    for place, eqn in enumerate(parts.rest.eqns):
        operands: list[Any] = [*eqn.invars, *eqn.outvars]
        if eqn.primitive.name != "dot_general" or any(var.aval.dtype != jnp.float32 for var in operands):
            continue
        known = [not isinstance(atom, core.Literal) and atom in fixed for atom in eqn.invars]
        summed, batch = eqn.params["dimension_numbers"]
        if sum(known) != 1 or any(batch):
            continue
        first = known[0]
        x, w, out = operands if first else [operands[1], operands[0], operands[2]]
        columns, rows = summed if first else summed[::-1]
        values = np.moveaxis(np.asarray(fixed[x]), columns, range(-len(columns), 0))
        if not values.size:
            continue
        values = values.reshape(-1, math.prod(values.shape[values.ndim - len(columns) :]))
        products.append(Product(place, inputs.get(w), tuple(rows), first, out.aval.shape, eqn.params["precision"]))
        data.append(describe(values, fold=may_take("columns")))
    return Found(tuple(products), data)


def shortened(found: Found, signs: Sequence[bool]) -> tuple[bool | None, ...]:
    """For each product: None leaves it to the equation, and else a short cut is taken, True with signs by integers.

    Args:
        found: from :func:`find`.
        signs: whether each argument of the program holds nothing but -1, 0 and 1.
    """

    def one(product: Product, data: Data) -> bool | None:
        whole = data.integers is not None and product.input is not None and signs[product.input] and may_take("signs")
        return True if whole else None if data.varying is None else False

    return tuple(one(*pair) for pair in zip(found.products, found.data, strict=True))


def multiply(product: Product, data: Data, w: jax.Array, signs: bool) -> jax.Array:
    """X W: constant columns as a bias, and signs by small integers in bfloat16, where that is exact.

    Args:
        product: which.
        data: X.
        w: W.
        signs: whether W holds nothing but -1, 0 and 1, and X is of integers.
    """
    every = product.matrix(w)
    moving = every if data.varying is None else jnp.take(every, data.varying, 0, mode="fill", fill_value=0)
    precise = lax.Precision.HIGHEST
    if signs and data.integers is not None:
        whole = lax.dot(data.integers, moving.astype(jnp.bfloat16), preferred_element_type=jnp.float32)
        out = data.scale * whole + data.offset * moving.sum(0)
    else:
        out = lax.dot(data.values, moving, precision=product.precision)
    if data.varying is not None:
        out = out + jnp.dot(data.held, every, precision=precise)
    return product.result(out)


def shortcuts(products: Sequence[Product], data: list[Data], chosen: Sequence[bool | None]) -> Rule:
    """Run a program with the chosen products computed by :func:`multiply`; see :func:`jprobe.programs.program.evaluate`.

    Args:
        products: from :func:`find`.
        data: their data, as arguments of what is compiled.
        chosen: from :func:`shortened`.
    """
    each = {p.place: (p, x, signs) for p, x, signs in zip(products, data, chosen, strict=True)}

    def rule(number: int, eqn: Any, inputs: list[Any]) -> list[Any]:
        product, x, signs = each.get(number, (None, None, None))
        if product is None or x is None or signs is None:
            return bind(number, eqn, inputs)
        return [multiply(product, x, inputs[product.first], signs)]

    return rule
