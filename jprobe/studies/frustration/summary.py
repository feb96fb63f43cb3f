"""Headline numbers of the study ``frustration``, computed from its Dataset."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from jprobe.studies.frustration.config import Config
from jprobe.studies.frustration.orders import ORDERS
from jprobe.studies.frustration.reading import (
    NULLS,
    bound,
    coins,
    energies,
    ground,
    interval,
    lambda_of,
    least_bound,
    mean_energy,
    minimisers,
    null_energies,
    welch,
)
from jprobe.studies.frustration.several import apart


def summary(ds: xr.Dataset, config: Config) -> dict[str, Any]:
    """Flat headline numbers; frustration and lambda are fractions of 1. Of several networks, each key begins with a name.

    Keys that are not their own explanation: ``real``, ``n1``, ... are by ``minimiser``, and ``anneal.real``,
    ``anneal.n1``, ... by as many sweeps of annealing each, while ``anneal.best`` had more; ``n1.lower_bound`` is the
    first N1's certificate and ``n1.lower_bound.min`` the least; ``interval`` is the distance from the network's best
    spins down to its certificate, as a share of the former; ``lambda.n3`` the mean over both kinds of fresh weights,
    ``lambda.coins`` what chance gives for as many outputs.

    Args:
        ds: the study's numbers.
        config: its configuration.

    Returns:
        Quantity -> number. What a run left out is None.

    Example:
        >>> ds = xr.Dataset(
        ...     {"energy": ("replica", [0.41, 0.42]), "null_energy": (("kind", "null", "start"), np.full((4, 1, 2), 0.44)),
        ...      "seconds_per_sweep": 0.1},
        ...     {"kind": ["n1", "n2", "n3_xavier", "n3_he"]},
        ...     {"network": "mine", "nodes": "9", "edges": "20", "params": "20", "minimiser": "descend"})
        >>> found = summary(ds, Config())
        >>> found["real.best"], found["n1.mean"], found["anneal.best"]
        (0.41, 0.44, None)
    """
    return {
        f"{name}.{key}" if name else key: value for name, one in apart(ds).items() for key, value in _one(one).items()
    }


def _one(ds: xr.Dataset) -> dict[str, Any]:
    seconds, real = float(ds.seconds_per_sweep), ds.energy.values if "energy" in ds else None
    active = ds.active_energy.values if "active_energy" in ds else None
    out = {
        "network": ds.attrs["network"],
        **{key: int(ds.attrs[key]) for key in ("nodes", "edges", "params")},
        "minimiser": ds.attrs["minimiser"],
        "real.best": None if real is None else float(real.min()),
        "real.mean": None if real is None else float(real.mean()),
        "real.std": None if real is None else float(real.std()),
        "real.lower_bound": bound(ds, "real"),
        "interval": interval(ds),
        "n1.mean": _mean(ds, "n1"),
        "n1.greedy": mean_energy(ds, "greedy", "n1"),
        "n1.lower_bound": bound(ds, "n1"),
        "n1.lower_bound.min": least_bound(ds, "n1"),
        "n2.mean": _mean(ds, "n2"),
        "n3.mean": _mean(ds, "n3_xavier", "n3_he"),
        "n3_xavier.mean": _mean(ds, "n3_xavier"),
        "n3_he.mean": _mean(ds, "n3_he"),
        "n3.lower_bound": bound(ds, "n3_he"),
        "anneal.best": float(ds.annealed) if "annealed" in ds else None,
        **{f"anneal.{model}": mean_energy(ds, "anneal", model) for model in ("real", *NULLS)},
        "active.mean": None if active is None else float(active.mean()),
        "active.below_real": None if active is None or real is None else float((active < real.mean()).mean()),
        "lambda.real": lambda_of(ds, "real"),
        "lambda.n3": lambda_of(ds, "n3_he", "n3_xavier"),
        **{f"lambda.{order}": lambda_of(ds, order) for order in ORDERS if order != "real"},
        "lambda.coins": coins(ds),
        **{f"welch_p.{kind}": None if real is None else welch(ds, kind) for kind in ("n1", "n2")},
        "seconds_per_sweep": seconds,
        "edges_per_second": int(ds.attrs["edges"]) / seconds,
    }
    return {key: round(value, 6) if isinstance(value, float) and not key.startswith("welch") else value for key, value in out.items()}  # fmt: skip


def _mean(ds: xr.Dataset, *kinds: str) -> float | None:
    found = null_energies(ds, *kinds)
    return float(found.mean()) if found.size else None


def table(ds: xr.Dataset) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    """A row a network: frustration by each minimiser and its certificates, and lambda by order.

    Returns:
        Header and rows; a dash where a run has no number.
    """
    header = (
        "network",
        "minimiser",
        "trained",
        *NULLS.values(),
        "active",
        "lambda",
        "lambda N3",
        "lambda random",
        "lambda coins",
    )
    return header, [row for one in apart(ds).values() for row in _rows(one)]


def _rows(ds: xr.Dataset) -> list[Sequence[str]]:
    models = ("real", *NULLS)
    lambdas = [lambda_of(ds, "real"), lambda_of(ds, "n3_he", "n3_xavier"), lambda_of(ds, "random"), coins(ds)]
    rows = []
    for n, name in enumerate(minimisers(ds)):
        means = {model: float(values.mean()) for model, values in energies(ds, name).items()}
        active = {0: "active_energy"}.get(n, "active_annealed" if name == "anneal" else "")
        rows.append(
            (
                ds.attrs["network"] if n == 0 else "",
                name,
                *(_cell(means.get(model)) for model in models),
                _cell(float(ds[active].mean()) if active in ds else None),
                *(_cell(value if n == 0 else None, 3) for value in lambdas),
            )
        )
    lows = {model: min((one.low for one in ground(ds, model)), default=None) for model in models}
    return [*rows, ("", "certificate: at least", *(_cell(lows[model]) for model in models), *["-"] * 5)]


def _cell(value: float | None, digits: int = 4) -> str:
    return "-" if value is None or np.isnan(value) else f"{value:.{digits}f}"
