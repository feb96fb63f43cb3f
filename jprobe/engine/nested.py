"""All levels of one network in one go, where each level changes some of the weights that the level before left."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jprobe.engine.hoisting import Hoisted
from jprobe.engine.paths import may_take
from jprobe.engine.perturbing import Perturbation
from jprobe.engine.products import Found, shortcuts, shortened
from jprobe.engine.program import Program, capture
from jprobe.engine.sideways import sideways
from jprobe.engine.walking import Walked, by_column, pays, walk
from jprobe.probes import Probe
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
    carried, rows = [walked for walked, _ in chosen], [by_column(data) for _, data in chosen]
    plain = shortened(found, [False] * len(ranked))

    def walk_levels(consts, fixed, data, rows, params, levels):  # type: ignore[no-untyped-def]
        state = made.init(consts["init"], params)
        ranks = jax.tree.leaves(order(consts["order"], params, state))
        own = parts.before(consts["measure"], params)

        def weights_at(level: jax.Array) -> list[jax.Array]:
            perturbed = made.both(consts["both"], key, params, state, level)
            if not any(made.signed):
                return [w[None] for w in perturbed.weights]
            return [jnp.stack(pair) for pair in zip(perturbed.weights, perturbed.leaves(made.signed), strict=True)]

        def value(leaves: list[jax.Array], results: dict[int, Any]) -> jax.Array:
            return parts.after(fixed, own, leaves, sideways(results, shortcuts(found, data, plain)))

        return walk(carried, weights_at, ranks, rows, levels, value)

    consts = {"init": made.init.consts, "both": made.both.consts, "order": order.consts, "measure": measure.consts}
    run = jax.jit(walk_levels)
    return lambda params, levels: run(consts, parts.fixed, found.data, rows, params, levels)
