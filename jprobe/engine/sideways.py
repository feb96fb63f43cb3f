"""A program run on a matrix that is there with its last axis first, as far as it goes without turning the matrix.

A walk sums up rows of examples, [F, B]; a metric reads [B, F]. Turning half a megabyte at each level takes longer than the
rest of a small network, and what follows a layer seldom cares: a bias, an activation and the next product work on either.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jprobe.programs.elementwise import ELEMENTWISE
from jprobe.programs.program import Rule, bind


class Sideways(NamedTuple):
    """A matrix [B, F], held as [F, B]."""

    turned: jax.Array

    @property
    def upright(self) -> jax.Array:
        """The matrix [B, F]."""
        return self.turned.T


def sideways(given: Mapping[int, Any], rule: Rule) -> Rule:
    """Run a program some of whose values are held sideways; see :func:`jprobe.programs.program.evaluate`.

    Args:
        given: number of an equation -> its one result, perhaps sideways.
        rule: for equations none of whose inputs is.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jprobe.programs.program import bind, evaluate
        >>> jaxpr = jax.make_jaxpr(lambda x, w: jnp.tanh(x @ w) @ w)(jnp.ones((3, 2)), jnp.ones((2, 2))).jaxpr
        >>> given = {0: Sideways(jnp.zeros((2, 3)))}
        >>> [out] = evaluate(jaxpr, [], [jnp.ones((3, 2)), jnp.ones((2, 2))], sideways(given, bind))
        >>> type(out).__name__, out.upright.shape
        ('Sideways', (3, 2))
    """

    def equation(number: int, eqn: Any, inputs: list[Any]) -> list[Any]:
        if number in given:
            return [given[number]]
        if not any(isinstance(value, Sideways) for value in inputs):
            return rule(number, eqn, inputs)
        if eqn.primitive.name in ELEMENTWISE:
            return [Sideways(bind(number, eqn, [_turned(value) for value in inputs])[0])]
        if eqn.primitive.name == "dot_general" and _continues(eqn, inputs):
            return [Sideways(_product(eqn.params, *inputs))]
        return rule(number, eqn, [v.upright if isinstance(v, Sideways) else v for v in inputs])

    return equation


def _turned(value: Any) -> Any:
    """A value beside one that is sideways: a matrix in the same way, and a number as it is."""
    if isinstance(value, Sideways):
        return value.turned
    return value.T if jnp.ndim(value) == 2 else value


def _continues(eqn: Any, inputs: list[Any]) -> bool:
    """Whether a product is H W of a sideways H [B, F] and a matrix W: its result [B, C] is sideways W' H'."""
    (summed, _), batch = eqn.params["dimension_numbers"]
    h, w = inputs
    return isinstance(h, Sideways) and jnp.ndim(w) == 2 and tuple(summed) == (1,) and not any(batch)


def _product(params: dict[str, Any], h: Sideways, w: jax.Array) -> jax.Array:
    (_, summed), _ = params["dimension_numbers"]
    precision, kind = params["precision"], params["preferred_element_type"]
    swapped = precision[::-1] if isinstance(precision, tuple) else precision
    return lax.dot_general(w, h.turned, ((summed, (0,)), ((), ())), swapped, kind)
