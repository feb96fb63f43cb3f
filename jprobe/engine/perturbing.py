"""A probe and the signs after it as one program, and over what each leaf that it gives varies."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jprobe.errors import ShapeError
from jprobe.paths import leaves_by_path
from jprobe.probes import Probe
from jprobe.programs.dependence import dependents, replaced
from jprobe.programs.program import Program, capture
from jprobe.typing import Params


class Perturbed(NamedTuple):
    """Leaves of perturbed weights, and the signs of those that the signs change."""

    weights: list[Any]
    signs: list[Any]

    def leaves(self, signed: Sequence[bool]) -> list[Any]:
        """All leaves, signs in the place of those that are ``signed``."""
        signs = iter(self.signs)
        return [next(signs) if has else w for w, has in zip(self.weights, signed, strict=True)]


class Perturbation(NamedTuple):
    """What a sweep does to one network's weights.

    Attributes:
        init: params -> the probe's state.
        both: (key, params, state, level) -> :class:`Perturbed`.
        changed: of each leaf, whether the probe gives another than it took.
        signed: of each leaf, whether the signs do.
        whole: of each leaf, whether its signs are nothing but -1, 0 and 1.
    """

    init: Program
    both: Program
    changed: list[bool]
    signed: list[bool]
    whole: list[bool]

    @property
    def reads_level(self) -> bool:
        """Whether the weights that the probe gives depend on the level."""
        weights = len(self.both.shape.weights)
        return any(dependents(self.both.jaxpr, self._last)[:weights])

    @property
    def draws(self) -> bool:
        """Whether anything depends on the random key."""
        return any(dependents(self.both.jaxpr, self._first))

    @property
    def axes(self) -> "Axes":
        """A leaf varies over levels and repeats if it depends on the draw, over levels alone if only on the level."""
        either = [a or b for a, b in zip(self._first, self._last, strict=True)]
        return Axes(self._over(either), self._over(self._first))

    @property
    def _first(self) -> list[bool]:
        """Choose the first input of ``both``, the key."""
        return [n == 0 for n in range(len(self.both.jaxpr.invars))]

    @property
    def _last(self) -> list[bool]:
        """Choose the last input, the level."""
        return self._first[::-1]

    def _over(self, inputs: list[bool]) -> Perturbed:
        axes = [0 if varies else None for varies in dependents(self.both.jaxpr, inputs)]
        return Perturbed(axes[: len(self.changed)], axes[len(self.changed) :])


class Axes(NamedTuple):
    """Over which axes each perturbed leaf varies: 0 (it does) or None (it stays unbatched). As :class:`Perturbed`."""

    levels: Any
    repeats: Any


def perturbation(probe: Probe, signs: Probe | None, network: Params, key: jax.Array) -> Perturbation:
    """Trace a probe, and the signs after it, once each.

    Args:
        probe: the perturbation.
        signs: what is done to perturbed weights before they are measured a second time; None: nothing is.
        network: shapes of one network's weights.
        key: a random key of the kind that draws are made with.

    Raises:
        ShapeError: the probe changes a leaf's shape or dtype.
    """
    level = jnp.float32(0)
    init = capture(probe.init, network)
    apply = capture(probe.apply, key, network, init.shape, level)
    _check(network, apply.shape)
    # The weights that the signs see are perturbed ones.
    sign = (
        None
        if signs is None
        else capture(lambda key, w, level: signs.apply(key, w, signs.init(w), level), key, network, level)
    )
    count = len(jax.tree.leaves(network))
    signed = [False] * count if sign is None else replaced(sign.jaxpr, first=1)
    made = (
        set() if sign is None else {v for eqn in sign.jaxpr.eqns if eqn.primitive.name == "sign" for v in eqn.outvars}
    )
    whole = [False] * count if sign is None else [var in made for var in sign.jaxpr.outvars]

    def both(key: jax.Array, params: Params, state: Any, level: jax.Array) -> Perturbed:
        weights = apply(apply.consts, key, params, state, level)
        leaves = [] if sign is None else jax.tree.leaves(sign(sign.consts, key, weights, level))
        return Perturbed(jax.tree.leaves(weights), [leaf for leaf, has in zip(leaves, signed, strict=False) if has])

    program = capture(both, key, network, init.shape, level)
    return Perturbation(init, program, replaced(apply.jaxpr, first=1), signed, whole)


def _check(network: Params, perturbed: Params) -> None:
    given, found = (
        {path: f"{leaf.dtype} {leaf.shape}" for path, _, leaf in leaves_by_path(tree)} for tree in (network, perturbed)
    )
    changed = [f"{p} from {given.get(p)} to {found.get(p)}" for p in given | found if given.get(p) != found.get(p)]
    if changed:
        raise ShapeError(
            f"A probe's apply must keep every leaf's shape and dtype; this one changes {', '.join(changed)}."
        )
