"""All levels of one network in one go, where each level changes some of the weights that the level before left."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import core

from jprobe.engine.hoisting import Hoisted
from jprobe.engine.paths import may_take
from jprobe.engine.perturbing import Perturbation
from jprobe.engine.products import Found, Product, shortcuts, shortened
from jprobe.engine.sideways import sideways
from jprobe.engine.walking import Walked, by_column, pays, walk
from jprobe.probes import Probe
from jprobe.programs.program import Program, capture, evaluate
from jprobe.programs.sharing import shared
from jprobe.typing import Params

# (weights of one network, levels [L] in order) -> values [L, F]
Walk = Callable[[Params, jax.Array], jax.Array]


def nested_levels(
    probe: Probe,
    network: Params,
    made: Perturbation,
    measure: Program,
    parts: Hoisted,
    found: Found,
    levels: int,
    key: jax.Array,
) -> Walk | None:
    """A function that walks the levels of one network; None where that would not pay.

    It asks for a probe that says in what order it reaches for weights and draws nothing, and for a product of fixed data
    with weights that it changes. A walk is made of many small steps, for which accelerators are not made.

    Args:
        probe: the perturbation.
        network: shapes of one network's weights.
        made: the perturbation, traced.
        measure: the metric, traced.
        parts: the metric, hoisted.
        found: its products.
        levels: how many levels there are.
        key: a random key of the kind that draws are made with.
    """
    if probe.nested is None or made.draws or not may_take("nested") or jax.default_backend() != "cpu":
        return None
    order = capture(probe.nested, network, made.init.shape)
    ranked = [jnp.issubdtype(leaf.dtype, jnp.integer) for leaf in jax.tree.leaves(order.shape)]
    chosen = [
        (Walked(product, product.input), data)
        for product, data in zip(found.products, found.data, strict=True)
        if product.input is not None and made.changed[product.input] and ranked[product.input] and pays(levels, data)
    ]
    if not chosen:
        return None
    rows = [by_column(data) for _, data in chosen]
    carried = tuple(walked for walked, _ in chosen)
    plain = shortened(found, [False] * len(ranked))
    run = shared(
        walking,
        made.init.code,
        made.both.code,
        order.code,
        tuple(made.signed),
        parts.first,
        parts.rest,
        found.products,
        plain,
        carried,
    )
    consts = {"init": made.init.consts, "both": made.both.consts, "order": order.consts, "measure": measure.consts}
    return lambda params, levels: run(consts, parts.fixed, found.data, rows, key, params, levels)


def walking(
    init: Program,
    both: Program,
    order: Program,
    signed: tuple[bool, ...],
    first: core.Jaxpr,
    rest: core.Jaxpr,
    products: tuple[Product, ...],
    chosen: tuple[bool | None, ...],
    carried: tuple[Walked, ...],
) -> Callable[..., jax.Array]:
    """(consts, fixed, data, rows, any key, params of one network, levels [L]) -> [L, F] values."""

    def walk_levels(consts, fixed, data, rows, key, params, levels):  # type: ignore[no-untyped-def]
        state = init(consts["init"], params)
        ranks = jax.tree.leaves(order(consts["order"], params, state))
        own = evaluate(first, consts["measure"], jax.tree.leaves(params))

        def weights_at(level: jax.Array) -> list[jax.Array]:
            made = both(consts["both"], key, params, state, level)
            if not any(signed):
                return [w[None] for w in made.weights]
            return [jnp.stack(pair) for pair in zip(made.weights, made.leaves(signed), strict=True)]

        def value(leaves: list[jax.Array], results: dict[int, Any]) -> jax.Array:
            rule = sideways(results, shortcuts(products, data, chosen))
            return evaluate(rest, fixed, [*own, *leaves], rule)[0]

        return walk(list(carried), weights_at, ranks, rows, levels, value)

    return jax.jit(walk_levels)
