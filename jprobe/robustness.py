"""How a network stands up to perturbations of one layer at a time."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from jprobe import probes
from jprobe.engine import hide_static
from jprobe.errors import UnknownNameError
from jprobe.metrics.cka import Activations, cka_profile
from jprobe.networks import stack
from jprobe.selection import Select
from jprobe.sweeping import sweep
from jprobe.typing import Metric, Params

Perturbed = Literal["prune", "A", "B", "noise", "flip"]


class Grids(NamedTuple):
    """Levels at which each layer is probed, and draws of what is random.

    Attributes:
        kept: fractions of weights kept, largest magnitudes; 1 keeps all.
        amplitudes: standard deviations of Gaussian noise.
        flipped: fractions of signs flipped, smallest magnitudes first.
        repeats: draws of noise and of randomizations A and B.
    """

    kept: tuple[float, ...] = (1, 0.5, 0.1)
    amplitudes: tuple[float, ...] = (0.1, 1.0)
    flipped: tuple[float, ...] = (0.5, 1.0)
    repeats: int = 1


def probe_layer(
    metric: Metric,
    params: Params,
    layer: Select,
    grids: Grids | None = None,
    *,
    by: Sequence[Perturbed] = get_args(Perturbed),
    key: jax.Array | None = None,
    progress: Callable[[float], None] | None = None,
) -> xr.Dataset:
    """Probe one layer of one network and leave the others as they are.

    What the metric computes before the layer is computed once, not once a level: :func:`jprobe.sweep` sees to that.

    Args:
        metric: params -> scalar.
        params: weights of one network, the pytree that the metric takes, statistics included.
        layer: which leaves are its layer's, as probes select them.
        grids: levels and draws. Default: a few.
        by: which perturbations. Default: all.
        key: JAX random key; default ``jax.random.key(0)``.
        progress: called with the fraction done.

    Returns:
        Dataset with the metric under pruning, of ``original`` and ``signed`` weights, and after pruning and randomizations
        ``A`` and ``B``, over (kept, repeat); under ``noise`` over (amplitude, repeat) and ``flip`` over (flipped, repeat), and with
        signs taken after them, ``noise_signed`` and ``flip_signed``; and, with pruning, ``seconds``, of one evaluation once compiled
        (NaN where a short cut measures all levels in one step).

    Raises:
        JprobeError: what :func:`jprobe.sweep` raises.

    Source:
        Paper 1, section 5 and A.4 (figures 5 and 9).

    Example:
        >>> import jax.numpy as jnp
        >>> params = {"a": jnp.array([[1.0, -2.0], [3.0, 4.0]]), "b": jnp.ones((2, 2))}
        >>> probe_layer(lambda p: (p["a"] @ p["b"]).sum(), params, "a").signed.sel(kept=1).item()
        4.0
    """
    network, grids = stack(params), grids or Grids()
    p = probes
    removed = [round(1 - kept, 9) for kept in grids.kept]
    prune, signs = p.prune(select=layer), p.binarize(select=layer)
    # Name -> probe, dimension, levels, draws, whether signs are measured after it, too.
    table: dict[Perturbed, tuple[probes.Probe, str, Sequence[float], int, bool]] = {
        "prune": (prune, "kept", removed, 1, True),
        "A": (p.chain(prune, p.randomize("A", select=layer)), "kept", removed, grids.repeats, False),
        "B": (p.chain(prune, p.randomize("B", select=layer)), "kept", removed, grids.repeats, False),
        "noise": (p.noise("normal", select=layer), "amplitude", grids.amplitudes, grids.repeats, True),
        "flip": (p.flip(select=layer), "flipped", grids.flipped, 1, True),
    }
    for name in by:
        if name not in table:
            raise UnknownNameError("perturbation", name, list(table))
    out: dict[str, xr.DataArray] = {}
    for n, name in enumerate(by):
        probe, dim, levels, repeats, signed = table[name]

        def tick(fraction: float, n: int = n) -> None:
            if progress is not None:
                progress((n + fraction) / (len(by) + 1))

        found = sweep(
            probe, network, metric, levels, key=key, signed=signs if signed else False, repeats=repeats, progress=tick
        )
        values = next(iter(found.data_vars.values())).isel(seed=0, drop=True).rename(level=dim)
        if dim == "kept":
            values = values.assign_coords(kept=list(grids.kept))
        if repeats < grids.repeats:
            # What is drawn less often is one value for all draws.
            values = values.isel(repeat=0, drop=True).expand_dims(repeat=np.arange(grids.repeats))
        plain = "original" if name == "prune" else name
        out[plain] = values.sel(signed=False, drop=True)
        if signed:
            out["signed" if name == "prune" else f"{name}_signed"] = values.sel(signed=True, drop=True)
    dataset = xr.Dataset(out)
    return dataset.assign(seconds=_pace(metric, network, prune, key)) if "prune" in by else dataset


def _pace(metric: Metric, network: Params, probe: probes.Probe, key: jax.Array | None) -> float:
    """Seconds of one evaluation: the median step of a few taken one by one, the first, which compiles, left out."""
    ticks: list[float] = []
    sweep(
        probe,
        network,
        metric,
        np.linspace(0, 0.9, 6),
        key=key,
        memory=1,
        progress=lambda _: ticks.append(time.perf_counter()),
    )
    steps = np.diff(ticks)
    return float(np.median(steps)) if steps.size else float("nan")


def cka_by_layer(
    activations: Callable[[Params, int], tuple[Activations, jax.Array]],
    params: Params,
    layer: Select,
    removed: Sequence[float],
    *,
    batches: int = 1,
) -> xr.Dataset:
    """Linear CKA between the activations of a network and of the same network with one layer pruned.

    Args:
        activations: (params, number of a batch) -> (layer -> activations [N, P], weight [N]).
        params: weights of one network, the pytree that ``activations`` takes.
        layer: which leaves are pruned, smallest magnitudes first.
        removed: fractions removed.
        batches: number of batches.

    Returns:
        Dataset with ``cka`` over (removed, seen), seen the layers that ``activations`` names.

    Source:
        Paper 1, A.8 (figure 20).

    Example:
        >>> import jax.numpy as jnp
        >>> x, w = jax.random.normal(jax.random.key(0), (40, 3)), {"a": jax.random.normal(jax.random.key(1), (3, 2))}
        >>> found = cka_by_layer(lambda p, n: ({"a": x @ p["a"]}, jnp.ones(40)), w, "a", [0.0, 0.5])
        >>> round(found.cka.sel(removed=0, seen="a").item(), 4)
        1.0
    """
    prune = probes.prune(select=layer)
    prune.level.check(removed)
    arrays, whole = hide_static(params)
    state = jax.jit(prune.init)(arrays)

    @jax.jit
    def profile(arrays: Params, state: object, level: jax.Array) -> Activations:
        pruned = prune.apply(jax.random.key(0), arrays, state, level)

        def pairs() -> Iterator[tuple[Activations, Activations, jax.Array]]:
            for n in range(batches):
                (own, weight), (other, _) = activations(whole(arrays), n), activations(whole(pruned), n)
                yield own, other, weight

        return cka_profile(pairs())

    rows = [profile(arrays, state, jnp.float32(level)) for level in removed]
    seen = list(rows[0])
    values = np.array([[float(row[name]) for name in seen] for row in rows])
    attrs = {"long_name": "linear CKA with the unpruned network", "units": "1"}
    return xr.Dataset({"cka": (("removed", "seen"), values, attrs)}, {"removed": list(removed), "seen": seen})
