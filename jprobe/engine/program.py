"""A function after its one trace, with the arrays it closes over as arguments."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jax.extend import core


class Program(NamedTuple):
    """A traced function.

    What the function closes over, such as a metric its test images, is kept apart from the code and passed in, so
    that XLA neither copies it into the executable nor spends time on folding it.

    Attributes:
        jaxpr: the code.
        consts: the arrays closed over, a list.
        shape: pytree of the shapes and dtypes of the result.

    Example:
        >>> import jax.numpy as jnp
        >>> program = capture(lambda x: {"sum": x + jnp.arange(2.0)}, jnp.zeros(2))
        >>> program(program.consts, jnp.ones(2))["sum"].tolist()
        [1.0, 2.0]
    """

    jaxpr: core.Jaxpr
    consts: list[Any]
    shape: Any

    def __call__(self, consts: list[Any], *args: Any) -> Any:
        """Run on ``consts`` in the place of the arrays closed over, and arguments of the traced structure."""
        out = core.jaxpr_as_fun(core.ClosedJaxpr(self.jaxpr, consts))(*jax.tree.leaves(args))
        return jax.tree.unflatten(jax.tree.structure(self.shape), out)


def capture(fn: Callable[..., Any], *args: Any) -> Program:
    """Trace ``fn`` once on arguments of these shapes (pytrees of arrays, or of ``jax.ShapeDtypeStruct``)."""
    closed, shape = jax.make_jaxpr(fn, return_shape=True)(*args)
    return Program(closed.jaxpr, closed.consts, shape)
