"""A function after its one trace, with the arrays it closes over as arguments."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
from jax.extend import core

# (number of an equation, the equation, its inputs) -> its results
Rule = Callable[[int, Any, list[Any]], list[Any]]


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

    @property
    def code(self) -> "Program":
        """The program without its constants."""
        return self._replace(consts=[])

    def __call__(self, consts: list[Any], *args: Any) -> Any:
        """Run on ``consts`` in the place of the arrays closed over, and arguments of the traced structure."""
        out = core.jaxpr_as_fun(core.ClosedJaxpr(self.jaxpr, consts))(*jax.tree.leaves(args))
        return jax.tree.unflatten(jax.tree.structure(self.shape), out)


def capture(fn: Callable[..., Any], *args: Any, derivatives: bool = False) -> Program:
    """Trace ``fn`` once on arguments of these shapes (pytrees of arrays, or of ``jax.ShapeDtypeStruct``).

    Bodies of calls are written out, so that a metric that somebody jitted can be hoisted from, too.

    Args:
        fn: a JAX function.
        args: what it is traced on.
        derivatives: whether the program will be differentiated; see :func:`evaluate`.
    """
    closed, shape = jax.make_jaxpr(fn, return_shape=True)(*args)
    if any(_body(eqn, derivatives) is not None for eqn in closed.jaxpr.eqns):
        shapes = [jax.ShapeDtypeStruct(var.aval.shape, var.aval.dtype) for var in closed.jaxpr.invars]
        written_out = lambda *leaves: evaluate(closed.jaxpr, closed.consts, leaves, derivatives=derivatives)  # noqa: E731
        closed = jax.make_jaxpr(written_out)(*shapes)
    return Program(closed.jaxpr, closed.consts, shape)


def bind(number: int, eqn: Any, inputs: list[Any]) -> list[Any]:
    """What an equation gives, as it is written."""
    with eqn.ctx.manager:
        out = eqn.primitive.bind(*inputs, **eqn.primitive.get_bind_params(eqn.params))
    return list(out) if eqn.primitive.multiple_results else [out]


def evaluate(
    jaxpr: core.Jaxpr, consts: Sequence[Any], args: Sequence[Any], rule: Rule = bind, *, derivatives: bool = False
) -> list[Any]:
    """Run a jaxpr, bodies of calls written out.

    Args:
        jaxpr: the code.
        consts: values of its constants.
        args: values of its arguments.
        rule: what an equation gives: (its number, the equation, its inputs) -> its results; inside the body of a call all
            numbers are -1. Default: what it says.
        derivatives: whether this will be differentiated: functions with derivatives of their own (``jax.nn.relu``, a
            straight-through estimator) are then left whole, for their bodies have other ones.

    Example:
        >>> import jax.numpy as jnp
        >>> jaxpr = jax.make_jaxpr(lambda x: jnp.sin(x) * 2)(1.0).jaxpr
        >>> float(evaluate(jaxpr, [], [0.5], lambda n, eqn, inputs: inputs if n == 0 else bind(n, eqn, inputs))[0])
        1.0
    """
    values: dict[Any, Any] = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *args], strict=True))

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, core.Literal) else values[atom]

    for number, eqn in enumerate(jaxpr.eqns):
        inputs, body = [read(atom) for atom in eqn.invars], _body(eqn, derivatives)
        if body is None:
            made = rule(number, eqn, inputs)
        else:
            inside: Rule = lambda _, eqn, inputs: rule(-1, eqn, inputs)  # noqa: E731
            made = evaluate(body.jaxpr, body.consts, inputs, inside, derivatives=derivatives)
        values.update(zip(eqn.outvars, made, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _body(eqn: Any, derivatives: bool) -> core.ClosedJaxpr | None:
    """What a call runs: a function under ``jax.jit``, or one with derivatives of its own, where nobody asks for these."""
    if eqn.primitive.name in ("jit", "pjit"):
        return eqn.params["jaxpr"]
    own = not derivatives and eqn.primitive.name in ("custom_jvp_call", "custom_vjp_call")
    return eqn.params["call_jaxpr"] if own else None
