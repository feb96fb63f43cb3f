"""Composition of probes."""

import jax

from jprobe.errors import ArgumentError
from jprobe.probes.base import UNREAD, Probe, State
from jprobe.typing import Params


def chain(*probes: Probe) -> Probe:
    """Apply probes one after the other, each to what the one before left: p_n(... p_2(p_1(w))).

    The level goes to every link; a link that ignores levels (binarize, randomize) lets the others have it.
    Two links that both read the level would read one number in two meanings: hold all but one with :func:`at`.

    Args:
        probes: one or more probes.

    Returns:
        A probe whose level is that of the link that reads one; without one it ignores its level.

    Raises:
        ArgumentError: no probe, or two links that read the level.

    Example:
        >>> import jax, jax.numpy as jnp, jprobe as jp
        >>> probe = jp.probes.chain(jp.probes.prune(), jp.probes.binarize())
        >>> params = {"kernel": jnp.array([[3.0, -1.0], [0.5, -2.0]])}
        >>> probe.apply(jax.random.key(0), params, probe.init(params), 0.5)["kernel"].tolist()
        [[1.0, 0.0], [0.0, -1.0]]
    """
    if not probes:
        raise ArgumentError("chain() needs at least one probe.")
    readers = [probe.level for probe in probes if probe.level.read]
    if len(readers) > 1:
        names = " and ".join(repr(level.name) for level in readers)
        raise ArgumentError(f"{names} cannot share one level: hold all but one with jp.probes.at(probe, level).")
    first, *rest = probes

    def apply(key: jax.Array, params: Params, state: State, level: jax.Array) -> Params:
        params = first.apply(jax.random.fold_in(key, 0), params, state, level)
        for n, probe in enumerate(rest, start=1):
            # A later link sees weights that the earlier ones changed, so its state is made here. Under vmap,
            # what does not depend on the level is still done once for all levels.
            params = probe.apply(jax.random.fold_in(key, n), params, probe.init(params), level)
        return params

    return Probe(first.init, apply, readers[0] if readers else UNREAD)


def at(probe: Probe, level: float) -> Probe:
    """Hold a probe at one level, so that a chain may sweep another link's.

    Args:
        probe: a probe that reads its level.
        level: a level in the probe's range.

    Returns:
        A probe that ignores its level.

    Raises:
        LevelError: the level is out of range.
        ArgumentError: the probe names no level.

    Example:
        >>> import jprobe as jp
        >>> probe = jp.probes.chain(jp.probes.at(jp.probes.prune(), 0.5), jp.probes.noise())
        >>> probe.level.name
        'amplitude of uniform noise'
    """
    if not probe.level.read:
        raise ArgumentError(
            "This probe names no level to hold: use it as it is, or say what it reads with Probe(init, apply, Level(name))."
        )
    probe.level.check([level])
    return Probe(probe.init, lambda key, params, state, _: probe.apply(key, params, state, jax.numpy.asarray(level)))
